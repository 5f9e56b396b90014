"""The categories of BFCL V4, and what kind of question each holds.

Source: the Berkeley Function-Calling Leaderboard, bfcl-eval 2025.10.27.1 (Apache-2.0); the same in 2026.3.23.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_modeleval.graders.calls import Language, Wanted


class Style(StrEnum):
    """How a question is asked: one request, several turns with simulated APIs, memory, or web search."""

    SINGLE = "single"
    TURNS = "turns"
    MEMORY = "memory"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Category:
    """One category, which is one subset.

    wanted: which calls answer a single-turn question. file: the name of its file where that is another one.
    """

    name: str
    size: int
    style: Style = Style.SINGLE
    wanted: Wanted = Wanted.NONE
    language: Language = Language.PYTHON
    file: str = ""


WEB_CORPUS = "web_search_corpus"
CATEGORIES: dict[str, Category] = {
    category.name: category
    for category in (
        Category("simple_python", 400, wanted=Wanted.ONE),
        Category("simple_java", 100, wanted=Wanted.ONE, language=Language.JAVA),
        Category("simple_javascript", 50, wanted=Wanted.ONE, language=Language.JAVASCRIPT),
        Category("multiple", 200, wanted=Wanted.CHOICE),
        Category("parallel", 200, wanted=Wanted.SEVERAL),
        Category("parallel_multiple", 200, wanted=Wanted.SEVERAL),
        Category("irrelevance", 240),
        Category("live_simple", 258, wanted=Wanted.ONE),
        Category("live_multiple", 1053, wanted=Wanted.CHOICE),
        Category("live_parallel", 16, wanted=Wanted.SEVERAL),
        Category("live_parallel_multiple", 24, wanted=Wanted.SEVERAL),
        Category("live_irrelevance", 884),
        Category("live_relevance", 16, wanted=Wanted.ANY),
        Category("multi_turn_base", 200, Style.TURNS),
        Category("multi_turn_miss_func", 200, Style.TURNS),
        Category("multi_turn_miss_param", 200, Style.TURNS),
        Category("multi_turn_long_context", 200, Style.TURNS),
        Category("memory_kv", 155, Style.MEMORY, file="memory"),
        Category("memory_vector", 155, Style.MEMORY, file="memory"),
        Category("memory_rec_sum", 155, Style.MEMORY, file="memory"),
        Category("web_search_base", 100, Style.WEB, file="web_search"),
        Category("web_search_no_snippet", 100, Style.WEB, file="web_search"),
        # Ours: the questions of web_search_base over documents of the user's. In no aggregate.
        Category(WEB_CORPUS, 100, Style.WEB, file="web_search"),
    )
}
