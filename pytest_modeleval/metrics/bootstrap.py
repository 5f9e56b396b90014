"""Bootstrap intervals of statistics that are not a plain mean, over units that can be taken as independent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Enough that the ends of a 95 % interval move by less than a twentieth of its width from seed to seed.
RESAMPLES = 4_000
# BCa needs the statistic without each unit in turn, which costs the square of their number.
MOST_FOR_BCA = 1_000
_SEED = 20_260_101
# Units x resamples held at once.
_BATCH_CELLS = 2_000_000


def bootstrap_interval(
    units: int, statistic: Callable[[NDArray[np.intp]], Floats], *, confidence: float = 0.95
) -> tuple[float, float] | None:
    """The bootstrap interval of a statistic over units drawn with replacement; always the same for the same data.

    statistic: indices of shape (resamples, units) -> one value for each resample, nan where it does not exist.
    Method: bias-corrected and accelerated (Efron 1987, JASA 82:171) by `scipy.stats.bootstrap` up to 1,000 units,
    percentiles beyond, where both agree. None with fewer than two units, or where no resample moves the statistic.
    """
    if units < 2:
        return None
    # Imported here: loading it takes longer than everything else at the end of a run.
    from scipy.stats import bootstrap  # noqa: PLC0415

    def over(indices: Any, axis: int = -1) -> Any:
        last = np.moveaxis(np.asarray(indices, dtype=np.intp), axis, -1)
        return statistic(last.reshape(-1, last.shape[-1])).reshape(last.shape[:-1])

    with warnings.catch_warnings():
        # A statistic that does not vary has no BCa interval; the result is nan, and handled below.
        warnings.simplefilter("ignore")
        found = bootstrap(
            (np.arange(units),),
            over,
            n_resamples=RESAMPLES,
            batch=max(1, _BATCH_CELLS // units),
            vectorized=True,
            confidence_level=confidence,
            method="BCa" if units <= MOST_FOR_BCA else "percentile",
            random_state=np.random.default_rng(_SEED),
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    return (low, high) if np.isfinite(low) and np.isfinite(high) and high > low else None
