"""Grades become values with intervals and counts. Pure; every method names its source."""

from pytest_modeleval.metrics.aggregates import Aggregate, combine, macro, micro, weighted
from pytest_modeleval.metrics.intervals import Interval, mean_interval, running_score, wilson
from pytest_modeleval.metrics.scores import pass_at_k, score_subset

__all__ = [
    "Aggregate",
    "Interval",
    "combine",
    "macro",
    "mean_interval",
    "micro",
    "pass_at_k",
    "running_score",
    "score_subset",
    "weighted",
    "wilson",
]
