"""Tokens and requests a second: over the steady window, and over the whole point."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from pytest_modeleval._support.distributions import t_expansion
from pytest_modeleval.stress.columns import Columns
from pytest_modeleval.stress.point import PointFigure
from pytest_modeleval.stress.steady import Window, completions_in, tokens_in

BATCHES = 10
"""The interval of a rate comes from so many parts of the window."""

Count = Callable[[Columns, Window], float]


def good_in(columns: Columns, window: Window) -> float:
    """Good requests that ended inside."""
    return float((window.holds(columns["ended"]) * columns.where("is_good")).sum())


def prompt_tokens_in(columns: Columns, window: Window) -> float:
    """Prompt tokens of complete requests whose first token came inside, which is when their prompt had been read."""
    read_at = np.where(np.isnan(columns["first"]), columns["ended"], columns["first"])
    chosen = window.holds(read_at) * columns.where("is_complete")
    return float(np.nansum(chosen * columns["prompt_tokens"]))


MEASURES: dict[str, tuple[Count, str]] = {
    "output_tok_s": (tokens_in, "tok/s"),
    "input_tok_s": (prompt_tokens_in, "tok/s"),
    "req_s": (completions_in, "req/s"),
}


def figures(columns: Columns, window: Window, whole: Window, blocks: int) -> dict[str, PointFigure]:
    """Every rate over the steady window, and over the whole point with the suffix `_whole`."""
    found: dict[str, PointFigure] = {}
    for name, (count, unit) in MEASURES.items():
        found[name] = rate_figure(count, columns, window, unit, blocks)
        found[f"{name}_whole"] = rate_figure(count, columns, whole, unit, 0)
    found["goodput_req_s"] = rate_figure(good_in, columns, window, "req/s", blocks)
    return found


def rate_figure(count: Count, columns: Columns, window: Window, unit: str, blocks: int) -> PointFigure:
    """What was counted in a window, per second.

    The interval is that of the mean of ten parts of the window (batch means; Schmeiser 1982, Operations Research
    30:556).
    """
    num = int(completions_in(columns, window))
    if window.seconds <= 0 or num == 0:
        return PointFigure(value=None, num=num, unit=unit, is_higher_better=True, missing="no steady window")
    value = count(columns, window) / window.seconds
    low = high = None
    if num >= BATCHES:
        batches = rates(count, columns, window, BATCHES)
        half = t_expansion(0.95, BATCHES - 1) * float(np.std(batches, ddof=1)) / sqrt(BATCHES)
        low, high = max(0.0, value - half), value + half
    of_blocks = tuple(rates(count, columns, window, blocks)) if 2 <= blocks <= num else ()
    return PointFigure(value=value, low=low, high=high, num=num, unit=unit, is_higher_better=True, blocks=of_blocks)


def rates(count: Count, columns: Columns, window: Window, parts: int) -> list[float]:
    """The rate over each of so many parts of the window."""
    return [count(columns, part) / part.seconds for part in window.split(parts)]
