"""Are the figures of an imported run those that the tool computed itself? Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_modeleval.imports.grading import Scale
from pytest_modeleval.imports.records import ImportedBenchmark, OwnFigure
from pytest_modeleval.metrics import Aggregate, combine, macro, micro, score_subset
from pytest_modeleval.records import Outcome
from pytest_modeleval.results import BenchmarkSummary, RunSummary

# Sums of the same numbers in another order.
_TOLERANCE = 1e-12


def aggregates_of(benchmark: ImportedBenchmark, outcomes: Sequence[Outcome], scale: Scale) -> tuple[Aggregate, ...]:
    """The groups that have the tool's own figure, as a mean over questions or over subsets; others are left out."""
    by_subset: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_subset.setdefault(outcome.key.subset, []).append(outcome)
    if not benchmark.groups:
        return ()
    scores = [
        score_subset(
            subset, found, len({one.key.sample for one in found}), metric=scale.metric, measures=scale.measures
        )
        for subset, found in by_subset.items()
    ]
    found = []
    for name, parts in benchmark.groups.items():
        own = next((one for one in benchmark.figures if (one.place, one.measure) == (name, scale.metric)), None)
        for make in (micro, macro) if own is not None else ():
            aggregate = make(name, of=parts or tuple(by_subset))
            made = combine([aggregate], scores, list(by_subset))[0].score
            if own is not None and _is_equal(made, own):
                found.append(aggregate)
                break
    return tuple(found)


def compared_figures(summary: RunSummary, own: Mapping[str, Sequence[OwnFigure]]) -> tuple[int, list[str]]:
    """(how many of the tool's figures the run gives too, a sentence for each other one)."""
    equal, differences = 0, []
    for entry in summary.benchmarks:
        ours = dict(_figures(entry))
        for figure in own.get(entry.benchmark, ()):
            found = ours.get((figure.place, figure.measure))
            if _is_equal(found, figure):
                equal += 1
                continue
            where = f"{entry.benchmark}, {figure.place}: {figure.measure}"
            what = "its samples do not give it" if found is None else f"its samples give {found!r}"
            differences.append(f"{where}: the tool says {figure.value!r}, {what}")
    return equal, differences


def _is_equal(found: float | None, figure: OwnFigure) -> bool:
    if found is None:
        return False
    # NaN is equal to nothing.
    return abs(found - figure.value) <= figure.within + _TOLERANCE * max(1.0, abs(found))


def _figures(entry: BenchmarkSummary) -> Iterator[tuple[tuple[str, str], float | None]]:
    """((subset or aggregate, measure), score)."""
    for measure in entry.measures:
        yield (measure.score.subset, measure.name), measure.score.score
    for score in entry.subsets:
        yield (score.subset, entry.metric), score.score
    for aggregate in entry.aggregates:
        yield (aggregate.name, entry.metric), aggregate.score
