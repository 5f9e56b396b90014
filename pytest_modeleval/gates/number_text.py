"""Fractions, intervals and p-values as people read them."""

from __future__ import annotations

from pytest_modeleval.gates.measurement import Measurement
from pytest_modeleval.results import FAILED


def points(fraction: float) -> str:
    """A fraction as percentage points: "2.4 points"."""
    number = f"{100 * fraction:.1f}" if abs(fraction) >= 0.0005 else f"{100 * fraction:.2g}"
    number = number if float(number) else "0"
    return f"{number} point{'' if number == '1.0' else 's'}"


def signed_points(fraction: float) -> str:
    """A change in percentage points with its sign: "-2.4", "+0.3"; "0.0" has none."""
    number = f"{100 * fraction:+.1f}"
    return number if float(number) else "0.0"


def p_text(p: float) -> str:
    """A p-value to two significant figures."""
    return f"{p:.2g}" if p >= 0.0001 else ("below 1e-12" if p < 1e-12 else f"{p:.1e}")


def interval_text(found: Measurement) -> str:
    """The interval of what was seen, and the number of questions, in parentheses."""
    if found.low is None or found.high is None:
        return f"(n={found.n})"
    return f"(95 % {found.low:.3f}-{found.high:.3f}, n={found.n})"


def score_text(found: Measurement) -> str:
    """Scope, metric, score, interval: "gsm8k mean_acc 0.8000 (95 % 0.739-0.850, n=200)"."""
    return f"{found.gate.scope} {found.metric} {found.seen or 0.0:.4f} {interval_text(found)}"


def bound_text(found: Measurement, verdict: str, bound: str) -> str:
    """Whether a score or share is beyond a fixed limit. bound: such as "below its floor 0.8000"."""
    if verdict == FAILED:
        return f"is {bound}{' beyond chance' if found.p is not None else ''}"
    return f"is {bound}, which chance can explain" if found.is_beyond else f"is not {bound}"
