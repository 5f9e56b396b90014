"""The length-controlled win rate: known fits, and AlpacaEval's recorded preferences."""

from __future__ import annotations

import csv
import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_modeleval.arena.length_control import LengthControl, length_control
from pytest_modeleval.metrics import length_controlled, mean
from pytest_modeleval.metrics.figures import figure_of
from pytest_modeleval.records import ItemKey, Kind, Outcome


def fitted(control: LengthControl) -> float:
    """The win rate of a fit, in percent."""
    coefficients, _ = control.fit()
    return float(100.0 * control.win_rates(coefficients[None, :])[0])


def recorded_preferences(model: str) -> tuple[list[float], list[float]]:
    """Of the shared data: preference from 0 to 1, and characters of the baseline less those of the model."""
    data = os.environ.get("MODELEVAL_DATA")
    file = Path(data or "") / "alpaca_eval" / f"recorded_{model}.jsonl.gz"
    if not data or not file.exists():
        pytest.skip("MODELEVAL_DATA names no folder with alpaca_eval")
    rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    return [row["preference"] - 1.0 for row in rows], [float(row["len_1"] - row["len_2"]) for row in rows]


def outcomes(preferences: list[float], lengths: list[float]) -> list[Outcome]:
    """One graded item for each preference."""
    pairs = zip(preferences, lengths, strict=True)
    return [
        Outcome(
            ItemKey("alpaca_eval", "default", f"{number:03}"),
            Kind.RIGHT,
            1.0,
            measures={"preference": preference, "length": length},
        )
        for number, (preference, length) in enumerate(pairs)
    ]


def test_a_judge_that_likes_length_and_nothing_else() -> None:
    """Without its length the model is as good as the baseline; gamed baselines and difficulties take their part."""
    rng = np.random.default_rng(2)
    lengths = rng.normal(-400.0, 500.0, 800)
    share = 1.0 / (1.0 + np.exp(1.5 * np.tanh(lengths / lengths.std(ddof=1))))
    assert 100.0 * share.mean() > 62.0
    assert fitted(length_control(share, lengths)) == pytest.approx(50.0, abs=0.3)
    gamed = np.stack([np.column_stack([share, lengths / lengths.std(ddof=1)])] * 2)
    gamed[0, :400] = np.nan
    whole = length_control(share, lengths, rng.normal(0.0, 1.0, 800), gamed)
    assert len(whole.rows) == 800 + 400 + 800
    assert fitted(whole) == pytest.approx(50.0, abs=0.5)


def test_equal_answers_are_equal() -> None:
    """All preferences one half, all lengths the same: 50, as AlpacaEval has its baseline by definition."""
    preferences, lengths = np.full(805, 0.5), np.zeros(805)
    assert fitted(length_control(preferences, lengths)) == pytest.approx(50.0, abs=1e-6)


@pytest.mark.parametrize(
    ("model", "win_rate"), [("gpt4_1106_preview", 50.0), ("gpt-3.5-turbo-1106_verbose", 12.76316981026087)]
)
def test_published_win_rates_of_recorded_preferences(model: str, win_rate: float) -> None:
    """The leaderboard of alpaca_eval 0.6.6, to 0.01; the figure over items is the one over arrays."""
    preferences, lengths = recorded_preferences(model)
    figure = figure_of(mean("preference"), outcomes(preferences, lengths))
    assert figure.value is not None
    assert 100.0 * figure.value == pytest.approx(win_rate, abs=0.01)


def test_the_figure_over_items_is_that_over_arrays() -> None:
    """To the last digit, with an interval around it; a reply that was cut is lost."""
    rng = np.random.default_rng(4)
    lengths = rng.normal(0.0, 300.0, 30)
    share = 1.0 / (1.0 + np.exp(np.tanh(lengths / 300.0)))
    found = figure_of(length_controlled("lc"), outcomes(share.tolist(), lengths.tolist()))
    assert found.value == pytest.approx(fitted(length_control(share, lengths)) / 100.0, abs=1e-12)
    assert found.interval is not None
    assert found.interval.low < 0.5 < found.interval.high
    cut = [replace(outcome, kind=Kind.TRUNCATED) for outcome in outcomes(share.tolist(), lengths.tolist())]
    assert figure_of(length_controlled("lc"), cut).value == pytest.approx(0.0, abs=0.05)


def test_the_minimal_fit_of_recorded_preferences() -> None:
    """As alpaca_eval 0.6.6 gives it ("length_controlled_minimal") for the same rows: 35.8214."""
    preferences, lengths = recorded_preferences("gpt-3.5-turbo-1106_verbose")
    found = fitted(length_control(np.asarray(preferences), np.asarray(lengths)))
    assert found == pytest.approx(35.8214, abs=0.01)


def test_the_leaderboard_names_the_baseline() -> None:
    """50.0 and 50.0, as our rule for equal answers gives them."""
    data = os.environ.get("MODELEVAL_DATA")
    if not data:
        pytest.skip("MODELEVAL_DATA is not set")
    with (Path(data) / "alpaca_eval" / "leaderboard.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    entry = rows["GPT-4 Preview (11/06)"]
    assert float(entry["win_rate"]) == float(entry["length_controlled_winrate"]) == 50.0
