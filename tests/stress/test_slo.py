"""Service level objectives: which requests are good."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.stress.slo import NAMES, Slo
from pytest_modeleval.stress.timing import Arrival, Timing

bounds = st.none() | st.integers(1, 10**6).map(lambda microseconds: microseconds / 1e6)
slos = st.builds(Slo, ttft_s=bounds, ttft_answer_s=bounds, tpot_s=bounds, e2e_s=bounds)
GOOD = Timing(
    number=0,
    sent_s=10,
    first_s=10.5,
    first_answer_s=10.5,
    ended_s=12,
    arrivals=(Arrival(10.5, 1), Arrival(11.5, 10)),
    completion_tokens=11,
)


@given(slos)
def test_an_objective_is_read_from_its_text(slo: Slo) -> None:
    """Its own text gives the same bounds."""
    if not slo.bounds():
        return
    read = Slo.parse(slo.text)
    assert read.bounds() == pytest.approx(slo.bounds())


def test_an_objective_has_bounds_in_seconds() -> None:
    """Whatever unit they were written in."""
    slo = Slo.parse("ttft=1s,ttft_answer=2s tpot=50ms e2e<=3500us")
    assert (slo.ttft_s, slo.ttft_answer_s, slo.tpot_s, slo.e2e_s) == pytest.approx((1, 2, 0.05, 0.0035))


@pytest.mark.parametrize(
    "text", ["", "ttft", "ttft=1", "ttft=-1s", "ttft=0s", "speed=1s", "ttft=1s ttft=2s", "tpot=1h"]
)
def test_another_text_is_no_objective(text: str) -> None:
    """The message shows the form and the names."""
    with pytest.raises(ValueError, match=r"expected .*ttft=1s"):
        Slo.parse(text)


@pytest.mark.parametrize(("name", "value"), [("ttft", 0.5), ("ttft_answer", 0.5), ("tpot", 0.1), ("e2e", 2.0)])
def test_a_bound_holds_up_to_its_value(name: str, value: float) -> None:
    """Good at the bound, not good above it."""
    assert name in NAMES
    assert Slo.parse(f"{name}={value + 1e-6:.6f}s").is_good(GOOD)
    assert not Slo.parse(f"{name}={value - 1e-6:.6f}s").is_good(GOOD)


def test_a_failed_request_is_not_good() -> None:
    """However early it failed."""
    assert not Slo.parse("e2e=9s").is_good(replace(GOOD, failure="http_503"))


def test_an_open_loop_counts_from_the_scheduled_time() -> None:
    """A request that waited in the client for a second has waited."""
    late = replace(GOOD, scheduled_s=9.0)
    assert Slo.parse("ttft=1600ms tpot=110ms").is_good(late)
    assert not Slo.parse("ttft=1400ms").is_good(late)
    assert not Slo.parse("e2e=2900ms").is_good(late)


def test_a_reply_of_one_token_keeps_the_time_per_token() -> None:
    """It has no gap that could be too long; a reply without tokens does not."""
    one = replace(GOOD, arrivals=(Arrival(10.5, 1),), completion_tokens=1)
    assert Slo.parse("tpot=1ms").is_good(one)
    assert not Slo.parse("tpot=1ms").is_good(replace(one, first_s=None, arrivals=()))
