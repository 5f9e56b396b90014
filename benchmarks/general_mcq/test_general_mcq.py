"""Your own choice questions: DIR/general_mcq/<subset>.jsonl, each file a subset. See card.md."""

from __future__ import annotations

import itertools

from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.graders import grade_choice
from pytest_modeleval.prompts import choice_prompt, user


def choices_of(row: Row) -> tuple[str, ...]:
    """The field `choices`, or columns A, B, C, ... as spreadsheets have them; the first empty one ends them."""
    if "choices" in row or "A" not in row:
        return row.texts("choices")
    filled = itertools.takewhile(lambda letter: letter in row and row[letter] not in ("", None), "ABCDEFGHIJ")
    return tuple(str(row[letter]) for letter in filled)


def to_sample(row: Row) -> Sample:
    choices = choices_of(row)
    if not 2 <= len(choices) <= 26:
        raise ValueError(f"expected 2 to 26 choices, found {len(choices)}")
    return Sample(question=row.text("question"), choices=choices, target=row.letter("answer", len(choices)))


def to_request(sample: Sample) -> Request:
    language = "zh" if any("\u4e00" <= character <= "\u9fff" for character in sample.question) else "en"
    return Request(user(choice_prompt(sample.question, sample.choices, language=language)))


@benchmark(
    name="general_mcq",
    version="2",
    dataset=local("general_mcq/{subset}"),
    sample=to_sample,
    request=to_request,
    grade=grade_choice,
)
def test_general_mcq(grade: Grade) -> None:
    assert grade, grade.explanation
