"""Which gates cannot be judged whatever is answered: known before the first request. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.observation import observe
from pytest_modeleval.gates.points import lacks_points, points_obstacle
from pytest_modeleval.gates.scope import PlannedScope

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a planned run cannot judge a gate."""

    gate: Gate

    reason: str
    """A full sentence."""

    lacks_baseline: bool = False
    """There is nothing yet to compare with: a run that is blessed becomes the first baseline."""


def obstacles(scopes: Iterable[PlannedScope]) -> list[Obstacle]:
    """The gates that no answers can judge, in the order of the file.

    Prompts are known only when they are sent, and ungraded items only at the end: those obstacles are left to the
    verdict.
    """
    found = (_obstacle(planned) for planned in scopes)
    return [obstacle for obstacle in found if obstacle is not None]


def _obstacle(planned: PlannedScope) -> Obstacle | None:
    gate = planned.gate
    if gate.record:
        # Another run's answers: see trust.judge_obstacles.
        return None
    if not planned.questions:
        return Obstacle(gate, f"{gate.scope}: nothing of it is in this run; select it with -k, or leave this gate out.")
    if gate.is_of_points:
        reason = points_obstacle(planned)
        return Obstacle(gate, f"{reason}.", lacks_points(planned)) if reason else None
    claim = observe(planned)
    if claim.obstacle:
        return Obstacle(gate, f"{claim.obstacle}.", claim.lacks_baseline)
    n = len(claim.questions)
    if n < gate.min_samples:
        return Obstacle(gate, f"{gate.scope}: expected at least {gate.min_samples} questions (min_samples), found {n}.")
    if gate.is_confident and claim.least_p() > gate.alpha * (1.0 + _ROUNDING):
        return Obstacle(
            gate,
            f"{gate.scope}: {n} question{'' if n == 1 else 's'} prove nothing at alpha {gate.alpha:g}: "
            "chance explains even the worst answers; ask more questions.",
        )
    return None
