"""Your own RAG pipeline: DIR/rag/<subset>.jsonl has questions, the pipeline gives contexts and answer. See card.md."""

from __future__ import annotations

import json
import math
from typing import Any

from pytest_modeleval import Grade, Option, RagAnswer, Sample, benchmark
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.errors import DataError
from pytest_modeleval.metrics import judged_mean, mean, ratio
from pytest_modeleval.model_protocol import Model, RagModel
from pytest_modeleval.rag.grading import JUDGED, RagQuestion, grade_rag
from pytest_modeleval.rag.judge_rates import corrected_measures
from pytest_modeleval.roles import Role

from .judge_record import read_rates


def to_sample(row: Row) -> Sample:
    question = row.text("question")
    if not question.strip():
        raise DataError(f"expected a question in field 'question', found an empty text, in {row.where}")
    # Read here too, so that a mistake in the record is an error before the first request.
    read_rates(str(row.options.get("judge_record", "")))
    reference = row.text("reference") if row.get("reference") is not None else ""
    return Sample(
        question=question,
        target=reference or None,
        data={
            "gains": _gains(row),
            "is_unanswerable": _truth(row, "unanswerable"),
            "is_generated": row.get("generated_by") not in (None, ""),
        },
    )


def _gains(row: Row) -> dict[str, float]:
    """Document id -> gain, of a list of ids or an object id -> gain; in CSV as JSON."""
    value = row.get("relevant")
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        value = _parsed(value)
    if value is None or value == "":
        return {}
    if isinstance(value, list | tuple):
        value = {entry if isinstance(entry, str) else _id(entry, row): 1.0 for entry in value}
    if not isinstance(value, dict) or not all(map(_is_gain, value.values())):
        raise DataError(
            f"expected a list of ids, or an object id -> gain, in field 'relevant', found {value!r:.60}, in {row.where}"
        )
    return {str(name): float(gain) for name, gain in value.items() if gain > 0}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _id(value: Any, row: Row) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DataError(
            f"expected ids that are texts or whole numbers in field 'relevant', found {value!r:.60}, in {row.where}"
        )
    return str(value)


def _is_gain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _truth(row: Row, name: str) -> bool:
    value = row.get(name)
    if value in (None, "", False, 0, "false", "0"):
        return False
    if value in (True, 1, "true", "1"):
        return True
    raise DataError(f"expected true or false in field {name!r}, found {value!r:.60}, in {row.where}")


async def solve(sample: Sample, model: Model) -> RagAnswer:
    assert isinstance(model, RagModel)
    return await model.rag(sample.question)


async def grade(sample: Sample, found: RagAnswer, *, judge: Role | None) -> Grade:
    question = RagQuestion(text=sample.question, reference=sample.target or "", **sample.data)
    options = sample.options
    rates = read_rates(str(options["judge_record"]))
    return await grade_rag(
        question, found, judge, k=int(options["k"]), repeats=int(options["judge_repeats"]), rates=rates
    )


@benchmark(
    name="rag",
    version="1",
    dataset=local("rag/{subset}"),
    sample=to_sample,
    solve=solve,
    grade=grade,
    needs_rag=True,
    optional_roles=("judge",),
    measures=[
        *map(judged_mean, JUDGED),
        *corrected_measures(),
        ratio("answered"),
        ratio("correct_refusal"),
        ratio("hit_rate@k"),
        mean("recall@k"),
        mean("ndcg@k"),
        ratio("judge_agreement"),
    ],
    options=[
        Option(
            "k", 10, low=1, high=1000, description="contexts that count: in measures with @k, and in context_precision"
        ),
        Option(
            "judge_record",
            "",
            description="a baseline of judge_statements with this judge, by which measures are corrected as well",
        ),
        Option(
            "judge_repeats", 1, low=1, high=9, description="judgements of each list of statements; the majority counts"
        ),
    ],
)
def test_rag(grade: Grade) -> None:
    assert grade, grade.explanation
