"""A share that a judge found, corrected for the errors that the judge makes on things whose truth is known. Pure.

A judge finds a true thing true with a chance of its sensitivity, and a false one false with that of its specificity. So
it finds a share p = s Se + (1 - s) (1 - Sp) where the truth is s, and s = (p + Sp - 1) / (Se + Sp - 1) (Rogan and
Gladen 1978, American Journal of Epidemiology 107:71). The interval carries three uncertainties, that of p over
questions and those of both rates over the labelled set, joined limit by limit (Zou and Donner 2008, Statistics in
Medicine 27:1693), each weighed by the derivative of s.
"""

from __future__ import annotations

from math import hypot

from pytest_modeleval.metrics.intervals import Interval, wilson

METHOD = "Rogan-Gladen"
Pair = tuple[float, float]


def correct(observed: float, interval: Interval, sensitivity: Pair, specificity: Pair) -> tuple[float, Interval] | None:
    """The corrected share and its 95 % interval; None where the judge is not shown to be better than chance.

    interval: of the observed share. sensitivity, specificity: (right, of) on the labelled set.
    """
    rates = [right / of for right, of in (sensitivity, specificity)]
    limits = [wilson(right, int(of)) for right, of in (sensitivity, specificity)]
    power = sum(rates) - 1.0
    # Below the chance level the correction turns the order of any two systems round.
    if power <= 0.0 or limits[0][0] + limits[1][0] <= 1.0:
        return None
    share = (observed + rates[1] - 1.0) / power
    value = min(1.0, max(0.0, share))
    (low_se, high_se), (low_sp, high_sp) = limits
    # A higher specificity raises the share, a higher sensitivity lowers it.
    below = hypot(observed - interval.low, (1.0 - value) * (rates[1] - low_sp), value * (high_se - rates[0])) / power
    above = hypot(interval.high - observed, (1.0 - value) * (high_sp - rates[1]), value * (rates[0] - low_se)) / power
    low, high = max(0.0, share - below), min(1.0, share + above)
    return value, Interval(min(low, value), max(high, value), METHOD)
