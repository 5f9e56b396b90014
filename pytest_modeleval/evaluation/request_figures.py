"""Times, rates and tokens of the requests of each benchmark, from what the journals say. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping

from pytest_modeleval.run_figures import Quantiles, RequestFigures
from pytest_modeleval.store.request_log import RequestLog


def request_figures(benchmarks: Iterable[str], logs: Mapping[str, RequestLog]) -> tuple[RequestFigures, ...]:
    """The figures of every benchmark that has a request which was answered or failed."""
    return tuple(_figures(name, logs[name]) for name in benchmarks if name in logs)


def _figures(benchmark: str, log: RequestLog) -> RequestFigures:
    return RequestFigures(
        benchmark=benchmark,
        count=log.count,
        repeated=log.repeated,
        failed_attempts=dict(sorted(log.failed_attempts.items(), key=lambda entry: (-entry[1], entry[0]))),
        first_token_s=quantiles(log.first_token_s),
        total_s=quantiles(log.total_s),
        tokens_per_s=quantiles(log.tokens_per_s),
        tokens_in=log.tokens.get("prompt_tokens"),
        tokens_out=log.tokens.get("completion_tokens"),
        tokens_thinking=log.tokens.get("reasoning_tokens"),
        tokens_cached=log.tokens.get("cached_tokens"),
    )


def quantiles(values: Iterable[float]) -> Quantiles | None:
    """The median and the 95th percentile, linear between two values as numpy has it; None without values."""
    found = list(values)
    if len(found) < 2:
        return Quantiles(found[0], found[0]) if found else None
    cuts = statistics.quantiles(found, n=20, method="inclusive")
    return Quantiles(cuts[9], cuts[18])
