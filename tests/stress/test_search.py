"""The search for the highest rate that keeps an objective."""

from __future__ import annotations

import pytest

from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.point import PointFigure, PointResult
from pytest_modeleval.stress.search import RateSearch


def result_of(load: Load, goodput: float | None) -> PointResult:
    """A point with this goodput only."""
    figures = {} if goodput is None else {"goodput": PointFigure(value=goodput, num=400, unit="share")}
    return PointResult(
        point=f"chat@{load.name}", workload="chat", load=load.name, rate=load.rate, concurrency=load.concurrency,
        seconds=60, steady_s=60, sent=400, complete=400, figures=figures,
    )  # fmt: skip


@pytest.mark.parametrize("truth", [0.03, 1.0, 7.3, 90.0])
def test_a_sharp_bound_is_found(truth: float) -> None:
    """Within 5 % in at most 12 points, from 1 request a second."""
    search = RateSearch()
    while (load := search.next_load()) is not None:
        assert load.rate
        search.enter(load, result_of(load, 1.0 if load.rate <= truth else 0.5))
    assert search.found
    assert len(search.points) <= 12
    assert search.found.rate == pytest.approx(truth, rel=0.05)
    assert search.found.low <= truth * 1.05
    assert truth <= search.found.high * 1.05


def test_a_point_without_goodput_is_refused() -> None:
    """The search cannot read it."""
    search = RateSearch()
    load = search.next_load()
    assert load
    with pytest.raises(ValueError, match="goodput"):
        search.enter(load, result_of(load, None))
