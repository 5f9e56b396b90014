"""ChartQA: 2,500 questions about charts, half of them written by people. See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.graders import grade_relaxed
from pytest_modeleval.graders.relaxed_number import RELAXED_OFFICIAL
from pytest_modeleval.metrics import mean, micro

from ..picture_questions import filled_text, short_request


def half_of(row: Row) -> str:
    """Human or augmented: the type without its ending "_test"."""
    return row.text("type").removesuffix("_test")


def to_sample(row: Row) -> Sample:
    data = {"image": row.image("image")}
    return Sample(question=row.text("question"), target=filled_text(row, "answer"), data=data)


@benchmark(
    name="chartqa",
    version="1",
    dataset=huggingface("lmms-lab/ChartQA", split="test", local="chartqa/test", subset_of=half_of),
    subsets=[Subset("human", size=1250), Subset("augmented", size=1250)],
    sample=to_sample,
    request=short_request,
    grade=grade_relaxed,
    measures=[mean(RELAXED_OFFICIAL)],
    aggregates=[micro("OVERALL")],
    needs_images=True,
)
def test_chartqa(grade: Grade) -> None:
    assert grade, grade.explanation
