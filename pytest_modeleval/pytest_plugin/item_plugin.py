"""Hooks around each sample: wait for its result, judge it, journal its outcome, shape its report."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.errors import EngineStopped
from pytest_modeleval.evaluation.item_runner import ItemResult
from pytest_modeleval.evaluation.verdict import outcome_without_verdict
from pytest_modeleval.pytest_plugin.arrived_answers import STOPPING, grade_arrived
from pytest_modeleval.pytest_plugin.context import RunContext
from pytest_modeleval.pytest_plugin.item_reports import (
    line_of,
    outcome_of,
    properties_of,
    report_of_verdict,
    shape_report,
)
from pytest_modeleval.pytest_plugin.reply_sections import ReplySections
from pytest_modeleval.pytest_plugin.skipped_by_gate import SkippedByGate, while_needed
from pytest_modeleval.pytest_plugin.termination import TERMINATED, is_ctrl_c
from pytest_modeleval.records import Outcome
from pytest_modeleval.store.journal import JournalError


class ItemPlugin:
    """Runs the engine in parallel with the items, and gives each its result."""

    def __init__(
        self,
        context: RunContext,
        *,
        verbosity: int = 0,
        on_outcome: Callable[[SampleItem, Outcome], None] | None = None,
    ) -> None:
        """on_outcome: called with each outcome when other plugins have seen the report that pytest made."""
        self._context = context
        self._on_outcome = on_outcome
        self._is_stopping = False
        """The run was stopped: only single items run, which have their answers."""
        self._is_broken = False
        """The journal cannot be written."""
        self._sections = ReplySections(is_strict=context.settings.is_strict, verbosity=verbosity)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """The engine asks for as long as the items run. Of a run that is stopped the answers that came are graded."""
        evaluation, item_filter = self._context.evaluation, self._context.item_filter
        skip_reason = item_filter.skip_reason if item_filter is not None else None
        try:
            evaluation.start(self._context.feed.first(), skip_reason=skip_reason)
            result = yield
            if session.shouldstop or session.shouldfail:
                # A worker of xdist ends without an exception.
                self._grade_arrived(session)
            return result
        except (KeyboardInterrupt, session.Failed) as stop:
            self._grade_arrived(session, stop)
            raise
        finally:
            try:
                evaluation.close()
            except JournalError as error:
                self._context.reporter.stop(str(error))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Wait for the result here, where output is not captured; the item's own phases then find it ready."""
        if not isinstance(item, SampleItem):
            return (yield)
        context = self._context
        # The path as pytest makes it of the id: that of a shipped benchmark leads out of the project.
        context.reporter.suppress_filename(item.config.rootpath / item.nodeid.partition("::")[0])
        self.fetch(item)
        try:
            return (yield)
        finally:
            item.release()
            try:
                context.evaluation.flush()
            except JournalError as error:
                self._stop(item.session, error)
            context.reporter.refresh()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A phase of the item is over: judge it, journal its outcome, shape its report."""
        if not isinstance(item, SampleItem) or not item.is_expected:
            return (yield)
        outcome = self._judge(item, call)
        report = yield
        if outcome is not None:
            self._shape(report, item, outcome)
        return report

    def fetch(self, item: SampleItem) -> None:
        """Wait for the item's result, unless it has one: `item.fill` then takes it, or raises what stands for it."""
        if not item.is_expected:
            item.expect(self._wait_for(item))

    def is_ready(self, item: SampleItem) -> bool:
        """True if `fetch` would not wait, and this item may run in its turn."""
        evaluation = self._context.evaluation
        if self._is_stopping:
            return False
        if item.is_expected or evaluation.is_answered(item.plan_index):
            return True
        return self._context.item_filter is not None and bool(evaluation.spared(item.planned)[0])

    def report_of(self, item: SampleItem, call: pytest.CallInfo[None], may_wait: bool) -> pytest.TestReport:
        """The report that `pytest_runtest_makereport` would give. may_wait: as of Evaluation.finish."""
        outcome = self._judge(item, call, may_wait=may_wait)
        if outcome is None or not outcome.kind.is_verdict:
            report = pytest.TestReport.from_item_and_call(item, call)
        else:
            report = report_of_verdict(item, call)
        if outcome is not None:
            self._shape(report, item, outcome)
        return report

    def _grade_arrived(self, session: pytest.Session, stop: BaseException | None = None) -> None:
        if self._is_broken or str(stop) == TERMINATED:
            return
        self._is_stopping = True
        if stop is not None and is_ctrl_c(stop):
            self._context.reporter.print_line(STOPPING)
        grade_arrived(self._context, session)

    def _shape(self, report: pytest.TestReport, item: SampleItem, outcome: Outcome) -> None:
        shape_report(report, outcome, is_strict=self._context.settings.is_strict)
        self._sections.add(report, item, outcome)
        if self._on_outcome is not None:
            self._on_outcome(item, outcome)

    def _wait_for(self, item: SampleItem) -> Callable[[], ItemResult]:
        """Called in the item's setup, where pytest reports what it raises."""
        context = self._context
        tick = context.reporter.wait
        try:
            context.feed.advance_to(item.plan_index)
            if context.item_filter is not None:
                tick = while_needed(item.planned, context.evaluation, tick)
                tick()
            result = context.evaluation.answer(item.plan_index, tick=tick)
        except SkippedByGate as unneeded:
            return _raising(unneeded)
        except EngineStopped as stopped:
            self._stop(item.session, stopped)
            return _raising(stopped)
        except Exception as error:  # noqa: BLE001 - raised again inside the item's own setup
            return _raising(error)
        return lambda: result

    def _stop(self, session: pytest.Session, reason: Exception) -> None:
        """End the run after this item: the reason holds for all that follow."""
        self._is_broken = self._is_broken or isinstance(reason, JournalError)
        self._context.reporter.stop(str(reason))
        session.shouldstop = session.shouldstop or str(reason)

    def _judge(self, item: SampleItem, call: pytest.CallInfo[None], *, may_wait: bool = False) -> Outcome | None:
        outcome = outcome_of(item, call)
        if outcome is not None:
            context = self._context
            try:
                context.evaluation.finish(item.planned, outcome, may_wait=may_wait)
            except JournalError as error:
                # What is not in the journal has not happened: the next run asks for it again.
                outcome = outcome_without_verdict(item.planned.key, EngineStopped(str(error)))
                self._stop(item.session, error)
            line = line_of(outcome) if call.excinfo is not None else ""
            item.conclude(has_verdict=outcome.kind.is_verdict, failure_line=line)
            # Before the report is made: JUnit reads them from there.
            item.user_properties.extend(properties_of(outcome))
            if context.item_filter is not None:
                context.item_filter.record(outcome)
        return outcome


def _raising(error: BaseException) -> Callable[[], ItemResult]:
    def raise_it() -> ItemResult:
        raise error

    return raise_it
