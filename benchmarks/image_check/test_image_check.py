"""image_check: does a server show pictures to its model? card.md describes the checks."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval import Grade, Kind, Model, Request, Response, Sample, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.prompts import user

from .advice import ADVICE
from .drawings import draw
from .rows import rows
from .rules import RULES

# Of a server that will never take this picture. They are verdicts where sizes and numbers of pictures are checked.
REFUSALS = frozenset({"http_400", "http_413", "http_422", "context_exceeded", "image_too_large", "too_many_images"})
REFUSAL_IS_VERDICT = frozenset({"size", "order"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the server refused."""

    cause: str
    message: str


def to_sample(row: Row) -> Sample:
    asks = row["asks"]
    texts = [part for part in asks[-1] if isinstance(part, str)]
    return Sample(question=texts[-1], target=row["expect"], data={"rule": row["rule"], "asks": asks})


async def solve(sample: Sample, model: Model) -> tuple[Response, ...] | Refusal:
    replies = []
    try:
        for parts in sample.data["asks"]:
            shown = [part if isinstance(part, str) else draw(part) for part in parts]
            replies.append(await model.ask(Request(user(*shown))))
    except Ungraded as failure:
        if failure.kind is Kind.SERVER_ERROR and failure.cause in REFUSALS and sample.subset in REFUSAL_IS_VERDICT:
            return Refusal(failure.cause, str(failure))
        raise
    return tuple(replies)


def grade_answers(sample: Sample, answers: tuple[Response, ...] | Refusal) -> Grade:
    if isinstance(answers, Refusal):
        return Grade.wrong(cause=f"refused_{answers.cause}", explanation=answers.message)
    return RULES[sample.data["rule"]](sample.target, answers)


@benchmark(
    name="image_check",
    version="1",
    dataset=inline(rows),
    subsets=list(rows()),
    sample=to_sample,
    sample_id=lambda row: row.text("id"),
    solve=solve,
    grade=grade_answers,
    # Enough for a model that thinks.
    defaults={"max_tokens": 4096},
    advice=ADVICE,
    needs_images=True,
)
def test_image_check(grade: Grade) -> None:
    assert grade, grade.explanation
