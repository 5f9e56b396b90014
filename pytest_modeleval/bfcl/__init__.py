"""The Berkeley Function-Calling Leaderboard, version 4: its data, ways of asking, conversations and aggregates.

What its pages in benchmarks/ declare with. Verdicts follow bfcl-eval 2025.10.27.1; ci/conformance_bfcl compares them.
"""

from pytest_modeleval.bfcl.categories import AGGREGATES, CATEGORIES, Style
from pytest_modeleval.bfcl.evalscope import evalscope_figures
from pytest_modeleval.bfcl.rows import dataset, sample_id, to_sample
from pytest_modeleval.bfcl.solving import Asking, Solved, grade, solver
from pytest_modeleval.bfcl.subsets import asked

__all__ = [
    "AGGREGATES",
    "CATEGORIES",
    "Asking",
    "Solved",
    "Style",
    "asked",
    "dataset",
    "evalscope_figures",
    "grade",
    "sample_id",
    "solver",
    "to_sample",
]
