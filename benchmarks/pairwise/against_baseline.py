"""Grades an answer against that of a baseline: for alpaca_eval and arena_hard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval import Grade, Option, Response
from pytest_modeleval.arena.games import PLACE_DECIDES, Games
from pytest_modeleval.metrics import Measure, bradley_terry, ratio, style_effect
from pytest_modeleval.records import MeasureValue
from pytest_modeleval.roles import Role

from .comparing import STYLE, compare, marks_of, measures_of

STYLE_OPTION = Option("style", False, description="adds the win rate among answers of one style, and what style moves")
# The figure of the table: the mean of the points.
WIN_RATE = bradley_terry("win_rate")
JUDGE_MEASURES = (ratio("consistency"), ratio("first_place"))


def style_measures(options: Mapping[str, Any], *, strong: int = 1) -> Sequence[Measure]:
    """The win rate with style control and the effect of each feature, where the option `style` is on."""
    if not options.get("style"):
        return ()
    effects = (style_effect(f"effect_of_{name}", of=name, style=STYLE, strong=strong) for name in STYLE)
    return (bradley_terry("win_rate_of_same_style", strong=strong, style=STYLE), *effects)


async def grade_against(
    judge: Role,
    *,
    question: str,
    response: Response,
    baseline: str,
    labels: Mapping[str, float],
    further: Mapping[str, MeasureValue],
) -> tuple[Games, Grade]:
    """The games, and the grade: its credit is the points of the model. further: recorded with them."""
    games = await compare(judge, question, response.text, baseline, labels=labels)
    preference = {"preference": games.points, "length": float(len(baseline) - len(response.text))}
    measures = {**measures_of(games, response.text, baseline), **preference, **further}
    return games, _grade(games, response, marks_of(games, response.text), measures)


def _grade(games: Games, response: Response, marks: Sequence[str], measures: Mapping[str, MeasureValue]) -> Grade:
    if response.missing_cause and not games.points:
        return Grade.no_answer(cause=response.missing_cause, marks=marks, measures=measures)
    said = f"model first: {games.straight:+g}, model second: {games.swapped:+g}"
    cause = games.ended if games.ended == PLACE_DECIDES else "lost" if games.points == 0.0 else "tie"
    return Grade.partial(games.points, cause=cause, explanation=said, marks=marks, measures=measures)
