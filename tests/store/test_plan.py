"""The plan and its JSON form."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.advice import Advice
from pytest_modeleval.metrics import Aggregate
from pytest_modeleval.plan import Plan, PlannedBreakdown, PlannedSubset
from pytest_modeleval.records import ItemKey

names = st.text("abc-1é ", min_size=1, max_size=5)
ids = st.dictionaries(names, st.lists(names, max_size=3, unique=True), max_size=3)
aggregates = st.builds(
    Aggregate, names, st.sampled_from(["micro", "macro"]), st.none() | st.lists(names, max_size=2).map(tuple)
)
plans = st.builds(
    Plan,
    benchmark=names,
    version=names,
    metric=st.sampled_from(["mean_acc", "acc", "pass@2"]),
    subsets=st.lists(st.builds(PlannedSubset, names, st.booleans()), max_size=3).map(tuple),
    aggregates=st.lists(aggregates, max_size=2).map(tuple),
    advice=st.dictionaries(names, st.builds(Advice, names, st.floats(0, 1)), max_size=2),
    params=st.dictionaries(names, st.floats(0, 1) | names, max_size=2),
    data=st.dictionaries(names, st.fixed_dictionaries({"sha256": names, "rows": st.integers(0, 9)}), max_size=2),
    repeats=st.integers(1, 4),
    items=ids,
    further_metrics=st.lists(st.sampled_from(["acc", "pass@3"]), max_size=2).map(tuple),
    breakdowns=st.lists(
        st.builds(
            PlannedBreakdown,
            names,
            st.lists(names, max_size=2).map(tuple),
            st.dictionaries(names, st.dictionaries(names, names, max_size=2), max_size=2),
        ),
        max_size=2,
    ).map(tuple),
    shard=st.sampled_from(["", "1/3"]),
    whole=st.none() | ids,
    samples=st.none() | st.dictionaries(names, st.integers(0, 9), max_size=2),
    tool_calls=st.sampled_from(["", "native", "text"]),
)


@settings(max_examples=50)
@given(plans)
def test_a_plan_read_back_is_the_plan(plan: Plan) -> None:
    """Through JSON and back nothing is lost, whichever optional parts a plan has."""
    assert Plan.from_json(orjson.loads(orjson.dumps(plan.to_json()))) == plan


def test_items_are_samples_times_repeats() -> None:
    """Every sample once for each repeat, in the order of asking."""
    plan = Plan(benchmark="b", version="1", metric="acc", repeats=2, items={"s": ["x", "y"]})
    expected = [("x", 0), ("x", 1), ("y", 0), ("y", 1)]
    assert plan.item_keys() == [ItemKey("b", "s", sample, repeat) for sample, repeat in expected]
