"""Grades become values with intervals and counts. Pure; every method names its source."""

from pytest_modeleval.metrics.aggregates import Aggregate, combine, macro, micro, subset_weights, weighted, with_parts
from pytest_modeleval.metrics.intervals import Interval, mean_interval, wilson
from pytest_modeleval.metrics.measures import (
    Measure,
    calibration_error,
    f_score,
    mean,
    pearson,
    quantile,
    ratio,
    spearman,
)
from pytest_modeleval.metrics.questions import (
    Answers,
    Question,
    QuestionMetric,
    answers_by_question,
    credit,
    is_question_metric,
    pass_at_k,
    pass_hat_k,
    question_metric,
    question_value,
    vote_at_k,
)
from pytest_modeleval.metrics.scores import score_subset

__all__ = [
    "Aggregate",
    "Answers",
    "Interval",
    "Measure",
    "Question",
    "QuestionMetric",
    "answers_by_question",
    "calibration_error",
    "combine",
    "credit",
    "f_score",
    "is_question_metric",
    "macro",
    "mean",
    "mean_interval",
    "micro",
    "pass_at_k",
    "pass_hat_k",
    "pearson",
    "quantile",
    "question_metric",
    "question_value",
    "ratio",
    "score_subset",
    "spearman",
    "subset_weights",
    "vote_at_k",
    "weighted",
    "wilson",
    "with_parts",
]
