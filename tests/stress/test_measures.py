"""The measures of a point are what a plain reading of their definitions gives."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings

from pytest_modeleval.stress import columns
from pytest_modeleval.stress.columns import Columns
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.measures import measure_point
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.slo import Slo
from pytest_modeleval.stress.timing import STEADY, WARM_UP, Arrival, Timing
from tests.stress.support import points

CLOSED = Load(concurrency=2)
few = settings(max_examples=25)


def measure(timings: Sequence[Timing], load: Load = CLOSED, slo: Slo | None = None) -> PointResult:
    """The result with two blocks."""
    return measure_point("chat@c2", "chat", load, timings, slo=slo, blocks=2)


def measured(timings: Sequence[Timing]) -> list[Timing]:
    """Those that latencies are made of."""
    return [timing for timing in timings if timing.is_complete and timing.phase == STEADY]


def tokens_apart(timing: Timing) -> list[float]:
    """The inter-token intervals, one for each token."""
    arrivals = [arrival for arrival in timing.arrivals if arrival.tokens]
    return [
        (later.at_s - earlier.at_s) / later.tokens for earlier, later in pairwise(arrivals) for _ in range(later.tokens)
    ]


@few
@given(points())
def test_latencies_are_means_over_steady_complete_requests(timings: Sequence[Timing]) -> None:
    """Of the time to the first token, of the whole and of the inter-token intervals, each token counted once."""
    figures = measure(timings).figures
    expected = {
        "ttft_mean": [t.first_s - t.sent_s for t in measured(timings) if t.first_s is not None],
        "e2e_mean": [t.ended_s - t.sent_s for t in measured(timings)],
        "itl_mean": [gap for timing in measured(timings) for gap in tokens_apart(timing)],
        "response_mean": [t.ended_s - t.scheduled_s for t in measured(timings) if t.scheduled_s is not None],
    }
    for name, values in expected.items():
        assert (name in figures) == bool(values)
        if values:
            assert figures[name].value == pytest.approx(np.mean(values))
            assert figures[name].num == len(values)


@few
@given(points())
def test_quantiles_of_intervals_count_every_token(timings: Sequence[Timing]) -> None:
    """The weighted quantile is numpy's of the intervals written out, one for each token."""
    values = [gap for timing in measured(timings) for gap in tokens_apart(timing)]
    series = Columns.read(timings, None).intervals()
    assert series.num == len(values)
    for q in (0.0, 0.1, 0.5, 0.9, 1.0) if values else ():
        assert series.quantile(q) == pytest.approx(np.quantile(values, q))


@few
@given(points())
def test_counts_hold_every_request(timings: Sequence[Timing]) -> None:
    """Sent, complete, failures and warm-up count all requests; the order of reading does not matter."""
    result = measure(timings)
    assert result.sent == len(timings) == result.complete + sum(result.failures.values())
    assert result.warm_up == sum(timing.phase == WARM_UP for timing in timings)
    again = measure(list(reversed(timings)))
    assert again.figures.keys() == result.figures.keys()
    assert PointResult.from_json(json.loads(json.dumps(result.to_json()))) == result


@few
@given(points())
def test_goodput_is_a_share_of_the_requests_sent(timings: Sequence[Timing]) -> None:
    """A failed request is sent and not good."""
    slo = Slo.parse("ttft=1s e2e=3s")
    figure = measure(timings, slo=slo).figures.get("goodput")
    steady = [timing for timing in timings if timing.phase == STEADY]
    assert (figure is None) == (not steady)
    if figure is not None:
        assert figure.num == len(steady)
        assert figure.value == pytest.approx(sum(map(slo.is_good, steady)) / len(steady))


@few
@given(points())
def test_throughput_counts_what_arrived_in_the_window(timings: Sequence[Timing]) -> None:
    """Tokens of complete requests from the first steady sending to the first response after the last such sending."""
    result = measure(timings)
    figure = result.figures["output_tok_s"]
    if figure.value is None:
        return
    last = max(timing.sent_s for timing in timings if timing.phase == STEADY)
    start = min(timing.sent_s for timing in timings if timing.phase == STEADY)
    end = min(timing.ended_s for timing in timings if timing.ended_s > last)
    arrived = [
        arrival.tokens if timing.arrivals else 0
        for timing in timings
        if timing.is_complete
        for arrival in timing.arrivals
        if start < arrival.at_s <= end
    ]
    assert figure.value == pytest.approx(sum(arrived) / (end - start))
    assert result.steady_s == pytest.approx(end - start)


@few
@example([Timing(number=0, sent_s=4.0, first_s=4.001, ended_s=4.002000000000001, arrivals=(Arrival(4.001, 0),))])
@given(points())
def test_the_timeline_adds_up_to_the_point(timings: Sequence[Timing]) -> None:
    """Requests in flight, tokens and responses over all stretches are those of the requests."""
    result = measure(timings)
    if not result.timeline:
        return
    assert len(result.timeline) <= 201
    at = [instant.at_s for instant in result.timeline]
    length = at[1] - at[0] if len(at) > 1 else None
    if length is not None:
        busy = sum(timing.ended_s - timing.sent_s for timing in timings)
        assert sum(instant.in_flight for instant in result.timeline) * length == pytest.approx(busy, rel=1e-4)
        ended = sum(instant.requests_per_s for instant in result.timeline) * length
        assert ended == pytest.approx(len(timings), rel=1e-4)


def test_a_chunk_of_tokens_is_shared_out() -> None:
    """Eight tokens in each of three arrivals 0.8 s apart: 0.1 s a token, by intervals and by time per token."""
    arrivals = tuple(Arrival(0.5 + 0.8 * number, 8) for number in range(3))
    timing = Timing(number=0, sent_s=0, first_s=0.5, ended_s=2.2, arrivals=arrivals, completion_tokens=24)
    figures = measure([timing]).figures
    assert figures["itl_mean"].value == pytest.approx(0.1)
    assert figures["itl_mean"].num == 16
    assert figures["tpot_mean"].value == pytest.approx(0.1)


def test_blocks_are_parts_in_the_order_of_sending() -> None:
    """Two blocks of the same number of requests; rates over two halves of the window."""
    point = [
        Timing(number=n, sent_s=n, first_s=n + 0.1 * (1 + n), ended_s=n + 1, completion_tokens=3) for n in range(8)
    ]
    figures = measure(list(reversed(point)), slo=Slo.parse("ttft=450ms")).figures
    assert figures["ttft_mean"].blocks == pytest.approx((0.25, 0.65))
    assert figures["goodput"].blocks == (1.0, 0.0)
    assert figures["goodput"].value == 0.5
    assert figures["req_s"].blocks == (1.0, 1.0)
    assert figures["output_tok_s"].blocks == (3.0, 3.0)


def test_intervals_of_a_large_point_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit, those of every k-th request are kept, whole."""
    arrivals = [(Arrival(n + 0.1, 1), Arrival(n + 0.3, 2)) for n in range(20)]
    point = [Timing(number=n, sent_s=n, first_s=n + 0.1, ended_s=n + 0.4, arrivals=a) for n, a in enumerate(arrivals)]
    assert Columns.read(point, None).intervals().num == 40
    monkeypatch.setattr(columns, "MOST_INTERVALS", 39)
    thinned = Columns.read(point, None).intervals()
    assert thinned.owners.tolist() == list(range(0, 20, 2))
    assert thinned.num == 20


def test_a_percentile_that_the_number_cannot_carry_is_missing() -> None:
    """It says how many requests it would take."""
    draws = np.random.default_rng(1).random(120).tolist()
    many = [Timing(number=n, sent_s=n, first_s=n + 0.1 + draw / 10, ended_s=n + 0.5) for n, draw in enumerate(draws)]
    figures = measure(many).figures
    assert figures["ttft_p99"].value is None
    assert figures["ttft_p99"].missing == "the 99th percentile needs 299 requests, found 120"
    assert figures["ttft_p95"].value is not None


def test_a_missing_percentile_names_a_number_below_the_one_that_it_needs() -> None:
    """Of 300 requests that resemble their neighbours; rounded up, 5.6 independent ones would be the 6 that suffice."""
    draws = np.random.default_rng(3)
    found: list[tuple[int, int]] = []
    for _ in range(40):
        latencies = 1 + 0.1 * np.abs(np.cumsum(draws.normal(size=300)))
        walk = [Timing(number=n, sent_s=n, first_s=n + late, ended_s=n + 90.0) for n, late in enumerate(latencies)]
        for figure in measure(walk).figures.values():
            numbers = re.search(r"needs (\d+) .* as much as (\d+) independent", figure.missing)
            found += [(int(numbers[1]), int(numbers[2]))] if numbers else []
    assert len(found) > 40
    assert all(needed > carried for needed, carried in found)
