"""AIME 2025: 30 problems of a mathematics competition, answers from 0 to 999. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, first_of, huggingface
from pytest_modeleval.graders import grade_math
from pytest_modeleval.metrics import micro
from pytest_modeleval.prompts import boxed_prompt, user


def to_sample(row: Row) -> Sample:
    # The two transcriptions name the same field differently.
    question = row.text("problem" if "problem" in row else "question")
    return Sample(question=question, target=str(row.integer("answer")))


def to_request(sample: Sample) -> Request:
    return Request(user(boxed_prompt(sample.question)))


@benchmark(
    name="aime25",
    version="2",
    # Both name {subset} as the configuration: neither can give rows in the other's place.
    dataset=first_of(
        huggingface("opencompass/AIME2025", config="{subset}", split="test", local="aime25/{subset}"),
        huggingface("math-ai/aime25", config="{subset}", split="test", local="aime25/{subset}"),
    ),
    subsets=["AIME2025-I", "AIME2025-II", Subset("default", is_optional=True)],
    sample=to_sample,
    request=to_request,
    grade=grade_math,
    aggregates=[micro("OVERALL")],
    # Thinking models need it; a reply cut here counts as truncated, and the table says so.
    defaults={"max_tokens": 65536},
)
def test_aime25(grade: Grade) -> None:
    assert grade, grade.explanation
