"""The skip of an item that no gate needs any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_modeleval.evaluation.evaluation import Evaluation
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.records import DECIDED, DROPPED, STOPPED_EARLY


class SkippedByGate(pytest.skip.Exception):  # type: ignore[name-defined,misc] # an attribute of a function
    """Stands for the answer of an item that is not needed. A skip, so that --pdb does not stop at it."""

    def __init__(self, cause: str, *, was_asked: bool = False) -> None:
        self.cause = DROPPED if was_asked and cause == STOPPED_EARLY else cause
        super().__init__(
            "decided: every gate could be judged without this repeat"
            if cause == DECIDED
            else "stopped early: the verdict of every gate on it was certain"
        )


def while_needed(item: PlannedItem, evaluation: Evaluation, wait: Callable[[], None]) -> Callable[[], None]:
    """Called while an item waits for its answer: raises SkippedByGate once the item is not needed any more."""

    def tick() -> None:
        wait()
        cause, was_asked = evaluation.spared(item)
        if cause:
            raise SkippedByGate(cause, was_asked=was_asked)

    return tick
