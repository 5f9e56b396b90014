"""The steady window: the span of a point during which its whole load was on the server."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pytest_modeleval.stress.columns import Columns
from pytest_modeleval.stress.point import Instant
from pytest_modeleval.stress.series import Floats

MOST_INSTANTS = 200
_ROUND_LENGTHS = (1.0, 2.0, 5.0, 10.0)


class Window(NamedTuple):
    """A span of time: after `start`, up to and including `end`."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start

    def split(self, num: int) -> list[Window]:
        """So many windows of the same length."""
        edges = np.linspace(self.start, self.end, num + 1).tolist()
        return [Window(*pair) for pair in pairwise(edges)]

    def holds(self, times: Floats) -> Floats:
        """1.0 for each time inside, 0.0 for others."""
        return ((times > self.start) & (times <= self.end)).astype(np.float64)


def whole_window(columns: Columns) -> Window:
    """From the first request to the last response."""
    if columns.num == 0:
        return Window(0.0, 0.0)
    return Window(float(columns["sent"].min()), float(columns["ended"].max()))


def steady_window(columns: Columns, *, is_open: bool) -> Window:
    """The longest span in which the load was applied in full.

    It begins with the sending of the first request of the steady phase, which found the other slots taken. In an open
    loop it ends with the sending of the last one; in a closed loop with the first response after that, up to which
    every slot worked on a request that is counted. Empty (start = end) where the phase has no request.
    """
    steady = columns.where("is_steady")
    if not steady.any():
        return Window(0.0, 0.0)
    start, last = float(columns["sent"][steady].min()), float(columns["sent"][steady].max())
    if is_open:
        return Window(start, last)
    ends = columns["ended"][columns["ended"] > last]
    return Window(start, float(ends.min()) if ends.size else last)


def mean_in_flight(columns: Columns, window: Window) -> float:
    """Requests in flight, averaged over time."""
    inside = np.minimum(columns["ended"], window.end) - np.maximum(columns["sent"], window.start)
    return float(np.maximum(inside, 0.0).sum() / window.seconds) if window.seconds > 0 else 0.0


def tokens_in(columns: Columns, window: Window) -> float:
    """Tokens of complete requests that arrived inside."""
    return float(np.dot(window.holds(columns.arrived), columns.arrived_tokens))


def completions_in(columns: Columns, window: Window) -> float:
    """Complete responses that ended inside."""
    return float((window.holds(columns["ended"]) * columns.where("is_complete")).sum())


def growth(columns: Columns, window: Window) -> float:
    """Requests in flight at the end of the window less those at its beginning."""
    sent = columns["sent"]
    return float(window.holds(sent).sum() - window.holds(columns["ended"]).sum())


def is_saturated(columns: Columns, window: Window) -> bool:
    """Whether more requests came than the server answered, so that latencies grow for as long as the point goes on.

    Requests in flight grew by more than 5 % of those that came, and by more than twice what a random number of
    arrivals varies by (the square root of their number).
    """
    came = float(window.holds(columns["sent"]).sum())
    return bool(growth(columns, window) > max(0.05 * came, 2 * came**0.5))


def timeline(columns: Columns) -> tuple[Instant, ...]:
    """The whole point in at most 200 stretches of a round length (0.1 s, 0.2 s, 0.5 s, 1 s, ...)."""
    whole = whole_window(columns)
    if whole.seconds <= 0:
        return ()
    length = _round_length(whole.seconds / MOST_INSTANTS)
    num = int(np.ceil(whole.seconds / length - 1e-9))
    edges: Floats = whole.start + length * np.arange(num + 1, dtype=np.float64)
    edges[-1] = max(float(edges[-1]), whole.end)  # rounding may place the last edge before the last response
    tokens, _ = np.histogram(columns.arrived, edges, weights=columns.arrived_tokens)
    ended, _ = np.histogram(columns["ended"], edges)
    busy = np.diff(_busy_until(columns, edges))
    return tuple(
        Instant(at_s=round(at - whole.start, 6), in_flight=flight, tokens_per_s=token, requests_per_s=end)
        for at, flight, token, end in zip(
            edges[:-1].tolist(),
            (busy / length).tolist(),
            (tokens / length).tolist(),
            (ended / length).tolist(),
            strict=True,
        )
    )


def _busy_until(columns: Columns, edges: Floats) -> Floats:
    """At each time: seconds that all requests together have been in flight since the start of the point."""
    return _passed_since(columns["sent"], edges) - _passed_since(columns["ended"], edges)


def _passed_since(times: Floats, edges: Floats) -> Floats:
    """At each edge: the sum over the times before it of what has passed since."""
    ordered = np.sort(times)
    before = np.searchsorted(ordered, edges)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    passed: Floats = before * edges - sums[before]
    return passed


def _round_length(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least so long."""
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(power * factor for factor in _ROUND_LENGTHS if power * factor >= least * (1 - 1e-9)))
