"""The short protocol of a sample.

pytest's protocol costs about half a millisecond an item, most of it spent on capturing output, on log handlers and on
fixtures; a good server sends an answer every millisecond. A sample whose answer is there is therefore run and reported
directly: its test body, then `pytest_runtest_makereport` and `pytest_runtest_logreport` as ever. Where no plugin
watches the protocol of single items, the items that follow and have their answers are run inside of the same call.

Fixtures of the project, used automatically or asked for, are set up and torn down by pytest as ever. Everything else
uses pytest's own protocol: errors, marks such as skip, fixtures that capture output. One error uses the short protocol
too: server_lost, because thousands of items can have it at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.fast_path.eligibility import Eligibility, Need, need_of
from pytest_modeleval.fast_path.report_hook import ReportHook
from pytest_modeleval.fast_path.run_loop import RunLoop
from pytest_modeleval.pytest_plugin.item_plugin import ItemPlugin
from pytest_modeleval.pytest_plugin.skipped_by_gate import SkippedByGate
from pytest_modeleval.pytest_private import RERAISED, FixtureNames, SetupState, phase_runner

# The cause of a sample that has no answer because the server is gone for good (dispatch.dispatcher).
SERVER_LOST = "server_lost"


class ShortProtocol:
    """Runs samples by the short protocol, or leaves them to pytest."""

    def __init__(
        self,
        session: pytest.Session,
        eligible: Eligibility,
        items: ItemPlugin,
        refresh: Callable[[], None],
        *,
        is_grouping: bool,
    ) -> None:
        """eligible: the fast path is on. refresh(): called after each item that is run within another's protocol.

        is_grouping: one call may run several items, since pytest's run loop is in this process.
        """
        self._eligible = eligible
        self._items = items
        self._refresh = refresh
        self._setup_state = SetupState(session)
        self._loop = RunLoop(session) if is_grouping and eligible.may_group_items and RunLoop.is_known() else None
        self._run_phase = phase_runner()
        self._report_hook = ReportHook(session.config)
        self._reports_passed = eligible.calls_makereport or eligible.needs_phases
        # No other code reads the journal before the protocol of the item is over.
        self._may_wait = eligible.may_group_items and not eligible.needs_phases
        self._needs: dict[int, Need] = {}
        self._parent: pytest.Collector | None = None
        self._hook: Any = None
        self._last: pytest.Item | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the items, where one call may run several; else leave the loop to pytest or xdist."""
        return self._loop.run() if self._loop is not None else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run the item, and those that follow it if that can be; or leave it to pytest."""
        self._teardown_previous(item)
        if not isinstance(item, SampleItem) or not item.is_expected:
            return None
        if item.parent is not self._parent:
            # The hooks of conftest files depend on the file only; pytest looks them up for every item.
            self._parent, self._hook = item.parent, item.ihook
        self._report_hook.prepare(self._hook)
        if not self._run(item, nextitem):
            return None
        self._run_following(item)
        return True

    def _run_following(self, item: SampleItem) -> None:
        """Run the items after this one within its protocol, as long as they have their results."""
        while self._loop is not None and (following := self._next_ready(item)) is not None:
            self._loop.advance()
            self._teardown_previous(following)
            self._items.fetch(following)
            if not self._run(following, self._loop.next_item()):
                # It has its result; the run loop comes to it next.
                self._loop.step_back()
                break
            following.release()
        self._report_hook.flush()

    def _next_ready(self, item: SampleItem) -> SampleItem | None:
        """The item after this one, if it is of the same benchmark and has its result."""
        assert self._loop is not None
        self._refresh()
        session = item.session
        following = self._loop.next_item()
        if session.shouldfail or session.shouldstop or not isinstance(following, SampleItem):
            return None
        return following if following.parent is item.parent and self._items.is_ready(following) else None

    def _run(self, item: SampleItem, next_item: pytest.Item | None) -> bool:
        """Run and report one item. False if it needs pytest's protocol; then nothing was reported of it."""
        need = self._need_of(item)
        if need is Need.PROTOCOL:
            return False
        has_fixtures = need is Need.FIXTURES
        try:
            if has_fixtures:
                # After an error pytest's own protocol repeats the setup, which raises the same error.
                self._setup_state.set_up(item)
            else:
                item.fill()
        except RERAISED:
            raise
        except SkippedByGate as unneeded:
            error: BaseException = unneeded
        except Ungraded as ungraded:
            if ungraded.cause != SERVER_LOST or self._eligible.calls_exception_interact:
                return False
            error = ungraded
        except BaseException:  # noqa: BLE001 - raised again, and reported, in pytest's protocol
            return False
        else:
            self._report(item, item.run_body, "call", next_item if has_fixtures else None, has_fixtures=has_fixtures)
            return True
        if has_fixtures:
            return False
        self._report(item, _raiser(error), "setup", None, has_fixtures=False)
        return True

    def _need_of(self, item: SampleItem) -> Need:
        """What the item needs of pytest: worked out once for each benchmark."""
        key = FixtureNames.key(item)
        found = self._needs.get(key)
        if found is None:
            found = self._needs[key] = need_of(item)
        return found

    def _report(
        self,
        item: SampleItem,
        body: Callable[[], None],
        when: Literal["setup", "call"],
        next_item: pytest.Item | None,
        *,
        has_fixtures: bool,
    ) -> None:
        """Run the body and report it. The item is set up, or `body` raises what its setup would."""
        hook, eligible = self._hook, self._eligible
        if eligible.calls_logstart:
            hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        if when == "call" and self._reports_passed:
            self._report_passed(item, "setup")
        self._report_hook.call(self._make_report(item, self._run_phase(body, when)))
        if not (has_fixtures and self._tear_down(item, next_item)) and self._reports_passed:
            self._report_passed(item, "teardown")
        if eligible.calls_logstart:
            hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _report_passed(self, item: SampleItem, when: Literal["setup", "teardown"]) -> None:
        """A phase in which nothing was done: made for plugins that change reports, shown to those that want it."""
        report = self._make_report(item, pytest.CallInfo.from_call(_do_nothing, when=when))
        if self._eligible.needs_phases:
            self._report_hook.call(report)

    def _make_report(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """The report of a phase; plugins that samples do not need take no part, for they have not seen each phase."""
        if self._eligible.calls_makereport or not isinstance(item, SampleItem):
            report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
            return report
        return self._items.report_of(item, call, self._may_wait)

    def _teardown_previous(self, item: pytest.Item) -> None:
        """Tear down what an earlier item left for its neighbours, once those are over.

        An item that used pytest's protocol leaves its module set up for the next item. If all others up to the next
        module need nothing of pytest, the module is still set up, and pytest refuses to set up the new one.
        """
        last, self._last = self._last, item
        if last is not None and last.parent is not item.parent:
            self._tear_down(last, item)

    def _tear_down(self, item: pytest.Item, next_item: pytest.Item | None) -> bool:
        """Tear down what the next item does not need; True if that failed, which is reported as the item's."""
        call = self._run_phase(lambda: self._setup_state.tear_down(next_item), "teardown")
        if call.excinfo is None:
            return False
        item.ihook.pytest_runtest_logreport(report=self._make_report(item, call))
        return True


def _raiser(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def _do_nothing() -> None:
    pass
