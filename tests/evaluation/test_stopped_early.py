"""Items that no gate needed: in no count of the summary, and nobody's loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.evaluation.summary import summarize
from pytest_modeleval.plan import Plan, PlannedSubset
from pytest_modeleval.records import DECIDED, DROPPED, STOPPED_EARLY, ItemKey, Kind, Outcome

fates = st.sampled_from(["right", "wrong", "timeout", "missing", STOPPED_EARLY, DROPPED, DECIDED])


def _plan(samples: int, repeats: int) -> Plan:
    return Plan(
        benchmark="b",
        version="1",
        metric="mean_acc",
        subsets=(PlannedSubset("s", is_optional=False),),
        repeats=repeats,
        items={"s": [f"q{number}" for number in range(samples)]},
    )


@given(st.lists(st.lists(fates, min_size=2, max_size=2), min_size=1, max_size=12))
def test_every_item_is_counted_or_spared(samples: list[list[str]]) -> None:
    """Counts and spared items add up to all; where nothing else is missing, the bounds are the score."""
    outcomes = {}
    for number, repeats in enumerate(samples):
        for repeat, fate in enumerate(repeats):
            key = ItemKey("b", "s", f"q{number}", repeat)
            if fate in ("right", "wrong", "timeout"):
                outcomes[key] = Outcome(key, Kind(fate), float(fate == "right"))
            elif fate != "missing":
                outcomes[key] = Outcome(key, Kind.NOT_RUN, cause=fate)
    (found,) = summarize([_plan(len(samples), 2)], outcomes)
    (score,) = found.subsets
    flat = [fate for repeats in samples for fate in repeats]
    lost = sum(fate in ("timeout", "missing") for fate in flat)
    assert score.stopped_early == sum(fate in (STOPPED_EARLY, DROPPED, DECIDED) for fate in flat)
    assert score.counts[Kind.RIGHT] == flat.count("right")
    assert score.counts[Kind.TIMEOUT] == flat.count("timeout")
    assert score.counts[Kind.NOT_RUN] == flat.count("missing")
    assert score.items + score.stopped_early == len(flat)
    if not lost:
        assert score.if_ungraded_wrong == score.score == score.if_ungraded_right
