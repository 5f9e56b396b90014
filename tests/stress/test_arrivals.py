"""Loads are read from their names, and open loops send at the times that their rate asks for."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.stress.arrivals import schedule, time_of
from pytest_modeleval.stress.loads import CONSTANT, EXPONENTIAL, GAMMA, LINEAR, Load

rates = st.integers(1, 500).map(lambda number: number / 8)
open_loads = st.builds(
    Load,
    rate=rates,
    end_rate=st.none() | rates,
    ramp=st.sampled_from([LINEAR, EXPONENTIAL]),
    ramp_s=st.sampled_from([10.0, 60.0]),
    gaps=st.sampled_from([CONSTANT, GAMMA]),
    burstiness=st.sampled_from([0.25, 1.0, 4.0]),
)


@given(open_loads | st.builds(Load, concurrency=st.integers(1, 4096)))
def test_a_load_is_read_from_its_name(load: Load) -> None:
    """The name of what was read is the name that was read."""
    read = Load.parse(load.name)
    assert read.name == load.name
    assert (read.rate, read.end_rate, read.concurrency) == (load.rate, load.end_rate, load.concurrency)
    assert read.is_open == (read.concurrency is None)


@pytest.mark.parametrize(
    "text", ["", "16", "c0", "c1.5", "rate0", "rate4-gamma", "rate4-gamma0", "rate4-60s", "rate-4"]
)
def test_another_text_is_no_load(text: str) -> None:
    """The message shows the forms."""
    with pytest.raises(ValueError, match="expected"):
        Load.parse(text)


@given(open_loads, st.integers(0, 2**32))
def test_a_schedule_is_absolute_and_repeatable(load: Load, seed: int) -> None:
    """It begins at 0, never goes back, and the same seed gives the same times."""
    times = list(islice(schedule(load, seed), 50))
    assert times[0] == 0
    assert times == sorted(times)
    assert times == list(islice(schedule(load, seed), 50))


@given(open_loads, st.floats(1, 300))
def test_the_area_under_the_rate_is_the_number_expected(load: Load, expected: float) -> None:
    """time_of is the inverse of the integral of the rate, summed here in small steps."""
    at = np.linspace(0, time_of(load, expected), 20_001)
    end_rate = load.end_rate or load.rate
    assert load.rate
    assert end_rate
    share = np.minimum(at / load.ramp_s, 1)
    is_exponential = load.ramp == EXPONENTIAL
    rate = load.rate * (end_rate / load.rate) ** share if is_exponential else load.rate + (end_rate - load.rate) * share
    assert np.trapezoid(rate, at) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("burstiness", "variation"), [(0.25, 2.0), (1.0, 1.0), (4.0, 0.5)])
def test_gaps_have_the_rate_and_the_burstiness_asked_for(burstiness: float, variation: float) -> None:
    """Mean 1 / rate, coefficient of variation 1 / sqrt(burstiness)."""
    gaps = np.diff(list(islice(schedule(Load(rate=5, burstiness=burstiness), 1), 40_000)))
    assert gaps.mean() == pytest.approx(0.2, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(variation, rel=0.05)


def test_a_closed_loop_has_no_schedule() -> None:
    """It is refused when asked, not when read."""
    with pytest.raises(ValueError, match="open loop"):
        schedule(Load(concurrency=4), 1)
