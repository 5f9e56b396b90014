"""Correlations of many pairs of columns at once, as resampling needs them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def correlations(first: Floats, second: Floats, *, is_by_rank: bool) -> Floats:
    """Along the last axis Pearson's correlation, or Spearman's; nan where one of both does not vary.

    By rank, equal values share the mean of their ranks (Spearman 1904, as scipy.stats.spearmanr).
    """
    if is_by_rank:
        # Imported here: loading it takes longer than everything else at the end of most runs.
        from scipy.stats import rankdata  # noqa: PLC0415

        first, second = rankdata(first, axis=-1), rankdata(second, axis=-1)
    is_constant = (np.ptp(first, axis=-1) == 0.0) | (np.ptp(second, axis=-1) == 0.0)
    first = first - first.mean(axis=-1, keepdims=True)
    second = second - second.mean(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (first * second).sum(axis=-1) / np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    return np.where(is_constant, np.nan, np.clip(found, -1.0, 1.0))
