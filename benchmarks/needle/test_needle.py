"""One fact in a long text, at eleven depths and several lengths. See card.md."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from pytest_modeleval import Breakdown, Grade, Model, Option, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.graders.text import fold
from pytest_modeleval.metrics import macro, mean

from ..long_texts.filler import placed, prose
from ..long_texts.fitting import LongReply, ask, check_context, fit, length_marks, length_measures
from ..long_texts.lengths import LENGTHS, LENGTHS_OPTION, OFFICIAL_LENGTHS, NumberedRows, parse_lengths
from ..long_texts.words import FIRST_NAMES, LAST_NAMES, PLACES, pair_of_words

DEPTHS = tuple(range(0, 101, 10))
# Measured with the tokenizer of SmolLM2, see ruler.
CHARS_PER_TOKEN = 4.48
ANSWER_TOKENS = 128


def rows(options: Mapping[str, Any] | None = None) -> dict[str, NumberedRows]:
    """Subset -> rows: eleven depths in turn, as often as `samples` says."""
    given = options or {}
    wanted, count = parse_lengths("needle", given), len(DEPTHS) * int(given.get("samples", 5))
    return {str(length): NumberedRows({"length": length}, count if length in wanted else 0) for length in LENGTHS}


def to_sample(row: Row) -> Sample:
    length, number = row.integer("length"), row.integer("number")
    random = Random(f"needle 1 {length} {number}")
    keeper = f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"
    thing = f"{pair_of_words(random).replace('-', ' ')} of {random.choice(PLACES)}"
    return Sample(
        question=f"Who keeps the {thing}?",
        target=keeper,
        data={
            "fact": f"The {thing} is kept by {keeper}.",
            "length": length,
            "depth": DEPTHS[number % len(DEPTHS)],
            "seed": f"needle 1 {length} {number} filler",
        },
    )


async def solve(sample: Sample, model: Model) -> LongReply:
    check_context(model, sample.data["length"])

    def build(units: int) -> str:
        sentences = prose(Random(sample.data["seed"]), units)
        text = " ".join(placed(sentences, sample.data["fact"], sample.data["depth"] / 100))
        return f"A question follows this text.\n\n{text}\n\n{sample.question} Answer in one sentence."

    tokens = sample.data["length"] - ANSWER_TOKENS
    return await ask(model, await fit(model, build, tokens, chars_per_token=CHARS_PER_TOKEN))


def grade(sample: Sample, reply: LongReply) -> Grade:
    """Right if the reply names the keeper, in whatever words."""
    marks, measures = length_marks(reply), length_measures(reply)
    if cause := reply.response.missing_cause:
        return Grade.no_answer(cause=cause, marks=marks, measures=measures)
    answer, text = reply.response.text.strip()[:200], f" {fold(reply.response.text)} "
    if fold(sample.target) in text:
        return Grade.right(answer, f"found in {reply.tokens} tokens", marks=marks, measures=measures)
    missing = f"{sample.target!r} is not in the reply; the prompt has {reply.tokens} tokens"
    return Grade.wrong(answer, cause="not_found", explanation=missing, marks=marks, measures=measures)


@benchmark(
    name="needle",
    version="1",
    dataset=inline(rows),
    subsets=[Subset(name) for name in rows()],
    options=[
        LENGTHS_OPTION,
        Option("samples", 5, low=1, high=100, description="facts for each length and depth"),
    ],
    sample=to_sample,
    solve=solve,
    grade=grade,
    measures=[mean("prompt_tokens", is_higher_better=False, high=None, unit="tokens")],
    breakdowns=[
        Breakdown("depth", lambda sample: f"{sample.data['depth']}%", order=tuple(f"{depth}%" for depth in DEPTHS))
    ],
    aggregates=[macro("AVG", [str(length) for length in OFFICIAL_LENGTHS])],
    # Room to think.
    defaults={"max_tokens": 4096},
)
def test_needle(grade: Grade) -> None:
    assert grade, grade.explanation
