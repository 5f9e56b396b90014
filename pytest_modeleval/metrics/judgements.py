"""The disagreement of repeated judgements, as a part of an interval. Pure, standard library only.

Judgements of one answer are imputations of a verdict that is not known (Rubin 1987, "Multiple Imputation for
Nonresponse in Surveys", section 3.3): to the variance over questions comes (1 + 1/N) times the variance between
judgements. What another judgement would have made of the figure is not recorded, so that each dissenting one is taken
to move it as far as a verdict can. Both variances are joined limit by limit (Zou and Donner 2008, Statistics in
Medicine 27:1693), which keeps an interval that is not symmetric.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import hypot, inf, sqrt

from pytest_modeleval._support.distributions import normal_quantile
from pytest_modeleval.metrics.intervals import Interval
from pytest_modeleval.records import JUDGE_AGREEMENT, MeasureValue, Outcome

SUFFIX = ", judgements"
_CONFIDENCE = 0.95


def doubt(outcomes: Iterable[Outcome], measure: str = "") -> float:
    """The sum over items of (1 + 1/N) k (N - k) / (N (N - 1)), where k of N judgements stand behind the verdict.

    0 where none was judged twice, or where all judgements of an item agree. measure: the recorded value that is looked
    at; an item may record the agreement on each of its values ("judge_agreement_faithfulness"), and then has none on
    others.
    """
    return sum(_doubt_of(_agreement(outcome, measure)) for outcome in outcomes if outcome.kind.is_verdict)


def agreement_name(measure: str) -> str:
    """The name under which an item records the agreement on one of its values."""
    return f"{JUDGE_AGREEMENT}_{measure}"


def _agreement(outcome: Outcome, measure: str) -> MeasureValue | None:
    recorded = outcome.measures or {}
    if measure and any(name.startswith(agreement_name("")) for name in recorded):
        return recorded.get(agreement_name(measure))
    return recorded.get(JUDGE_AGREEMENT)


def _doubt_of(agreement: MeasureValue | None) -> float:
    if not isinstance(agreement, tuple) or agreement[1] < 2:
        return 0.0
    k, n = map(float, agreement)
    return (1.0 + 1.0 / n) * k * (n - k) / (n * (n - 1.0))


def widened(
    interval: Interval | None, value: float | None, *, doubt: float, change: float, low: float = 0.0, high: float = inf
) -> Interval | None:
    """The interval with the disagreement of judgements; as it is where there is none.

    change: how far one verdict can move the figure. low, high: its range.
    """
    if interval is None or value is None or not doubt:
        return interval
    extra = normal_quantile(_CONFIDENCE) * change * sqrt(doubt)
    below, above = hypot(value - interval.low, extra), hypot(interval.high - value, extra)
    return Interval(max(low, value - below), min(high, value + above), interval.method + SUFFIX)
