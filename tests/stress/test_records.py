"""The records of a stress test come back from JSON as they were."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.stress.point import Instant, PointFigure, PointResult
from pytest_modeleval.stress.timing import PHASES, Arrival, Timing

seconds = st.floats(0, 1e6)
timings = st.builds(
    Timing,
    number=st.integers(0, 10**6),
    scheduled_s=st.none() | seconds,
    sent_s=seconds,
    first_s=st.none() | seconds,
    ended_s=seconds,
    arrivals=st.lists(st.builds(Arrival, seconds, st.integers(0, 99)), max_size=4).map(tuple),
    completion_tokens=st.none() | st.integers(0, 10**6),
    wanted_tokens=st.none() | st.integers(0, 10**6),
    failure=st.sampled_from(["", "http_503"]),
    phase=st.sampled_from(PHASES),
    is_right=st.none() | st.booleans(),
)
figures = st.builds(
    PointFigure,
    value=st.none() | seconds,
    num=st.integers(0, 10**6),
    blocks=st.lists(seconds, max_size=3).map(tuple),
)
points = st.builds(
    PointResult,
    point=st.text(max_size=9),
    workload=st.text(max_size=9),
    load=st.text(max_size=9),
    concurrency=st.none() | st.integers(1, 999),
    seconds=seconds,
    steady_s=seconds,
    sent=st.integers(0, 10**6),
    complete=st.integers(0, 10**6),
    failures=st.dictionaries(st.text(max_size=9), st.integers(1, 99), max_size=2),
    figures=st.dictionaries(st.text(max_size=9), figures, max_size=3),
    curves=st.dictionaries(st.text(max_size=9), st.lists(st.tuples(seconds, seconds)).map(tuple), max_size=2),
    timeline=st.lists(
        st.builds(Instant, at_s=seconds, in_flight=seconds, tokens_per_s=seconds, requests_per_s=seconds), max_size=2
    ).map(tuple),
    unjudged=st.text(max_size=9),
)


@given(timings)
def test_a_timing_survives_its_file(timing: Timing) -> None:
    """to_json, JSON text and from_json give the same record; fields at their defaults are not written."""
    line = timing.to_json()
    assert Timing.from_json(json.loads(json.dumps(line))) == timing
    assert "session" not in line


@given(points)
def test_a_result_survives_the_summary(result: PointResult) -> None:
    """to_json, JSON text and from_json give the same record."""
    assert PointResult.from_json(json.loads(json.dumps(result.to_json()))) == result


@pytest.mark.parametrize("line", [{}, {"number": 1}, {"number": 1, "sent_s": 0, "ended_s": 1, "arrivals": [3]}])
def test_a_damaged_timing_is_refused(line: dict[str, object]) -> None:
    """A line that lacks a field, or holds one of another form, is no timing."""
    with pytest.raises(ValueError, match="timing of a request"):
        Timing.from_json(line)


@pytest.mark.parametrize("entry", [{}, {"point": "c1", "figures": 3}, {"point": "c1", "figures": {"a": {"b": 1}}}])
def test_a_damaged_result_is_refused(entry: dict[str, object]) -> None:
    """An object that lacks a field, or holds one of another form, is no result."""
    with pytest.raises(ValueError, match="operating point"):
        PointResult.from_json(entry)


def test_a_reply_that_ended_early_is_told_apart() -> None:
    """Shorter than asked for and complete; a failed request and one without a count are neither."""
    base = {"number": 0, "sent_s": 0.0, "ended_s": 1.0, "wanted_tokens": 10}
    assert Timing(**base, completion_tokens=9).ended_early  # type: ignore[arg-type]
    assert not Timing(**base, completion_tokens=10).ended_early  # type: ignore[arg-type]
    assert not Timing(**base, completion_tokens=9, failure="timeout").ended_early  # type: ignore[arg-type]
    assert not Timing(**base).ended_early  # type: ignore[arg-type]
