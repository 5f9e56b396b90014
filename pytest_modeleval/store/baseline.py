"""A baseline file: an earlier result, small enough to be reviewed (docs/gates.md).

Outcomes are strings, one letter for each sample and one string for each repeat: r right, w wrong, n no answer,
t truncated, "." no verdict. Partial credit stands next to them, four hex digits for the prompt of each sample, and the
answers, shortened. A baseline is written only when asked for (--eval-bless) and never moves by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import orjson

from pytest_modeleval._support.atomic_file import atomic_write_json
from pytest_modeleval._support.bounded_file import read_bounded
from pytest_modeleval._support.schema import validate
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.plan import DeclaredMeasures
from pytest_modeleval.records import ItemKey, JsonObject, Kind, Outcome
from pytest_modeleval.results import PROMPT_DIGITS, Baseline, BenchmarkSummary, ExperimentIdentity, RunSummary
from pytest_modeleval.store.baseline_ids import id_ranges, ids_of
from pytest_modeleval.store.baseline_lines import (
    NO_PROMPT,
    answer_texts,
    kept_answers,
    partial_credits,
    prompt_digits,
    votes,
    votes_json,
)
from pytest_modeleval.store.baseline_measures import (
    check_metric,
    declared_json,
    declared_measures,
    measure_names,
    recorded_json,
    recorded_measures,
)
from pytest_modeleval.store.baseline_rule import BASELINE_RULE, LETTERS, MOST_OUTCOMES, MOST_REPEATS, NOTHING, SCHEMA
from pytest_modeleval.store.index_json import index_json, indexes_from_json
from pytest_modeleval.store.point_json import kept_points, points_by_benchmark

# Facts of a side that are computed from a run folder: what a file states under these names is not taken for them.
_COMPUTED_FACTS = ("damage", "indexes", "measures", "ungraded")
_MOST_BYTES = 100_000_000
# Faults that are counted; the first is named.
_MOST_COUNTED = 1_000
_KINDS = {letter: kind for kind, letter in LETTERS.items()}


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

    @property
    def measures(self) -> DeclaredMeasures:
        """The measures that each benchmark declares."""


def baseline_json(
    results: BaselineSource,
    *,
    made_utc: str,
    flip_rates: Mapping[str, float] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> JsonObject:
    """The file's content.

    made_utc: when the run was made; flip_rates: benchmark -> as measured on its repeats (gates.noise); facts:
    provenance for people, without keys. Raises SettingsError for more repeats than a baseline may have.
    """
    repeats = max((key.repeat for key in results.outcomes), default=0) + 1
    if repeats > MOST_REPEATS:
        raise SettingsError(f"--eval-bless: expected at most {MOST_REPEATS:,} repeats, found {repeats:,}")
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
            {
                **_benchmark_json(
                    entry, results.identities.get(entry.benchmark), flips.get(entry.benchmark), by_subset
                ),
                **declared_json(results.measures.get(entry.benchmark, ())),
                **({"points": kept_points(entry.points)} if entry.points else {}),
            }
            for entry in results.summary.benchmarks
        ],
        **({"indexes": list(map(index_json, results.summary.indexes))} if results.summary.indexes else {}),
    }


def write_baseline(
    path: Path,
    results: BaselineSource,
    *,
    made_utc: str,
    flip_rates: Mapping[str, float] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write a run as a baseline, whole or not at all. Raises SettingsError if it cannot be."""
    content = baseline_json(results, made_utc=made_utc, flip_rates=flip_rates, facts=facts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_json(path, content)
    except OSError as error:
        raise SettingsError(f"--eval-bless: cannot write the baseline {path}: {error.strerror}") from error


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises SettingsError that says what is wrong with it and what to do."""
    try:
        raw = read_bounded(path, _MOST_BYTES)
    except OSError as error:
        raise SettingsError(
            f"--eval-baseline: expected a baseline at {path}, could not read it ({error.strerror});"
            " make one with --eval-bless"
        ) from error
    try:
        return parse_baseline(orjson.loads(raw), str(path))
    except ValueError as error:
        raise SettingsError(
            f"{path} is no usable baseline: {error}; make it again with --eval-bless FILE, or take it from git"
        ) from error


def parse_baseline(content: Any, label: str) -> Baseline:
    """The baseline in a file's content. Raises ValueError, one sentence about the first fault, where it is damaged."""
    faults = list(islice(validate(content, BASELINE_RULE), _MOST_COUNTED))
    if faults:
        more = f" ({len(faults) - 1} more like this)" if len(faults) > 1 else ""
        raise ValueError(faults[0].sentence + more)
    outcomes: dict[ItemKey, Outcome] = {}
    identities: dict[str, ExperimentIdentity] = {}
    for entry in content["benchmarks"]:
        name = entry["benchmark"]
        if name in identities:
            raise ValueError(f"expected every benchmark once, found {name} twice")
        check_metric(entry)
        prompts: dict[tuple[str, str], str] = {}
        for part in entry["subsets"]:
            samples = ids_of(part["samples"], max((len(row) for row in part["outcomes"]), default=0))
            found = {outcome.key: outcome for outcome in _outcomes(name, part, samples)}
            if not outcomes.keys().isdisjoint(found):
                raise ValueError(f"{name}: expected every subset once, found {part['subset']} twice")
            outcomes.update(found)
            if len(outcomes) > MOST_OUTCOMES:
                raise ValueError(f"expected at most {MOST_OUTCOMES:,} outcomes, found more")
            prompts.update(_prompts(part, samples))
        identities[name] = ExperimentIdentity(
            name, entry["version"], entry["data_sha256"], entry["prompt_sha256"], entry["params"], prompts
        )
    return Baseline(
        label=label,
        model=content["model"],
        made_utc=content["made_utc"],
        identities=identities,
        metrics={entry["benchmark"]: entry["metric"] for entry in content["benchmarks"]},
        outcomes=outcomes,
        flip_rates={
            entry["benchmark"]: float(entry["flip_rate"])
            for entry in content["benchmarks"]
            if entry.get("flip_rate") is not None
        },
        facts=_facts(content),
        points=points_by_benchmark(content["benchmarks"]),
    )


def _facts(content: Mapping[str, Any]) -> JsonObject:
    """The facts of the file, with indexes and declared measures as a run folder's side has them."""
    stated = {name: value for name, value in content.get("facts", {}).items() if name not in _COMPUTED_FACTS}
    computed = {
        "indexes": indexes_from_json(content.get("indexes", ())),
        "measures": declared_measures(content["benchmarks"]),
    }
    return {**stated, **{name: value for name, value in computed.items() if value}}


def _benchmark_json(
    entry: BenchmarkSummary,
    identity: ExperimentIdentity | None,
    flip_rate: float | None,
    by_subset: Mapping[tuple[str, str], Sequence[Outcome]],
) -> JsonObject:
    identity = identity or ExperimentIdentity(entry.benchmark, entry.version)
    names = measure_names(entry)
    return {
        "benchmark": entry.benchmark,
        "version": identity.version,
        "metric": entry.metric,
        "data_sha256": identity.data_sha256,
        "prompt_sha256": identity.prompt_sha256,
        "params": dict(identity.params),
        "flip_rate": flip_rate,
        **({"measures": names} if names else {}),
        "subsets": [
            {
                "subset": score.subset,
                "num": score.num,
                "score": score.score,
                "low": score.low,
                "high": score.high,
                **_outcomes_json(
                    by_subset.get((entry.benchmark, score.subset), ()),
                    identity.prompts,
                    has_votes=entry.metric.startswith("vote@"),
                ),
            }
            for score in entry.subsets
        ],
    }


def _outcomes_json(
    outcomes: Sequence[Outcome], prompts: Mapping[tuple[str, str], str], *, has_votes: bool
) -> JsonObject:
    samples = sorted({outcome.key.sample for outcome in outcomes})
    place = {sample: number for number, sample in enumerate(samples)}
    repeats = max((outcome.key.repeat for outcome in outcomes), default=-1) + 1
    letters = [[NOTHING] * len(samples) for _ in range(repeats)]
    for outcome in outcomes:
        letters[outcome.key.repeat][place[outcome.key.sample]] = LETTERS.get(outcome.kind, NOTHING)
    partial = partial_credits(outcomes)
    made: JsonObject = {"samples": list(id_ranges(samples)), "outcomes": ["".join(row) for row in letters]}
    if partial:
        made["partial"] = partial
    made.update(recorded_json(outcomes, place, repeats))
    if has_votes:
        made.update(votes_json(outcomes, place, repeats))
    elif answers := answer_texts(outcomes, place, repeats):
        made["answers"] = answers
    subset = outcomes[0].key.subset if outcomes else ""
    if digits := prompt_digits(prompts, subset, samples):
        made["prompts"] = digits
    return made


def _prompts(part: Mapping[str, Any], samples: Sequence[str]) -> Iterator[tuple[tuple[str, str], str]]:
    text = part.get("prompts", "")
    if not text:
        return
    digits = [text[start : start + PROMPT_DIGITS] for start in range(0, len(text), PROMPT_DIGITS)]
    if len(samples) != len(digits):
        raise ValueError(f"{part['subset']}: expected the prompts of {len(samples)} samples, found {len(digits)}")
    for sample, found in zip(samples, digits, strict=True):
        if found != NO_PROMPT:
            yield (part["subset"], sample), found


def _outcomes(benchmark: str, part: Mapping[str, Any], samples: Sequence[str]) -> Iterator[Outcome]:
    subset = part["subset"]
    if len(set(samples)) < len(samples):
        raise ValueError(f"{benchmark} {subset}: expected every sample once, found one twice")
    credits_left = dict(part.get("partial", {}))
    recorded = recorded_measures(part, samples)
    # Where votes are kept they stand for the answers: only that some are equal matters.
    answers = {**kept_answers(part, samples), **votes(part, samples)}
    for repeat, row in enumerate(part["outcomes"]):
        if len(row) != len(samples):
            raise ValueError(f"{benchmark} {subset}: expected {len(samples)} outcomes, found {len(row)}")
        for sample, letter in zip(samples, row, strict=True):
            if letter == NOTHING:
                continue
            kind = _KINDS[letter]
            value = float(credits_left.pop(f"{repeat}:{sample}", kind is Kind.RIGHT))
            at = repeat, sample
            yield Outcome(
                ItemKey(benchmark, subset, sample, repeat), kind, value, answers.get(at), measures=recorded.get(at)
            )
    if credits_left:
        raise ValueError(f"{benchmark} {subset}: partial credit for {next(iter(credits_left))!r}, which has no verdict")
