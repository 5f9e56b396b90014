"""MMLU-Pro: 12,032 choice questions with up to ten options, answered after reasoning. See card.md."""

from __future__ import annotations

from pytest_modeleval import Examples, Grade, Option, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, first_of, huggingface, local
from pytest_modeleval.metrics import macro, micro
from pytest_modeleval.prompts import user

from ..multiple_choice import sized_subsets, title
from .stated_letter import LETTERS, grade_stated_letter

SIZES = {
    "biology": 717,
    "business": 789,
    "chemistry": 1132,
    "computer_science": 410,
    "economics": 844,
    "engineering": 969,
    "health": 818,
    "history": 381,
    "law": 1101,
    "math": 1351,
    "other": 924,
    "philosophy": 499,
    "physics": 1299,
    "psychology": 798,
}
BEGIN = "Let's think step by step."


def category_of(row: Row) -> str:
    return row.text("category").replace(" ", "_")


def to_sample(row: Row) -> Sample:
    options = tuple(option for option in row.texts("options") if option != "N/A")
    # The letter counts, as officially; in one row (question 3983) answer_index says otherwise.
    return Sample(
        question=row.text("question"),
        choices=options,
        target=row.letter("answer", len(options)),
        data={"reasoning": str(row.get("cot_content") or "")},
    )


def asked(sample: Sample) -> str:
    options = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, sample.choices, strict=False))
    return f"Question:\n{sample.question}\nOptions:\n{options}\nAnswer: "


def solved(example: Sample) -> str:
    """The worked example; its reasoning begins with "A: Let's think" and ends with "The answer is (X)."."""
    return asked(example) + str(example.data["reasoning"]).removeprefix("A: ")


def to_request(sample: Sample) -> Request:
    head = (
        f'Multiple-choice questions about {title(sample.subset)}. Reason step by step, then end your reply with "The '
        'answer is (X).", where X is the letter of the right option.'
    )
    return Request(user("\n\n".join([head, *map(solved, sample.examples), asked(sample) + BEGIN])))


@benchmark(
    name="mmlu_pro",
    version="1",
    dataset=first_of(
        local("mmlu_pro/test_full", subset_of=category_of),
        huggingface("TIGER-Lab/MMLU-Pro", split="test", local="mmlu_pro/test", subset_of=category_of),
    ),
    subsets=sized_subsets(SIZES),
    sample=to_sample,
    request=to_request,
    grade=grade_stated_letter,
    options=[Option("shots", 5, low=0, high=5, description="Worked examples of the validation split.")],
    examples=Examples(
        huggingface("TIGER-Lab/MMLU-Pro", split="validation", local="mmlu_pro/validation", subset_of=category_of),
        count="shots",
    ),
    aggregates=[micro("OVERALL"), macro("MACRO")],
)
def test_mmlu_pro(grade: Grade) -> None:
    assert grade, grade.explanation
