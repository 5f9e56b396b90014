"""Two games for each pair of answers, one in each order, and what both together say. Standard library only.

A verdict is a number from -2 to 2: how far the judge prefers one answer to the other. Both verdicts of a pair are
written from the side of the same answer, whichever place it had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_modeleval.records import MeasureValue

# The labels of Arena-Hard (lmarena/arena-hard-auto), for the answers A and B as the judge sees them.
FIVE_LABELS: Mapping[str, float] = {"A>>B": 2.0, "A>B": 1.0, "A=B": 0.0, "B>A": -1.0, "B>>A": -2.0}
# A forced choice, as in AlpacaEval.
TWO_LABELS: Mapping[str, float] = {"A": 1.0, "B": -1.0}
MOST = 2.0

CONSISTENT, PLACE_DECIDES, TIE = "consistent", "place_decides", "tie"


@dataclass(frozen=True, slots=True)
class Games:
    """The two verdicts on a pair, both from the side of the pair's first answer."""

    straight: float
    """With the first answer in the first place."""

    swapped: float
    """With the first answer in the second place."""

    @property
    def is_consistent(self) -> bool:
        """Both orders have the same winner, or both have none."""
        return _sign(self.straight) == _sign(self.swapped)

    @property
    def points(self) -> float:
        """1 where the first answer wins in both orders, 0 where the other one does, 0.5 otherwise."""
        return 0.5 * (1 + _sign(self.straight)) if self.is_consistent else 0.5

    @property
    def is_strong(self) -> bool:
        """The same answer is much better in both orders."""
        return self.is_consistent and min(abs(self.straight), abs(self.swapped)) >= MOST

    @property
    def place(self) -> int:
        """1 where the place in front wins both games, -1 where the other place does, 0 otherwise."""
        return 0 if self.is_consistent or 0.0 in (self.straight, self.swapped) else _sign(self.straight)

    @property
    def ended(self) -> str:
        """CONSISTENT, PLACE_DECIDES, or TIE for one decided game and a tie."""
        return CONSISTENT if self.is_consistent else PLACE_DECIDES if self.place else TIE

    @property
    def first_place(self) -> tuple[float, float]:
        """(games that the place in front won, games with a winner)."""
        return float((self.straight > 0) + (self.swapped < 0)), float((self.straight != 0) + (self.swapped != 0))

    def weighted_games(self, strong: float) -> tuple[float, float]:
        """(points, games) where each game counts for itself, and one with a much better answer `strong` times."""
        weights = [strong if abs(verdict) >= MOST else 1.0 for verdict in (self.straight, self.swapped)]
        won = [0.5 * (1 + _sign(verdict)) for verdict in (self.straight, self.swapped)]
        return sum(weight * share for weight, share in zip(weights, won, strict=True)), sum(weights)


def recorded(games: Games, first: int = 0, second: int = 1) -> dict[str, MeasureValue]:
    """What a grade records of a pair: the players by number, both verdicts, and what they say of the judge."""
    return {
        "first": float(first),
        "second": float(second),
        "straight": games.straight,
        "swapped": games.swapped,
        "consistency": (float(games.is_consistent), 1.0),
        "first_place": games.first_place,
    }


def _sign(verdict: float) -> int:
    return (verdict > 0) - (verdict < 0)
