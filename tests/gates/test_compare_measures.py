"""Measures of runs side by side: differences in their own range, with the direction that is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_modeleval.gates.compare import compare
from pytest_modeleval.gates.compare_measures import MeasureDifference, compare_measures, measure_lines
from pytest_modeleval.metrics import Measure, calibration_error, f_score, mean, ratio
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import Baseline, ExperimentIdentity

STEPS = ratio("steps")
TOKENS = mean("tokens", low=0.0, high=1000.0, is_higher_better=False, unit="tokens")
F = f_score("f", of=("correct", "attempted"))
SURE = calibration_error("sure", confidence="confidence", correct="right")


def _side(rows: list[dict[str, Any]], *measures: Measure, subsets: int = 1) -> Baseline:
    outcomes: dict[ItemKey, Outcome] = {}
    for number, row in enumerate(rows):
        key = ItemKey("b", f"s{number % subsets}", f"{number:04}")
        outcomes[key] = Outcome(key, Kind.RIGHT, 1.0, measures=row)
    facts: Mapping[str, Any] = {"measures": {"b": measures}} if measures else {}
    return Baseline("x", "m", "2026", {"b": ExperimentIdentity("b", "1")}, {"b": "steps"}, outcomes, facts=facts)


def _difference(one: Baseline, other: Baseline) -> MeasureDifference:
    (found,) = compare_measures([one, other])
    (difference,) = found.differences
    return difference


def test_a_ratio_is_compared_by_its_instructions() -> None:
    """Ten questions lose one of their two instructions: 10 of 200; a file without a declaration is compared too."""
    before = [{"steps": (2, 2)}] * 100
    after = [{"steps": (1, 2)}] * 10 + [{"steps": (2, 2)}] * 90
    found = _difference(_side(before, STEPS), _side(after))
    assert found.n == 100
    assert found.change == pytest.approx(-0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low < -0.05 < found.high < 0
    assert found.p == pytest.approx(2 * 0.5**10)


def test_a_lower_mean_of_tokens_is_better() -> None:
    """The change stands in tokens, negative where fewer are used, and the sentence calls it better."""
    rng = np.random.default_rng(1)
    before = [{"tokens": float(value)} for value in rng.uniform(300, 500, 200)]
    after = [{"tokens": row["tokens"] - 50.0 + float(rng.normal(0, 20))} for row in before]
    sides = [_side(before, TOKENS), _side(after, TOKENS)]
    found = _difference(*sides)
    assert found.change == pytest.approx(-50, abs=5)
    assert found.low is not None
    assert found.high is not None
    assert -60 < found.low < found.change < found.high < -40
    lines = list(measure_lines(compare_measures(sides), "AB"))
    assert lines[1] == "b s0 tokens (lower is better)"
    assert lines[2].endswith(" tokens  n=200")
    assert ", better, on 200 questions; p " in lines[4]


@pytest.mark.parametrize(("measure", "size"), [(F, 300), (SURE, 120)])
def test_other_figures_are_resampled(measure: Measure, size: int) -> None:
    """Equal runs are a tie; a real change is found, its interval around the difference of the figures."""
    rng = np.random.default_rng(2)

    def rows(share: float) -> list[dict[str, Any]]:
        right = rng.random(size) < share
        return [{"correct": (int(r), 1), "attempted": (int(r), 1), "confidence": 0.9, "right": float(r)} for r in right]

    good, bad = _side(rows(0.9), measure), _side(rows(0.5), measure)
    same = _difference(good, good)
    assert (same.change, same.p) == (0.0, 1.0)
    (found,) = compare_measures([good, bad])
    (difference,) = found.differences
    first, second = (figure.value for figure in found.figures)
    assert first is not None
    assert second is not None
    assert difference.change == pytest.approx(second - first)
    assert difference.low is not None
    assert difference.high is not None
    assert difference.low < difference.change < difference.high
    assert difference.adjusted_p < 0.01


def test_other_versions_are_not_compared_and_subsets_are() -> None:
    """A sentence says why; of two subsets both and the whole are shown, and p is adjusted over all of them."""
    one = _side([{"steps": (2, 2)}] * 40, STEPS, subsets=2)
    other = _side([{"steps": (1, 2)}] * 40, STEPS, subsets=2)
    found = compare_measures([one, other])
    assert [entry.subset for entry in found] == ["", "s0", "s1"]
    assert found[1].differences[0].adjusted_p > found[1].differences[0].p
    newer = replace(other, identities={"b": ExperimentIdentity("b", "2")})
    (whole, *_) = compare_measures([one, newer])
    assert not whole.differences
    assert "not comparable" in whole.obstacles[0]
    assert compare([one, other]) == ()
