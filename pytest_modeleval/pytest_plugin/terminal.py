"""pytest's terminal: lines, a status line while a server starts, live lines while items run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.pytest_plugin.display import Display, RequestCounters, StatusLine, Tally
from pytest_modeleval.pytest_private import hide_progress, suppress_filename
from pytest_modeleval.reports.text_layout import visible

Counters = Callable[[], RequestCounters]
_MOST_WAITING = 100


class Terminal:
    """Writes to the terminal of pytest; does nothing where it is switched off. Registered as a plugin."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._status_line = StatusLine(config)
        self._display: Display | None = None
        # Lines for a terminal that another reporter has: printed at the end, where they cannot spoil what it draws.
        self._waiting: list[str] = []

    def print_line(self, text: str) -> None:
        """Print a line for the user, above whatever is live. Control characters in it are made visible."""
        self._status_line.clear()
        self.clear_display()
        reporter = self._reporter
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(visible(text))
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting.append(visible(text))

    def print_at_end(self, lines: Iterable[str]) -> None:
        """Print what waits and these lines, where another reporter (pytest-rich, pytest-tap) took pytest's off.

        Nothing with `-p no:terminal`. Standard error where the output is no terminal: it may be read by a program.
        """
        if self._reporter is not None or self._config.pluginmanager.is_blocked("terminal"):
            return
        stream = sys.stdout if sys.stdout.isatty() else sys.stderr
        encoding = stream.encoding or "utf-8"
        for line in [*self._waiting, *lines]:
            print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)

    def leave_rewritten_line(self) -> None:
        """Begin a line below the one that xdist rewrites on a terminal while its workers start."""
        reporter = self._reporter
        if reporter is not None and reporter.isatty:
            reporter.write_line("")

    def show_status(self, text: str) -> bool:
        """Replace the status line at the bottom of a terminal; False where there is none."""
        return self._status_line.show(text)

    def clear_status(self) -> None:
        """Remove the status line."""
        self._status_line.clear()

    def start_display(
        self, tally: Tally, totals: Mapping[str, int], reused: Mapping[str, int], counters: Counters
    ) -> None:
        """Show live lines from now on; see Display for the arguments."""
        self._display = Display(self._config, tally, totals, reused, counters)

    def refresh(self) -> None:
        """Redraw the live lines if it is time to."""
        if self._display is not None:
            self._display.tick()

    def clear_display(self) -> None:
        """Remove the live lines until the next refresh."""
        if self._display is not None:
            self._display.clear()

    def stop_display(self) -> None:
        """Remove the live lines for good."""
        if self._display is not None:
            self._display.clear()
            self._display.end()
        self._display = None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """Remove the live lines before pytest writes behind the last test."""
        try:
            return (yield)
        finally:
            self.stop_display()

    def hide_progress(self) -> None:
        """No percentages of pytest from here on: samples have no letters that they could stand behind."""
        reporter = self._reporter
        if reporter is not None and self._config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) <= 0:
            hide_progress(reporter)

    def suppress_filename(self, path: Path) -> None:
        """Keep pytest from printing the name of a file of samples; the live lines say more."""
        reporter = self._reporter
        if reporter is not None and reporter.verbosity <= 0:
            suppress_filename(reporter, path)

    @property
    def _reporter(self) -> Any:
        # Looked up each time: this object is made before pytest has its reporter.
        return self._config.pluginmanager.getplugin("terminalreporter")
