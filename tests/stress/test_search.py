"""The search for the highest rate that keeps an objective."""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from math import exp, factorial

import numpy as np
import pytest

from pytest_modeleval.stress import percentiles
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.point import PointFigure, PointResult
from pytest_modeleval.stress.search import RateSearch

SLOTS, REQUESTS = 8, 2000


def result_of(
    load: Load, good: np.ndarray | float | None, waits: np.ndarray | None = None, **more: float
) -> PointResult:
    """A point with goodput, and what else is given."""
    figures = {name: PointFigure(value=value, num=REQUESTS) for name, value in more.items()}
    if isinstance(good, np.ndarray) and (estimate := percentiles.share(good, waits)):
        figures["goodput"] = PointFigure(value=estimate.value, num=good.size, effective=estimate.effective)
    elif good is not None:
        figures["goodput"] = PointFigure(value=float(np.mean(good)), num=400, unit="share")
    return PointResult(
        point=f"chat@{load.name}", workload="chat", load=load.name, rate=load.rate, concurrency=load.concurrency,
        seconds=60, steady_s=60, sent=400, complete=400, figures=figures,
    )  # fmt: skip


def measure_queue(load: Load, bound: float, rng: np.random.Generator) -> PointResult:
    """A point on M/M/8 with a mean service of 1 s, where a request is good that waits no longer than `bound`."""
    assert load.rate
    warm_up = REQUESTS // 5
    came = np.cumsum(rng.exponential(1 / load.rate, REQUESTS + warm_up)).tolist()
    free, starts, ends = [0.0] * SLOTS, [], []
    for at, took in zip(came, rng.exponential(1.0, len(came)).tolist(), strict=True):
        starts.append(max(at, heappop(free)))
        ends.append(starts[-1] + took)
        heappush(free, ends[-1])
    waits = np.array(starts)[warm_up:] - np.array(came)[warm_up:]
    ended = np.array(ends)
    window = came[-1] - came[warm_up]
    served = float(((ended > came[warm_up]) & (ended <= came[-1])).sum()) / window
    return result_of(load, (waits <= bound).astype(np.float64), waits, req_s=served)


def rate_that_keeps(bound: float, share: float) -> float:
    """By Erlang's formula: the rate at which that share of all requests waits no longer than `bound`."""
    low, high = 0.0, float(SLOTS)
    for _ in range(60):
        rate = (low + high) / 2
        top = rate**SLOTS / factorial(SLOTS) * SLOTS / (SLOTS - rate)
        chance = top / (sum(rate**k / factorial(k) for k in range(SLOTS)) + top) * exp(-(SLOTS - rate) * bound)
        low, high = (rate, high) if chance < 1 - share else (low, rate)
    return low


@pytest.mark.parametrize("seed", range(10))
def test_the_rate_of_a_queue_is_found(seed: int) -> None:
    """Within 5 % of the truth by Erlang's formula in at most 12 points, ten seeds of ten; the interval is sane."""
    search, rng = RateSearch(), np.random.default_rng(seed)
    while (load := search.next_load()) is not None:
        search.enter(load, measure_queue(load, 1.0, rng))
    found = search.found
    assert found
    assert search.num_points <= 12
    assert found.rate == pytest.approx(rate_that_keeps(1.0, 0.95), rel=0.05)
    assert found.low <= found.rate <= found.high < found.low * 1.35


@pytest.mark.parametrize("truth", [0.03, 1.0, 7.3, 90.0])
def test_a_sharp_bound_is_found(truth: float) -> None:
    """Within 5 % in at most 12 points, from 1 request a second, wherever it lies."""
    search = RateSearch()
    while (load := search.next_load()) is not None:
        assert load.rate
        search.enter(load, result_of(load, 1.0 if load.rate <= truth else 0.5, req_s=min(load.rate, truth)))
    assert search.found
    assert search.num_points <= 12
    assert search.found.rate == pytest.approx(truth, rel=0.05)


def test_a_few_slow_requests_do_not_turn_the_search() -> None:
    """Three slow ones of forty at the first rate are no miss beyond chance: the next rate is higher, not lower."""
    search = RateSearch()
    load = search.next_load()
    assert load
    search.enter(load, result_of(load, np.array([0.0, 0.0, 0.0, *[1.0] * 37]), np.arange(40.0) % 7))
    following = search.next_load()
    assert following
    assert following.rate == 4.0


def test_a_point_that_cannot_be_judged_bounds_the_search() -> None:
    """A client that is too slow from 20 requests a second on: nothing above is asked again, and nothing is found."""
    search, asked = RateSearch(), []
    while (load := search.next_load()) is not None:
        assert load.rate
        asked.append(load.rate)
        result = result_of(load, 1.0)
        search.enter(load, result if load.rate < 20 else replace(result, unjudged="too slow"))
    assert search.found is None
    assert search.unjudged_rate is not None
    assert search.unjudged_rate == min(rate for rate in asked if rate >= 20)
    assert max(rate for rate in asked if rate < 20) > 10


def test_a_point_without_goodput_is_refused() -> None:
    """The search cannot read it; a closed loop has no rate."""
    search = RateSearch()
    load = search.next_load()
    assert load
    with pytest.raises(ValueError, match="goodput"):
        search.enter(load, result_of(load, None))
    with pytest.raises(ValueError, match="open loop"):
        search.enter(Load(concurrency=2), result_of(Load(concurrency=2), 1.0))
