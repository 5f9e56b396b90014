"""ci/simulate_arena.py in the small: its truth is what its judge does."""

from __future__ import annotations

import numpy as np
import pytest

from ci.simulate_arena import STRENGTHS, arena, expected_points
from pytest_modeleval.metrics import bradley_terry
from pytest_modeleval.metrics.figures import recorded_questions, statistic_of


def test_the_judge_has_the_strength_that_is_claimed() -> None:
    """The fitted win rate of 400 questions lies within four standard errors of the truth, for each model."""
    outcomes = arena(np.random.default_rng(1), 400)
    for model in range(1, len(STRENGTHS)):
        measure = bradley_terry("m", player=model, baseline=0)
        units = [[question.repeats] for question in recorded_questions(measure, outcomes).values()]
        (found,) = statistic_of(measure, units)(np.arange(len(units))[None, :])
        true = expected_points(1.0 / (1.0 + np.exp(STRENGTHS[0] - STRENGTHS[model])))
        assert found == pytest.approx(true, abs=4 * 0.5 / np.sqrt(400))
