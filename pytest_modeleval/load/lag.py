"""How late the client itself is: a timer that should fire every few milliseconds, and by how much it is late.

Whatever keeps the loop busy (parsing, another thread that holds the interpreter, a core that the server took) delays
this timer as much as the arrivals that wait in the sockets meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Sequence

PROBE_S = 0.005
BUCKET_S = 0.05
_KEPT = 200_000
"""Latenesses kept for the quantiles: of the last 1,000 seconds."""


class LagProbe:
    """Measures the lateness of the event loop that it runs in. Times are seconds of time.monotonic()."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._start_s = time.monotonic()
        self._expected_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._buckets = array("d")
        """The largest lateness of each BUCKET_S."""
        self._all = array("d")

    def start(self) -> None:
        """Begin; the buckets count from now."""
        self._start_s = time.monotonic()
        self._arm()

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def largest(self, from_s: float, to_s: float) -> float:
        """The largest lateness between two moments, to the border of a bucket."""
        first, last = self._bucket_of(from_s), self._bucket_of(to_s)
        return max(self._buckets[max(0, first) : last + 1], default=0.0)

    def quantiles(self, *wanted: float) -> tuple[float, ...]:
        """Quantiles of the lateness over all probes, which are spread evenly over the time."""
        return tuple(quantile(sorted(self._all), q) for q in wanted)

    def _bucket_of(self, at_s: float) -> int:
        return int((at_s - self._start_s) / BUCKET_S)

    def _arm(self) -> None:
        self._expected_s = time.monotonic() + PROBE_S
        self._timer = self._loop.call_later(PROBE_S, self._on_timer)

    def _on_timer(self) -> None:
        now_s = time.monotonic()
        lateness_s = max(0.0, now_s - self._expected_s)
        # It may have begun some buckets ago.
        first, last = self._bucket_of(self._expected_s), self._bucket_of(now_s)
        while len(self._buckets) <= last:
            self._buckets.append(0.0)
        for bucket in range(max(0, first), last + 1):
            self._buckets[bucket] = max(self._buckets[bucket], lateness_s)
        self._all.append(lateness_s)
        if len(self._all) > _KEPT:
            del self._all[: _KEPT // 2]
        self._arm()


def quantile(ordered: Sequence[float], q: float) -> float:
    """The nearest-rank quantile of values in order; 0 for none."""
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0
