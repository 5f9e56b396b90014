"""Measures of several results side by side: figures, and paired differences with intervals. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_modeleval.gates.compare import comparable_pairs, mean_change
from pytest_modeleval.gates.evidence import by_benchmark
from pytest_modeleval.gates.exact_tests import Floats, holm
from pytest_modeleval.gates.measured import Recorded, paired_values
from pytest_modeleval.gates.number_text import p_text
from pytest_modeleval.gates.permutation import paired_units, permutation_test
from pytest_modeleval.metrics import Measure
from pytest_modeleval.metrics.bootstrap import bootstrap_interval
from pytest_modeleval.metrics.figures import Figure, figure_of, recorded_questions, statistic_of
from pytest_modeleval.records import Outcome
from pytest_modeleval.results import Baseline


@dataclass(frozen=True, slots=True)
class MeasureDifference:
    """Two results on the questions of which both recorded the measure."""

    first: int
    second: int
    """The places of the two sides."""

    n: int
    """Questions that both recorded."""

    change: float
    """Second minus first, in the measure's own range."""

    low: float | None
    high: float | None
    """The 95 % interval of the change; None where it does not exist."""

    p: float
    """Two-sided: exact sign flips or McNemar for means and ratios, else a permutation test."""

    adjusted_p: float
    """After Holm over all measures of the comparison."""


@dataclass(frozen=True, slots=True)
class ComparedMeasure:
    """One measure of a benchmark or subset."""

    benchmark: str

    subset: str
    """"" for all of its questions."""

    measure: Measure

    figures: tuple[Figure, ...]
    """Of each side."""

    differences: tuple[MeasureDifference, ...]

    obstacles: tuple[str, ...] = ()
    """Sentences on pairs that were not compared."""


def compare_measures(sides: Sequence[Baseline]) -> tuple[ComparedMeasure, ...]:
    """Every measure that one of the sides declares (facts "measures": benchmark -> measures), over all questions.

    A benchmark of several subsets is compared in each of them too. A side that declares none, such as a baseline file
    of an earlier version, is compared by the declaration of another side.
    """
    grouped = [by_benchmark(side.outcomes) for side in sides]
    found: list[ComparedMeasure] = []
    for benchmark, measures in _declared(sides).items():
        outcomes = [group.get(benchmark, []) for group in grouped]
        for subset in _scopes(outcomes):
            inside = [_of_subset(side, subset) for side in outcomes]
            found += [_compared(sides, benchmark, subset, measure, inside) for measure in measures]
    return _adjusted(found)


def _of_subset(outcomes: Sequence[Outcome], subset: str) -> list[Outcome]:
    return [outcome for outcome in outcomes if subset in ("", outcome.key.subset)]


def _declared(sides: Sequence[Baseline]) -> dict[str, Sequence[Measure]]:
    found: dict[str, Sequence[Measure]] = {}
    for side in sides:
        for benchmark, measures in (side.facts.get("measures") or {}).items():
            if isinstance(measures, tuple):
                found.setdefault(benchmark, measures)
    return found


def _scopes(outcomes: Sequence[Sequence[Outcome]]) -> list[str]:
    subsets = list(dict.fromkeys(outcome.key.subset for side in outcomes for outcome in side))
    return ["", *subsets] if len(subsets) > 1 else subsets


def _compared(
    sides: Sequence[Baseline],
    benchmark: str,
    subset: str,
    measure: Measure,
    outcomes: Sequence[Sequence[Outcome]],
) -> ComparedMeasure:
    recorded = [recorded_questions(measure, side) for side in outcomes]
    pairs, obstacles = comparable_pairs(sides, benchmark)
    made = (_difference(first, second, measure, recorded[first], recorded[second]) for first, second in pairs)
    return ComparedMeasure(
        benchmark,
        subset,
        measure,
        tuple(figure_of(measure, side) for side in outcomes),
        tuple(found for found in made if found is not None),
        tuple(obstacles),
    )


def _difference(first: int, second: int, measure: Measure, one: Recorded, other: Recorded) -> MeasureDifference | None:
    """None where nothing is paired, or the figure does not exist on a side."""
    shared = [key for key in one if key in other]
    then, now = {key: one[key] for key in shared}, {key: other[key] for key in shared}
    if not shared:
        return None
    pairs = paired_values(measure, then, now)
    if pairs is None:
        return _resampled(first, second, measure, then, now)
    change, low, high, p = mean_change(pairs)
    width = _signed_width(measure)
    # Where lower is better, the ends change places.
    low, high = sorted((width * low, width * high)) if low is not None and high is not None else (None, None)
    return MeasureDifference(first, second, len(shared), width * change, low, high, p, p)


def _signed_width(measure: Measure) -> float:
    """What one unit of `paired_values`, from 0 to 1 and higher is better, is in the measure's own range."""
    width = (measure.high or 0.0) - measure.low
    return width if measure.is_higher_better else -width


def _resampled(first: int, second: int, measure: Measure, then: Recorded, now: Recorded) -> MeasureDifference | None:
    """The difference of figures that are no mean over questions: bootstrap over pairs, and swaps of pairs."""
    before, after = paired_units(then, now)
    units = len(before)
    statistic = statistic_of(measure, [*before, *after])

    def change(at: NDArray[np.intp]) -> Floats:
        return np.asarray(statistic(at + units) - statistic(at), dtype=np.float64)

    seen = float(change(np.arange(units)[None, :])[0])
    if not np.isfinite(seen):
        return None
    worse, _ = permutation_test(measure, then, now, 0.0)
    better, _ = permutation_test(measure, now, then, 0.0)
    p = min(1.0, 2.0 * min(worse, better))
    low, high = bootstrap_interval(units, change) or (None, None)
    return MeasureDifference(first, second, len(then), seen, low, high, p, p)


def _adjusted(found: Sequence[ComparedMeasure]) -> tuple[ComparedMeasure, ...]:
    places = _places(found)
    adjusted = holm({f"{i} {j}": found[i].differences[j].p for i, j in places})
    return tuple(
        replace(
            entry,
            differences=tuple(
                replace(difference, adjusted_p=adjusted[f"{i} {j}"]) for j, difference in enumerate(entry.differences)
            ),
        )
        for i, entry in enumerate(found)
    )


def _places(found: Sequence[ComparedMeasure]) -> list[tuple[int, int]]:
    return [(i, j) for i, entry in enumerate(found) for j in range(len(entry.differences))]


def measure_lines(compared: Sequence[ComparedMeasure], letters: Sequence[str], *, alpha: float = 0.05) -> Iterator[str]:
    """The lines: of each measure its figure in every side, then a sentence for each difference."""
    for entry in compared:
        yield ""
        yield _heading(entry)
        for letter, figure in zip(letters, entry.figures, strict=True):
            yield f"  {letter}  {_value(figure.value, entry.measure)}  n={figure.num}"
        yield from (f"  {obstacle}" for obstacle in entry.obstacles)
        for found in entry.differences:
            text = change_text(found, entry.measure, alpha=alpha)
            yield f"  {letters[found.first]} to {letters[found.second]}: {text}"


def _heading(entry: ComparedMeasure) -> str:
    direction = "higher is better" if entry.measure.is_higher_better else "lower is better"
    return " ".join(part for part in (entry.benchmark, entry.subset, entry.measure.name, f"({direction})") if part)


def change_text(found: MeasureDifference, measure: Measure, *, alpha: float = 0.05) -> str:
    """The change with its interval in the measure's own range, and whether it is better, worse or a tie."""
    return (
        f"{_signed(found.change, measure)}{_interval(found, measure)}, {_direction(found, measure, alpha)}, on "
        f"{found.n} questions; p {p_text(found.p)}, after Holm over the measures {p_text(found.adjusted_p)} "
        "(two-sided)."
    )


def _interval(found: MeasureDifference, measure: Measure) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" (95 % {_signed(found.low, measure)} to {_signed(found.high, measure)})"


def _direction(found: MeasureDifference, measure: Measure, alpha: float) -> str:
    if found.adjusted_p > alpha:
        return "a tie: nothing here tells them apart"
    return "better" if (found.change > 0) == measure.is_higher_better else "worse"


def _value(value: float | None, measure: Measure) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if measure.scale.is_share else f"{value:.4g} {measure.unit}".rstrip()


def _signed(value: float, measure: Measure) -> str:
    text = f"{value:+.4f}" if measure.scale.is_share else f"{value:+.4g}"
    return text if float(text) else text[1:]
