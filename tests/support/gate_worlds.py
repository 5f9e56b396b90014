"""Made-up runs for the tests of gates: outcomes, evidence and baselines of a known kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_modeleval.gates import Baseline, Evidence, ExperimentIdentity
from pytest_modeleval.metrics import Aggregate, combine, score_subset, with_parts
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import BenchmarkSummary, RunSummary

LETTERS = {"r": Kind.RIGHT, "w": Kind.WRONG, "n": Kind.NO_ANSWER, "t": Kind.TRUNCATED, "e": Kind.SERVER_ERROR}


def outcomes(
    letters: str, *, benchmark: str = "gsm8k", subset: str = "main", repeat: int = 0, **facts: Any
) -> dict[ItemKey, Outcome]:
    """One outcome for each letter of "r" right, "w" wrong, "n" no answer, "t" truncated, "e" error, "-" not run."""
    made = {}
    for number, letter in enumerate(letters):
        key = ItemKey(benchmark, subset, f"{subset}-{number:04d}", repeat)
        kind = LETTERS.get(letter, Kind.NOT_RUN)
        made[key] = Outcome(key, kind, float(kind is Kind.RIGHT), **facts)
    return made


def evidence(
    found: Mapping[ItemKey, Outcome],
    *,
    aggregates: Sequence[Aggregate] = (),
    all_subsets: Sequence[str] | None = None,
    params: Mapping[str, Any] | None = None,
    version: str = "1",
    metric: str = "mean_acc",
) -> Evidence:
    """A run with these outcomes, its scores made by metrics."""
    by_benchmark: dict[str, dict[str, list[Outcome]]] = {}
    for key, outcome in found.items():
        by_benchmark.setdefault(key.benchmark, {}).setdefault(key.subset, []).append(outcome)
    summaries, identities, declared = [], {}, {}
    for benchmark, subsets in by_benchmark.items():
        scores = [score_subset(name, got, count_samples(got), metric=metric) for name, got in subsets.items()]
        declared[benchmark] = with_parts(aggregates, list(all_subsets or subsets))
        whole = combine(declared[benchmark], scores, list(all_subsets or subsets))
        summaries.append(BenchmarkSummary(benchmark, version, metric, tuple(scores), whole))
        identities[benchmark] = ExperimentIdentity(
            benchmark, version, "d" * 64, "p" * 64, params or {"temperature": 0.0}
        )
    summary = RunSummary("some-model", True, tuple(summaries))
    return Evidence(summary, dict(found), identities, declared)


def count_samples(found: Iterable[Outcome]) -> int:
    """Distinct samples."""
    return len({outcome.key.sample for outcome in found})


def as_baseline(results: Evidence, *, label: str = "ci/base.json", **facts: Any) -> Baseline:
    """The same run as a baseline."""
    return Baseline(
        label,
        results.summary.model,
        "2026-01-12T08:00:00Z",
        results.identities,
        results.metrics,
        results.outcomes,
        **facts,
    )
