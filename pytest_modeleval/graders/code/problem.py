"""The nouns of grading programs: a problem, its cases, a result. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pytest_modeleval.errors import ModelEvalError
from pytest_modeleval.sandbox import Limits, SourceFile


class ProgramGraderError(ModelEvalError):
    """The grader itself failed: no sandbox, no tests, tests that cannot be read. Never counts as a result."""


class ProgramStatus(StrEnum):
    """How a program did; of several failures the first one in the order of the cases."""

    PASSED = "passed"
    COMPILE_ERROR = "compile_error"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"


@dataclass(frozen=True, slots=True)
class Case:
    """One test."""

    stdin: str
    """Standard input; for a function, one JSON argument per line."""
    expected: str
    """Standard output; for a function, the returned value as JSON."""


Cases = Callable[[], Sequence[Case]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """How programs for one problem are graded."""

    limits: Limits
    cases: Cases = tuple
    """Returns the tests. Called only when a program is graded, so that packed tests stay packed. Empty with `check`."""
    function: str = ""
    """The function called for each case; "" for a program that reads standard input."""
    class_name: str = ""
    """The class whose method `function` is; "" for a plain function."""
    prelude: tuple[SourceFile, ...] = ()
    """Sources that run before the program, in its module."""
    check: tuple[SourceFile, ...] = ()
    """The benchmark's own tests as sources, in order, the last one with the assertions. They run in another sandbox
    than the program."""
    names: tuple[str, ...] = ()
    """The names under which the tests of `check` call the function."""


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """A graded program."""

    status: ProgramStatus
    tests: int
    """Number of tests of the problem."""
    passed: int
    """Tests passed before the first that was not; of all tests, if all of them ran."""
    failed: int | None = None
    """Index of the first failed test, from 0; None if all passed."""
    explanation: str = ""
    is_close: bool = False
    """The answer would pass with a tolerance of 1e-6."""
    is_retried: bool = False
    """A time limit was exceeded while other programs ran, and the test ran again alone."""
    cpu_s: float = 0.0
    """CPU seconds of all tests."""
    slowest_s: float = 0.0
    """CPU seconds of the slowest test."""
    peak_bytes: int = 0
    """Greatest resident size."""


@dataclass(slots=True)
class ResourceUsage:
    """Adds up what the tests of one program used."""

    cpu_s: float = 0.0
    slowest_s: float = 0.0
    peak_bytes: int = 0
    is_retried: bool = False
    passed: int = 0
    failures: list[int] = field(default_factory=list)
