"""IFBench: 300 prompts with one or two instructions of 58 new types that rules can check. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.prompts import user

from ..instruction_following import (
    IFBENCH,
    MEASURES,
    PROMPT_LOOSE,
    InstructionGrader,
    missing_for_ifbench,
    sample_id,
    to_sample,
)

ROWS = 300
# Seven rows of the table stand in one prompt of the first release, which has 294 for that reason.
MERGED = "\t['words:vowel']\t["


def to_checked_sample(row: Row) -> Sample:
    if MERGED in row.text("prompt"):
        raise DataError(
            f"expected the release with {ROWS} rows, found that of 294, in which seven prompts are merged into one, "
            f"in {row.where}; scores of the two cannot be compared: get the rows of allenai/IFBench_test anew"
        )
    return to_sample(row)


def to_request(sample: Sample) -> Request:
    return Request(user(sample.question))


@benchmark(
    name="ifbench",
    # Of ours, then the rows and the commit of the official checkers: either changes scores.
    version=f"1+{ROWS}.db69a6f0",
    metric=PROMPT_LOOSE,
    measures=MEASURES,
    dataset=huggingface("allenai/IFBench_test", split="train", local="ifbench/test"),
    subsets=[Subset("main", missing=missing_for_ifbench(), size=ROWS)],
    sample=to_checked_sample,
    sample_id=sample_id,
    request=to_request,
    grade=InstructionGrader(IFBENCH, PROMPT_LOOSE),
)
def test_ifbench(grade: Grade) -> None:
    assert grade, grade.explanation
