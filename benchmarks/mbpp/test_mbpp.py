"""MBPP: short Python functions, each described in a sentence and checked by three assertions. See card.md."""

from __future__ import annotations

import ast

from pytest_modeleval import Examples, Grade, Option, Request, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.graders.code.grader import code_grader
from pytest_modeleval.graders.code.prelude import CONTEST_PRELUDE
from pytest_modeleval.graders.code.problem import Problem, ProgramGraderError
from pytest_modeleval.prompts import user
from pytest_modeleval.sandbox import Limits, SourceFile

HUB = "google-research-datasets/mbpp"
LIMITS = Limits(cpu_s=4.0, wall_s=30.0)


def to_sample(row: Row) -> Sample:
    """Of both forms: the task is `prompt` where it was sanitized, and what tests need is a list or a text."""
    tests, code = row.texts("test_list"), row.text("code")
    needed = "\n".join(row.texts("test_imports")) if "test_imports" in row else str(row.get("test_setup_code") or "")
    data = {"tests": "\n".join(tests), "setup": needed, "code": code}
    return Sample(question=row.text("prompt" if "prompt" in row else "text"), data=data)


def to_request(sample: Sample) -> Request:
    shown = [f"{_task(example)}\n\n```python\n{example.data['code'].strip()}\n```" for example in sample.examples]
    form = "Reply with one fenced Python code block that holds the whole function, with its imports and helpers."
    return Request(user("\n\n\n".join([form, *shown, _task(sample)])))


def _task(sample: Sample) -> str:
    return f"Task: {sample.question.strip()}\nThe code has to pass these tests:\n\n{sample.data['tests'].strip()}"


def called_function(sample: Sample) -> str:
    """The function that the tests call: of those that the reference solution defines, the last one named in the tests.

    Raises ProgramGraderError where there is none, and where the tests make objects of a class of the program, which
    does not reach them.
    """
    try:
        solution, tests = ast.parse(sample.data["code"]), ast.parse(sample.data["tests"])
    except SyntaxError as error:
        raise ProgramGraderError(f"expected Python as reference solution and tests, found {error}") from error
    calls = [node.func for node in ast.walk(tests) if isinstance(node, ast.Call)]
    called = {function.id for function in calls if isinstance(function, ast.Name)}
    classes = [node.name for node in solution.body if isinstance(node, ast.ClassDef) and node.name in called]
    functions = [node.name for node in solution.body if isinstance(node, ast.FunctionDef) and node.name in called]
    if classes or not functions:
        found = f"tests that make objects of {classes[0]}" if classes else "tests that call none of them"
        raise ProgramGraderError(f"expected tests that call a function of the reference solution, found {found}")
    return functions[-1]


def to_problem(sample: Sample) -> Problem:
    """The tests run apart from the program, and call its function by value."""
    entry = called_function(sample)
    return Problem(
        limits=LIMITS,
        function=entry,
        prelude=CONTEST_PRELUDE,
        check=(SourceFile("setup.py", sample.data["setup"]), SourceFile("tests.py", sample.data["tests"])),
        names=(entry,),
    )


@benchmark(
    name="mbpp",
    version="1",
    dataset=huggingface(HUB, config="{subset}", split="test", local="mbpp/{subset}"),
    subsets=[Subset("sanitized", size=257), Subset("full", size=500)],
    options=[Option("shots", 3, low=0, high=7, description="solved tasks in front: 2, 3, 4, ... of the prompt split")],
    examples=Examples(huggingface(HUB, config="sanitized", split="prompt", local="mbpp/prompt"), count="shots"),
    sample=to_sample,
    request=to_request,
    grade=code_grader(to_problem, is_bare_code_accepted=True),
    metric="pass@1",
)
def test_mbpp(grade: Grade) -> None:
    assert grade, grade.explanation
