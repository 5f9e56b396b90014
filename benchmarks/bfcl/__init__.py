"""The Berkeley Function-Calling Leaderboard, version 4: its data, ways of asking, conversations and aggregates.

What its pages in benchmarks/ declare with. Verdicts follow bfcl-eval 2025.10.27.1; ci/conformance_bfcl compares them.
"""

from .aggregates import AGGREGATES
from .categories import CATEGORIES, Style
from .evalscope import evalscope_figures
from .rows import dataset, sample_id, to_sample
from .solving import CallFormat, Solution, grade, solver
from .subsets import page_subsets

__all__ = [
    "AGGREGATES",
    "CATEGORIES",
    "CallFormat",
    "Solution",
    "Style",
    "dataset",
    "evalscope_figures",
    "grade",
    "page_subsets",
    "sample_id",
    "solver",
    "to_sample",
]
