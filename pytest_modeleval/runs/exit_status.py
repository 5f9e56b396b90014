"""The exit status of an evaluation (design 5). Pure."""

from __future__ import annotations

import pytest

from pytest_modeleval.results import CANNOT_JUDGE, FAILED

INCOMPLETE = 6


def exit_status(
    stock: int, *, has_plan: bool, ordinary_failures: int, is_complete: bool, gates: tuple[str, ...], was_stopped: bool
) -> int:
    """The status to end with.

    stock: what pytest would end with. ordinary_failures: failed tests other than samples without a grade; under
    --eval-strict wrong samples are among them. gates: verdicts. was_stopped: we ended the run ourselves.
    """
    if not has_plan:
        return stock
    if stock not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not was_stopped:
        return stock
    if ordinary_failures or FAILED in gates:
        return int(pytest.ExitCode.TESTS_FAILED)
    if not is_complete or CANNOT_JUDGE in gates or was_stopped:
        return INCOMPLETE
    return int(pytest.ExitCode.OK)
