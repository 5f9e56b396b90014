"""Operating points of several results side by side: figures with their intervals, and relative changes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_modeleval.gates.compare import compared_pairs
from pytest_modeleval.gates.exact_tests import holm
from pytest_modeleval.gates.number_text import p_text
from pytest_modeleval.gates.point_format import percent, unit_text
from pytest_modeleval.gates.point_regression import change_interval, direction, figure_change
from pytest_modeleval.results import Baseline
from pytest_modeleval.stress.point import PointFigure, PointResult

COMPARED = (
    "output_tok_s", "req_s", "goodput_req_s", "ttft_p50", "ttft_p95", "ttft_p99", "itl_p50", "itl_p95", "tpot_p50",
    "tpot_p95", "e2e_p50", "e2e_p95",
)  # fmt: skip
_UNSEEN = "What differs between two runs of an unchanged deployment is in none of these intervals."


@dataclass(frozen=True, slots=True)
class PointDifference:
    """A figure of a point in two results."""

    first: int
    second: int
    """The places of the two sides."""

    change: float
    low: float
    high: float
    """By how much the second is worse, as a fraction of the first, with the 95 % interval; below 0: better."""

    interval: str
    """The interval in words."""

    p: float
    """Two-sided, by Welch's t test of blocks."""

    adjusted_p: float
    """After Holm over all figures of all points."""


@dataclass(frozen=True, slots=True)
class ComparedPoint:
    """One figure of one operating point."""

    benchmark: str
    point: str
    measure: str

    figures: tuple[PointFigure | None, ...]
    """Of each side; None where it has no such point."""

    differences: tuple[PointDifference, ...]

    obstacles: tuple[str, ...]
    """Sentences on pairs that were not compared."""


def compare_points(sides: Sequence[Baseline]) -> tuple[ComparedPoint, ...]:
    """Every point that two sides have, figure by figure."""
    found: list[ComparedPoint] = []
    for benchmark in dict.fromkeys(name for side in sides for name in side.points):
        own = [_own(side, benchmark) for side in sides]
        names = dict.fromkeys(name for results in own for name in results)
        shared = [name for name in names if sum(name in results for results in own) > 1]
        for name in shared:
            results = [known.get(name) for known in own]
            found += [_compared(benchmark, name, measure, results) for measure in COMPARED if _has(results, measure)]
    return _adjusted(found)


def _own(side: Baseline, benchmark: str) -> dict[str, PointResult]:
    return {result.point: result for result in side.points.get(benchmark, ()) if not result.role}


def _has(results: Sequence[PointResult | None], measure: str) -> bool:
    return any(result is not None and measure in result.figures for result in results)


def _compared(benchmark: str, name: str, measure: str, results: Sequence[PointResult | None]) -> ComparedPoint:
    differences: list[PointDifference] = []
    obstacles: list[str] = []
    for first, second in compared_pairs(len(results)):
        then, now = results[first], results[second]
        if then is None or now is None:
            continue
        change = figure_change(then, now, measure, names=(_letter(first), _letter(second)))
        if isinstance(change, str):
            obstacles.append(f"{_letter(first)} to {_letter(second)}: not compared: {change}")
            continue
        p = min(1.0, 2.0 * min(change.p(0.0), 1.0 - change.p(0.0)))
        differences.append(
            PointDifference(first, second, change.share, *change.interval(), change_interval(change), p, p)
        )
    figures = tuple(None if result is None else result.figures.get(measure) for result in results)
    return ComparedPoint(benchmark, name, measure, figures, tuple(differences), tuple(obstacles))


def _letter(number: int) -> str:
    """As compare_text.letter, for the few sides that are compared in every pair."""
    return chr(ord("A") + number % 26)


def _adjusted(found: Sequence[ComparedPoint]) -> tuple[ComparedPoint, ...]:
    adjusted = holm({f"{i} {j}": one.p for i, entry in enumerate(found) for j, one in enumerate(entry.differences)})
    return tuple(
        replace(
            entry,
            differences=tuple(replace(one, adjusted_p=adjusted[f"{i} {j}"]) for j, one in enumerate(entry.differences)),
        )
        for i, entry in enumerate(found)
    )


def point_lines(compared: Sequence[ComparedPoint], letters: Sequence[str], *, alpha: float = 0.05) -> Iterator[str]:
    """The lines: of each point its figures in every side, then a sentence for each difference."""
    shown = ""
    for entry in compared:
        heading = f"{entry.benchmark} {entry.point}"
        if heading != shown:
            yield from ("", heading)
            shown = heading
        figures = [f"{name} {_figure(figure)}" for name, figure in zip(letters, entry.figures, strict=True)]
        yield f"  {entry.measure}  {', '.join(figures)}"
        yield from (f"    {obstacle}" for obstacle in entry.obstacles)
        yield from (f"    {difference_sentence(one, letters, alpha=alpha)}" for one in entry.differences)
    if compared:
        yield f"  {_UNSEEN}"


def difference_sentence(found: PointDifference, letters: Sequence[str], *, alpha: float = 0.05) -> str:
    """Who is better and by how much, or that nothing tells them apart."""
    verdict = verdict_of(found, alpha=alpha)
    said = f"{percent(abs(found.change))} {direction(found.change)} ({found.interval})"
    tie = ", a tie: nothing here tells them apart" if verdict == "tie" else ""
    p = f"p {p_text(found.p)}, after Holm over the points {p_text(found.adjusted_p)} (two-sided)"
    return f"{letters[found.first]} to {letters[found.second]}: {said}{tie}; {p}."


def verdict_of(found: PointDifference, *, alpha: float = 0.05) -> str:
    """The verdict in a word: "worse", "better" or "tie"."""
    return direction(found.change) if found.adjusted_p <= alpha else "tie"


def _figure(figure: PointFigure | None) -> str:
    if figure is None or figure.value is None:
        return "-"
    ends = f" ({figure.low:.4g}-{figure.high:.4g})" if figure.low is not None and figure.high is not None else ""
    return f"{unit_text(figure.value, figure.unit)}{ends}"


def points_json(compared: Sequence[ComparedPoint], letters: Sequence[str]) -> list[dict[str, Any]]:
    """The comparison as data."""
    return [
        {
            "benchmark": entry.benchmark,
            "point": entry.point,
            "measure": entry.measure,
            "unit": next((figure.unit for figure in entry.figures if figure is not None), ""),
            "figures": [
                None
                if figure is None
                else {"value": figure.value, "low": figure.low, "high": figure.high, "n": figure.num}
                for figure in entry.figures
            ],
            "differences": [
                {
                    "first": one.first,
                    "second": one.second,
                    "worse_by": one.change,
                    "low": one.low,
                    "high": one.high,
                    "p": one.adjusted_p,
                    "verdict": verdict_of(one),
                    "sentence": difference_sentence(one, letters),
                }
                for one in entry.differences
            ],
            "notes": list(entry.obstacles),
        }
        for entry in compared
    ]
