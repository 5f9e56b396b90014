"""Short factual answers in three states, decided by a judge: for simple_qa and chinese_simpleqa."""

from __future__ import annotations

from pytest_modeleval import Grade, Option, Request, Response, Sample
from pytest_modeleval.judging import fenced, verdict
from pytest_modeleval.metrics import f_score, ratio
from pytest_modeleval.records import MeasureValue
from pytest_modeleval.roles import Role

CORRECT, INCORRECT, NOT_ATTEMPTED = "CORRECT", "INCORRECT", "NOT_ATTEMPTED"
LABELS = (CORRECT, INCORRECT, NOT_ATTEMPTED)
JUDGE_REPEATS = Option("judge_repeats", 1, low=1, high=9, description="judgements of each answer; the majority counts")
MEASURES = (
    ratio("correct"),
    ratio("incorrect", is_higher_better=False),
    ratio("not_attempted", is_higher_better=False),
    ratio("correct_given_attempted"),
    f_score("f", of=("correct", "correct_given_attempted")),
    ratio("judge_agreement"),
)


async def grade_short_answer(sample: Sample, response: Response, *, judge: Role, rubric: str, language: str) -> Grade:
    """The state that the judge decides on. A reply without text is not attempted, and no judge is asked.

    rubric: the task of the judge. Raises Ungraded as judging.verdict does.
    """
    if response.missing_cause:
        return Grade.no_answer(cause=response.missing_cause, measures=_states(NOT_ATTEMPTED))
    parts = (("question", sample.question), ("reference", sample.target), ("answer", response.text))
    shown = "\n\n".join(fenced(name, text) for name, text in parts)
    found = await verdict(
        judge,
        Request([{"role": "user", "content": f"{rubric}\n\n{shown}"}]),
        LABELS,
        repeats=int(sample.options.get("judge_repeats", 1)),
        language=language,
    )
    measures = {**_states(found.label), **found.measures}
    if found.label == CORRECT:
        return Grade.right(response.text, found.reason, measures=measures)
    if found.label == INCORRECT:
        return Grade.wrong(response.text, cause="incorrect", explanation=found.reason, measures=measures)
    return Grade.no_answer(cause="not_attempted", explanation=found.reason, measures=measures)


def _states(label: str) -> dict[str, MeasureValue]:
    is_correct, is_attempted = label == CORRECT, label != NOT_ATTEMPTED
    return {
        "correct": (is_correct, 1),
        "incorrect": (label == INCORRECT, 1),
        "not_attempted": (label == NOT_ATTEMPTED, 1),
        "correct_given_attempted": (is_correct, int(is_attempted)),
    }
