"""The questions that became wrong or right between two results, each with both results as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from pytest_modeleval._support import redact
from pytest_modeleval._support.shorten import printable
from pytest_modeleval.gate_evidence import MOST_CHANGES, ChangedQuestion
from pytest_modeleval.gates.evidence import Pairs
from pytest_modeleval.metrics import Question, credit
from pytest_modeleval.records import ItemKey, MeasureValue, Outcome

# (benchmark, question) -> its outcomes, one for each repeat.
ByQuestion = Mapping[tuple[str, Question], Sequence[Outcome]]

MOST_OF_ANSWER = 200
NO_ANSWERS = "the baseline has no answers; one that is blessed now keeps them"
_MOST_VALUES = 8


def by_question(outcomes: Mapping[ItemKey, Outcome]) -> dict[tuple[str, Question], list[Outcome]]:
    """The outcomes of every question."""
    found: dict[tuple[str, Question], list[Outcome]] = {}
    for key, outcome in outcomes.items():
        found.setdefault((key.benchmark, (key.subset, key.sample)), []).append(outcome)
    return found


def result_text(outcomes: Sequence[Outcome], *, limit: int = MOST_OF_ANSWER) -> str:
    """The result of a question: kind and answer, of several repeats how many were right. limit: of the answer."""
    if len(outcomes) != 1:
        graded = [credit(outcome) for outcome in outcomes if outcome.kind.is_verdict]
        return f"{sum(graded):g} of {len(graded)} right"
    (outcome,) = outcomes
    partial = f", credit {outcome.value:.2g}" if 0.0 < outcome.value < 1.0 else ""
    answer = f" {printable(redact.text(outcome.answer), limit)!r}" if outcome.answer is not None else ""
    return f"{outcome.kind.label}{partial}{answer}"


def measure_text(outcomes: Sequence[Outcome], name: str) -> str:
    """The values of a measure that a question recorded, one for each repeat."""
    values = (outcome.measures.get(name) for outcome in outcomes if outcome.measures)
    return ", ".join(_value_text(value) for value in islice(values, _MOST_VALUES) if value is not None)


def changed_questions(
    pairs: Pairs, benchmark: str, then: ByQuestion, now: ByQuestion, *, measure: str = ""
) -> tuple[tuple[ChangedQuestion, ...], tuple[ChangedQuestion, ...]]:
    """The questions whose value fell, and those whose value rose, at most MOST_CHANGES each, in the order of their ids.

    A question that was asked several times fell where fewer of its repeats are right, or where the metric (pass@k) says
    so. measure: the one that was judged instead; its values then stand for the answers.
    """

    def text(outcomes: Sequence[Outcome]) -> str:
        return measure_text(outcomes, measure) if measure else result_text(outcomes)

    def change(question: Question) -> ChangedQuestion:
        old, new = (text(side.get((benchmark, question), ())) for side in (then, now))
        return ChangedQuestion(benchmark, *question, old, new)

    return tuple(map(change, pairs.fallen[:MOST_CHANGES])), tuple(map(change, pairs.risen[:MOST_CHANGES]))


def lacks_answers(benchmark: str, side: ByQuestion, other: ByQuestion) -> bool:
    """This side kept no answer to the benchmark, as baselines of earlier versions do, and the other one did."""
    return not _has_answers(benchmark, side) and _has_answers(benchmark, other)


def _has_answers(benchmark: str, side: ByQuestion) -> bool:
    return any(
        outcome.answer is not None for (name, _), found in side.items() if name == benchmark for outcome in found
    )


def _value_text(value: MeasureValue) -> str:
    return " of ".join(f"{part:g}" for part in value) if isinstance(value, tuple) else f"{value:g}"
