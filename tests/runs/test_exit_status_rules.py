"""The exit status as one function of what happened (docs/exit-codes.md)."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED
from pytest_modeleval.runs.exit_status import exit_status, status_without_run

FINE: dict[str, Any] = {
    "has_plan": True,
    "ordinary_failures": 0,
    "is_complete": True,
    "has_refused_blessing": False,
    "gates": (PASSED,),
    "was_stopped": False,
}


@pytest.mark.parametrize(
    ("status", "changes", "expected"),
    [
        (0, {}, 0),
        (0, {"is_complete": False}, 6),
        (0, {"has_refused_blessing": True}, 6),
        (0, {"gates": (PASSED, CANNOT_JUDGE)}, 6),
        (0, {"was_stopped": True}, 6),
        (1, {}, 0),
        (1, {"ordinary_failures": 1}, 1),
        (0, {"gates": (FAILED, CANNOT_JUDGE), "is_complete": False, "has_refused_blessing": True}, 1),
        (2, {"gates": (FAILED,)}, 2),
        (3, {"ordinary_failures": 1}, 3),
        (2, {"was_stopped": True}, 6),
        (5, {"has_plan": False, "is_complete": False}, 5),
    ],
)
def test_the_order_of_the_rules(status: int, changes: dict[str, Any], expected: int) -> None:
    """Statuses of pytest other than 0 and 1 come first, then a failure, then what is incomplete or refused."""
    assert exit_status(status, **{**FINE, **changes}) == expected


@pytest.mark.parametrize(("status", "asked", "expected"), [(0, True, 6), (0, False, 0), (1, True, 1), (5, True, 5)])
def test_gates_without_a_run_have_not_passed(status: int, asked: bool, expected: int) -> None:
    """A command that succeeds and evaluates nothing is incomplete where gates or a blessing were asked for."""
    assert status_without_run(status, has_gates_or_blessing=asked) == expected
