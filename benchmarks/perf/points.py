"""The operating points that the options of `perf` name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pytest_modeleval import Option
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.plan import MAX_LAG_S, PointPlan, graded_part
from pytest_modeleval.stress.slo import Slo
from pytest_modeleval.stress.traces import TraceRow, read_trace
from pytest_modeleval.stress.workloads import LENGTHS, TRACE, Workload

T = TypeVar("T")
NEW_SEED = -1
SLO = "slo"
OPTIONS = (
    Option("points", "c1 c4 c16", description='loads: "c16", "rate4", "rate4-gamma0.5", "rate1..20"; "slo" searches'),
    Option("workload", "chat-256-64", description="what is sent; several are separated by blanks"),
    Option("requests", 64, low=1, high=1_000_000, description="requests of the steady phase of a point, or until"),
    Option("seconds", 20.0, low=0.1, high=86_400, description="seconds have passed, whichever is earlier"),
    Option("warm_up", -1, low=-1, high=100_000, description="requests of the warm-up; -1: one for every slot"),
    Option("slo", "", description='what a good request keeps, such as "ttft=1s tpot=50ms", for `goodput`'),
    Option("slo_share", 0.95, low=0.01, high=0.9999, description="good requests that the load `slo` looks for"),
    Option("accuracy", "", description='"gsm8k:50": its first 50 samples are asked and graded under every load'),
    Option("seed", NEW_SEED, low=-1, description="of prompts and arrivals; -1: a new one for each measurement"),
    Option("against", "", description="a role (--eval-role): its server is measured in turn with the model's, A B B A"),
    Option("rounds", 10, low=8, high=100, description="of both servers, each with its share of requests and seconds"),
    Option("max_lag_ms", "2 10", description="lag of the client, median and 99th percentile, that a point may have"),
)


def point_names(options: Mapping[str, Any]) -> list[str]:
    """The names of the points, each workload under each load. Raises SettingsError for an option that is malformed."""
    workloads, loads = str(options["workload"]).split(), str(options["points"]).split()
    if not workloads or not loads:
        raise SettingsError("--eval-option: perf.points and perf.workload: expected at least one of each, found none")
    names = [name for text in workloads for name in _names(_workload(text), loads)]
    if len(set(names)) < len(names):
        raise SettingsError(f"--eval-option: perf: expected each point once, found {' '.join(names)}")
    _lag(options)
    _accuracy(options)
    _check_rounds(options, names)
    if _slo(options) is None and any(name.endswith(f"@{SLO}") for name in names):
        raise SettingsError(
            '--eval-option: perf.points: "slo" needs an objective, such as perf.slo="ttft=1s tpot=50ms"'
        )
    return names


def plan_of(name: str, options: Mapping[str, Any]) -> PointPlan:
    """The plan of the point with this name."""
    workloads = {f"{_workload(text).name}": text for text in str(options["workload"]).split()}
    head, _, load = name.rpartition("@")
    workload = _workload(workloads[head])
    return PointPlan(
        name=name,
        workload=workload,
        load=_load(load, workload),
        requests=int(options["requests"]),
        seconds=float(options["seconds"]),
        warm_up=None if int(options["warm_up"]) < 0 else int(options["warm_up"]),
        slo=_slo(options),
        seed=None if int(options["seed"]) == NEW_SEED else int(options["seed"]),
        max_lag_s=_lag(options),
        accuracy=_accuracy(options),
        reference=_reference(workload, str(options["points"]).split()) if options["accuracy"] else "",
        against=str(options["against"]),
        rounds=int(options["rounds"]) if options["against"] else 0,
    )


def _check_rounds(options: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raises SettingsError for what two servers in turn cannot be asked."""
    if not options["against"]:
        return
    reason = "graded samples (perf.accuracy)" if options["accuracy"] else ""
    reason = reason or next((name for name in names if name.endswith((f"@{SLO}", f"@{TRACE}"))), "")
    if reason:
        raise SettingsError(
            "--eval-option: perf.against: expected loads that are cut into rounds, such as c16 or rate4, "
            f"found {reason}"
        )


def is_search(plan: PointPlan) -> bool:
    """The highest rate that keeps the objective is searched."""
    return plan.name.endswith(f"@{SLO}")


def _names(workload: Workload, loads: Sequence[str]) -> list[str]:
    """The names of a workload's points; a trace has one, since its times are its own."""
    if workload.has_times:
        return [f"{workload.name}@{TRACE}"]
    return [f"{workload.name}@{load if load == SLO else _read('points', load, Load.parse).name}" for load in loads]


def _load(text: str, workload: Workload) -> Load:
    if workload.has_times:
        times = [row.at_s or 0.0 for row in _rows(workload.source, needs_times=True)]
        return Load(rate=len(times) / max(1.0, *times) * workload.speed)
    return Load(rate=1.0) if text == SLO else Load.parse(text)


def _workload(text: str) -> Workload:
    workload = _read("workload", text, Workload.parse)
    if workload.kind in (LENGTHS, TRACE):
        _read("workload", workload.source, lambda source: _rows(source, needs_times=workload.kind == TRACE))
    return workload


def _rows(source: str, *, needs_times: bool) -> list[TraceRow]:
    try:
        with Path(source).open(encoding="utf-8") as file:
            return read_trace(file, needs_times=needs_times)
    except OSError as error:
        raise ValueError(f"{source}: {error.strerror}") from error


def _accuracy(options: Mapping[str, Any]) -> str:
    text = str(options["accuracy"])
    if text:
        _read("accuracy", text, graded_part)
    return text


def _reference(workload: Workload, loads: Sequence[str]) -> str:
    """The point with the lowest load: accuracy is compared with it."""
    parsed = [Load.parse(load) for load in loads if load != SLO]
    if workload.has_times or not parsed:
        return ""
    lowest = min(parsed, key=lambda load: (load.is_open, load.rate or load.concurrency or 0))
    return f"{workload.name}@{lowest.name}"


def _slo(options: Mapping[str, Any]) -> Slo | None:
    return _read("slo", str(options["slo"]), Slo.parse) if options["slo"] else None


def _lag(options: Mapping[str, Any]) -> tuple[float, float]:
    def parse(text: str) -> tuple[float, float]:
        median, high = map(float, text.split())
        return median / 1000, high / 1000

    try:
        return parse(str(options.get("max_lag_ms", "")) or " ".join(str(1000 * lag) for lag in MAX_LAG_S))
    except ValueError:
        raise SettingsError(
            f'--eval-option: perf.max_lag_ms: expected two numbers such as "2 10", found {options["max_lag_ms"]!r}'
        ) from None


def _read(option: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"--eval-option: perf.{option}: {error}") from None
