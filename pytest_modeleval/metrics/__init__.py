"""Grades become values with intervals and counts. Pure; every method names its source."""

from pytest_modeleval.metrics.aggregates import Aggregate, combine, macro, micro, subset_weights, weighted, with_parts
from pytest_modeleval.metrics.intervals import Interval, mean_interval, t_quantile, wilson
from pytest_modeleval.metrics.questions import (
    Answers,
    Question,
    answers_by_question,
    credit,
    k_of,
    pass_at_k,
    question_value,
)
from pytest_modeleval.metrics.scores import score_subset

__all__ = [
    "Aggregate",
    "Answers",
    "Interval",
    "Question",
    "answers_by_question",
    "combine",
    "credit",
    "k_of",
    "macro",
    "mean_interval",
    "micro",
    "pass_at_k",
    "question_value",
    "score_subset",
    "subset_weights",
    "t_quantile",
    "weighted",
    "wilson",
    "with_parts",
]
