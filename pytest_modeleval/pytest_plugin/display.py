"""What is shown while items run: live lines on a terminal, a plain line every 30 s in a log, nothing under -q.

With MODELEVAL_PROGRESS=json, a line of JSON twice a second, for the program that started the run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_modeleval.metrics import wilson
from pytest_modeleval.records import Kind
from pytest_modeleval.reports.live import BenchmarkProgress, LiveDisplay, live_lines, log_line, progress_line
from pytest_modeleval.reports.text_layout import one_line, shorten

REDRAW_S = 0.2
LOG_EVERY_S = 30.0
PROGRAM_EVERY_S = 0.5


def is_read_by_program() -> bool:
    """The output is read by the program that started the run."""
    return os.environ.get("MODELEVAL_PROGRESS") == "json"


@dataclass(slots=True)
class Tally:
    """Outcomes of this process, for the live line."""

    counts: dict[tuple[str, Kind], int] = field(default_factory=dict)
    credit: dict[str, float] = field(default_factory=dict)

    def count(self, benchmark: str, kind: Kind, value: float) -> None:
        """Count one outcome."""
        at = benchmark, kind
        self.counts[at] = self.counts.get(at, 0) + 1
        if kind.is_verdict:
            self.credit[benchmark] = self.credit.get(benchmark, 0.0) + value


@dataclass(frozen=True, slots=True)
class RequestCounters:
    """How far asking is, for the live line."""

    in_flight: int | None
    """Requests under way; None where it is not known."""
    tokens: int
    """Completion tokens so far."""
    answered_ahead: int = 0
    """Items that are answered and whose test has not run."""


class StatusLine:
    """One line at the bottom of a terminal, replaced again and again while a server starts. Elsewhere: nothing."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._live = LiveDisplay(self._write)

    def show(self, text: str) -> bool:
        """Put the text there; False if there is no place for it."""
        # Looked up now: this object is made before pytest has its reporter.
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or not reporter.isatty or self._config.get_verbosity() < 0:
            return False
        if not self._live.is_shown:
            reporter.ensure_newline()
        self._live.show([shorten(one_line(text), self._config.get_terminal_writer().fullwidth - 1)])
        return True

    def clear(self) -> None:
        """Take it away."""
        self._live.clear()

    def _write(self, text: str) -> None:
        self._config.get_terminal_writer().write(text, flush=True)


class Display:
    """Shows the tally of a run.

    totals: items of every benchmark. reused: those that an earlier run answered.
    figures(): requests in flight and completion tokens so far, where known.
    """

    def __init__(
        self,
        config: pytest.Config,
        tally: Tally,
        totals: Mapping[str, int],
        reused: Mapping[str, int],
        figures: Callable[[], RequestCounters],
    ) -> None:
        self._config = config
        self._tally = tally
        self._totals = totals
        self._reused = reused
        self._figures = figures
        self._start_s = time.monotonic()
        self._shown_s = self._start_s
        self._started_s: dict[str, float] = {}
        self._reporter: Any = config.pluginmanager.getplugin("terminalreporter")
        verbosity = config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES)
        is_quiet = self._reporter is None or verbosity != 0 or config.get_verbosity() < 0
        self._is_program = self._reporter is not None and is_read_by_program()
        self._is_live = not is_quiet and not self._is_program and bool(self._reporter.isatty)
        self._is_log = self._is_program or (not is_quiet and not self._is_live)
        self._live = LiveDisplay(self._write) if self._is_live else None

    def tick(self) -> None:
        """Called often; shows something when it is time to."""
        now = time.monotonic()
        if self._live is not None and now - self._shown_s >= REDRAW_S:
            self._shown_s = now
            self._live.show(live_lines(self._states(now), width=self._width()))
        elif self._is_log and now - self._shown_s >= (PROGRAM_EVERY_S if self._is_program else LOG_EVERY_S):
            self._write_log(now)

    def clear(self) -> None:
        """Take the live lines away, so that others can write."""
        if self._live is not None:
            self._live.clear()

    def end(self) -> None:
        """The run is over: the last state, for a program."""
        if self._is_program:
            self._write_log(time.monotonic())

    def _write_log(self, now: float) -> None:
        self._shown_s = now
        as_line = progress_line if self._is_program else log_line
        self._reporter.write_line(as_line(self._states(now)))

    def _states(self, now: float) -> list[BenchmarkProgress]:
        """What was begun, and from the first second on the benchmark whose turn it is."""
        states: list[BenchmarkProgress] = []
        counters = self._figures()
        ahead = counters.answered_ahead
        for name, total in self._totals.items():
            done = sum(self._tally.counts.get((name, kind), 0) for kind in Kind)
            is_turn = done < total and not any(state.done < state.total for state in states)
            if not done and not is_turn and not ahead:
                continue
            # Items are asked in their order: what one benchmark cannot have of them is of the next.
            of_this = min(ahead, total - done)
            ahead -= of_this
            states.append(self._progress(name, now, counters, done=done, total=total, ahead=of_this, is_turn=is_turn))
        return states

    def _progress(
        self, name: str, now: float, counters: RequestCounters, *, done: int, total: int, ahead: int, is_turn: bool
    ) -> BenchmarkProgress:
        started = self._started_s.setdefault(name, now)
        graded = sum(self._tally.counts.get((name, kind), 0) for kind in Kind if kind.is_verdict)
        credit = self._tally.credit.get(name, 0.0)
        low, high = wilson(credit, graded) if graded else (0.0, 1.0)
        has_rate = is_turn and counters.tokens and now > self._start_s
        return BenchmarkProgress(
            benchmark=name,
            done=done,
            total=total,
            score=credit / graded if graded else None,
            half_width=(high - low) / 2 if graded else None,
            # The engine counts over all benchmarks; the one whose turn it is has nearly all of them.
            in_flight=counters.in_flight if is_turn else 0,
            ahead=ahead,
            tokens_per_s=counters.tokens / (now - self._start_s) if has_rate else None,
            errors=done - graded,
            elapsed_s=now - started,
            # Items come in order, and those with an answer cost no time.
            reused=min(done, self._reused.get(name, 0)),
        )

    def _width(self) -> int:
        return self._config.get_terminal_writer().fullwidth

    def _write(self, text: str) -> None:
        self._config.get_terminal_writer().write(text, flush=True)
