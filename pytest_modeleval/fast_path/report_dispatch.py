"""Who hears of a sample's report, and the shortest way to tell them all of it.

A hook call costs ten times what most of its listeners do, and the terminal makes one more of its own, to be told by us
that a sample shows nothing until the end. So listeners are looked up once, and called as pluggy calls them: the same
functions, in the same order. Where anything is not as expected, the hook is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

Listener = Callable[[pytest.TestReport], object]

# Versions of pytest whose terminal does for a report without a letter what `_quiet` does, and nothing else.
KNOWN_TERMINALS = frozenset({(8, 4), (9, 0), (9, 1), (9, 2)})
# From this version on it counts ids in parts, not texts.
IDS_IN_PARTS = (9, 2)
STATUS_IS_OURS = "pytest_modeleval.pytest_plugin.run_controller"


class ReportDispatcher:
    """Calls pytest_runtest_logreport. look() first, and again whenever listeners may have come or gone."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._hook: Any = None
        self._known: list[Any] = []
        self._listeners: list[Listener] | None = None
        self._terminal: TerminalReporter | None = None

    def look(self, hook: Any) -> None:
        """Find out who listens. hook: that of the items whose reports are told."""
        known = [
            getattr(self._config.pluginmanager, "_inner_hookexec", None),
            *hook.pytest_runtest_logreport.get_hookimpls(),
            *self._config.hook.pytest_report_teststatus.get_hookimpls(),
        ]
        if hook is not self._hook or known != self._known:
            self._hook, self._known = hook, known
            self._terminal = None
            self._listeners = self._found()

    def tell(self, report: pytest.TestReport) -> None:
        """Tell all of them."""
        if self._listeners is None:
            self._hook.pytest_runtest_logreport(report=report)
            return
        for listener in self._listeners:
            listener(report)

    def flush(self) -> None:
        """What the terminal does after each report that it shows: write out what waits."""
        if self._terminal is not None:
            self._terminal.flush()

    def _found(self) -> list[Listener] | None:
        """The listeners in the order in which pluggy calls them; None where only pluggy knows how."""
        # Somebody watches hook calls: --debug, pytester.
        if getattr(self._known[0], "__name__", "") != "_multicall":
            return None
        found: list[Listener] = []
        for impl in reversed(self._hook.pytest_runtest_logreport.get_hookimpls()):
            if not _is_plain(impl, "report"):
                return None
            found.append(self._quiet(impl.function) if impl.argnames else _deaf(impl.function))
        return found

    def _quiet(self, listener: Listener) -> Listener:
        """The terminal's part in few words, if it is pytest's own and shows nothing of a sample; others as they are."""
        reporter: Any = getattr(listener, "__self__", None)
        status = self._status()
        if (
            type(reporter) is not TerminalReporter
            or status is None
            or pytest.version_tuple[:2] not in KNOWN_TERMINALS
            or self._config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) > 0
        ):
            return listener
        self._terminal = reporter
        config = self._config
        has_parts = pytest.version_tuple[:2] >= IDS_IN_PARTS
        keeps_current = hasattr(reporter, "_current_logreport")

        def tell(report: Any) -> None:
            found = status(report=report, config=config)
            if found is None or found[1] or not found[2]:
                # Not of a sample, or there is something to show.
                listener(report)
                return
            if keeps_current:
                reporter._current_logreport = report
            reporter._tests_ran = True
            reporter._add_stats(found[0], [report])
            reporter._progress_nodeids_reported.add(report.id if has_parts else report.nodeid)

        return tell

    def _status(self) -> Callable[..., Any] | None:
        """Our own pytest_report_teststatus if it is the first to be asked, and nobody changes what it says."""
        impls = self._config.hook.pytest_report_teststatus.get_hookimpls()
        if not impls or any(impl.wrapper or impl.hookwrapper for impl in impls):
            return None
        status: Callable[..., Any] = impls[-1].function
        return status if status.__module__ == STATUS_IS_OURS else None


def _is_plain(impl: Any, argument: str) -> bool:
    """Pluggy would call this with the argument, or with none, and do nothing before or after."""
    return (
        not impl.wrapper
        and not impl.hookwrapper
        and tuple(impl.argnames) in ((argument,), ())
        and not getattr(impl, "kwargnames", ())
    )


def _deaf(listener: Callable[[], object]) -> Listener:
    return lambda report: listener()
