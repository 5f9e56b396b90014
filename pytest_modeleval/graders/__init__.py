"""Graders: (sample, response) -> grade. No HTTP; every parse is bounded in size and time.

Whatever a model says, no grader raises because of it, but for the failures that are no verdict at all (Ungraded).
"""

from pytest_modeleval.graders.choice import extract_choice, grade_choice
from pytest_modeleval.graders.edit_distance import grade_anls
from pytest_modeleval.graders.likelihood import grade_labels, grade_likelihood
from pytest_modeleval.graders.math import grade_math
from pytest_modeleval.graders.relaxed_number import grade_relaxed
from pytest_modeleval.graders.text import grade_contains, grade_exact

__all__ = [
    "extract_choice",
    "grade_anls",
    "grade_choice",
    "grade_contains",
    "grade_exact",
    "grade_labels",
    "grade_likelihood",
    "grade_math",
    "grade_relaxed",
]
