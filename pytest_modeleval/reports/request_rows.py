"""Times, rates and tokens of requests: the columns, and one sentence for each benchmark. Pure."""

from __future__ import annotations

from collections.abc import Callable

from pytest_modeleval.reports.columns import Column
from pytest_modeleval.reports.table_rows import NONE
from pytest_modeleval.reports.text_layout import counted, one_line
from pytest_modeleval.results import RunSummary
from pytest_modeleval.run_figures import Quantiles, RequestFigures


def _quantile_column(
    head: str, hint: str, of: Callable[[RequestFigures], Quantiles | None], name: str
) -> Column[RequestFigures]:
    """p50 or p95 (`name`) of a time or rate."""

    def number(row: RequestFigures) -> float | None:
        found = of(row)
        return None if found is None else float(getattr(found, name))

    return Column(f"{head} {name}", lambda row: quantity_text(number(row)), "right", f"{hint} ({name})", number)


def _count_column(head: str, hint: str, of: Callable[[RequestFigures], int | None]) -> Column[RequestFigures]:
    def text(row: RequestFigures) -> str:
        count = of(row)
        return NONE if count is None else f"{count:,}"

    return Column(head, text, "right", hint, of)


def quantity_text(value: float | None) -> str:
    """Seconds or a rate: two decimals, three digits below 1, none from 100 on; "-" for None."""
    if value is None:
        return NONE
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


_TIMES: tuple[tuple[str, str, Callable[[RequestFigures], Quantiles | None]], ...] = (
    ("First token s", "Seconds from sending a request to the first token.", lambda row: row.first_token_s),
    ("Total s", "Seconds from sending a request to the end of its reply.", lambda row: row.total_s),
    ("Tokens/s", "Completion tokens of a reply divided by its total seconds.", lambda row: row.tokens_per_s),
)
REQUEST_COLUMNS: tuple[Column[RequestFigures], ...] = (
    Column("Dataset", lambda row: one_line(row.benchmark), "left", "The benchmark."),
    _count_column("Requests", "Answered requests to the model under test.", lambda row: row.count),
    _count_column("Repeated", "Requests that took more than one attempt.", lambda row: row.repeated),
    *(_quantile_column(head, hint, of, name) for head, hint, of in _TIMES for name in ("p50", "p95")),
    _count_column("Tokens in", "Prompt tokens, as the server counts them.", lambda row: row.tokens_in),
    _count_column("Tokens out", "Completion tokens, as the server counts them.", lambda row: row.tokens_out),
    _count_column("Thinking", "Completion tokens that are thinking.", lambda row: row.tokens_thinking),
    _count_column("Cached", "Prompt tokens from the server's cache.", lambda row: row.tokens_cached),
)


def request_sentences(summary: RunSummary) -> list[str]:
    """For each benchmark: its requests, those that were repeated and why, times, rate and tokens."""
    return [_sentence(found) for found in summary.requests]


def _sentence(found: RequestFigures) -> str:
    times = (
        ("first token", found.first_token_s, " s"),
        ("total", found.total_s, " s"),
        ("rate", found.tokens_per_s, " tokens/s"),
    )
    tokens = (
        ("in", found.tokens_in),
        ("out", found.tokens_out),
        ("thinking", found.tokens_thinking),
        ("cached", found.tokens_cached),
    )
    used = ", ".join(f"{count:,} {name}" for name, count in tokens if count is not None)
    parts = [
        f"{one_line(found.benchmark)}: {counted(found.count, 'request')}{_repeats_text(found)}",
        *(f"{name} {_range_text(shown)}{unit}" for name, shown, unit in times if shown is not None),
        *([f"tokens {used}"] if used else []),
    ]
    return "; ".join(parts) + "."


def _repeats_text(found: RequestFigures) -> str:
    causes = ", ".join(f"{count:,} {one_line(cause) or 'unknown'}" for cause, count in found.failed_attempts.items())
    why = f" (failed attempts: {causes})" if causes else ""
    return f", {found.repeated:,} repeated{why}" if found.repeated or why else ""


def _range_text(found: Quantiles) -> str:
    return f"p50 {quantity_text(found.p50)}, p95 {quantity_text(found.p95)}"
