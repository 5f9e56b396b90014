"""Indexes over benchmarks of several runs, side by side, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import hypot

from pytest_modeleval.gates.number_text import signed_points
from pytest_modeleval.results import Baseline
from pytest_modeleval.run_figures import IndexScore


def index_lines(sides: Sequence[Baseline], letters: Sequence[str]) -> Iterator[str]:
    """Each index that a run states: its score in every run, and the difference of every two that are comparable.

    letters: the names of the sides. A baseline file holds no index.
    """
    stated = [{found.name: found for found in side.facts.get("indexes") or ()} for side in sides]
    for name in dict.fromkeys(name for found in stated for name in found):
        yield from ("", f"index {name}")
        yield from _lines({letter: side[name] for letter, side in zip(letters, stated, strict=True) if name in side})


def _lines(scores: Mapping[str, IndexScore]) -> Iterator[str]:
    for letter, score in scores.items():
        yield f"  {letter}  {_score_text(score)}"
    for (one, first), (other, second) in combinations(scores.items(), 2):
        yield f"  {one} to {other}: {_difference_text(first, second)}"


def _score_text(found: IndexScore) -> str:
    if found.score is None:
        return f"partial, from {found.at_least:.4f} to {found.at_most:.4f}: without {', '.join(found.missing)}"
    return f"{found.score:.4f}  {found.identity}"


def _difference_text(first: IndexScore, second: IndexScore) -> str:
    if first.score is None or second.score is None:
        return "no difference while a part is missing"
    if first.identity != second.identity:
        return f"not comparable: the parts differ ({first.identity} there, {second.identity} here)"
    change = second.score - first.score
    interval = unpaired_interval(first, second)
    if interval is None:
        return f"{signed_points(change)} points"
    low, high = (signed_points(end) for end in interval)
    return f"{signed_points(change)} points (95 % {low} to {high}, without pairing of the questions: rather too wide)"


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
