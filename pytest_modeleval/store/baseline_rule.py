"""What a baseline file may hold: the rule that a file is checked by, and its bounds."""

from __future__ import annotations

import math
import re

from pytest_modeleval._support.schema import (
    TABLE,
    TEXT,
    Rule,
    list_of,
    matching,
    number,
    optional,
    required,
    table,
    whole_number,
)
from pytest_modeleval.plan import MEASURES_RULE
from pytest_modeleval.records import Kind
from pytest_modeleval.store.index_json import INDEXES_RULE
from pytest_modeleval.store.point_json import POINTS_RULE

SCHEMA = 1
LETTERS = {Kind.RIGHT: "r", Kind.WRONG: "w", Kind.NO_ANSWER: "n", Kind.TRUNCATED: "t"}
# No verdict.
NOTHING = "."

# Bounds of what a file may make us hold in memory, far above what any run has.
MOST_OUTCOMES = 2_000_000
MOST_REPEATS = 1_000
_ANY_TEXT = Rule("a text", lambda value: isinstance(value, str))
_SHARE = number(0.0, 1.0)
_FIGURE = number(-math.inf, math.inf)
_SAMPLE = Rule(
    'a sample id, or {"id": ...}',
    lambda value: isinstance(value, str) or (isinstance(value, dict) and isinstance(value.get("id"), str)),
)
_REPEATS = Rule(
    f"a list of at most {MOST_REPEATS:,} texts, one for each repeat",
    lambda value: isinstance(value, list) and len(value) <= MOST_REPEATS,
    entries=matching(
        f"[{''.join(LETTERS.values())}{re.escape(NOTHING)}]*", "a letter for each sample: r, w, n, t or a dot"
    ),
)
_SUBSET = table(
    {
        "subset": required(TEXT),
        "num": whole_number(0, MOST_OUTCOMES),
        "score": optional(_FIGURE),
        "low": optional(_FIGURE),
        "high": optional(_FIGURE),
        "samples": required(list_of(_SAMPLE)),
        "outcomes": required(_REPEATS),
        "partial": table(entries=_SHARE),
        "measures": TABLE,
        "prompts": _ANY_TEXT,
        "votes": list_of(list_of(optional(whole_number(0, MOST_REPEATS)))),
        "answers": list_of(_ANY_TEXT),
    },
    is_closed=False,
)
_BENCHMARK = table(
    {
        "benchmark": required(TEXT),
        "version": required(_ANY_TEXT),
        "metric": required(TEXT),
        "measures": list_of(TEXT),
        "declared_measures": MEASURES_RULE,
        "data_sha256": required(_ANY_TEXT),
        "prompt_sha256": required(_ANY_TEXT),
        "params": required(TABLE),
        "flip_rate": optional(_SHARE),
        "subsets": required(list_of(_SUBSET)),
        "points": POINTS_RULE,
    },
    is_closed=False,
)
# Keys that are not listed are left to later versions.
BASELINE_RULE = table(
    {
        "schema": required(Rule(f"{SCHEMA}", lambda value: value == SCHEMA and not isinstance(value, bool))),
        "model": required(_ANY_TEXT),
        "made_utc": required(_ANY_TEXT),
        "facts": TABLE,
        "indexes": INDEXES_RULE,
        "benchmarks": required(list_of(_BENCHMARK)),
    },
    is_closed=False,
)
