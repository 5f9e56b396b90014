"""An axis of a drawing: which values it spans, where a value lies, and its marks. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Values that differ by more than this factor are drawn on a logarithmic axis.
_LOG_FROM = 50.0
_STEPS = (1, 2, 5, 10)
_MOST_MARKS = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`, drawn from `start` to `end` (which may lie before it: heights grow downwards)."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, *, may_be_log: bool = True) -> Axis:
        """An axis for these values, from 0 or, where they differ by orders of magnitude, logarithmic."""
        known = [value for value in values if math.isfinite(value)]
        above = [value for value in known if value > 0]
        if may_be_log and above and len(above) == len(known) and max(above) > _LOG_FROM * min(above):
            low, high = 10.0 ** math.floor(math.log10(min(above))), 10.0 ** math.ceil(math.log10(max(above)))
            return cls(low, high, start, end, is_log=True)
        return cls(0.0, _step(max(above, default=1.0)) * _MOST_MARKS, start, end)

    def at(self, value: float) -> float:
        """Where a value lies in the drawing; at an end if it lies beyond."""
        share = self._share(min(max(value, self.low), self.high))
        return round(self.start + share * (self.end - self.start), 1)

    def _share(self, value: float) -> float:
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def marks(self) -> list[float]:
        """The values that are marked: powers of ten, or the ends of equal steps."""
        if self.is_log:
            powers = range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)
            return [10.0**power for power in powers[:: -(-len(powers) // (_MOST_MARKS + 1))]]
        return [self.low + (self.high - self.low) * mark / _MOST_MARKS for mark in range(_MOST_MARKS + 1)]


def _step(most: float) -> float:
    """A round step, so that five of them reach `most`."""
    raw = most / _MOST_MARKS
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in _STEPS if factor * power >= raw * (1 - 1e-9))


def mark_text(value: float) -> str:
    """A short text for a mark: 0.5, 20, 1.5k."""
    return f"{value / 1000:.4g}k" if value >= 1000 else f"{value:.4g}"
