"""The search for the highest rate that keeps an objective, over points whose results follow a law."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.evaluation import load_point
from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.plan import PointPlan
from pytest_modeleval.stress.point import PointFigure, PointResult
from pytest_modeleval.stress.slo import Slo
from pytest_modeleval.stress.workloads import Workload

CAPACITY = 20.0
PLAN = PointPlan(
    name="chat-16-4@slo",
    workload=Workload.parse("chat-16-4"),
    load=Load(rate=1.0),
    requests=400,
    seconds=60.0,
    slo=Slo.parse("ttft=1s"),
)


def _result(plan: PointPlan, *, capacity: float = CAPACITY, **fields: Any) -> PointResult:
    assert plan.load.rate is not None
    good = 1 / (1 + (plan.load.rate / capacity) ** 20 / 19)
    return PointResult(
        point=plan.name,
        workload="chat-16-4",
        load=plan.load.name,
        rate=plan.load.rate,
        seconds=60.0,
        steady_s=50.0,
        sent=400,
        complete=400,
        figures={"goodput": PointFigure(value=good, num=400, effective=400.0, unit="share", is_higher_better=True)},
        **fields,
    )


def _search(
    monkeypatch: pytest.MonkeyPatch, law: Any, *, repeat: int = 0
) -> tuple[PointResult, list[str], dict[str, Any]]:
    names: list[str] = []
    entered: dict[str, Any] = {}

    async def point(runner: Any, item: Any, plan: PointPlan) -> PointResult:
        names.append(plan.name)
        found: PointResult = law(plan)
        return found

    monkeypatch.setattr(load_point, "_point", point)
    item = SimpleNamespace(key=ItemKey("perf", "perf", PLAN.name, repeat), plan=SimpleNamespace(params={}))
    runner = SimpleNamespace(
        model=SimpleNamespace(identity="i"),
        contents=SimpleNamespace(points={}),
        enter_point=lambda key, item_key, result: entered.update({key: result}),
    )
    found = asyncio.run(load_point.run_search(runner, item, PLAN, 0.95))  # type: ignore[arg-type] # what it uses of them
    return found, names, entered


def test_it_finds_the_rate_and_journals_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 5 % in at most 12 points, each with a name of its own; the result is journaled like a point."""
    found, names, entered = _search(monkeypatch, _result)
    figure = found.figures["slo_rate"]
    assert figure.value is not None
    assert figure.value == pytest.approx(CAPACITY, rel=0.05)
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low <= figure.value <= figure.high
    assert len(names) <= 12
    assert len(set(names)) == len(names)
    assert (found.point, found.load, found.facts["slo_points"]) == ("chat-16-4@slo", "slo", len(names))
    assert list(entered.values()) == [found]
    assert found.rate is not None
    assert found.rate <= CAPACITY * 1.05


def test_an_objective_that_is_always_missed_has_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figure says so instead of a number."""
    found, _, _ = _search(monkeypatch, lambda plan: _result(plan, capacity=1e-9))
    assert found.figures["slo_rate"].value is None
    assert "every rate missed the objective" in found.figures["slo_rate"].missing


def test_a_server_that_fails_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its failure is no rate."""
    facts = {"unjudged_cause": "connection_lost", "is_server_failure": True}
    with pytest.raises(Ungraded) as failed:
        _search(monkeypatch, lambda plan: _result(plan, unjudged="gone", facts=facts))
    assert (failed.value.kind, failed.value.cause) == (Kind.SERVER_ERROR, "connection_lost")


def test_each_repeat_has_points_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names differ, and with them their files and keys."""
    _, first, _ = _search(monkeypatch, _result)
    found, second, _ = _search(monkeypatch, _result, repeat=1)
    assert found.point == "chat-16-4@slo-r1"
    assert not set(first) & set(second)


def test_a_client_that_is_too_slow_keeps_the_search_below_that_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its points say nothing about the server."""
    slow = {"unjudged_cause": "client_too_slow", "is_server_failure": False}

    def law(plan: PointPlan) -> PointResult:
        is_fast = (plan.load.rate or 0.0) > 10
        return _result(plan, unjudged="too slow", facts=slow) if is_fast else _result(plan)

    found, _, _ = _search(monkeypatch, law)
    assert found.figures["slo_rate"].value is None
    assert found.rate is not None
    assert found.rate <= 10
