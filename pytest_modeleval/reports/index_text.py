"""Indexes over benchmarks as sentences. Pure."""

from __future__ import annotations

from pytest_modeleval.reports.table_rows import interval_text, score_text
from pytest_modeleval.reports.text_layout import one_line
from pytest_modeleval.run_figures import IndexScore

_SHOWN = 12


def index_sentence(found: IndexScore) -> str:
    """The figure, its interval and its parts with their versions; of a partial one the bounds and what is missing."""
    name = one_line(found.name)
    count = len(found.weights)
    if found.score is None:
        there = [part.benchmark for part in found.parts if part.benchmark not in found.missing]
        return (
            f"Index {name} is partial: {len(there)} of {count} benchmarks ({_names(there)}), without "
            f"{_names(found.missing)}; the whole is between {score_text(found.at_least)} and "
            f"{score_text(found.at_most)}."
        )
    interval = f" (95 % {interval_text(found.low, found.high)})" if found.low is not None else ""
    return f"Index {name}: {score_text(found.score)}{interval}, the mean of {one_line(found.identity)}."


def _names(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(map(one_line, names[:_SHOWN])) or "none"
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
