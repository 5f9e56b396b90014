"""wiring: what an inference engineer asks a server before a three-hour evaluation. See card.md."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pytest_modeleval import Grade, Kind, Model, Request, Response, Sample, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.errors import Ungraded

from .advice import ADVICE
from .checks import JUDGES
from .long_context import Recall, ask_recall, judge_recall
from .requests import request_of
from .rows import rows

# Statuses by which a server says that it will not do what was asked, now or ever.
REFUSALS = frozenset({"http_400", "http_404", "http_422", "http_501", "context_exceeded"})
# Here a refusal is the very thing that is looked for. Elsewhere it leaves the sample ungraded, as in every benchmark.
REFUSAL_IS_VERDICT = frozenset(
    {"chat_template", "stop", "max_tokens", "tool_call", "json_schema", "sampling", "seed", "streaming", "long_context"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server said no, and why."""

    cause: str
    message: str


Answers = tuple[Response, ...] | Recall | Refusal


def to_sample(row: Row) -> Sample:
    asks = row["asks"]
    question = asks[0]["messages"][-1]["content"] if asks else "a code at the beginning of a long prompt"
    return Sample(
        question=question,
        target=row["expect"],
        data={"judge": row["judge"], "asks": asks, "at_once": row["at_once"]},
    )


async def solve(sample: Sample, model: Model) -> Answers:
    try:
        if sample.data["judge"] == "recalls":
            return await ask_recall(sample, model)
        requests = [request_of(spec) for spec in sample.data["asks"]]
        if sample.data["at_once"]:
            return await _all_at_once(model, requests)
        return tuple([await model.ask(request) for request in requests])
    except Ungraded as failure:
        if failure.kind is Kind.SERVER_ERROR and failure.cause in REFUSALS and sample.subset in REFUSAL_IS_VERDICT:
            return Refusal(failure.cause, str(failure))
        raise


async def _all_at_once(model: Model, requests: list[Request]) -> tuple[Response, ...]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(model.ask(request)) for request in requests]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return tuple(task.result() for task in tasks)


def judge(sample: Sample, answers: Answers) -> Grade:
    if isinstance(answers, Refusal):
        return Grade.wrong(cause=f"refused_{answers.cause}", explanation=answers.message)
    if isinstance(answers, Recall):
        return judge_recall(sample, answers)
    return JUDGES[sample.data["judge"]](sample.target, answers)


@benchmark(
    name="wiring",
    version="1",
    dataset=inline(rows),
    subsets=list(rows()),
    sample=to_sample,
    sample_id=lambda row: row.text("id"),
    solve=solve,
    grade=judge,
    # Enough for a model that thinks; the checks that need a limit set their own.
    defaults={"max_tokens": 4096},
    advice=ADVICE,
)
def test_wiring(grade: Grade) -> None:
    assert grade, grade.explanation
