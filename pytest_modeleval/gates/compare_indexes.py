"""Indexes over benchmarks of several results, side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import hypot

from pytest_modeleval.gates.number_text import signed_points
from pytest_modeleval.results import Baseline
from pytest_modeleval.run_figures import IndexScore


@dataclass(frozen=True, slots=True)
class IndexDifference:
    """An index of two sides that both state it."""

    first: int
    second: int
    """The places of the two sides."""

    change: float | None
    """Second minus first; None where the two are not comparable."""

    low: float | None = None
    high: float | None = None
    """The 95 % interval of the change, without pairing of the questions; None where it does not exist."""

    obstacle: str = ""
    """Why there is no change."""


@dataclass(frozen=True, slots=True)
class ComparedIndex:
    """One index."""

    name: str

    scores: tuple[IndexScore | None, ...]
    """Of each side; None where it does not state the index."""

    differences: tuple[IndexDifference, ...]


def compare_indexes(sides: Sequence[Baseline]) -> tuple[ComparedIndex, ...]:
    """Each index that a side states (facts "indexes"): its scores, and the difference of every two that state it.

    Baseline files of earlier versions state none.
    """
    stated = [{found.name: found for found in side.facts.get("indexes") or ()} for side in sides]
    names = dict.fromkeys(name for found in stated for name in found)
    return tuple(_compared(name, [side.get(name) for side in stated]) for name in names)


def _compared(name: str, scores: Sequence[IndexScore | None]) -> ComparedIndex:
    known = [(place, score) for place, score in enumerate(scores) if score is not None]
    pairs = combinations(known, 2)
    return ComparedIndex(name, tuple(scores), tuple(_difference(*one, *other) for one, other in pairs))


def _difference(first: int, one: IndexScore, second: int, other: IndexScore) -> IndexDifference:
    if one.score is None or other.score is None:
        return IndexDifference(first, second, None, obstacle="no difference while a part is missing")
    if one.identity != other.identity:
        obstacle = f"not comparable: the parts differ ({one.identity} there, {other.identity} here)"
        return IndexDifference(first, second, None, obstacle=obstacle)
    low, high = unpaired_interval(one, other) or (None, None)
    return IndexDifference(first, second, other.score - one.score, low, high)


def index_lines(compared: Sequence[ComparedIndex], letters: Sequence[str]) -> Iterator[str]:
    """The comparison of indexes as lines of text. letters: the names of the sides."""
    for index in compared:
        yield from ("", f"index {index.name}")
        for letter, score in zip(letters, index.scores, strict=True):
            if score is not None:
                yield f"  {letter}  {_score_text(score)}"
        for found in index.differences:
            yield f"  {letters[found.first]} to {letters[found.second]}: {index_difference_text(found)}"


def _score_text(found: IndexScore) -> str:
    if found.score is None:
        return f"partial, from {found.at_least:.4f} to {found.at_most:.4f}: without {', '.join(found.missing)}"
    return f"{found.score:.4f}  {found.identity}"


def index_difference_text(found: IndexDifference) -> str:
    """The change with its interval, or why there is none."""
    if found.change is None:
        return found.obstacle
    if found.low is None or found.high is None:
        return f"{signed_points(found.change)} points"
    low, high = signed_points(found.low), signed_points(found.high)
    interval = f"95 % {low} to {high}, without pairing of the questions: rather too wide"
    return f"{signed_points(found.change)} points ({interval})"


def unpaired_interval(first: IndexScore, second: IndexScore) -> tuple[float, float] | None:
    """The 95 % interval of second minus first, from the interval of each; None where one has none.

    Distances squared and added (Zou & Donner 2008, Statistics in Medicine 27:1693), as if the runs were independent.
    Runs on the same questions agree more than that, so that it is too wide rather than too narrow.
    """
    one, other = _distances(first), _distances(second)
    if one is None or other is None:
        return None
    change = (second.score or 0.0) - (first.score or 0.0)
    return max(-1.0, change - hypot(other[0], one[1])), min(1.0, change + hypot(other[1], one[0]))


def _distances(found: IndexScore) -> tuple[float, float] | None:
    """From the score down and up to the ends of its interval."""
    if found.score is None or found.low is None or found.high is None:
        return None
    return found.score - found.low, found.high - found.score
