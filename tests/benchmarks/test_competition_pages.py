"""The pages of mathematical problems: math, math_500, aime26, hmmt25."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.aime26 import test_aime26 as aime26
from benchmarks.hmmt25 import test_hmmt25 as hmmt25
from benchmarks.math import test_math as math_page
from benchmarks.math import to_sample
from benchmarks.math.boxed import last_box
from benchmarks.math_500 import test_math_500 as math_500
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders import grade_math
from pytest_modeleval.records import Kind
from tests.support.samples import declaration, said, samples_of, shared_data


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"So $\boxed{\frac{1}{2}}$, not \boxed{3}.", "3"),
        (r"It is $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"A set: \boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"A matrix \boxed{\begin{pmatrix} 1 \\{} 2 \end{pmatrix}}", r"\begin{pmatrix} 1 \\{} 2 \end{pmatrix}"),
        (r"Briefly \boxed 7", "7"),
        (r"Cut \boxed{1", None),
        ("no box", None),
    ],
)
def test_the_last_box_of_a_solution(solution: str, answer: str | None) -> None:
    """With balanced braces; escaped ones do not count."""
    assert last_box(solution) == answer


def test_both_forms_of_a_row() -> None:
    """The hub's (type, solution) and MATH-500's (subject, answer, level as a number) give the same sample."""
    old = {"problem": "p", "level": "Level 2", "type": "Algebra", "solution": r"\boxed{5}"}
    new = {"problem": "p", "level": 2, "subject": "Algebra", "answer": "5", "solution": "-"}
    first, second = (to_sample(Row(fields, subset="test", index=0, file="f.jsonl", line=1)) for fields in (old, new))
    assert first == second
    with pytest.raises(DataError, match=r"f\.jsonl, line 1"):
        to_sample(Row(old | {"solution": "none"}, subset="test", index=0, file="f.jsonl", line=1))


@pytest.mark.parametrize(
    ("function", "folder", "count", "step"),
    [
        (math_page.test_math, "math", 5000, 25),
        (math_500.test_math_500, "math_500", 500, 5),
        (aime26.test_aime26, "aime26", 30, 1),
        (hmmt25.test_hmmt25, "hmmt25", 30, 1),
    ],
)
def test_gold_answers_of_real_rows_grade_right(
    tmp_path: Path, function: Any, folder: str, count: int, step: int
) -> None:
    """The target inside a box is right, for a part of the rows; all rows become samples of a known level."""
    data = shared_data(folder)
    samples = samples_of(function, "test", data_dir=data, cache_dir=tmp_path)
    assert len(samples) == count
    for breakdown in declaration(function).breakdowns:
        assert {breakdown.group(sample) for sample in samples} == set(breakdown.order)
    lost = [
        one.target
        for one in samples[::step]
        if grade_math(one, said(f"\\boxed{{{one.target}}}")).kind is not Kind.RIGHT
    ]
    assert not lost


def test_repeats_have_further_figures() -> None:
    """pass@k and vote@k where that many repeats were asked."""
    for function in (aime26.test_aime26, hmmt25.test_hmmt25):
        assert declaration(function).further_metrics == ("pass@5", "vote@5", "pass@10", "vote@10")
