"""SciCode: research problems in steps, each a Python function. Needs the authors' targets. See card.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval import Grade, Model, Option, Request, Response, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, pypi
from pytest_modeleval.graders.code.extraction import last_block
from pytest_modeleval.metrics import mean, ratio
from pytest_modeleval.prompts import user

from .grading import StepGrader
from .steps import GIVEN, Solved, Step
from .targets import given_code, size, why_missing


def to_sample(row: Row) -> Sample:
    steps = [_step(fields) for fields in row["sub_steps"]]
    return Sample(
        question=row.text("problem_description_main"),
        data={"dependencies": row.text("required_dependencies"), "steps": steps},
    )


def _step(fields: Mapping[str, Any]) -> Step:
    return Step(
        number=str(fields["step_number"]),
        description=str(fields["step_description_prompt"]),
        background=str(fields["step_background"]),
        header=str(fields["function_header"]),
        return_line=str(fields["return_line"]),
        tests=tuple(map(str, fields["test_cases"])),
    )


async def solve(sample: Sample, model: Model) -> Solved:
    """Each step in a request of its own, with the code of the steps before it."""
    before: list[str] = []
    replies: dict[str, Response] = {}
    for step in sample.data["steps"]:
        shown = _described(step, has_background=bool(sample.options["background"]))
        if step.number in GIVEN:
            code = given_code(step.number)
            before.append(f"{shown}\n\n```python\n{code}\n```" if code else shown)
            continue
        reply = await model.ask(Request(user(_prompt(sample.data["dependencies"], before, shown))))
        replies[step.number] = reply
        before.append(f"{shown}\n\n```python\n{last_block(reply.text)}\n```")
    return Solved(replies)


def _described(step: Step, *, has_background: bool) -> str:
    background = f"\n{step.background}" if has_background and step.background else ""
    return f"Step {step.number}: {step.description}{background}\n\n{step.header}\n\n{step.return_line}"


def _prompt(dependencies: str, before: list[str], following: str) -> str:
    earlier = "\n\n".join(before) or "None."
    return (
        f"A research problem is solved in steps, each a Python function.\n\n"
        f"Earlier steps and their code:\n\n{earlier}\n\n"
        f"The next step:\n\n{following}\n\nThese imports are there already:\n\n{dependencies}\n\n"
        "Write the function of the next step, with exactly this header, in one fenced Python code block. Do not repeat "
        "imports or earlier functions, which you may call, and add no example and no test."
    )


@benchmark(
    name="scicode",
    version="2",
    dataset=pypi(
        "nvidia-scicode",
        "26.3",
        sha256="c4b277f7bf4d7f8a5d41ff2cb64394238a01d4ef80b69985098539b95ac668bd",
        file="scicode/data/problems_all.jsonl",
        local="scicode/test",
    ),
    subsets=[Subset("test", missing=why_missing(), variant=size(), size=65)],
    options=[Option("background", False, description="whether the scientific background of each step is shown")],
    sample=to_sample,
    solve=solve,
    grade=StepGrader(),
    metric="steps",
    measures=[ratio("steps"), mean("problems")],
)
def test_scicode(grade: Grade) -> None:
    assert grade, grade.explanation
