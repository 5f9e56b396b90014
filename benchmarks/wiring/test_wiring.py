"""wiring: quick checks of a deployment before a three-hour evaluation; card.md describes them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from pytest_modeleval import Grade, Kind, Model, Request, Response, Sample, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.errors import Ungraded

from .advice import ADVICE
from .checks import CHECKS
from .long_context import Recall, ask_recall, grade_recall
from .requests import request_of
from .rows import rows

# Statuses of a server that will never do what the request demands.
REFUSALS = frozenset({"http_400", "http_404", "http_422", "http_501", "context_exceeded"})
# These subsets look for refusals. Elsewhere a refusal leaves the sample ungraded, as in every benchmark.
REFUSAL_IS_VERDICT = frozenset(
    {"chat_template", "stop", "max_tokens", "reasoning", "tool_call", "json_schema", "sampling", "seed", "streaming"}
    | {"long_context"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the server refused."""

    cause: str
    message: str


Answers = tuple[Response, ...] | Recall | Refusal


def to_sample(row: Row) -> Sample:
    asks = row["asks"]
    question = asks[0]["messages"][-1]["content"] if asks else "a code at the beginning of a long prompt"
    return Sample(
        question=question,
        target=row["expect"],
        data={"check": row["check"], "asks": asks, "at_once": row["at_once"], "thinks": row["thinks"]},
    )


async def solve(sample: Sample, model: Model) -> Answers:
    try:
        if sample.data["check"] == "recalls":
            return await ask_recall(sample, model)
        requests = [request_of(spec) for spec in sample.data["asks"]]
        if sample.data["at_once"]:
            return await _all_at_once(model, requests)
        return tuple([await _ask(model, request, thinks=sample.data["thinks"]) for request in requests])
    except Ungraded as failure:
        if failure.kind is Kind.SERVER_ERROR and failure.cause in REFUSALS and sample.subset in REFUSAL_IS_VERDICT:
            return Refusal(failure.cause, str(failure))
        raise


async def _ask(model: Model, request: Request, *, thinks: bool) -> Response:
    """thinks: ask again without the row's max_tokens where all of it was spent on thinking."""
    reply = await model.ask(request)
    if thinks and reply.is_truncated and reply.reasoning.strip() and not reply.text.strip():
        params = {name: value for name, value in request.params.items() if name != "max_tokens"}
        reply = await model.ask(replace(request, params=params))
    return reply


async def _all_at_once(model: Model, requests: list[Request]) -> tuple[Response, ...]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(model.ask(request)) for request in requests]
    except BaseExceptionGroup as failures:
        # The engine knows single errors: the first one decides, and the item is ungraded.
        raise failures.exceptions[0] from None
    return tuple(task.result() for task in tasks)


def grade_answers(sample: Sample, answers: Answers) -> Grade:
    if isinstance(answers, Refusal):
        if sample.subset == "reasoning":
            # Refused for its tools, which says nothing about the thinking; tool_call reports it.
            return Grade.no_answer(cause=f"refused_{answers.cause}", explanation=answers.message)
        return Grade.wrong(cause=f"refused_{answers.cause}", explanation=answers.message)
    if isinstance(answers, Recall):
        return grade_recall(sample, answers)
    return CHECKS[sample.data["check"]](sample.target, answers)


@benchmark(
    name="wiring",
    version="2",
    dataset=inline(rows),
    subsets=list(rows()),
    sample=to_sample,
    sample_id=lambda row: row.text("id"),
    solve=solve,
    grade=grade_answers,
    # Enough for a model that thinks; checks that need a limit set their own.
    defaults={"max_tokens": 4096},
    advice=ADVICE,
)
def test_wiring(grade: Grade) -> None:
    assert grade, grade.explanation
