"""EvalScope's figures for BFCL V4, for comparison with its tables: rounded at every level, missing groups as 0.

EvalScope 1.1.1 rounds each figure to 4 places before it enters the next. A subset that was not run is left out of its
own mean, but a whole group that was not run counts as 0 and keeps its weight, so that six subsets of one group print
an OVERALL of 0.0806 where nothing above 0.10 could be reached. Nothing else in this package rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_SIMPLE = ("simple_python", "simple_java", "simple_javascript")
_LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
_TURNS = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context")


def evalscope_figures(scores: Mapping[str, float], sizes: Mapping[str, int]) -> dict[str, float]:
    """EvalScope's figures from subset scores (0 to 1) and numbers of samples: its groups, then OVERALL."""
    known = {name: _round(score) for name, score in scores.items()}

    def mean(names: Sequence[str]) -> float | None:
        found = [known[name] for name in names if name in known]
        return _round(sum(found) / len(found)) if found else None

    def enter(name: str, value: float | None) -> None:
        if value is not None:
            known[name] = value

    enter("SIMPLE", mean(_SIMPLE))
    enter("NON_LIVE", mean(("SIMPLE", "multiple", "parallel", "parallel_multiple")))
    live = [name for name in _LIVE if name in known]
    total = sum(sizes[name] for name in live)
    enter("LIVE", _round(sum(known[name] * sizes[name] for name in live) / total) if total else None)
    enter("HALLUCINATION", mean(("irrelevance", "live_irrelevance")))
    enter("MULTI_TURN", mean(_TURNS))
    enter("WEB_SEARCH", mean(("web_search_base", "web_search_no_snippet")))
    enter("MEMORY", mean(("memory_kv", "memory_vector", "memory_rec_sum")))
    if "WEB_SEARCH" in known or "MEMORY" in known:
        known["AGENTIC"] = _round((known.get("WEB_SEARCH", 0.0) + known.get("MEMORY", 0.0)) / 2)
    weights = {"AGENTIC": 0.4, "MULTI_TURN": 0.3, "NON_LIVE": 0.1, "LIVE": 0.1, "HALLUCINATION": 0.1}
    figures = {name: known[name] for name in weights if name in known}
    figures["OVERALL"] = _round(sum(weight * known.get(name, 0.0) for name, weight in weights.items()))
    return figures


def _round(value: float) -> float:
    return round(value, 4)
