"""The nouns of the sandbox: what a program may use, and what was seen of it. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval.errors import ModelEvalError, UserError


class SandboxUnavailable(UserError):
    """This machine lets us build no sandbox. The message says in one line what to enable.

    reason: why, without the advice.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(f"{reason}. {advice}" if advice else reason)
        self.reason = reason


class SandboxError(ModelEvalError):
    """The sandbox itself failed; nothing can be said about the program. Never a verdict."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run of a program may use.

    cpu_s: CPU seconds of all its processes, together with the time it sleeps of its own will. wall_s: backstop.
    memory_bytes: resident memory of all its processes. output_bytes: size of any one file it writes, output included.
    processes, files: at once, threads counting as processes.
    is_blocking_counted: False where waiting for the other side is part of the work.
    """

    cpu_s: float = 6.0
    wall_s: float = 60.0
    memory_bytes: int = 2**30
    output_bytes: int = 16 * 2**20
    processes: int = 64
    files: int = 64
    is_blocking_counted: bool = True


@dataclass(frozen=True, slots=True)
class RunReport:
    """What was seen of one run, from outside the program.

    exit_code: as subprocess gives it, negative for a signal. stopped: the limit for which it was killed ("cpu",
    "blocked", "wall", "memory", "files"), "" if it ended by itself. cpu_s, blocked_s, wall_s: seconds used, asleep, in
    all. peak_bytes: greatest resident size of one process. output, error: descriptors 1 and 2, cut at output_bytes and
    at 8 KiB from the end. result: descriptor 3, for styles that return a value. is_output_full: a file reached the
    limit of its size.
    """

    exit_code: int
    stopped: str
    cpu_s: float
    blocked_s: float
    wall_s: float
    peak_bytes: int
    output: bytes
    error: str
    result: bytes
    is_output_full: bool

    @property
    def used_s(self) -> float:
        """What the time limit is held against: CPU seconds and the time asleep."""
        return self.cpu_s + self.blocked_s
