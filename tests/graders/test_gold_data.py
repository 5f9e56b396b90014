"""The published answers of whole data sets grade right, and each other's wrong."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.graders import grade_choice, grade_math
from pytest_modeleval.records import Kind, Response, Sample

DATA = Path(os.environ.get("MODELEVAL_DATA") or Path(__file__).parents[3] / "shared" / "data")


def rows(name: str) -> list[dict[str, Any]]:
    """All rows of one file of the shared data; skips where it is absent."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no data: {name} (set MODELEVAL_DATA)")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


NAMES = ("math_500/test.jsonl", "gsm8k/test.jsonl", "aime25/default.jsonl")
FORMS = (
    "So \\boxed{{{}}}.",
    "Done.\nANSWER: {}",
    "**Answer:** ${}$.",
    "答案：{}",
    "\\[\\boxed{{ {} }}\\]",
    "ANSWER: \\({}\\)",
    "\\fbox{{\\boldsymbol{{{}}}}}",
    "\\boxed{{\\color{{red}}{{{}}}}}",
)


def targets(name: str) -> list[str]:
    """The published answers of a file."""
    return [str(row["answer"]).rpartition("####")[2].strip() for row in rows(name)]


def spellings(target: str) -> set[str]:
    """Other usual ways to write a target: LaTeX, Unicode and plain text."""
    is_number = re.fullmatch(r"-?\d{4,}", target) is not None
    found = {
        target.replace("\\frac", "\\dfrac").replace("\\text", "\\mathrm"),
        target.replace("\\left", "").replace("\\right", "").replace("\\mbox", "\\text"),
        target.replace("\\pi", "π").replace("^\\circ", "°").replace("\\infty", "∞").replace("\\cup", "∪"),
        target.replace("-", "−").replace("\\pm", "±"),
        re.sub(r"\\sqrt\{(\d+)\}", r"√\1", target),
        re.sub(r"\^(\d)", r"^{\1}", target),
        re.sub(r"(?<![\d}])\\frac\{(\d+)\}\{(\d+)\}", r"\1/\2", target),
        f"{int(target):,}" if is_number else target,
        f"{int(target):,}".replace(",", "{,}") if is_number else target,
        f"{int(target):,}".replace(",", "\\,") if is_number else target,
        f"{target}.0" if re.fullmatch(r"-?\d+", target) else target,
        re.sub(r",(?!\\!|\d{3})", ", ", target),
    }
    return found | {target}


def changes(target: str) -> set[str]:
    """The target with its first or last digit, its sign or its size changed."""
    digits = list(re.finditer(r"\d", target))
    found = {
        target[: digit.start()] + str((int(digit[0]) + 1) % 10) + target[digit.end() :]
        for digit in (digits[:1] + digits[-1:])
    }
    if re.fullmatch(r"[\d,]+", target) and target != "0":
        found |= {f"-{target}", f"{target}1", f"{target}.5", f"{target[:-1]} {target[-1]}" if len(target) > 1 else "x"}
    return found or {f"{target} + 1", f"not {target}"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_every_spelling_of_a_target_is_right(name: str, form: str) -> None:
    """AIME 2025, GSM8K and MATH-500: targets are right in other usual spellings, in each form of a final answer."""
    wrong = []
    for target in targets(name):
        for spelling in spellings(target):
            grade = grade_math(Sample(target=target), Response(text=form.format(spelling)))
            if grade.kind is not Kind.RIGHT:
                wrong.append((target, spelling, grade.explanation))
    assert wrong == []


@pytest.mark.parametrize("form", FORMS[:2])
@pytest.mark.parametrize("name", NAMES)
def test_a_changed_target_is_wrong(name: str, form: str) -> None:
    """AIME 2025, GSM8K and MATH-500: a target with another digit, sign or size is never right."""
    right = []
    for target in targets(name):
        for changed in changes(target):
            grade = grade_math(Sample(target=target), Response(text=form.format(changed)))
            if grade.kind is not Kind.WRONG:
                right.append((target, changed, grade))
    assert right == []


@pytest.mark.parametrize("form", ["ANSWER: {}", "ANSWER: ${}.00", "\\boxed{{{}}}", "ANSWER: {} dollars", "{} eggs"])
def test_answers_of_gsm8k_with_units(form: str) -> None:
    """GSM8K: a unit, a currency or a measure word changes no verdict."""
    golds = targets("gsm8k/test.jsonl")
    text = form if "ANSWER" in form or "boxed" in form else f"ANSWER: {form}"
    for own, other in zip(golds, golds[1:] + golds[:1], strict=True):
        assert grade_math(Sample(target=own), Response(text=text.format(own))).kind is Kind.RIGHT
        is_same = own.replace(",", "") == other.replace(",", "")
        grade = grade_math(Sample(target=own), Response(text=text.format(other)))
        assert (grade.kind is Kind.RIGHT) == is_same, (own, other, grade)


@pytest.mark.parametrize("name", ["iquiz/IQ.jsonl", "iquiz/EQ.jsonl"])
def test_answers_of_iquiz(name: str) -> None:
    """The answer's letter in the Chinese form."""
    for row in rows(name):
        sample = Sample(choices=tuple(row["choices"]), target=row["answer"])
        assert grade_choice(sample, Response(text=f"所以，\n答案：{row['answer']}")).kind is Kind.RIGHT
