"""What gates over operating points may name: figures, limits in seconds, objectives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_modeleval._support.schema import TEXT, Rule, is_text
from pytest_modeleval.stress.request_values import LATENCIES, QUANTILES
from pytest_modeleval.stress.slo import Slo, duration_s

BENCHMARK = "perf"
INTERVAL = "itl"
MEAN = "mean"
RATES = ("output_tok_s", "input_tok_s", "req_s", "goodput_req_s")
SHARES = ("goodput", "completed")

_LATENCIES = (*LATENCIES, INTERVAL)
LATENCY_FIGURES = tuple(f"{name}_{suffix}" for name in _LATENCIES for suffix in (MEAN, *QUANTILES))
FIGURES = (*LATENCY_FIGURES, *RATES, *SHARES)

# Of gates over points nothing is a subset or an aggregate; requests that failed are part of what is judged.
_UNUSABLE = ("subset", "aggregate", "max_ungraded")


def seconds(value: object) -> float | None:
    """A limit in seconds from "800ms", "1.5s" or a number of seconds; None for any other value, and for 0."""
    if isinstance(value, str):
        found = duration_s(value.strip()) or 0.0
    else:
        found = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
    return found if 0.0 < found < 1e9 else None


def _is_duration(value: object) -> bool:
    return seconds(value) is not None


DURATION = Rule('a time above 0, such as "800ms", "1.5s" or a number of seconds', _is_duration)
POINT: Mapping[str, Rule] = {"benchmark": TEXT, "point": TEXT}


def objective_text(value: object) -> str:
    """The text of an objective given as a table or a text; "" for neither."""
    if isinstance(value, Mapping):
        return " ".join(f"{name}={bound if isinstance(bound, str) else f'{bound}s'}" for name, bound in value.items())
    return value if isinstance(value, str) else ""


def objective_fault(value: object) -> str:
    """What is wrong with an objective; "" for a right one."""
    try:
        Slo.parse(objective_text(value))
    except ValueError as error:
        return str(error)
    return ""


OBJECTIVE = Rule(
    'an objective such as {ttft = "1s", tpot = "50ms"}', lambda value: not objective_fault(value), objective_fault
)


def check_keys(entry: Mapping[str, Any], *unusable: str) -> Iterator[tuple[str, str]]:
    """Keys that a gate over operating points cannot have: (key, message)."""
    yield from ((key, "a gate over operating points has none") for key in (*_UNUSABLE, *unusable) if key in entry)


def of_points(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that every gate over operating points takes from its table."""
    return {"benchmark": entry.get("benchmark", BENCHMARK), "point": entry.get("point", ""), "is_of_points": True}


def figure_name(entry: Mapping[str, Any]) -> str:
    """The figure that a table names: `measure`, with its `quantile` where that stands apart."""
    measure = entry.get("measure")
    if not is_text(measure):
        return ""
    if "quantile" not in entry:
        return str(measure)
    suffix = next((name for name, q in QUANTILES.items() if q == entry["quantile"]), "?")
    return f"{measure}_{suffix}"
