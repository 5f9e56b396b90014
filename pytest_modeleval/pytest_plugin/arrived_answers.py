"""Grades the answers that have arrived when a run is stopped by Ctrl-C, -x, --maxfail or the controller of xdist.

They are in the journal and cost nothing more, so the table of a stopped run counts them.
"""

from __future__ import annotations

import pytest

from pytest_modeleval.pytest_plugin.context import RunContext
from pytest_modeleval.pytest_private import SetupState

STOPPING = "modeleval: stopping; answers that have arrived are graded, and Ctrl-C again ends at once"


def grade_arrived(context: RunContext, session: pytest.Session) -> None:
    """End the asking, and run the items whose answers have arrived, in order.

    Under -x, --maxfail and --stepwise no further failure is reported, but for one of the grader: wrong answers are
    failures with --eval-strict, so nothing is graded then. Stored answers that are graded again are left alone.
    """
    evaluation = context.evaluation
    is_limited = _has_failure_limit(session)
    if evaluation.is_offline or evaluation.failure is not None or (is_limited and context.settings.is_strict):
        return
    failed = session.testsfailed
    items = [context.items[index] for index in evaluation.stop_asking()]
    setup_state = SetupState(session)
    if not items or not setup_state.is_known or not context.reporter.enter_item(items[0]):
        return
    # The interrupt may have left an item in the middle of its phases.
    setup_state.tear_down(items[0])
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.release()
        context.reporter.enter_item(item)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if is_limited and session.testsfailed > failed:
            return


def _has_failure_limit(session: pytest.Session) -> bool:
    is_worker = hasattr(session.config, "workerinput")
    # A worker is stopped by its controller too, for any reason.
    return bool(session.config.getoption("maxfail") or (session.shouldstop and not is_worker))
