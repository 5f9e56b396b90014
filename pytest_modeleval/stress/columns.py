"""The timings of a point as arrays, which take a tenth of the memory of the records."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import nan

import numpy as np

from pytest_modeleval.stress.request_values import LATENCIES, num_tokens, token_arrivals
from pytest_modeleval.stress.series import Bools, Floats, Ints, Series
from pytest_modeleval.stress.slo import Slo
from pytest_modeleval.stress.timing import STEADY, WARM_UP, Arrival, Timing

MOST_INTERVALS = 500_000
"""Arrivals that enter the inter-token latency; of a point with more, those of every k-th request do."""

_TIMES = ("sent", "scheduled", "first", "ended")
_COUNTS = ("tokens", "prompt_tokens", "cached_tokens")
_LAGS = ("send_lag", "receive_lag")
_FLAGS = ("is_complete", "is_steady", "is_warm_up", "ended_early", "is_good", "is_exact")
_NAMES = (*_TIMES, *LATENCIES, *_COUNTS, *_LAGS, *_FLAGS)


@dataclass(frozen=True, slots=True)
class Columns:
    """Every request of a point, in the order of sending, and every arrival of tokens."""

    fields: dict[str, Floats]
    """Name -> one value for each request; NaN where there is none, 1.0 and 0.0 for true and false."""

    arrived: Floats
    """When tokens arrived, request by request."""
    arrived_tokens: Ints
    arrived_for: Ints
    """The position of the request."""

    failures: dict[str, int] = field(default_factory=dict)

    @property
    def num(self) -> int:
        """Requests that were sent."""
        return int(self.fields["sent"].size)

    def __getitem__(self, name: str) -> Floats:
        return self.fields[name]

    def where(self, name: str) -> Bools:
        """A flag of every request."""
        return np.equal(self.fields[name], 1.0)

    @property
    def measured(self) -> Bools:
        """The requests that latencies are made of: complete, and sent in the steady phase."""
        return self.where("is_complete") & self.where("is_steady")

    def latencies(self, name: str) -> Series:
        """One latency of the measured requests."""
        return Series.of_requests(np.where(self.measured, self.fields[name], nan))

    def intervals(self) -> Series:
        """The inter-token latency of the measured requests: what passed since the arrival before, shared out evenly.

        An arrival of k tokens after a gap stands for k intervals of gap / k, so that as many intervals as tokens count.
        The tokens of a request's first arrival have none. Of more than 500,000 arrivals every k-th request's count.
        """
        stride = 1 + self.arrived.size // MOST_INTERVALS
        is_later = np.zeros(self.arrived.size, dtype=np.bool_)
        is_later[1:] = (self.arrived_for[1:] == self.arrived_for[:-1]) & (self.arrived_for[1:] % stride == 0)
        chosen = np.flatnonzero(is_later & self.measured[self.arrived_for])
        gaps = self.arrived[chosen] - self.arrived[chosen - 1]
        tokens = self.arrived_tokens[chosen]
        return Series(gaps / tokens, self.arrived_for[chosen], tokens)

    @classmethod
    def read(cls, timings: Iterable[Timing], slo: Slo | None) -> Columns:
        """Reads timings in any order, once."""
        rows, arrived, tokens, owners = array("d"), array("d"), array("i"), array("i")
        failures: Counter[str] = Counter()
        for number, timing in enumerate(timings):
            rows.extend(_row(timing, slo))
            for arrival in _counted_arrivals(timing):
                arrived.append(arrival.at_s)
                tokens.append(arrival.tokens)
                owners.append(number)
            if timing.failure:
                failures[timing.failure] += 1
        table = np.frombuffer(rows, dtype=np.float64).reshape(-1, len(_NAMES))
        order = np.argsort(table[:, 0], kind="stable")
        position = np.empty(order.size, dtype=np.int32)
        position[order] = np.arange(order.size)
        sent_for = position[np.frombuffer(owners, dtype=np.int32)]
        # Stable: the arrivals of a request stay in their order.
        by_request = np.argsort(sent_for, kind="stable")
        return cls(
            {name: table[order, column] for column, name in enumerate(_NAMES)},
            np.frombuffer(arrived, dtype=np.float64)[by_request],
            np.frombuffer(tokens, dtype=np.int32)[by_request].astype(np.int64),
            sent_for[by_request].astype(np.int64),
            dict(failures),
        )


def _row(timing: Timing, slo: Slo | None) -> list[float]:
    """The values of _NAMES for one request."""
    times = [timing.sent_s, timing.scheduled_s, timing.first_s, timing.ended_s]
    latencies = [measure(timing) for measure in LATENCIES.values()]
    counts = [num_tokens(timing), timing.prompt_tokens, timing.cached_tokens]
    lags = [timing.send_lag_s, timing.receive_lag_s]
    flags = [
        timing.is_complete,
        timing.phase == STEADY,
        timing.phase == WARM_UP,
        timing.ended_early,
        timing.is_complete if slo is None else slo.is_good(timing),
        timing.are_tokens_exact,
    ]
    return [nan if value is None else float(value) for value in (*times, *latencies, *counts, *lags, *flags)]


def _counted_arrivals(timing: Timing) -> tuple[Arrival, ...]:
    """The arrivals with tokens of a complete request; a reply that was not streamed is one arrival at its end."""
    if not timing.is_complete:
        return ()
    if arrivals := token_arrivals(timing):
        return arrivals
    tokens = num_tokens(timing)
    return (Arrival(timing.ended_s, tokens),) if tokens else ()
