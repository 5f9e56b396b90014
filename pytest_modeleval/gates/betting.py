"""Tests that may be looked at after every sample: betting against "all is well". Pure.

A *badness* is a bounded number for each sample whose mean is at most 0 if the gate's claim holds: the drop beyond the
margin, the floor minus the credit, the truncation beyond its ceiling. A bettor who stakes a fraction of their wealth on
badness, before seeing it, cannot expect to gain while the claim holds: the wealth is a test supermartingale, and by
Ville's inequality (1939) it ever reaches 1/alpha with a chance of at most alpha, however often one looks. (Shafer
2021, JRSS A 184; Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS B 86,
arXiv:2010.09686.) The wealth here is the average over a fixed set of bets (the method of mixtures, Robbins 1970), so
that it depends only on how often each badness occurred, not on its order.

Looked at once, after all samples, 1 / wealth is a p-value for independent samples of unequal difficulty too: the
product of 1 + bet * mean is largest when the means are equal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_modeleval.gates.exact_tests import Floats

# Bets as fractions of the largest one that cannot ruin; close enough together that the best bet between two of them
# would gain little more. The small ones serve rare badness (a floor of 0.99) and long runs.
FRACTIONS: Floats = np.geomspace(0.002, 0.95, 24)


def bets(worst: float) -> Floats:
    """The bets on a badness that is never below -worst (worst > 0)."""
    return FRACTIONS / max(worst, 1e-9)


def log_growth(badness: Any, worst: float) -> Floats:
    """Growth of the log wealth by one sample, for each bet: shape (..., bets). badness >= -worst."""
    values = np.asarray(badness, dtype=np.float64)
    return np.log1p(np.multiply.outer(values, bets(worst)))


def log_wealth(growth: NDArray[np.floating[Any]]) -> Any:
    """Log of the average wealth over the bets, from their summed growth: shape (..., bets) to (...)."""
    highest = growth.max(axis=-1)
    total = np.exp(growth - highest[..., np.newaxis]).mean(axis=-1)
    result = np.log(total) + highest
    return float(result) if np.ndim(result) == 0 else result


def betting_p(badness: Any, worst: float) -> float:
    """P-value of "the mean badness is at most 0", looked at once, from the badness of every independent sample."""
    values = np.asarray(badness, dtype=np.float64)
    if not values.size:
        return 1.0
    distinct, counts = np.unique(values, return_counts=True)
    return min(1.0, math.exp(-min(700.0, log_wealth(counts @ log_growth(distinct, worst)))))


class Wealth:
    """The running wealth of one bettor, and the anytime-valid p-value that it gives.

    Badness lies between -worst and best.
    """

    def __init__(self, worst: float, best: float) -> None:
        self._bets = bets(worst)
        self._growth = np.zeros(len(self._bets))
        self._most = np.log1p(self._bets * best)
        self._highest = 0.0

    def observe(self, badness: float) -> None:
        """Take one more sample into account."""
        if badness:
            self._growth += np.log1p(self._bets * badness)
            self._highest = max(self._highest, log_wealth(self._growth))

    @property
    def p(self) -> float:
        """1 over the highest wealth so far: valid at any moment, and never rising."""
        return math.exp(-min(700.0, self._highest))

    def can_reach(self, alpha: float, remaining: int) -> bool:
        """True if p could still fall to alpha, were every remaining sample as bad as can be."""
        if self.p <= alpha:
            return True
        return bool(log_wealth(self._growth + remaining * self._most) >= -math.log(alpha))
