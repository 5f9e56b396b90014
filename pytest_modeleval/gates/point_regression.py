"""A figure of an operating point against the same point in a baseline, or of a server measured in turn. Pure.

Stored figures are compared by their blocks (Welch's t test), servers that were measured in turn by pairs of blocks, so
that what drifts with time hits both (paired t test of log ratios).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pytest_modeleval._support import suggest
from pytest_modeleval.gates.block_tests import LEAST_BLOCKS, Worsening, alikeness, paired_worsening, worsening
from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.point_finding import PointFinding, PointScope
from pytest_modeleval.gates.point_format import figure_text, percent, unit_text
from pytest_modeleval.gates.point_rules import FIGURES, check_keys, figure_name, of_points
from pytest_modeleval.stress.point import PointFigure, PointResult

_OWN_KEYS = ("point", "against", "run_spread", "quantile")
# With fewer, ci/simulate_stress_gates.py finds more false alarms than alpha.
LEAST_REQUESTS, LEAST_EFFECTIVE = 200, 50
# Figures of every request that tell how much they resemble each other.
_TYPICAL = ("e2e_p50", "e2e_mean")
# Facts that must be the same on both sides.
_OBJECTIVE = "good"
_CONDITIONS = ("token_counts", "ignore_eos", "prefix_cache", "client_processes")


def is_of_points(table: Mapping[str, Any]) -> bool:
    """The table of a regression gate names a figure of operating points."""
    return figure_name(table) in FIGURES


def check_point_keys(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Mistakes in a regression gate's keys for operating points: (key, message)."""
    if is_of_points(table):
        yield from check_keys(table, "flip_rate")
        if "against" in table and "run_spread" in table:
            yield "run_spread", "servers that are measured in turn are one run each: expected against or run_spread"
        return
    if named := [key for key in _OWN_KEYS if key in table]:
        name = figure_name(table)
        hint = (suggest.hint(name, FIGURES) if name else "") or "such as output_tok_s, ttft_p95, tpot_mean"
        yield named[0], f"expected with a figure of an operating point as measure, found {name!r}; {hint}"


def parse_point_keys(table: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a regression gate over operating points."""
    spread = table.get("run_spread")
    return {
        **of_points(table),
        "measure": figure_name(table),
        "against": table.get("against", ""),
        "run_spread": None if spread is None else float(spread),
    }


def compare_point(scope: PointScope) -> PointFinding:
    """What a regression gate sees of one point."""
    gate, result, before = scope.gate, scope.result, scope.before
    found = PointFinding(point=result.point, against=scope.against)
    if before is None:
        lacking = (
            f"no server of the role {gate.against!r} was measured" if gate.against else f"{scope.against} lacks it"
        )
        return replace(found, obstacle=lacking)
    then, now = (side.figures.get(gate.measure) for side in (before, result))
    if obstacle := sides_obstacle(before, result, gate.measure) or _figures_obstacle(gate, then, now):
        return replace(found, obstacle=obstacle)
    assert then is not None
    assert now is not None
    change = change_between(then, now, is_paired=bool(gate.against), run_spread=gate.run_spread or 0.0)
    return replace(
        found,
        value=now.value,
        low=now.low,
        high=now.high,
        unit=now.unit,
        num=now.num,
        p=change.p(gate.limit),
        change=change,
        before=then.value,
    )


def sides_obstacle(before: PointResult, now: PointResult, figure: str) -> str:
    """Why a figure of two results of a point is not comparable; "" if it is."""
    conditions = (*_CONDITIONS, "slo") if figure.startswith(_OBJECTIVE) else _CONDITIONS
    for side, where in ((before, "the other side"), (now, "this run")):
        if side.unjudged:
            return f"{where}: {side.unjudged}"
        if reason := _memory_obstacle(side, is_paired=bool(before.role)):
            return f"{where}: {reason}"
    differing = [name for name in conditions if before.facts.get(name) != now.facts.get(name)]
    if not differing:
        return ""
    said = ", ".join(f"{name} {before.facts.get(name)} there, {now.facts.get(name)} here" for name in differing)
    return f"it was measured otherwise: {said}"


def _memory_obstacle(result: PointResult, *, is_paired: bool) -> str:
    """Why the requests of a point say too little for blocks of them to be compared; "" if they say enough.

    Of servers that were measured in turn the ratios of blocks count, which what drifts for both does not touch.
    """
    typical = [figure for name in _TYPICAL if (figure := result.figures.get(name)) is not None]
    if not typical:
        return ""
    number = typical[0].num
    if number < LEAST_REQUESTS:
        return f"expected at least {LEAST_REQUESTS} requests of the steady phase, found {number}; measure it longer"
    effective = min((figure.effective for figure in typical if figure.effective is not None), default=number)
    if is_paired or effective >= LEAST_EFFECTIVE:
        return ""
    return (
        f"its {number} requests resemble their neighbours and say as much as {effective:.0f} independent "
        f"ones, {LEAST_EFFECTIVE} are needed; measure it longer, after more warm-up, or at a lower load"
    )


def _figures_obstacle(gate: Gate, then: PointFigure | None, now: PointFigure | None) -> str:
    for figure, where in ((then, "the other side"), (now, "this run")):
        if figure is None or figure.value is None:
            missing = f": {figure.missing}" if figure is not None and figure.missing else ""
            return f"{where} has no {gate.measure}{missing}"
        if reason := blocks_obstacle(figure, is_paired=bool(gate.against)):
            return f"{where}: {reason}"
    assert then is not None
    assert now is not None
    return _pairs_obstacle(_array(then), _array(now)) if gate.against else ""


def _pairs_obstacle(then: Floats, now: Floats) -> str:
    """Why pairs of blocks cannot be tested; "" if they can."""
    if len(then) != len(now):
        return f"expected as many blocks of both servers, found {len(then)} and {len(now)}"
    if alikeness(np.log(now / then)) > 1.0:
        return "the difference of the servers drifts; measure them longer, or after more warm-up"
    return ""


def blocks_obstacle(figure: PointFigure, *, is_paired: bool = False) -> str:
    """Why the blocks of a figure cannot be tested; "" if they can."""
    blocks = _array(figure)
    if len(blocks) < LEAST_BLOCKS:
        return f"expected at least {LEAST_BLOCKS} blocks, found {len(blocks)}; measure it longer"
    if not (np.isfinite(blocks).all() and (blocks > 0.0).all()):
        return "a block has no value above 0; measure it longer"
    if not is_paired and alikeness(blocks) > 1.0:
        return "its blocks drift, or resemble each other; measure it longer, after more warm-up, or at a lower load"
    return ""


def change_between(then: PointFigure, now: PointFigure, *, is_paired: bool, run_spread: float = 0.0) -> Worsening:
    """By how much the second is worse."""
    sides = _array(then), _array(now)
    if is_paired:
        return paired_worsening(*sides, is_higher_better=now.is_higher_better)
    return worsening(*sides, is_higher_better=now.is_higher_better, run_spread=run_spread)


def _array(figure: PointFigure) -> Floats:
    return np.asarray(figure.blocks, dtype=np.float64)


def explain_point(gate: Gate, found: PointFinding) -> str:
    """What was seen against what."""
    change = found.change
    assert change is not None
    said = f"{percent(abs(change.share))} {_direction(change.share)} ({change_interval(change)})"
    where = f"the server {found.against}, measured in turn" if gate.against else found.against
    before = unit_text(found.before or 0.0, found.unit)
    return f"{figure_text(gate, found)} against {before} in {where}: {said}"


def change_interval(change: Worsening) -> str:
    """The interval of a change: "95 % 1.2 % worse to 3.4 % worse"."""
    low, high = (f"{percent(abs(end))} {_direction(end)}" for end in change.interval())
    return f"95 % {low} to {high}"


def _direction(change: float) -> str:
    return "worse" if change > 0.0 else "better"
