"""OCRBench: 1,000 questions about text in pictures, of ten types. See card.md."""

from __future__ import annotations

from pytest_modeleval import Breakdown, Grade, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, first_of, huggingface
from pytest_modeleval.metrics import mean

from ..picture_questions import filled_text, filled_texts, picture_request
from .inclusion import COUNT, grade_inclusion

TYPES = (
    "Regular Text Recognition",
    "Irregular Text Recognition",
    "Artistic Text Recognition",
    "Handwriting Recognition",
    "Digit String Recognition",
    "Non-Semantic Text Recognition",
    "Scene Text-centric VQA",
    "Doc-oriented VQA",
    "Key Information Extraction",
    "Handwritten Mathematical Expression Recognition",
)


def to_sample(row: Row) -> Sample:
    targets = [filled_text(row, "answer")] if isinstance(row["answer"], str) else filled_texts(row, "answer")
    data = {"image": row.image("image"), "type": row.text("question_type"), "dataset": row.text("dataset")}
    return Sample(question=row.text("question"), target=targets, data=data)


def to_request(sample: Sample) -> Request:
    return picture_request(sample.question, sample)


@benchmark(
    name="ocrbench",
    version="1",
    dataset=first_of(
        huggingface("echo840/OCRBench", file="data/test-00000-of-00001.parquet", local="ocrbench/{subset}"),
        huggingface("echo840/OCRBench", split="test", local="ocrbench/{subset}"),
    ),
    subsets=[Subset("test", size=1000)],
    sample=to_sample,
    request=to_request,
    grade=grade_inclusion,
    measures=[mean(COUNT, high=1000.0)],
    breakdowns=[Breakdown("type", lambda sample: sample.data["type"], order=TYPES)],
    needs_images=True,
)
def test_ocrbench(grade: Grade) -> None:
    assert grade, grade.explanation
