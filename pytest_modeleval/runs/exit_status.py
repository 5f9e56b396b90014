"""The exit status of an evaluation (docs/exit-codes.md). Pure."""

from __future__ import annotations

from pytest_modeleval.results import CANNOT_JUDGE, FAILED

# The numbers of pytest.ExitCode; this room works without pytest.
OK, TESTS_FAILED = 0, 1
INCOMPLETE = 6


def exit_status(
    pytest_status: int,
    *,
    has_plan: bool,
    ordinary_failures: int,
    is_complete: bool,
    has_refused_blessing: bool,
    gates: tuple[str, ...],
    was_stopped: bool,
) -> int:
    """The status to end with.

    pytest_status: what pytest would end with. ordinary_failures: failed tests other than samples without a grade; under
    --eval-strict wrong samples are among them. is_complete: `evaluation.summary.run_summary` says so, and the results
    were written. has_refused_blessing: the run was to become a baseline and could not. gates: verdicts. was_stopped:
    we ended the run ourselves.
    """
    if not has_plan:
        return pytest_status
    if pytest_status not in (OK, TESTS_FAILED) and not was_stopped:
        return pytest_status
    if ordinary_failures or FAILED in gates:
        return TESTS_FAILED
    if not is_complete or has_refused_blessing or CANNOT_JUDGE in gates or was_stopped:
        return INCOMPLETE
    return OK


def status_without_run(pytest_status: int, *, has_gates_or_blessing: bool) -> int:
    """The status of a command that evaluated nothing: gates that nothing was judged by have not passed."""
    return INCOMPLETE if pytest_status == OK and has_gates_or_blessing else pytest_status
