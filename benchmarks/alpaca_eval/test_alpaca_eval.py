"""AlpacaEval 2: 805 instructions, each answer against that of GPT-4 Turbo, by a judge in both orders. See card.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval import Breakdown, Examples, Grade, Option, Request, Response, Sample, benchmark
from pytest_modeleval.arena.games import TWO_LABELS
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.errors import DataError
from pytest_modeleval.metrics import Measure, length_controlled
from pytest_modeleval.prompts import user
from pytest_modeleval.records import MeasureValue
from pytest_modeleval.roles import Role

from ..pairwise.against_baseline import JUDGE_MEASURES, STYLE_OPTION, WIN_RATE, grade_against, style_measures

CALIBRATION_ROWS = 1610
CALIBRATION = ("difficulty", "verbose", "verbose_length", "concise", "concise_length")


def to_sample(row: Row) -> Sample:
    return Sample(
        question=row.text("instruction"),
        data={"baseline": row.text("output"), "dataset": str(row.get("dataset") or ""), "index": row.index},
    )


def to_calibration(row: Row) -> Sample:
    """A row of df_gamed.csv: how the baseline does against itself when it is asked to be verbose, or concise."""
    names = ("preference", "std_delta_len", "instruction_difficulty")
    try:
        values = {name: float(row[name]) for name in names}
    except (TypeError, ValueError):
        raise DataError(f"expected numbers in the fields {', '.join(names)}, in {row.where}") from None
    return Sample(data={"index": row.integer("index"), **values})


def to_request(sample: Sample) -> Request:
    return Request(user(sample.question))


def calibration_of(sample: Sample) -> dict[str, MeasureValue]:
    """Difficulty of the instruction, then preference and length of each gamed baseline; empty without the file."""
    found = [row.data for row in sample.examples if row.data["index"] == sample.data["index"]]
    if len(found) != 2:
        return {}
    values = [found[0]["instruction_difficulty"]]
    for row in found:
        values += [row["preference"], row["std_delta_len"]]
    return dict(zip(CALIBRATION, values, strict=True))


async def grade(sample: Sample, response: Response, *, judge: Role) -> Grade:
    _, found = await grade_against(
        judge,
        question=sample.question,
        response=response,
        baseline=str(sample.data["baseline"]),
        labels=TWO_LABELS,
        further=calibration_of(sample),
    )
    return found


def measures(options: Mapping[str, Any]) -> Sequence[Measure]:
    """The published fit where the calibration is there, else the one that needs none."""
    has_calibration = bool(options.get("calibration"))
    controlled = (
        length_controlled("length_controlled", further=CALIBRATION)
        if has_calibration
        else length_controlled("length_controlled_minimal")
    )
    return (WIN_RATE, controlled, *style_measures(options), *JUDGE_MEASURES)


@benchmark(
    name="alpaca_eval",
    version="1",
    metric="win_rate",
    measures=measures,
    options=[
        Option(
            "calibration",
            0,
            low=0,
            high=CALIBRATION_ROWS,
            description=f"rows of df_gamed.csv: {CALIBRATION_ROWS} for the published length-controlled win rate",
        ),
        STYLE_OPTION,
    ],
    # Rows that go with every question, so that the file is pinned as the questions are.
    examples=Examples(local("alpaca_eval/df_gamed"), count="calibration", sample=to_calibration),
    dataset=local("alpaca_eval/eval"),
    subsets=["default"],
    sample=to_sample,
    request=to_request,
    grade=grade,
    roles=("judge",),
    breakdowns=[Breakdown("dataset", lambda sample: str(sample.data["dataset"]))],
)
def test_alpaca_eval(grade: Grade) -> None:
    assert grade, grade.explanation
