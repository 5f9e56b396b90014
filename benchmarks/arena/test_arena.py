"""Models against each other: pairs of answers from finished runs, judged in both orders. See card.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from pytest_modeleval import Breakdown, Grade, Model, Request, Response, Sample, Subset, benchmark
from pytest_modeleval.arena.games import FIVE_LABELS, Games
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.roles import Role

from ..pairwise.comparing import compare, marks_of, measures_of
from .stored_runs import OPTIONS, measures, pair_name, rows

REPEATED_MARK = "a model gives this answer word for word to other prompts too"


@dataclass(frozen=True, slots=True)
class ModelAsJudge:
    """The model under test in the role of the judge."""

    model: Model
    supports_json_schema: bool = False

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(self, request: Request) -> Response:
        return await self.model.ask(request)


def to_sample(row: Row) -> Sample:
    return Sample(
        question=row.text("question"),
        choices=row.texts("answers"),
        data={name: row[name] for name in ("players", "names", "benchmark", "is_repeated")},
        cluster=row.text("cluster"),
    )


async def solve(sample: Sample, model: Model) -> Games:
    """The games of the pair; the model that pytest is given is the judge."""
    judge = cast("Role", ModelAsJudge(model))
    return await compare(judge, sample.question, *sample.choices, labels=FIVE_LABELS)


def grade(sample: Sample, games: Games) -> Grade:
    """Right where both orders have the same winner: the item is one of the judge's."""
    first, second = sample.choices
    names, players = sample.data["names"], sample.data["players"]
    recorded: dict[str, Any] = measures_of(games, first, second, (players[0], players[1]))
    recorded[pair_name(*names)] = games.points
    marks = [*marks_of(games, first, second), *([REPEATED_MARK] if sample.data["is_repeated"] else [])]
    winner = "tie" if games.points == 0.5 else names[0] if games.points else names[1]
    said = f"{winner}; {names[0]} first: {games.straight:+g}, second: {games.swapped:+g}"
    if games.is_consistent:
        return Grade.right(winner, said, marks=marks, measures=recorded)
    return Grade.wrong(winner, cause=games.ended, explanation=said, marks=marks, measures=recorded)


@benchmark(
    name="arena",
    version="1",
    metric="consistency",
    measures=measures,
    options=OPTIONS,
    dataset=inline(rows),
    # Optional: it needs runs, which `modeleval arena` names.
    subsets=[Subset("arena", is_optional=True)],
    sample=to_sample,
    sample_id=lambda row: row.text("id"),
    solve=solve,
    grade=grade,
    breakdowns=[Breakdown("benchmark", lambda sample: str(sample.data["benchmark"]))],
)
def test_arena(grade: Grade) -> None:
    assert grade, grade.explanation
