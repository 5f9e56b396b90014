"""RULER: 13 tasks over prompts of 4k to 128k tokens, all made by code. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Model, Option, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.metrics import macro, mean, weighted

from ..long_texts.fitting import LongReply, ask, check_context, fit, length_marks, length_measures
from ..long_texts.lengths import LENGTHS, LENGTHS_OPTION, OFFICIAL_LENGTHS, short_length
from .problem import Problem
from .rows import (
    ANSWER_TOKENS,
    CHARS_PER_TOKEN,
    NEEDLE_ANSWER_TOKENS,
    TASKS,
    rows,
    subset_name,
)

OFFICIAL = [short_length(length) for length in OFFICIAL_LENGTHS]


def to_sample(row: Row) -> Sample:
    task, length, number = row.text("task"), row.integer("length"), row.integer("number")
    problem = _problem(task, length, number)
    return Sample(
        question=f"question {number} of {task} in a prompt of {length} tokens",
        target=list(problem.target),
        data={"task": task, "length": length, "number": number, "is_any": problem.is_any},
    )


def _problem(task: str, length: int, number: int) -> Problem:
    return TASKS[task](f"ruler 1 {task} {length} {number}", length)


async def solve(sample: Sample, model: Model) -> LongReply:
    task, length = sample.data["task"], sample.data["length"]
    check_context(model, length)
    problem = _problem(task, length, sample.data["number"])
    tokens = length - ANSWER_TOKENS.get(task, NEEDLE_ANSWER_TOKENS)
    return await ask(model, await fit(model, problem.build, tokens, chars_per_token=CHARS_PER_TOKEN[task]))


def grade(sample: Sample, reply: LongReply) -> Grade:
    """The share of the wanted texts that the answer contains, in any case of letters; of a question, any of them."""
    marks, measures = length_marks(reply), length_measures(reply)
    if cause := reply.response.missing_cause:
        return Grade.no_answer(cause=cause, marks=marks, measures=measures)
    text = reply.response.text.lower()
    found = [wanted for wanted in sample.target if wanted.lower() in text]
    share = float(bool(found)) if sample.data["is_any"] else len(found) / len(sample.target)
    return Grade.partial(
        share,
        reply.response.text.strip()[:200],
        cause="not_found",
        explanation=f"{len(found)} of {len(sample.target)} texts found; the prompt has {reply.tokens} tokens",
        marks=marks,
        measures=measures,
    )


@benchmark(
    name="ruler",
    version="1",
    dataset=inline(rows),
    subsets=[Subset(name) for name in rows()],
    options=[
        LENGTHS_OPTION,
        Option("samples", 100, low=1, high=500, description="questions of each task and length; officially 500"),
    ],
    sample=to_sample,
    solve=solve,
    grade=grade,
    measures=[mean("prompt_tokens", is_higher_better=False, high=None, unit="tokens")],
    aggregates=[
        *(macro(short_length(length), [subset_name(task, length) for task in TASKS]) for length in LENGTHS),
        macro("AVG", OFFICIAL),
        weighted("WAVG_INC", {name: float(place) for place, name in enumerate(OFFICIAL, 1)}),
        weighted("WAVG_DEC", {name: float(place) for place, name in enumerate(reversed(OFFICIAL), 1)}),
    ],
    # Room to think; the official limits of 30 to 128 tokens are for models that answer at once.
    defaults={"max_tokens": 4096},
)
def test_ruler(grade: Grade) -> None:
    assert grade, grade.explanation
