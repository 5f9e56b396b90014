"""LiveCodeBench, code generation: contest problems by date, graded by running the program. See card.md."""

from __future__ import annotations

import json

from pytest_modeleval import Advice, Breakdown, Grade, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders.code.grader import code_grader
from pytest_modeleval.graders.code.prelude import CONTEST_PRELUDE
from pytest_modeleval.graders.code.problem import Problem
from pytest_modeleval.prompts import user
from pytest_modeleval.sandbox import Limits

from .known_faults import REMARKS
from .packed_tests import cases

LIMITS = Limits(cpu_s=6.0, wall_s=60.0, memory_bytes=2 * 2**30)
RELEASES = [f"release_v{number}" for number in range(1, 7)]
# Single windows and ranges of them, as the Parquet mirrors name them.
WINDOWS = [f"v{first}" if first == last else f"v{first}_v{last}" for first in range(1, 7) for last in range(first, 7)]


def sample_id(row: Row) -> str:
    """Date and difficulty first: `-k "2024-08 or 2024-09"` is a window of time, `-k hard` a degree of difficulty."""
    return f"{row.text('contest_date')[:10]}-{row.text('difficulty')}-{row.text('question_id')}"


def to_sample(row: Row) -> Sample:
    try:
        function = json.loads(row.text("metadata")).get("func_name") or ""
    except (ValueError, AttributeError):
        raise DataError(f"expected a JSON object in field 'metadata', found none, in {row.where}") from None
    names = ("starter_code", "question_id", "question_title", "difficulty", "contest_date")
    return Sample(
        question=row.text("question_content"),
        # The tests stay in the file, packed as they come, until a program is graded: together they are gigabytes.
        data={name: row.text(name) for name in names}
        | {"function": function, "tests": row.lazy("public_test_cases", "private_test_cases")},
    )


def to_request(sample: Sample) -> Request:
    starter = sample.data["starter_code"].rstrip()
    if starter:
        form = f"Write it with this starter code, whose names and parameters stay:\n\n```python\n{starter}\n```"
    else:
        form = "It reads its input from standard input and writes the answer to standard output."
    text = (
        f"### Problem\n\n{sample.question}\n\n### Form\n\nWrite a Python program that solves the problem. {form}\n\n"
        "Reply with the complete program in one fenced Python code block at the end."
    )
    system = "You are an expert Python programmer. You write correct and efficient programs that pass all tests."
    return Request(user(text, system=system))


def to_problem(sample: Sample) -> Problem:
    function = sample.data["function"]
    return Problem(
        limits=LIMITS,
        cases=lambda: cases(*sample.data["tests"].texts()),
        function=function,
        class_name="Solution" if function else "",
        prelude=CONTEST_PRELUDE,
    )


def remark(sample: Sample) -> str:
    return REMARKS.get(sample.data["question_id"]) or REMARKS.get(sample.data["question_title"], "")


@benchmark(
    name="live_code_bench",
    version="2",
    dataset=huggingface(
        "lighteval/code_generation_lite", config="{subset}", split="test", local="live_code_bench/{subset}"
    ),
    subsets=["release_latest", *(Subset(name, is_optional=True) for name in [*RELEASES, *WINDOWS])],
    sample=to_sample,
    sample_id=sample_id,
    request=to_request,
    grade=code_grader(to_problem, other_rules=["between_last_fences", "between_first_fences"], remark=remark),
    metric="pass@1",
    further_metrics=["pass@5"],
    breakdowns=[
        Breakdown("difficulty", lambda sample: sample.data["difficulty"], order=("easy", "medium", "hard")),
        Breakdown("month", lambda sample: sample.data["contest_date"][:7]),
    ],
    # A reply cut here counts as truncated, never as a wrong program.
    defaults={"max_tokens": 65536},
    advice={
        "release_latest": Advice(
            "all zero is nearly always the harness: look at the causes, then at three raw replies.", below=0.001
        )
    },
)
def test_live_code_bench(grade: Grade) -> None:
    assert grade, grade.explanation
