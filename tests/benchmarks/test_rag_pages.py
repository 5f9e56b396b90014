"""Rows of the pages rag and judge_statements: what they may hold, and errors that name field and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.judge_statements import test_judge_statements as statements
from benchmarks.rag import judge_record
from benchmarks.rag import test_rag as page
from pytest_modeleval import Kind
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError, SettingsError
from pytest_modeleval.rag.judge_rates import JudgeRates
from pytest_modeleval.records import Response


def row(**fields: Any) -> Row:
    """A row of a data file."""
    return Row(fields, subset="s", index=0, file="rag/s.jsonl", line=3)


@pytest.mark.parametrize(
    ("relevant", "gains"),
    [
        (None, {}),
        ("", {}),
        ([], {}),
        (["a", 7], {"a": 1.0, "7": 1.0}),
        ({"a": 2, "b": 0, "c": 0.5}, {"a": 2.0, "c": 0.5}),
        ('["a", "b"]', {"a": 1.0, "b": 1.0}),
        ('{"a": 3}', {"a": 3.0}),
    ],
)
def test_relevance_labels(relevant: Any, gains: dict[str, float]) -> None:
    """A list, or gains; in CSV as JSON; a gain of 0 is no label."""
    assert page.to_sample(row(question="q", relevant=relevant)).data["gains"] == gains


@pytest.mark.parametrize(
    "fields",
    [
        {"question": " "},
        {"question": "q", "reference": 3},
        {"question": "q", "relevant": "a"},
        {"question": "q", "relevant": [True]},
        {"question": "q", "relevant": {"a": "high"}},
        {"question": "q", "relevant": {"a": float("nan")}},
        {"question": "q", "unanswerable": "perhaps"},
    ],
)
def test_a_wrong_row_is_named(fields: dict[str, Any]) -> None:
    """With its field, and its place in the file."""
    with pytest.raises(DataError, match=r"expected .* in rag/s.jsonl, line 3"):
        page.to_sample(row(**fields))


def test_the_record_of_a_judge_is_checked_before_the_first_request(tmp_path: Path) -> None:
    """A file that is not there, and one of something else."""
    with pytest.raises(SettingsError, match=r"--eval-option rag\.judge_record: "):
        judge_record.read_rates(str(tmp_path / "none.json"))
    assert judge_record.read_rates("") is None


def test_a_judge_is_measured_by_its_right_verdicts() -> None:
    """Sensitivity over true things, specificity over false ones; a reply with a dropped number has part in neither."""
    sample = statements.to_sample(row(contexts=["c"], statements=["a", "b", "c"], labels=[True, True, False]))
    request = statements.to_request(sample)
    assert "1. a\n2. b\n3. c" in str(request.messages[0]["content"])
    grade = statements.grade(sample, Response("1: SUPPORTED\n2: UNSUPPORTED\n3: UNSUPPORTED"))
    assert grade.measures == {
        "agreement": (2, 3),
        "complete": (1, 1),
        "support_sensitivity": (1, 2),
        "support_specificity": (1, 1),
    }
    dropped = statements.grade(sample, Response("1: SUPPORTED\n3: UNSUPPORTED"))
    assert (dropped.kind, dropped.cause) == (Kind.NO_ANSWER, "judge_statements")
    assert dropped.measures == {"agreement": (0, 3), "complete": (0, 1)}
    rates = JudgeRates.of("id", "judge.json", [grade.measures, grade.measures, dropped.measures, None])
    assert rates.measures == {"judge_support_sensitivity": (2.0, 4.0), "judge_support_specificity": (2.0, 2.0)}
    with pytest.raises(DataError, match="expected 1 labels"):
        statements.to_sample(row(contexts=["c"], statements=["a"], labels=[1]))
