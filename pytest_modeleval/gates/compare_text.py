"""A comparison as lines of text: scores, differences in full sentences, flips with both answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_modeleval._support.shorten import printable
from pytest_modeleval.gates.changes import ByQuestion, by_question, lacks_answers, result_text
from pytest_modeleval.gates.compare import ComparedScope, Difference
from pytest_modeleval.gates.compare_indexes import compare_indexes, index_lines
from pytest_modeleval.gates.compare_measures import ComparedMeasure, measure_lines
from pytest_modeleval.gates.compare_points import ComparedPoint, point_lines
from pytest_modeleval.gates.number_text import p_text, points, signed_points
from pytest_modeleval.records import sample_name
from pytest_modeleval.results import Baseline

_ALPHA = 0.05
_LONGEST_ANSWER = 40
_LONGEST_ID = 80


def comparison_text(
    sides: Sequence[Baseline],
    scopes: Sequence[ComparedScope],
    measures: Sequence[ComparedMeasure] = (),
    points: Sequence[ComparedPoint] = (),
    *,
    most_flips: int = 10,
) -> Iterator[str]:
    """The lines. A side whose facts count "ungraded" items says so; those of its facts' "indexes" come last.

    most_flips: questions shown in each direction for a difference of a whole benchmark.
    """
    for number, side in enumerate(sides):
        made = f", {side.made_utc[:10]}" if side.made_utc else ""
        ungraded = side.facts.get("ungraded")
        lost = f"; {ungraded:,} of its items without a verdict" if ungraded else ""
        yield f"{letter(number)} = {side.label} ({side.model}{made}{lost})"
    questions = [by_question(side.outcomes) for side in sides]
    shown: set[str] = set()
    for scope in scopes:
        yield ""
        yield f"{scope.benchmark} {scope.subset}".rstrip()
        for number, score in enumerate(scope.scores):
            value = f"{score:.4f}" if score is not None else "-"
            yield f"  {letter(number)}  {value}  n={scope.questions[number]}"
        for remark in (*scope.obstacles, *scope.remarks):
            yield f"  {remark}"
        is_whole = scope.benchmark not in shown
        shown.add(scope.benchmark)
        for found in scope.differences:
            yield f"  {difference_text(found)}"
            if is_whole:
                yield from _flip_lines(scope.benchmark, found, questions, most_flips)
    letters = [letter(number) for number in range(len(sides))]
    yield from measure_lines(measures, letters, alpha=_ALPHA)
    yield from point_lines(points, letters, alpha=_ALPHA)
    yield from index_lines(compare_indexes(sides), letters)


def letter(number: int) -> str:
    """A name for the side: A, B, ..., Z, A2, ..."""
    return chr(ord("A") + number % 26) + (str(number // 26 + 1) if number >= 26 else "")


def difference_text(found: Difference) -> str:
    """One sentence: who is better and by how much, or plainly that nothing distinguishes them."""
    one, other = letter(found.first), letter(found.second)
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f" (95 % {signed_points(found.low)} to {signed_points(found.high)})"
    counts = f"{found.losses} newly wrong, {found.gains} newly right of {found.n}"
    change = f"{signed_points(found.change)} points{interval}"
    p = f"p {p_text(found.p)}, after Holm {p_text(found.adjusted_p)} (two-sided)"
    if found.adjusted_p <= _ALPHA:
        return f"{one} to {other}: {change}, {'worse' if found.change < 0 else 'better'}: {counts}; {p}."
    sees = f"drops of {points(found.detectable)} or more" if found.detectable is not None else "no drop at all"
    return (
        f"{one} to {other}: {change}, a tie: nothing here tells them apart: {counts}; {p};"
        f" four times in five this comparison finds {sees}."
    )


def _flip_lines(benchmark: str, found: Difference, sides: Sequence[ByQuestion], most: int) -> Iterator[str]:
    if found.flips and most > 0:
        yield from _missing_answers(benchmark, found, sides)
    for what, flips in (("newly wrong", found.flips[: found.losses]), ("newly right", found.flips[found.losses :])):
        if not flips or most <= 0:
            continue
        shown = "" if len(flips) <= most else f", the first {most} of {len(flips)}"
        yield f"    {what}{shown}:"
        for subset, sample in flips[:most]:
            first, second = (
                result_text(sides[side].get((benchmark, (subset, sample)), ()), limit=_LONGEST_ANSWER)
                for side in (found.first, found.second)
            )
            yield f"      {printable(sample_name(subset, sample), _LONGEST_ID)}: {first} -> {second}"


def _missing_answers(benchmark: str, found: Difference, sides: Sequence[ByQuestion]) -> Iterator[str]:
    for side, other in ((found.first, found.second), (found.second, found.first)):
        if lacks_answers(benchmark, sides[side], sides[other]):
            yield f"    {letter(side)} has no answers; a baseline that is blessed now keeps them"
