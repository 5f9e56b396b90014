"""What is shown while items run: live lines on a terminal, a plain line every 30 s in a log, nothing under -q."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pytest_modeleval.evaluation.evaluation import Tally
from pytest_modeleval.records import Kind
from pytest_modeleval.reports.live import BenchmarkProgress, LiveDisplay, live_lines, log_line

REDRAW_S = 0.2
LOG_EVERY_S = 30.0


class Display:
    """Shows the tally of a run.

    totals: items of every benchmark. figures(): requests in flight and completion tokens so far, where known.
    """

    def __init__(
        self,
        config: pytest.Config,
        tally: Tally,
        totals: Mapping[str, int],
        figures: Callable[[], tuple[int | None, int]],
    ) -> None:
        self._tally = tally
        self._totals = totals
        self._figures = figures
        self._start_s = time.monotonic()
        self._shown_s = self._start_s
        self._reporter: Any = config.pluginmanager.getplugin("terminalreporter")
        verbosity = config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES)
        is_quiet = self._reporter is None or verbosity != 0 or config.get_verbosity() < 0
        self._is_live = not is_quiet and bool(self._reporter.isatty)
        self._is_log = not is_quiet and not self._is_live
        self._live = LiveDisplay(self._write) if self._is_live else None

    def tick(self) -> None:
        """Called often; shows something when it is time to."""
        now = time.monotonic()
        if self._live is not None and now - self._shown_s >= REDRAW_S:
            self._shown_s = now
            self._live.show(live_lines(self._states(now), width=self._width()))
        elif self._is_log and now - self._shown_s >= LOG_EVERY_S:
            self._shown_s = now
            for state in self._states(now):
                self._reporter.write_line(log_line(state, width=self._width()))

    def clear(self) -> None:
        """Take the live lines away, so that others can write."""
        if self._live is not None:
            self._live.clear()

    def _states(self, now: float) -> list[BenchmarkProgress]:
        elapsed = now - self._start_s
        in_flight, tokens = self._figures()
        states = []
        for name, total in self._totals.items():
            counts = {kind: self._tally.counts.get((name, kind), 0) for kind in Kind}
            done = sum(counts.values())
            is_told = done == total and len(self._totals) > 1 and self._is_log
            if is_told or (done == 0 and not self._is_only_waiting(name)):
                continue
            graded = sum(count for kind, count in counts.items() if kind.is_verdict)
            states.append(
                BenchmarkProgress.of(
                    name,
                    done=done,
                    total=total,
                    graded=graded,
                    credit=self._tally.credit.get(name, 0.0),
                    errors=done - graded,
                    in_flight=in_flight,
                    tokens=tokens,
                    elapsed_s=elapsed,
                )
            )
        return states

    def _is_only_waiting(self, name: str) -> bool:
        """True for the first benchmark that has nothing yet: something is shown from the first second on."""
        for other, total in self._totals.items():
            done = sum(self._tally.counts.get((other, kind), 0) for kind in Kind)
            if done < total:
                return other == name
        return False

    def _width(self) -> int:
        return int(self._reporter._tw.fullwidth)

    def _write(self, text: str) -> None:
        self._reporter._tw.write(text, flush=True)
