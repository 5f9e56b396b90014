"""The latencies of one request, in seconds. Standard library only; the definitions stand in docs/stress.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pytest_modeleval.stress.timing import Arrival, Timing


def ttft(timing: Timing) -> float | None:
    """From sending to the first token."""
    return None if timing.first_s is None else timing.first_s - timing.sent_s


def ttft_answer(timing: Timing) -> float | None:
    """From sending to the first token after the thinking."""
    return None if timing.first_answer_s is None else timing.first_answer_s - timing.sent_s


def e2e(timing: Timing) -> float:
    """From sending to the end of the response."""
    return timing.ended_s - timing.sent_s


def response(timing: Timing) -> float | None:
    """From the scheduled time to the end of the response; None in a closed loop."""
    return None if timing.scheduled_s is None else timing.ended_s - timing.scheduled_s


def queue(timing: Timing) -> float | None:
    """In the server's queue, as the server reports it."""
    return timing.queue_s


def num_tokens(timing: Timing) -> int | None:
    """Tokens of the reply: by `usage`, else as many as arrived; None where neither says."""
    if timing.completion_tokens is not None:
        return timing.completion_tokens
    return sum(arrival.tokens for arrival in timing.arrivals) or None


def tpot(timing: Timing) -> float | None:
    """Per token after those of the first arrival, up to the last arrival of tokens.

    The time from the first arrival to the last, divided by the tokens that came in it: n - 1 where the first arrival
    is one token, n - 8 where it is eight. None for a reply that came in one arrival.
    """
    tokens = num_tokens(timing)
    arrivals = timing.arrivals
    if tokens is None or len(arrivals) < 2:
        return None
    later = tokens - max(1, arrivals[0].tokens)
    return (arrivals[-1].at_s - arrivals[0].at_s) / later if later > 0 else None


def token_arrivals(timing: Timing) -> tuple[Arrival, ...]:
    """The arrivals with at least one token; those without (the server counted none) merge with the next one."""
    return tuple(arrival for arrival in timing.arrivals if arrival.tokens > 0)


QUANTILES: Mapping[str, float] = MappingProxyType({"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99})
"""The quantiles that a point has of each latency, by the ends of their names."""

LATENCIES: Mapping[str, Callable[[Timing], float | None]] = MappingProxyType(
    {
        "ttft": ttft,
        "ttft_answer": ttft_answer,
        "tpot": tpot,
        "e2e": e2e,
        "response": response,
        "queue": queue,
    }
)
"""Name of a measure -> its value for one request."""
