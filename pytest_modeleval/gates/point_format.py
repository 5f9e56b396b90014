"""Figures of operating points as people read them."""

from __future__ import annotations

from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.point_finding import PointFinding


def percent(fraction: float) -> str:
    """A fraction in per cent: "4.2 %", "0.035 %"."""
    return f"{100.0 * fraction:.3g} %" if abs(fraction) < 0.1 else f"{100.0 * fraction:.1f} %"


def unit_text(value: float, unit: str) -> str:
    """A value with its unit: "0.8132 s", "812.4 tok/s", "0.9312"."""
    return f"{value:.4g}" if unit in ("", "share") else f"{value:.4g} {unit}"


def figure_text(gate: Gate, found: PointFinding) -> str:
    """Which figure of which point, its value, interval and number of requests."""
    name = f"{gate.benchmark} {found.point} {gate.measure}"
    if found.value is None:
        return f"{name} (n={found.num})"
    interval = f"95 % {found.low:.4g}-{found.high:.4g}, " if found.low is not None and found.high is not None else ""
    return f"{name} {unit_text(found.value, found.unit)} ({interval}n={found.num})"
