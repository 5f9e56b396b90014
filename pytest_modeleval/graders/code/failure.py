"""Classifies a run that failed, from what was seen of it. Pure."""

from __future__ import annotations

import signal
from typing import NamedTuple

from pytest_modeleval.graders.code.problem import ProgramStatus
from pytest_modeleval.sandbox import Limits, RunReport

_MIB = 2**20
_TIME = frozenset({"cpu", "blocked", "wall"})


class Failure(NamedTuple):
    """Why a program did not pass a test."""

    status: ProgramStatus
    explanation: str
    """One line for people."""
    is_close: bool = False
    """The answer would pass with a tolerance of 1e-6."""


def failure_of(report: RunReport, limits: Limits) -> Failure | None:
    """Why a run failed; None if the program ended by itself, in time, with exit code 0."""
    line = last_line(report.error)
    if report.stopped == "memory" or (report.exit_code == 1 and line.partition(":")[0] == "MemoryError"):
        return Failure(ProgramStatus.MEMORY_LIMIT, f"needs more than {limits.memory_bytes // _MIB} MiB of memory")
    if is_late(report, limits):
        return Failure(ProgramStatus.TIME_LIMIT, _lateness(report, limits))
    if report.is_output_full:
        what = "too many files" if report.stopped == "files" else f"more than {limits.output_bytes // _MIB} MiB"
        return Failure(ProgramStatus.OUTPUT_LIMIT, f"writes {what}")
    return _exit_failure(report, limits, line)


def _exit_failure(report: RunReport, limits: Limits, line: str) -> Failure | None:
    """Why the exit code is not 0. line: the last one of the error output."""
    if report.exit_code == -signal.SIGKILL and report.peak_bytes > 0.9 * limits.memory_bytes:
        return Failure(ProgramStatus.MEMORY_LIMIT, "was killed by the kernel for its use of memory")
    if report.exit_code < 0:
        return Failure(ProgramStatus.RUNTIME_ERROR, f"was ended by signal {_signal_name(-report.exit_code)}")
    if report.exit_code > 0:
        return Failure(ProgramStatus.RUNTIME_ERROR, line or f"ended with exit code {report.exit_code}")
    return None


def is_late(report: RunReport, limits: Limits) -> bool:
    """True if the run exceeded its time limit: CPU seconds and time asleep count, waiting for a core does not."""
    return report.stopped in _TIME or report.used_s > limits.cpu_s or report.exit_code == -signal.SIGXCPU


def is_clearly_late(report: RunReport, relaxed: Limits) -> bool:
    """True if the run used up even the relaxed limit, so that a second run would only cost time."""
    return report.stopped in ("cpu", "blocked") or report.used_s > relaxed.cpu_s


def last_line(text: str) -> str:
    """The last line of an error text, at most 300 characters."""
    return text.strip().rpartition("\n")[2].strip()[:300]


def _lateness(report: RunReport, limits: Limits) -> str:
    if report.stopped == "wall":
        return f"did not end within {limits.wall_s:g} s of wall time"
    asleep = f", {report.blocked_s:.1f} s of it asleep" if report.blocked_s > 0.5 else ""
    return f"needs more than {limits.cpu_s:g} s (stopped after {report.used_s:.1f} s{asleep})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
