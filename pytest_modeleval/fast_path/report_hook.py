"""Calls pytest_runtest_logreport for the report of a sample, at the lowest cost.

A hook call costs ten times what most of its implementations do, and the terminal's makes another one, of
pytest_report_teststatus, to learn from us that a sample shows nothing until the end. So the implementations are looked
up once, and called as pluggy calls them: the same functions, in the same order. Where anything is not as expected, the
hook is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_modeleval.pytest_private import has_plain_calls, quiet_terminal

Listener = Callable[[pytest.TestReport], object]
_STATUS_MODULE = "pytest_modeleval.pytest_plugin.run_controller"


class ReportHook:
    """The hook pytest_runtest_logreport of some items. `prepare` first, and when implementations may have changed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._hook: Any = None
        self._known: list[Any] = []
        self._listeners: list[Listener] | None = None
        self._flush: Callable[[], None] | None = None

    def prepare(self, hook: Any) -> None:
        """Look up the implementations. hook: the hook relay of the items whose reports follow."""
        known = [
            has_plain_calls(self._config.pluginmanager),
            *hook.pytest_runtest_logreport.get_hookimpls(),
            *self._config.hook.pytest_report_teststatus.get_hookimpls(),
        ]
        if hook is not self._hook or known != self._known:
            self._hook, self._known, self._flush = hook, known, None
            self._listeners = self._find_listeners() if known[0] else None

    def call(self, report: pytest.TestReport) -> None:
        """Call all implementations with the report."""
        if self._listeners is None:
            self._hook.pytest_runtest_logreport(report=report)
            return
        for listener in self._listeners:
            listener(report)

    def flush(self) -> None:
        """What the terminal does after each report that it shows: write out what waits."""
        if self._flush is not None:
            self._flush()

    def _find_listeners(self) -> list[Listener] | None:
        """The implementations in the order in which pluggy calls them; None where only pluggy knows how."""
        found: list[Listener] = []
        for impl in reversed(self._hook.pytest_runtest_logreport.get_hookimpls()):
            if not _is_plain(impl, "report"):
                return None
            found.append(self._quiet(impl.function) if impl.argnames else _without_argument(impl.function))
        return found

    def _quiet(self, listener: Listener) -> Listener:
        """The short form of the terminal's implementation where it shows nothing of a sample; others as they are."""
        status = self._own_status()
        if status is None or self._config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) > 0:
            return listener
        count = quiet_terminal(listener)
        if count is None:
            return listener
        config = self._config
        self._flush = getattr(listener, "__self__").flush  # noqa: B009 - a bound method, which the type does not say

        def count_report(report: pytest.TestReport) -> None:
            found = status(report=report, config=config)
            if found is None or found[1] or not found[2]:
                # No sample's report, or one with something to show.
                listener(report)
            else:
                count(found[0], report)

        return count_report

    def _own_status(self) -> Callable[..., Any] | None:
        """Our pytest_report_teststatus if it is asked first and nothing changes its result."""
        impls = self._config.hook.pytest_report_teststatus.get_hookimpls()
        if not impls or any(impl.wrapper or impl.hookwrapper for impl in impls):
            return None
        status: Callable[..., Any] = impls[-1].function
        return status if status.__module__ == _STATUS_MODULE else None


def _is_plain(impl: Any, argument: str) -> bool:
    """Pluggy would call this with the argument, or with none, and do nothing before or after."""
    return (
        not impl.wrapper
        and not impl.hookwrapper
        and tuple(impl.argnames) in ((argument,), ())
        and not getattr(impl, "kwargnames", ())
    )


def _without_argument(listener: Callable[[], object]) -> Listener:
    return lambda report: listener()
