"""IQuiz: 120 Chinese choice questions on wit (IQ) and tact (EQ). See card.md."""

from __future__ import annotations

from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, modelscope
from pytest_modeleval.graders import grade_choice
from pytest_modeleval.metrics import micro
from pytest_modeleval.prompts import choice_prompt, user

# IQ.jsonl and EQ.jsonl stand at the top of the repository, as EvalScope's issue #879 shows in its error message.
FILE = "{subset}.jsonl"


def to_sample(row: Row) -> Sample:
    choices = row.texts("choices")
    return Sample(
        question=row.text("question"),
        choices=choices,
        target=row.letter("answer", len(choices)),
        data={"level": row.get("level")},
    )


def to_request(sample: Sample) -> Request:
    return Request(user(choice_prompt(sample.question, sample.choices, language="zh")))


@benchmark(
    name="iquiz",
    version="2",
    dataset=modelscope("AI-ModelScope/IQuiz", file=FILE, local="iquiz/{subset}"),
    subsets=["IQ", "EQ"],
    sample=to_sample,
    request=to_request,
    grade=grade_choice,
    aggregates=[micro("OVERALL")],
)
def test_iquiz(grade: Grade) -> None:
    assert grade, grade.explanation
