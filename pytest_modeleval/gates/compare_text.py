"""A comparison as lines of text: scores, differences in full sentences, flips with both answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_modeleval._support.shorten import shorten
from pytest_modeleval.gates.compare import ComparedScope, Difference
from pytest_modeleval.gates.compare_indexes import index_lines
from pytest_modeleval.gates.compare_measures import ComparedMeasure, measure_lines
from pytest_modeleval.gates.number_text import p_text, points, signed_points
from pytest_modeleval.metrics import Question
from pytest_modeleval.records import ItemKey, Outcome, sample_name
from pytest_modeleval.results import Baseline

_ALPHA = 0.05
_LONGEST_ANSWER = 40


def comparison_text(
    sides: Sequence[Baseline],
    scopes: Sequence[ComparedScope],
    measures: Sequence[ComparedMeasure] = (),
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
    by_question = [_by_question(side.outcomes) for side in sides]
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
                yield from _flip_lines(scope.benchmark, found, by_question, most_flips)
    letters = [letter(number) for number in range(len(sides))]
    yield from measure_lines(measures, letters, alpha=_ALPHA)
    yield from index_lines(sides, letters)


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


def _flip_lines(
    benchmark: str, found: Difference, sides: Sequence[Mapping[tuple[str, Question], list[Outcome]]], most: int
) -> Iterator[str]:
    for what, flips in (("newly wrong", found.flips[: found.losses]), ("newly right", found.flips[found.losses :])):
        if not flips or most <= 0:
            continue
        shown = "" if len(flips) <= most else f", the first {most} of {len(flips)}"
        yield f"    {what}{shown}:"
        for subset, sample in flips[:most]:
            first, second = (
                _answers(sides[side].get((benchmark, (subset, sample)), [])) for side in (found.first, found.second)
            )
            yield f"      {_plain(sample_name(subset, sample))}: {first} -> {second}"


def _answers(outcomes: Sequence[Outcome]) -> str:
    """What was answered and what became of it; several repeats are counted."""
    if len(outcomes) != 1:
        right = sum(outcome.value for outcome in outcomes if outcome.kind.is_verdict)
        return f"{right:g} of {len(outcomes)} right"
    answer = outcomes[0].answer
    kept = f" {_plain(answer)!r}" if answer is not None else ""
    return f"{outcomes[0].kind.label}{kept}"


def _plain(text: str) -> str:
    """A model's words on one line: control and bidirectional characters made visible, cut to what fits."""
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shorten(text, _LONGEST_ANSWER))
    return shorten(shown, _LONGEST_ANSWER)


def _by_question(outcomes: Mapping[ItemKey, Outcome]) -> dict[tuple[str, Question], list[Outcome]]:
    found: dict[tuple[str, Question], list[Outcome]] = {}
    for key, outcome in outcomes.items():
        found.setdefault((key.benchmark, (key.subset, key.sample)), []).append(outcome)
    return found
