"""The aggregates of BFCL V4, with the weights of OVERALL.

Source: the Berkeley Function-Calling Leaderboard, bfcl-eval 2025.10.27.1 (Apache-2.0); the same in 2026.3.23.
`pytest_modeleval/metrics/aggregates.py` computes them.
"""

from __future__ import annotations

from pytest_modeleval.metrics import Aggregate, macro, micro, weighted

from .categories import CATEGORIES, Style

_LIVE_AST = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
_TURNS = tuple(category.name for category in CATEGORIES.values() if category.style is Style.TURNS)

# The official formula. irrelevance is in HALLUCINATION and not in NON_LIVE; live_relevance is in no aggregate.
AGGREGATES: tuple[Aggregate, ...] = (
    macro("SIMPLE", of=("simple_python", "simple_java", "simple_javascript")),
    macro("NON_LIVE", of=("SIMPLE", "multiple", "parallel", "parallel_multiple")),
    micro("LIVE", of=_LIVE_AST),
    macro("HALLUCINATION", of=("irrelevance", "live_irrelevance")),
    macro("MULTI_TURN", of=_TURNS),
    macro("WEB_SEARCH", of=("web_search_base", "web_search_no_snippet")),
    macro("MEMORY", of=("memory_kv", "memory_vector", "memory_rec_sum")),
    macro("AGENTIC", of=("WEB_SEARCH", "MEMORY")),
    weighted("OVERALL", {"AGENTIC": 0.4, "MULTI_TURN": 0.3, "NON_LIVE": 0.1, "LIVE": 0.1, "HALLUCINATION": 0.1}),
)
