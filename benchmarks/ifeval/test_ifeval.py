"""IFEval: 541 prompts with one to three instructions that rules can check. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import huggingface
from pytest_modeleval.prompts import user

from ..instruction_following import (
    IFEVAL,
    MEASURES,
    PROMPT_STRICT,
    InstructionGrader,
    missing_for_ifeval,
    sample_id,
    to_sample,
)


def to_request(sample: Sample) -> Request:
    return Request(user(sample.question))


@benchmark(
    name="ifeval",
    version="1",
    metric=PROMPT_STRICT,
    measures=MEASURES,
    dataset=huggingface("google/IFEval", split="train", local="ifeval/train"),
    subsets=[Subset("main", missing=missing_for_ifeval(), size=541)],
    sample=to_sample,
    sample_id=sample_id,
    request=to_request,
    grade=InstructionGrader(IFEVAL, PROMPT_STRICT),
    # They ask for "#" and "!", in whose place the official checker draws a letter.
    excluded=dict.fromkeys(("1122", "1129"), "the official checker is random"),
)
def test_ifeval(grade: Grade) -> None:
    assert grade, grade.explanation
