"""MMBench: 1,164 choice questions about pictures in English and Chinese, each with its options rotated. See card.md."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modeleval import Breakdown, Grade, Model, Option, Request, Response, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders import extract_choice
from pytest_modeleval.graders.marked_answer import missing_answer_cause
from pytest_modeleval.metrics import mean, ratio
from pytest_modeleval.prompts import choice_prompt, user
from pytest_modeleval.records import MeasureValue

LETTERS = "ABCD"
# Rows from here on are rotations of the question that the rest of the number names.
ROTATED = 1_000_000
CIRCULAR, ONCE = "circular", "once"


def subset_of(row: Row) -> str:
    return row.subset if row.integer("index") < ROTATED else f"{row.subset}_rotated"


def sample_id(row: Row) -> str:
    return f"{row.subset}-{row.integer('index')}"


def is_filled(value: object) -> bool:
    """False for what tables write where there is nothing."""
    return isinstance(value, int | float | str) and str(value).strip() not in ("", "nan")


def to_sample(row: Row) -> Sample:
    choices = tuple(str(row[letter]) for letter in LETTERS if is_filled(row.get(letter)))
    if len(choices) < 2 or not all(is_filled(row.get(letter)) for letter in LETTERS[: len(choices)]):
        raise DataError(f"expected at least two options in fields A to D, without a gap, in {row.where}")
    hint = f"{row['hint']}\n" if is_filled(row.get("hint")) else ""
    ability = row.get("L2-category") or row.get("l2-category")
    return Sample(
        question=hint + row.text("question"),
        choices=choices,
        target=row.letter("answer", len(choices)),
        data={"image": row.image("image"), "ability": ability if isinstance(ability, str) else ""},
    )


def rotated(choices: Sequence[str], steps: int) -> tuple[str, ...]:
    """The options, each of them `steps` places further up; the first ones at the end."""
    return (*choices[steps:], *choices[:steps])


def to_request(sample: Sample, steps: int) -> Request:
    language = "zh" if sample.subset == "cn" else "en"
    text = choice_prompt(sample.question, rotated(sample.choices, steps), language=language)
    return Request(user(sample.data["image"], text))


async def solve(sample: Sample, model: Model) -> list[Response]:
    """The reply to each rotation, from the options as they are."""
    count = len(sample.choices) if sample.options["passes"] == CIRCULAR else 1
    return [await model.ask(to_request(sample, steps)) for steps in range(count)]


def grade(sample: Sample, responses: Sequence[Response]) -> Grade:
    """Right if the right option is named in every rotation; the first that is not decides the cause."""
    count = len(sample.choices)
    target = LETTERS.index(sample.target)
    wanted = [LETTERS[(target - steps) % count] for steps in range(len(responses))]
    named = [
        extract_choice(response.text, LETTERS[:count], rotated(sample.choices, steps))
        for steps, response in enumerate(responses)
    ]
    hits = sum(letter == expected for letter, expected in zip(named, wanted, strict=True))
    measures: dict[str, MeasureValue] = {"rotations": (hits, len(responses)), "first": float(named[0] == wanted[0])}
    answer = " ".join(letter or "-" for letter in named)
    if hits == len(responses):
        return Grade.right(answer, measures=measures)
    place = next(steps for steps, letter in enumerate(named) if letter != wanted[steps])
    explanation = f"{hits} of {len(responses)} rotations are right: {answer} instead of {' '.join(wanted)}"
    if named[place] is None:
        cause = missing_answer_cause(responses[place])
        return Grade.no_answer(cause=cause, explanation=explanation, measures=measures)
    cause = "position" if hits else "wrong_letter"
    return Grade.wrong(answer, cause=cause, explanation=explanation, measures=measures)


@benchmark(
    name="mmbench",
    version="1",
    dataset=huggingface(
        "lmms-lab/MMBench", config="{subset}", split="dev", local="mmbench/{subset}", subset_of=subset_of
    ),
    subsets=[Subset("en", size=1164), Subset("cn", size=1164)],
    options=[
        Option(
            "passes", CIRCULAR, choices=(CIRCULAR, ONCE), description="every rotation of the options, or the first only"
        )
    ],
    sample=to_sample,
    sample_id=sample_id,
    solve=solve,
    grade=grade,
    measures=[mean("first"), ratio("rotations")],
    breakdowns=[Breakdown("ability", lambda sample: sample.data["ability"])],
    needs_images=True,
)
def test_mmbench(grade: Grade) -> None:
    assert grade, grade.explanation
