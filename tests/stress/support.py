"""Strategies of timings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from hypothesis import strategies as st

from pytest_modeleval.stress.timing import PHASES, STEADY, Arrival, Timing

gaps = st.floats(0.001, 2.0)


@st.composite
def timings(draw: st.DrawFn, number: int = 0) -> Timing:
    """A request that arrived in a few pieces, or failed."""
    sent = draw(st.floats(0, 50))
    pieces = draw(st.lists(st.tuples(gaps, st.integers(0, 8)), max_size=6))
    times = list(accumulate((gap for gap, _ in pieces), initial=sent))[1:]
    arrivals = tuple(Arrival(at, tokens) for at, (_, tokens) in zip(times, pieces, strict=True))
    return Timing(
        number=number,
        scheduled_s=draw(st.none() | st.just(sent - 0.25)),
        sent_s=sent,
        first_s=arrivals[0].at_s if arrivals else None,
        ended_s=(times[-1] if times else sent) + draw(gaps),
        arrivals=arrivals,
        completion_tokens=sum(arrival.tokens for arrival in arrivals) or None,
        prompt_tokens=draw(st.none() | st.integers(1, 100)),
        cached_tokens=draw(st.none() | st.integers(0, 1)),
        failure=draw(st.sampled_from(["", "", "", "http_503"])),
        phase=draw(st.sampled_from((*PHASES, STEADY, STEADY))),
    )


@st.composite
def points(draw: st.DrawFn) -> Sequence[Timing]:
    """The requests of a point, in any order."""
    return [draw(timings(number)) for number in range(draw(st.integers(0, 12)))]
