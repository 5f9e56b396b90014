"""How often is a judge right on statements? The requests of the benchmark rag, with known answers. See card.md."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modeleval import Context, Grade, Request, Response, Sample, benchmark
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.errors import DataError
from pytest_modeleval.metrics import ratio
from pytest_modeleval.prompts import user
from pytest_modeleval.rag import tasks
from pytest_modeleval.rag.judge_rates import RELEVANCE, STATED, SUPPORT, TASKS, rate_names
from pytest_modeleval.rag.numbered import NotNumbered, numbered_form, read_numbered
from pytest_modeleval.records import MeasureValue

LABELS = {
    SUPPORT: tasks.SUPPORT_LABELS,
    STATED: tasks.STATED_LABELS,
    RELEVANCE: tasks.RELEVANCE_LABELS,
}


def to_sample(row: Row) -> Sample:
    task = str(row.get("task") or SUPPORT)
    if task not in TASKS:
        raise DataError(f"expected one of {', '.join(TASKS)} in field 'task', found {task!r:.40}, in {row.where}")
    things = row.texts("contexts" if task == RELEVANCE else "statements")
    truths = row["labels"]
    if not truths or not isinstance(truths, list) or len(truths) != len(things) or not all(map(_is_truth, truths)):
        raise DataError(
            f"expected {len(things)} labels, true or false, in field 'labels', found {truths!r:.60}, in {row.where}"
        )
    return Sample(target=truths, data={"task": task, "prompt": _prompt(row, task, things)})


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


def _prompt(row: Row, task: str, things: Sequence[str]) -> str:
    if task == RELEVANCE:
        return tasks.relevance_task(row.text("question"), list(map(Context, things)), str(row.get("reference") or ""))
    if task == STATED:
        return tasks.stated_task(row.text("question"), things, row.text("answer"))
    return tasks.support_task(list(map(Context, row.texts("contexts"))), things)


def to_request(sample: Sample) -> Request:
    form = numbered_form(len(sample.target), LABELS[sample.data["task"]], by_schema=False)
    return Request(user(f"{sample.data['prompt']}\n\n{form}"))


def grade(sample: Sample, response: Response) -> Grade:
    """The share of right verdicts; a reply that is not one verdict on each number gives none."""
    task, truths = sample.data["task"], sample.target
    labels = LABELS[task]
    try:
        found = read_numbered(response, len(truths), labels)
    except NotNumbered as fault:
        measures: dict[str, MeasureValue] = {"agreement": (0, len(truths)), "complete": (0, 1)}
        return Grade.no_answer(cause="judge_statements", explanation=str(fault), measures=measures)
    verdicts = [(truth, label == labels[0]) for truth, label in zip(truths, found, strict=True)]
    right = sum(truth == verdict for truth, verdict in verdicts)
    sensitivity, specificity = rate_names(task)
    measures = {
        "agreement": (right, len(verdicts)),
        "complete": (1, 1),
        sensitivity: _right(verdicts, truth=True),
        specificity: _right(verdicts, truth=False),
    }
    return Grade.partial(right / len(verdicts), ", ".join(found), cause="wrong_verdict", measures=measures)


def _right(verdicts: Sequence[tuple[bool, bool]], *, truth: bool) -> tuple[int, int]:
    of = [verdict for known, verdict in verdicts if known == truth]
    return of.count(truth), len(of)


@benchmark(
    name="judge_statements",
    version="1",
    dataset=local("judge_statements/{subset}"),
    sample=to_sample,
    request=to_request,
    grade=grade,
    measures=[ratio("agreement"), *(ratio(name) for task in TASKS for name in rate_names(task)), ratio("complete")],
)
def test_judge_statements(grade: Grade) -> None:
    assert grade, grade.explanation
