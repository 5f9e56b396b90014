"""Arena-Hard v0.1: 500 hard requests, each answer against that of GPT-4-0314, in both orders. See card.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_modeleval import Examples, Grade, Option, Request, Response, Sample, benchmark
from pytest_modeleval.arena.games import FIVE_LABELS
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.errors import DataError
from pytest_modeleval.metrics import Measure, ratio
from pytest_modeleval.prompts import user
from pytest_modeleval.roles import Role

from ..pairwise.against_baseline import JUDGE_MEASURES, STYLE_OPTION, WIN_RATE, grade_against, style_measures

# How many games a strong verdict counts for, in the published score.
STRONG = 3


def to_sample(row: Row) -> Sample:
    turns = row["turns"]
    try:
        (question,) = (turn["content"] for turn in turns)
    except (TypeError, KeyError, ValueError):
        raise DataError(f"expected one turn with 'content' in field 'turns', in {row.where}") from None
    return Sample(question=str(question), data={"question_id": row.text("question_id")})


def to_baseline(row: Row) -> Sample:
    """An answer of the baseline, in our form (`answer`) or as the project publishes it (`choices`)."""
    if "answer" in row:
        answer = row.text("answer")
    else:
        try:
            answer = str(row["choices"][0]["turns"][0]["content"])
        except (TypeError, KeyError, IndexError):
            raise DataError(f"expected choices[0].turns[0].content, in {row.where}") from None
    return Sample(question=row.text("question_id"), target=answer)


def to_request(sample: Sample) -> Request:
    return Request(user(sample.question))


def baseline_of(sample: Sample) -> str:
    """The baseline's answer to the question. Raises DataError where the file has none."""
    wanted = sample.data["question_id"]
    found = next((str(row.target) for row in sample.examples if row.question == wanted), None)
    if found is None:
        raise DataError(f"expected an answer of the baseline to question {wanted}, found none in its file")
    return found


async def grade(sample: Sample, response: Response, *, judge: Role) -> Grade:
    games, found = await grade_against(
        judge,
        question=sample.question,
        response=response,
        baseline=baseline_of(sample),
        labels=FIVE_LABELS,
        further={},
    )
    return replace(found, measures={**(found.measures or {}), "arena_hard_score": games.weighted_games(STRONG)})


def measures(options: Mapping[str, Any]) -> Sequence[Measure]:
    """The win rate over both orders, the published score, which counts games, and the judge."""
    return (WIN_RATE, ratio("arena_hard_score"), *style_measures(options, strong=STRONG), *JUDGE_MEASURES)


@benchmark(
    name="arena_hard",
    version="1",
    metric="win_rate",
    measures=measures,
    options=[
        Option("baseline_answers", 500, low=1, high=100_000, description="rows of the file of the baseline's answers"),
        STYLE_OPTION,
    ],
    # Rows that go with every question, so that the file is pinned as the questions are.
    examples=Examples(local("arena_hard/answers_gpt-4-0314"), count="baseline_answers", sample=to_baseline),
    dataset=local("arena_hard/test"),
    subsets=["v0.1"],
    sample=to_sample,
    sample_id=lambda row: row.text("question_id"),
    request=to_request,
    grade=grade,
    roles=("judge",),
)
def test_arena_hard(grade: Grade) -> None:
    assert grade, grade.explanation
