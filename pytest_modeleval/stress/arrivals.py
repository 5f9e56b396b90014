"""When the requests of an open loop are sent: absolute times, drawn once from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from math import expm1, isclose, log, log1p, sqrt

import numpy as np

from pytest_modeleval.stress.loads import CONSTANT, EXPONENTIAL, Load

_DRAWN_AT_ONCE = 1024


def schedule(load: Load, seed: int) -> Iterator[float]:
    """Seconds since the start of the point at which each request is due, without end; the first at 0.

    The times between two requests are independent draws of a gamma distribution with the mean 1 / rate. A ramp
    stretches the time of a process of one request a second, so that the expected number of requests up to t is the
    area under the rate (Lewis and Shedler 1979; Çinlar 1975, chapter 4.7). Absolute times do not drift: a client
    that sends late sends the next one in time. Raises ValueError for a closed loop, which has no schedule.
    """
    if load.rate is None:
        raise ValueError(f"expected an open loop, found {load.name}: it sends when a request has ended")
    return _times(load, seed)


def _times(load: Load, seed: int) -> Iterator[float]:
    unit = 0.0
    for gap in _unit_gaps(load, seed):
        yield time_of(load, unit)
        unit += gap


def _unit_gaps(load: Load, seed: int) -> Iterator[float]:
    """Times between requests at one request a second."""
    generator = np.random.default_rng([seed, 0x61727269])
    while True:
        if load.gaps == CONSTANT:
            yield from [1.0] * _DRAWN_AT_ONCE
        else:
            draws = generator.gamma(load.burstiness, 1 / load.burstiness, _DRAWN_AT_ONCE)
            yield from draws.tolist()


def time_of(load: Load, expected: float) -> float:
    """The time by which an open loop is expected to have sent that many requests."""
    rate = load.rate
    assert rate is not None
    if load.end_rate is None or isclose(load.end_rate, rate):
        return expected / rate
    if expected >= (sent_in_ramp := _sent_in_ramp(load, rate, load.end_rate)):
        return load.ramp_s + (expected - sent_in_ramp) / load.end_rate
    if load.ramp == EXPONENTIAL:
        growth = log(load.end_rate / rate) / load.ramp_s
        return log1p(expected * growth / rate) / growth
    slope = (load.end_rate - rate) / load.ramp_s
    # The root of rate * t + slope * t * t / 2 = expected, in the form that loses no digits where the slope is small.
    return 2 * expected / (rate + sqrt(max(0.0, rate * rate + 2 * slope * expected)))


def _sent_in_ramp(load: Load, rate: float, end_rate: float) -> float:
    """Expected number of requests during the ramp."""
    if load.ramp == EXPONENTIAL:
        growth = log(end_rate / rate) / load.ramp_s
        return rate * expm1(growth * load.ramp_s) / growth
    return (rate + end_rate) / 2 * load.ramp_s
