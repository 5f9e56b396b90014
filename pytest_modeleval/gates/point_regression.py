"""A figure of an operating point against the same point in a baseline, or of a server measured in turn. Pure.

Stored figures are compared by their blocks (Welch's t test), servers that were measured in turn by pairs of blocks, so
that what drifts with time hits both (paired t test of log ratios).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import floor
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
Names = tuple[str, str]
_NAMES = ("the other side", "this run")
_MEAN = "_mean"
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
    change = figure_change(before, result, gate.measure, run_spread=gate.run_spread or 0.0)
    if isinstance(change, str):
        return replace(found, obstacle=change)
    then, now = (side.figures[gate.measure] for side in (before, result))
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


def figure_change(
    before: PointResult, now: PointResult, measure: str, *, run_spread: float = 0.0, names: Names = _NAMES
) -> Worsening | str:
    """By how much a figure of a point became worse; the reason where the two results are not comparable.

    names: how messages call the two sides. Where the first is of a role's server, both were measured in turn.
    """
    if obstacle := _sides_obstacle(before, now, measure, names):
        return obstacle
    figures = before.figures.get(measure), now.figures.get(measure)
    is_paired = bool(before.role)
    for figure, where in zip(figures, names, strict=True):
        if reason := _figure_obstacle(figure, measure, is_paired=is_paired):
            return f"{where} {reason}"
    then, later = (figure for figure in figures if figure is not None)
    if is_paired:
        blocks = _array(then), _array(later)
        return _pairs_obstacle(*blocks) or paired_worsening(*blocks, is_higher_better=later.is_higher_better)
    errors = (_mean_error(then), _mean_error(later)) if measure.endswith(_MEAN) else (0.0, 0.0)
    return worsening(
        _array(then), _array(later), is_higher_better=later.is_higher_better, run_spread=run_spread, errors=errors
    )


def _sides_obstacle(before: PointResult, now: PointResult, measure: str, names: Names) -> str:
    """Why nothing of two results of a point is comparable; "" if something is."""
    for side, where in zip((before, now), names, strict=True):
        if reason := side.unjudged or _memory_obstacle(side, is_paired=bool(before.role)):
            return f"{where}: {reason}"
    conditions = (*_CONDITIONS, "slo") if measure.startswith(_OBJECTIVE) else _CONDITIONS
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
        f"its {number} requests resemble their neighbours and say as much as {floor(effective)} independent "
        f"ones, {LEAST_EFFECTIVE} are needed; measure it longer, after more warm-up, or at a lower load"
    )


def _figure_obstacle(figure: PointFigure | None, measure: str, *, is_paired: bool) -> str:
    """Why a figure cannot be compared; "" if it can."""
    if figure is None or figure.value is None:
        missing = f": {figure.missing}" if figure is not None and figure.missing else ""
        return f"has no {measure}{missing}"
    reason = blocks_obstacle(figure, is_paired=is_paired)
    return f"has too little of {measure}: {reason}" if reason else ""


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


def _mean_error(figure: PointFigure) -> float:
    """The standard error of a mean, from its interval."""
    return (figure.high - figure.low) / 3.92 if figure.low is not None and figure.high is not None else 0.0


def _array(figure: PointFigure) -> Floats:
    return np.asarray(figure.blocks, dtype=np.float64)


def explain_point(gate: Gate, found: PointFinding) -> str:
    """What was seen against what."""
    change = found.change
    assert change is not None
    said = f"{percent(abs(change.share))} {direction(change.share)} ({change_interval(change)})"
    where = f"the server {found.against}, measured in turn" if gate.against else found.against
    before = unit_text(found.before or 0.0, found.unit)
    return f"{figure_text(gate, found)} against {before} in {where}: {said}"


def change_interval(change: Worsening) -> str:
    """The interval of a change: "95 % 1.2 % worse to 3.4 % worse"."""
    low, high = (f"{percent(abs(end))} {direction(end)}" for end in change.interval())
    return f"95 % {low} to {high}"


def direction(change: float) -> str:
    """The direction of a worsening in a word."""
    return "worse" if change > 0.0 else "better"
