"""The nouns of judging code: a problem, its cases, a verdict. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pytest_modeleval.errors import ModelEvalError
from pytest_modeleval.sandbox import Limits, SourceFile


class ProgramGraderError(ModelEvalError):
    """The judge itself failed: no sandbox, no tests, tests that cannot be read. Never a verdict."""


class ProgramStatus(StrEnum):
    """What a judge says of a program; of several failures the first one in the order of the cases."""

    PASSED = "passed"
    COMPILE_ERROR = "compile_error"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"


@dataclass(frozen=True, slots=True)
class Case:
    """One test: what the program is given (standard input; for functions one JSON argument a line) and its answer."""

    given: str
    expected: str


Cases = Callable[[], Sequence[Case]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """How programs for one problem are judged.

    cases: gives the tests; called when a program is judged and not before, so that packed tests stay packed. Empty for
    problems with `check`.
    function, class_name: what is called for each case ("" for a program that reads standard input); class_name "" for
    a plain function.
    prelude: sources that run before the program, in its module.
    check: sources of the benchmark's own tests, in order, run in another sandbox than the program; they call the
    function under each of `names`. The last one holds the assertions.
    """

    limits: Limits
    cases: Cases = tuple
    function: str = ""
    class_name: str = ""
    prelude: tuple[SourceFile, ...] = ()
    check: tuple[SourceFile, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """A program, judged.

    tests: how many there are; passed: how many were passed before the first that was not (all of them, if asked to
    run all). failed: index of the first failed one, from 0. is_close: the answer would pass with a tolerance of 1e-6.
    is_retried: a time limit was passed while other programs ran, and the test was run again alone.
    cpu_s, slowest_s: CPU seconds of all tests, and of the slowest. peak_bytes: greatest resident size.
    """

    status: ProgramStatus
    tests: int
    passed: int
    failed: int | None = None
    explanation: str = ""
    is_close: bool = False
    is_retried: bool = False
    cpu_s: float = 0.0
    slowest_s: float = 0.0
    peak_bytes: int = 0


@dataclass(slots=True)
class ResourceUsage:
    """Adds up what the tests of one program used."""

    cpu_s: float = 0.0
    slowest_s: float = 0.0
    peak_bytes: int = 0
    is_retried: bool = False
    passed: int = 0
    failures: list[int] = field(default_factory=list)
