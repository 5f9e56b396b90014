"""How a length or a pause varies from request to request."""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass

_NUMBER = r"\d+(?:\.\d+)?"
_FIXED = re.compile(rf"({_NUMBER})")
_UNIFORM = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_LOGNORMAL = re.compile(rf"({_NUMBER})~({_NUMBER})(?:\.\.({_NUMBER}))?")
# Of the median, where the text names no largest value.
_LARGEST = 16.0
_MOST_SIGMA = 5.0
FORMS = (
    "512 (always), 256..1024 (uniform), 512~0.6 (lognormal: median, sigma of the logarithm), 512~0.6..4096 (at most)"
)


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution of positive numbers: one value, uniform, or lognormal cut at `high`."""

    low: float
    high: float
    median: float | None = None
    """Of a lognormal distribution; None for the others."""
    sigma: float = 0.0
    """Standard deviation of the natural logarithm, of a lognormal distribution."""

    @classmethod
    def parse(cls, text: str) -> Spread:
        """Read one of FORMS. Raises ValueError for another text, an empty range and a sigma above 5."""
        if found := _FIXED.fullmatch(text):
            return cls(float(found[1]), float(found[1]))
        if found := _UNIFORM.fullmatch(text):
            return cls._checked(text, float(found[1]), float(found[2]))
        if found := _LOGNORMAL.fullmatch(text):
            median, sigma = float(found[1]), float(found[2])
            high = float(found[3]) if found[3] else _LARGEST * median
            if not 0 < median <= high or sigma > _MOST_SIGMA:
                raise ValueError(
                    f"expected a median above 0, a sigma of at most {_MOST_SIGMA:g} and a largest value not below the "
                    f"median, found {text!r}"
                )
            return cls(0.0, high, median, sigma)
        raise ValueError(f"expected one of {FORMS}, found {text!r}")

    @classmethod
    def _checked(cls, text: str, low: float, high: float) -> Spread:
        if low > high:
            raise ValueError(f"expected a range whose first number is the smaller one, found {text!r}")
        return cls(low, high)

    def draw(self, rng: random.Random) -> float:
        """One value, from 0 to `high`. A lognormal value above `high` becomes `high`."""
        if self.median is not None:
            return min(self.high, rng.lognormvariate(math.log(self.median), self.sigma))
        return self.low if self.low == self.high else rng.uniform(self.low, self.high)

    def draw_count(self, rng: random.Random) -> int:
        """One whole number, at least 1. A uniform draw takes each number of its range equally often."""
        if self.median is None and self.low < self.high:
            return max(1, rng.randint(math.ceil(self.low), math.floor(self.high)))
        return max(1, round(self.draw(rng)))
