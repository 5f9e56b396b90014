"""Two servers in turn: the order of measuring, and one result from the rounds of each."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.plan import PointPlan
from pytest_modeleval.stress.rounds import joined_rounds, rounds_of
from pytest_modeleval.stress.timing import Arrival, Timing
from pytest_modeleval.stress.workloads import Workload
from tests.support.point_cases import a_figure, a_point

PLAN = PointPlan(
    name="chat-16-4@c2",
    workload=Workload.parse("chat-16-4"),
    load=Load.parse("c2"),
    requests=203,
    seconds=40.0,
    against="old",
    rounds=10,
)


def test_the_order_alternates_and_the_load_is_shared_out() -> None:
    """A B, B A, A B ...: each server once a round, its requests at least the plan's in sum, one seed for both."""
    parts = list(rounds_of(PLAN))
    assert [part.against for part in parts[:6]] == ["", "old", "old", "", "", "old"]
    assert [part.name for part in parts[:4]] == [f"{PLAN.name}~{end}" for end in ("1", "1-old", "2-old", "2")]
    own = [part for part in parts if not part.against]
    assert len(own) == 10
    assert sum(part.requests for part in own) >= PLAN.requests
    assert sum(part.seconds for part in own) == pytest.approx(PLAN.seconds)
    assert {part.prompts_name for part in parts[:2]} == {parts[0].name}
    assert not any(part.rounds for part in parts)


def test_without_another_server_a_plan_has_the_key_it_had() -> None:
    """Results of runs made before stay valid."""
    alone = replace(PLAN, against="", rounds=0)
    assert alone.text + " against old 10" == PLAN.text
    assert "against" not in alone.text


@given(st.lists(st.floats(0.1, 10.0), min_size=2, max_size=12))
def test_a_throughput_is_the_mean_over_rounds(values: list[float]) -> None:
    """Its blocks are the rounds; latencies and counts are those of all requests together."""
    results = [replace(a_point(), figures={"req_s": a_figure(value, unit="requests/s")}) for value in values]
    pooled = a_point()
    found = joined_rounds(pooled, results, role="old")
    figure = found.figures["req_s"]
    assert figure.value == pytest.approx(fmean(values))
    assert figure.blocks == tuple(values)
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low - 1e-9 <= fmean(values) <= figure.high + 1e-9
    assert (found.role, found.sent, found.figures["ttft_p50"]) == ("old", pooled.sent, pooled.figures["ttft_p50"])
    assert found.steady_s == pytest.approx(len(values) * pooled.steady_s)


def test_a_round_that_cannot_be_judged_judges_nothing() -> None:
    """Its number is named; a throughput that one round lacks has no value."""
    results = [a_point(), replace(a_point(), figures={}, unjudged="this client was the bottleneck")]
    found = joined_rounds(a_point(), results, role="")
    assert found.figures["req_s"].value is None
    assert found.figures["req_s"].missing == "a round has too few requests"
    assert found.unjudged == "round 2: this client was the bottleneck"


def test_timings_move_by_whole_points() -> None:
    """Every time moves, None stays None, and durations are as they were."""
    timing = Timing(number=0, sent_s=1.0, first_s=2.0, ended_s=3.0, arrivals=(Arrival(2.0, 4),))
    later = timing.later(10.0)
    assert (later.sent_s, later.first_s, later.ended_s, later.scheduled_s) == (11.0, 12.0, 13.0, None)
    assert later.arrivals == (Arrival(12.0, 4),)
