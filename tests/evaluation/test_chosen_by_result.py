"""Samples that were chosen because they were wrong are no sign of a fault if they are wrong again."""

from __future__ import annotations

import pytest

from pytest_modeleval.evaluation.summary import summarize
from pytest_modeleval.plan import Plan, PlannedSubset
from pytest_modeleval.records import ItemKey, Kind, Outcome, sample_name


@pytest.mark.parametrize(
    ("is_chosen", "there", "is_suspicious"), [(False, 10, True), (True, 10, False), (True, 3, True)]
)
def test_only_a_part_that_was_chosen_by_its_result_is_not_suspicious(
    is_chosen: bool, there: int, is_suspicious: bool
) -> None:
    """Three wrong ones of ten, chosen by --eval-only or --lf; a subset that was taken whole is looked at as ever."""
    plan = Plan(
        benchmark="b",
        version="1",
        metric="mean_acc",
        subsets=(PlannedSubset("s", is_optional=False),),
        items={"s": ["a", "b", "c"]},
        samples={"s": there},
    )
    outcomes = {key: Outcome(key, Kind.WRONG) for key in plan.item_keys()}
    (found,) = summarize([plan], outcomes, is_chosen_by_result=is_chosen)
    assert found.subsets[0].is_suspicious is is_suspicious


def test_the_name_of_a_subset_is_not_said_twice() -> None:
    """main-0011 says that it is of main."""
    assert sample_name("main", "main-0011") == "main-0011"
    assert sample_name("main", "q7") == "main q7"
    assert ItemKey("b", "main", "q7").sample == "q7"
