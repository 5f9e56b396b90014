"""The pytest items: one per sample and repeat, ordinary functions with an ordinary protocol.

They are lighter than parametrized ones: the fixture information is computed once per benchmark, an item carries a
reference to the plan instead of a call specification, and what few items are ever asked for is made when it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from pytest_modeleval.errors import EngineStopped, Ungraded, UserError
from pytest_modeleval.evaluation.item_runner import ItemResult
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.records import Grade, Kind, Sample
from pytest_modeleval.server_facts import ModelFacts

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    Location = tuple[os.PathLike[str] | str, int | None, str]

ANSWER_FIXTURES = ("sample", "response", "grade", "model")


class SampleItem(pytest.Function):
    """One question asked once. `planned` says which; `arrival` brings the answer before the item is set up."""

    planned: PlannedItem
    plan_index: int
    model_facts: ModelFacts | None = None
    # Of the benchmark's function, as pytest's `location` has it: path from the root folder, line, name.
    shared_location: tuple[str, int | None, str]
    # Which of our fixtures are filled in without asking pytest; see `filled_fixtures`.
    filled: tuple[str, ...]
    # Gives the answer, or raises what stands for it; set for each item just before it runs, and let go after it.
    arrival: Callable[[], ItemResult] | None = None
    answered: ItemResult | None = None
    grade: Grade | None = None
    has_verdict: bool = False
    failure_line: str = ""
    # Run and reported within the protocol of an item before it (fast_path.fast_path).
    is_over: bool = False

    @cached_property
    def keywords(self) -> Any:  # type: ignore[override]  # pytest has a plain attribute
        """As pytest makes them with the item; here for items that were cast (collection.item_template)."""
        assert self.parent is not None
        kind: Any = type(self.parent.keywords)
        made = kind(self)
        made.update((mark.name, mark) for mark in self.own_markers)
        made.update(self.obj.__dict__)
        return made

    @property
    def function(self) -> Any:
        """As pytest has it, which looks for the function of a method; a benchmark is none."""
        return self.obj

    @cached_property
    def _request(self) -> Any:  # type: ignore[override]  # as above
        """As `keywords`."""
        # pytest's own way of making it empties what was filled in before.
        filled = self.funcargs
        self._initrequest()
        self.funcargs = filled
        return self.__dict__["_request"]

    def reportinfo(self) -> Location:
        """Where the function stands; looked up once per benchmark."""
        return self.path, self.shared_location[1], self.name

    @property
    def location(self) -> tuple[str, int | None, str]:
        """As pytest has it, which would look the path up for every item: path from the root folder, line, name."""
        path, line, _ = self.shared_location
        return str(path), line, self.name

    def setup(self) -> None:
        """Fill the fixtures that the test asks for, then those that are not ours."""
        self.fill()
        # Our fixtures ask for `request`; resolving it anew would inspect a signature for every item.
        self.funcargs["request"] = self._request
        super().setup()

    def fill(self) -> None:
        """Fetch the answer, grade it, and put both where the test finds them. Raises what stands for the answer."""
        if self.arrival is None or self.answered is not None:
            return
        answered = self.arrival()
        if answered.grade_error is not None:
            raise answered.grade_error
        self.grade = answered.grade if answered.grade is not None else self._graded(self.planned.sample, answered.value)
        self.answered = answered
        # Filled in here because resolving fixtures costs 80 us a test; the fixtures exist all the same, for
        # other fixtures that build on them.
        for name in self.filled:
            self.funcargs[name] = self.fixture_value(name)

    def run_body(self) -> None:
        """The test function itself, without hooks (fast_path.fast_path)."""
        given = self.funcargs
        self.obj(**{name: given[name] for name in self._fixtureinfo.argnames})

    def fixture_value(self, name: str) -> Any:
        """What the fixture `sample`, `response`, `grade` or `model` gives in this item."""
        if name == "sample":
            return self.planned.sample
        if name == "model":
            return self.model_facts
        if name == "request":
            return self._request
        if self.answered is None:
            raise UserError(f"the fixture {name} exists only while a sample runs")
        if name == "response":
            return self.answered.value
        if self.planned.plan.benchmark.grade is None:
            raise UserError(
                f"the test asks for the fixture grade, but benchmark {self.planned.key.benchmark} declares no grade="
            )
        return self.grade

    def release(self) -> None:
        """Forget the answer: at 20,000 items they would fill the memory."""
        self.arrival = None
        self.answered = None
        self.grade = None

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """One line for an answer that is wrong and for a sample without a grade; a traceback for faults of code."""
        if self.has_verdict or isinstance(excinfo.value, Ungraded | EngineStopped):
            return self.failure_line
        if isinstance(excinfo.value, UserError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def _repr_failure_py(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> Any:
        """As repr_failure, where pytest makes it of a failed setup: its traceback costs up to a tenth of a second.

        A server that is gone leaves thousands of samples without an answer, and one line is shown for each. If pytest
        renames this method, that is slow again and nothing else.
        """
        error = excinfo.value
        is_ours = isinstance(error, EngineStopped) or (
            isinstance(error, Ungraded) and error.kind is not Kind.GRADER_ERROR
        )
        if is_ours and self.failure_line:
            return self.failure_line
        return super()._repr_failure_py(excinfo, style)

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


def filled_fixtures(item: pytest.Function) -> tuple[str, ...]:
    """Those of our fixtures, and `request`, that the function asks for; the same for all items of a benchmark.

    A project's own fixture of the same name wins, as everywhere in pytest.
    """
    info = item._fixtureinfo
    ours = (*ANSWER_FIXTURES, "request")
    return tuple(name for name in ours if name in info.argnames and len(info.name2fixturedefs.get(name, ())) <= 1)


def name_as_parametrized(item: SampleItem, name: str, sample: str) -> None:
    """Tell pytest which part of the item's id is the sample.

    pytest 9.2 keeps ids in parts and compares them so, which --lf depends on; without a call specification it would
    take "test_x[sample]" for the function's name. Older versions know texts only, and need nothing.
    """
    parent: Any = item.parent
    if hasattr(item, "_id") and hasattr(parent, "id"):
        item._id = parent.id.child(name).with_params(sample)


class InactiveItem(pytest.Item):
    """Stands for a benchmark in a run without --model: skipped, with the reason."""

    def runtest(self) -> None:
        """Skip, and say how to run it."""
        pytest.skip("no model to evaluate: name one with --model NAME (or --model embedded)")

    def reportinfo(self) -> Location:
        """The file; a skip has no line of interest."""
        return self.path, None, self.name
