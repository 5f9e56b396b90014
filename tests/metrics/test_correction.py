"""A share corrected for a judge's errors: exact where rates are known, wider than the plain one, absent by chance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.metrics import corrected, judged_mean
from pytest_modeleval.metrics.correction import METHOD, correct
from pytest_modeleval.metrics.figures import figure_of
from pytest_modeleval.metrics.intervals import Interval
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome

RATES = st.integers(600, 1000)
MEASURE = corrected("m_corrected", of="m", sensitivity="se", specificity="sp")


@given(st.floats(0, 1), RATES, RATES)
def test_the_true_share_comes_back(share: float, se: int, sp: int) -> None:
    """Of the share that such a judge finds on average; inside its interval, which stays between 0 and 1."""
    seen = share * se / 1000 + (1 - share) * (1 - sp / 1000)
    found = correct(seen, Interval(max(0.0, seen - 0.1), min(1.0, seen + 0.1), "t"), (se, 1000), (sp, 1000))
    if found is None:
        assert se + sp < 1100
        return
    value, interval = found
    assert value == pytest.approx(share, abs=1e-6)
    assert 0.0 <= interval.low <= value <= interval.high <= 1.0
    assert interval.method == METHOD


@pytest.mark.parametrize("rates", [((50, 100), (50, 100)), ((10, 100), (20, 100)), ((55, 100), (55, 100))])
def test_a_judge_by_chance_corrects_nothing(rates: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """Nor does one that is not shown to be better than chance."""
    assert correct(0.5, Interval(0.4, 0.6, "t"), *rates) is None


def test_fewer_labelled_things_make_a_wider_interval() -> None:
    """And each is wider than the plain one."""
    plain = Interval(0.4, 0.6, "t")
    widths = []
    for of in (20, 100, 10_000):
        found = correct(0.5, plain, (0.9 * of, of), (0.9 * of, of))
        assert found is not None
        widths.append(found[1].high - found[1].low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 0.2


def outcomes(*rows: dict[str, MeasureValue]) -> list[Outcome]:
    """One for each row of recorded values."""
    return [Outcome(ItemKey("b", "s", str(number)), Kind.RIGHT, 1.0, measures=row) for number, row in enumerate(rows)]


def test_the_figure_needs_one_judge() -> None:
    """The same rates in every item; the plain figure stays what it is."""
    rows: list[dict[str, MeasureValue]] = [{"m": (k, 4), "se": (90, 100), "sp": (80, 100)} for k in (1, 2, 3, 4)]
    found = figure_of(MEASURE, outcomes(*rows))
    assert found.value == pytest.approx((0.625 - 0.2) / 0.7)
    assert figure_of(judged_mean("m"), outcomes(*rows)).value == 0.625
    mixed = figure_of(MEASURE, outcomes(*rows, {"m": (1, 4), "se": (91, 100), "sp": (80, 100)}))
    assert mixed.value is None
    assert figure_of(MEASURE, outcomes({"m": (1, 4)})).num == 0
