"""The nouns of the sandbox: what a program may use, and what was seen of it. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval.errors import ModelEvalError, UserError


class SandboxUnavailable(UserError):
    """No sandbox can be built on this machine. The message names in one line what to enable."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(f"{reason}. {advice}" if advice else reason)
        self.reason = reason
        """The cause, without the advice."""


class SandboxError(ModelEvalError):
    """The sandbox itself failed; nothing can be said about the program. Never counts as a result."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run of a program may use."""

    cpu_s: float = 6.0
    """CPU seconds of all its processes, plus the time that it sleeps by its own choice."""
    wall_s: float = 60.0
    """Wall seconds; a backstop."""
    memory_bytes: int = 2**30
    """Memory of all its processes together."""
    output_bytes: int = 16 * 2**20
    """Size of any one file that it writes, standard output included."""
    processes: int = 64
    """Processes at one time; a thread counts as one."""
    files: int = 64
    """Open descriptors of one process."""
    is_blocking_counted: bool = True
    """False where the process legitimately waits for its peer."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What was seen of one run, from outside the program."""

    exit_code: int
    """As subprocess gives it: negative for a signal."""
    stopped: str
    """The limit for which it was killed: "cpu", "blocked", "wall", "memory" or "files"; "" if it ended by itself."""
    cpu_s: float
    """CPU seconds used."""
    blocked_s: float
    """Seconds asleep by its own choice."""
    wall_s: float
    """Wall seconds from fork to end."""
    peak_bytes: int
    """Greatest resident size of any one process."""
    output: bytes
    """Descriptor 1, cut at Limits.output_bytes."""
    error: str
    """The last 8 KiB of descriptor 2."""
    result: bytes
    """Descriptor 3, in the mode that returns a value; else empty."""
    is_output_full: bool
    """A file reached the limit of its size."""

    @property
    def used_s(self) -> float:
        """The time that the limit applies to: CPU seconds plus time asleep."""
        return self.cpu_s + self.blocked_s
