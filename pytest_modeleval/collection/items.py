"""The pytest items: one per sample and repeat, ordinary functions with an ordinary protocol.

They are lighter than parametrized ones: the fixture information is computed once per benchmark, an item carries a
reference to the plan instead of a call specification, and rarely used attributes are made when they are first read.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_modeleval.errors import EngineStopped, Ungraded, UserError
from pytest_modeleval.evaluation.item_runner import ItemResult
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.pytest_private import FixtureNames, LazyFunction
from pytest_modeleval.records import Grade, Kind, Sample
from pytest_modeleval.server_facts import ModelFacts

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    Location = tuple[os.PathLike[str] | str, int | None, str]

# As plugin.INACTIVE, which loads nothing of this room.
INACTIVE = ("modeleval", "inactive")
ANSWER_FIXTURES = ("sample", "response", "grade", "model")


@dataclass(frozen=True, slots=True)
class BenchmarkFunction:
    """What all items of one benchmark share."""

    location: tuple[str, int | None, str]
    """pytest's location of the function: path from the root folder, line, name."""
    arguments: tuple[str, ...]
    """The fixtures that the function asks for."""
    filled: tuple[str, ...]
    """Those of our fixtures, and `request`, that are filled in without asking pytest.

    A project's own fixture of the same name wins, as everywhere in pytest.
    """

    @classmethod
    def of(cls, probe: pytest.Function) -> BenchmarkFunction:
        """Of any item of the function."""
        names = FixtureNames(probe)
        ours = (*ANSWER_FIXTURES, "request")
        filled = tuple(name for name in ours if name in names.arguments and not names.is_overridden(name))
        return cls(probe.location, names.arguments, filled)


class SampleItem(LazyFunction):
    """One question asked once.

    Life: `bind` when it is collected, `enter_plan` when it is selected, `expect` when its result is there, `fill` in
    its setup, `conclude` when its outcome is known, `release` when it is over.
    """

    planned: PlannedItem
    function_info: BenchmarkFunction
    plan_index: int
    """Its place in the plan."""
    result: ItemResult | None = None
    grade: Grade | None = None
    _model: ModelFacts | None = None
    _get_result: Callable[[], ItemResult] | None = None
    _has_verdict: bool = False
    _failure_line: str = ""

    def bind(self, planned: PlannedItem, function_info: BenchmarkFunction) -> None:
        """Say which question this is."""
        self.planned = planned
        self.function_info = function_info

    def enter_plan(self, index: int, model: ModelFacts) -> None:
        """Take a place in the plan of this process, which asks this model."""
        self.plan_index = index
        self._model = model

    def expect(self, get_result: Callable[[], ItemResult]) -> None:
        """get_result gives the answer, or raises what stands for it; called once, in the item's setup."""
        self._get_result = get_result

    @property
    def is_expected(self) -> bool:
        """The item has its result, or what stands for it, and is not over."""
        return self._get_result is not None

    def fill(self) -> None:
        """Fetch the result, grade it, and put both where the test finds them. Raises what stands for the result."""
        if self._get_result is None or self.result is not None:
            return
        result = self._get_result()
        if result.grade_error is not None:
            raise result.grade_error
        self.grade = result.grade if result.grade is not None else self._graded(self.planned.sample, result.value)
        self.result = result
        # Filled in here because resolving a fixture costs 80 us a test; the fixtures exist all the same, for other
        # fixtures that build on them.
        for name in self.function_info.filled:
            self.funcargs[name] = self.fixture_value(name)

    def conclude(self, *, has_verdict: bool, failure_line: str) -> None:
        """The outcome is known. failure_line: the line that reports show for it, "" for a passed test."""
        self._has_verdict = has_verdict
        self._failure_line = failure_line

    def release(self) -> None:
        """Forget the answer: at 20,000 items they would fill the memory."""
        self._get_result = None
        self.result = None
        self.grade = None

    def setup(self) -> None:
        """Fill the fixtures that the test asks for, then those that are not ours."""
        self.fill()
        # Our fixtures ask for `request`; resolving it anew would inspect a signature for every item.
        self.funcargs["request"] = self.request
        super().setup()

    def run_body(self) -> None:
        """Call the test function, without hooks (fast_path)."""
        given = self.funcargs
        self.obj(**{name: given[name] for name in self.function_info.arguments})

    def fixture_value(self, name: str) -> Any:
        """The value of the fixture `sample`, `response`, `grade`, `model` or `request` in this item."""
        if name == "sample":
            return self.planned.sample
        if name == "model":
            return self._model
        if name == "request":
            return self.request
        if self.result is None:
            raise UserError(f"the fixture {name} exists only while a sample runs")
        if name == "response":
            return self.result.value
        if self.planned.plan.benchmark.grade is None:
            raise UserError(
                f"the test asks for the fixture grade, but benchmark {self.planned.key.benchmark} declares no grade="
            )
        return self.grade

    @property
    def failure_line(self) -> str:
        """The line that reports show for the outcome; "" for a passed test."""
        return self._failure_line

    def reportinfo(self) -> Location:
        """The path and line of the function; looked up once per benchmark."""
        return self.path, self.function_info.location[1], self.name

    @property
    def location(self) -> tuple[str, int | None, str]:
        """The location as pytest has it, which would look the path up for every item."""
        path, line, _ = self.function_info.location
        return str(path), line, self.name

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """One line for a wrong answer and for a sample without a grade; a traceback for faults of code."""
        if self._has_verdict or isinstance(excinfo.value, Ungraded | EngineStopped):
            return self._failure_line
        if isinstance(excinfo.value, UserError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def short_failure(self, error: BaseException) -> str | None:
        """One line where no answer came: a lost server leaves thousands of samples without one."""
        is_short = isinstance(error, EngineStopped) or (
            isinstance(error, Ungraded) and error.kind is not Kind.GRADER_ERROR
        )
        return self._failure_line if is_short and self._failure_line else None

    def _graded(self, sample: Sample, value: Any) -> Grade | None:
        grader = self.planned.plan.benchmark.grade
        if grader is None:
            return None
        made = grader(sample, value)
        if not isinstance(made, Grade):
            raise TypeError(
                f"the grader of {self.planned.key.benchmark} returned {type(made).__name__}; expected a Grade"
            )
        return made


class InactiveItem(pytest.Item):
    """A benchmark in a run without --model: skipped, with the reason."""

    def runtest(self) -> None:
        """Skip, and say how to run it."""
        self.user_properties.append(INACTIVE)
        pytest.skip("no model to evaluate: name one with --model NAME (or --model embedded)")

    def reportinfo(self) -> Location:
        """The file; a skip has no line of interest."""
        return self.path, None, self.name
