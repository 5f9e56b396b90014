"""A baseline file: an earlier result, small enough to be reviewed (docs/gates.md).

Outcomes are strings, one letter for each sample and one string for each repeat: r right, w wrong, n no answer,
t truncated, "." no verdict. Partial credit stands next to them, and four hex digits for the prompt of each sample. A
baseline is written only when asked for (--eval-bless) and never moves by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson

from pytest_modeleval._support.atomic_file import atomic_write_json
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.records import ItemKey, JsonObject, Kind, Outcome
from pytest_modeleval.results import PROMPT_DIGITS, Baseline, BenchmarkSummary, ExperimentIdentity, RunSummary

SCHEMA = 1
_MOST_BYTES = 100_000_000
_LETTERS = {Kind.RIGHT: "r", Kind.WRONG: "w", Kind.NO_ANSWER: "n", Kind.TRUNCATED: "t"}
_KINDS = {letter: kind for kind, letter in _LETTERS.items()}
_NOTHING = "."
_NO_PROMPT = "." * PROMPT_DIGITS
# Digits that int and format give back as they were: no others than ASCII, and no more than a number is read from.
_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL)
_RANGE = re.compile(r"(.*)\[(\d+)\.\.(\d+)\]", re.DOTALL)


class BaselineSource(Protocol):
    """A run that becomes a baseline, see gates.Evidence."""

    @property
    def summary(self) -> RunSummary:
        """Its scores."""

    @property
    def outcomes(self) -> Mapping[ItemKey, Outcome]:
        """What became of every item."""

    @property
    def identities(self) -> Mapping[str, ExperimentIdentity]:
        """How each benchmark was asked."""


def baseline_json(
    results: BaselineSource,
    *,
    made_utc: str,
    flip_rates: Mapping[str, float] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> JsonObject:
    """The file's content.

    made_utc: when the run was made; flip_rates: benchmark -> as measured on its repeats (gates.noise); facts:
    provenance for people, without keys.
    """
    flips = flip_rates or {}
    by_subset: dict[tuple[str, str], list[Outcome]] = {}
    for key, outcome in results.outcomes.items():
        by_subset.setdefault((key.benchmark, key.subset), []).append(outcome)
    return {
        "schema": SCHEMA,
        "model": results.summary.model,
        "made_utc": made_utc,
        "facts": dict(facts or {}),
        "benchmarks": [
            _benchmark_json(entry, results.identities.get(entry.benchmark), flips.get(entry.benchmark), by_subset)
            for entry in results.summary.benchmarks
        ],
    }


def write_baseline(
    path: Path,
    results: BaselineSource,
    *,
    made_utc: str,
    flip_rates: Mapping[str, float] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write a run as a baseline, whole or not at all. Raises SettingsError if the place is not writable."""
    content = baseline_json(results, made_utc=made_utc, flip_rates=flip_rates, facts=facts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_json(path, content)
    except OSError as error:
        raise SettingsError(f"--eval-bless: cannot write the baseline {path}: {error.strerror}") from error


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises SettingsError that says what is wrong with it and what to do."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"--eval-baseline: expected a baseline at {path}, could not read it ({error.strerror});"
            " make one with --eval-bless"
        ) from error
    try:
        if len(raw) > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
        return parse_baseline(orjson.loads(raw), str(path))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise SettingsError(
            f"{path} is no usable baseline: {what}; make it again with --eval-bless FILE, or take it from git"
        ) from error


def parse_baseline(content: Mapping[str, Any], label: str) -> Baseline:
    """The baseline in a file's content. Raises ValueError, KeyError or TypeError where it is damaged."""
    if content.get("schema") != SCHEMA:
        raise ValueError(f"expected schema {SCHEMA}, found {content.get('schema')!r}")
    outcomes: dict[ItemKey, Outcome] = {}
    identities: dict[str, ExperimentIdentity] = {}
    metrics: dict[str, str] = {}
    flips: dict[str, float] = {}
    for entry in content["benchmarks"]:
        name = str(entry["benchmark"])
        prompts: dict[tuple[str, str], str] = {}
        metrics[name] = str(entry["metric"])
        if entry.get("flip_rate") is not None:
            flips[name] = float(entry["flip_rate"])
        for part in entry["subsets"]:
            outcomes.update({outcome.key: outcome for outcome in _outcomes(name, part)})
            prompts.update(_prompts(part))
        identities[name] = ExperimentIdentity(
            name,
            str(entry["version"]),
            str(entry["data_sha256"]),
            str(entry["prompt_sha256"]),
            dict(entry["params"]),
            prompts,
        )
    return Baseline(
        label=label,
        model=str(content["model"]),
        made_utc=str(content["made_utc"]),
        identities=identities,
        metrics=metrics,
        outcomes=outcomes,
        flip_rates=flips,
        facts=dict(content.get("facts", {})),
    )


def _benchmark_json(
    entry: BenchmarkSummary,
    identity: ExperimentIdentity | None,
    flip_rate: float | None,
    by_subset: Mapping[tuple[str, str], Sequence[Outcome]],
) -> JsonObject:
    identity = identity or ExperimentIdentity(entry.benchmark, entry.version)
    return {
        "benchmark": entry.benchmark,
        "version": identity.version,
        "metric": entry.metric,
        "data_sha256": identity.data_sha256,
        "prompt_sha256": identity.prompt_sha256,
        "params": dict(identity.params),
        "flip_rate": flip_rate,
        "subsets": [
            {
                "subset": score.subset,
                "num": score.num,
                "score": score.score,
                "low": score.low,
                "high": score.high,
                **_outcomes_json(by_subset.get((entry.benchmark, score.subset), ()), identity.prompts),
            }
            for score in entry.subsets
        ],
    }


def _outcomes_json(outcomes: Sequence[Outcome], prompts: Mapping[tuple[str, str], str]) -> JsonObject:
    samples = sorted({outcome.key.sample for outcome in outcomes})
    place = {sample: number for number, sample in enumerate(samples)}
    repeats = max((outcome.key.repeat for outcome in outcomes), default=-1) + 1
    letters = [[_NOTHING] * len(samples) for _ in range(repeats)]
    partial: dict[str, float] = {}
    for outcome in outcomes:
        letters[outcome.key.repeat][place[outcome.key.sample]] = _LETTERS.get(outcome.kind, _NOTHING)
        if outcome.kind.is_verdict and outcome.value != float(outcome.kind is Kind.RIGHT):
            partial[f"{outcome.key.repeat}:{outcome.key.sample}"] = outcome.value
    made: JsonObject = {"samples": list(_ranges(samples)), "outcomes": ["".join(row) for row in letters]}
    if partial:
        made["partial"] = partial
    subset = outcomes[0].key.subset if outcomes else ""
    asked = [prompts.get((subset, sample), _NO_PROMPT) for sample in samples]
    if any(digits != _NO_PROMPT for digits in asked):
        made["prompts"] = "".join(asked)
    return made


def _ranges(samples: Sequence[str]) -> Iterator[str | JsonObject]:
    """Ids that count upwards become "prefix[0000..0014]"; an id that looks like that itself becomes an object."""
    start = 0
    while start < len(samples):
        sample = samples[start]
        found = _NUMBERED.fullmatch(sample)
        end = start + 1
        if found:
            prefix, digits = found[1], found[2]
            while end < len(samples) and samples[end] == f"{prefix}{int(digits) + end - start:0{len(digits)}d}":
                end += 1
        if end - start > 1 and found:
            yield f"{found[1]}[{found[2]}..{int(found[2]) + end - start - 1:0{len(found[2])}d}]"
        else:
            yield {"id": sample} if _RANGE.fullmatch(sample) else sample
        start = end


def _samples(entries: Sequence[str | JsonObject], most: int) -> list[str]:
    samples: list[str] = []
    for entry in entries:
        if isinstance(entry, dict):
            samples.append(str(entry["id"]))
            continue
        found = _RANGE.fullmatch(entry)
        if found is None:
            samples.append(entry)
            continue
        first, last = int(found[2][:18]), int(found[3][:18])
        # A range may not promise more samples than there are letters: a damaged file must not fill the memory.
        if not 0 <= last - first < most:
            raise ValueError(f"the range {entry[:80]!r} does not fit its outcomes")
        samples.extend(f"{found[1]}{number:0{len(found[2])}d}" for number in range(first, last + 1))
    return samples


def _prompts(part: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    text = str(part.get("prompts", ""))
    if not text:
        return
    digits = [text[start : start + PROMPT_DIGITS] for start in range(0, len(text), PROMPT_DIGITS)]
    samples = _samples(part["samples"], len(digits))
    if len(samples) != len(digits):
        raise ValueError(f"{part['subset']}: expected the prompts of {len(samples)} samples, found {len(digits)}")
    for sample, found in zip(samples, digits, strict=True):
        if found != _NO_PROMPT:
            yield (str(part["subset"]), sample), found


def _outcomes(benchmark: str, part: Mapping[str, Any]) -> Iterator[Outcome]:
    subset, rows = str(part["subset"]), list(part["outcomes"])
    longest = max((len(row) for row in rows), default=0)
    samples = _samples(part["samples"], longest)
    partial = part.get("partial", {})
    for repeat, row in enumerate(rows):
        if len(row) != len(samples):
            raise ValueError(f"{benchmark} {subset}: expected {len(samples)} outcomes, found {len(row)}")
        for sample, letter in zip(samples, row, strict=True):
            if letter == _NOTHING:
                continue
            if letter not in _KINDS:
                raise ValueError(f"{benchmark} {subset}: expected r, w, n, t or a dot, found {letter!r}")
            kind = _KINDS[letter]
            value = float(partial.get(f"{repeat}:{sample}", float(kind is Kind.RIGHT)))
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{benchmark} {subset} {sample}: expected a value from 0 to 1, found {value}")
            yield Outcome(ItemKey(benchmark, subset, sample, repeat), kind, value)
