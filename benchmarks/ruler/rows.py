"""The rows of ruler: which tasks, lengths and numbers; prompts are made when they are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..long_texts.lengths import LENGTHS, NumberedRows, parse_lengths
from . import documents, needles, word_tasks
from .problem import Problem

TASKS: dict[str, Callable[[str, int], Problem]] = {
    **{name: partial(needles.make_problem, task) for name, task in needles.TASKS.items()},
    "vt": word_tasks.variable_tracking,
    "cwe": word_tasks.common_words,
    "fwe": word_tasks.frequent_words,
    "qa_1": documents.one_document,
    "qa_2": documents.two_documents,
}
# Tokens that RULER keeps free for the answer: the prompt is that much shorter than its nominal length.
ANSWER_TOKENS = {"vt": 30, "cwe": 120, "fwe": 50, "qa_1": 32, "qa_2": 32}
NEEDLE_ANSWER_TOKENS = 128
# Characters a token, measured with the tokenizer of SmolLM2 on prompts of 400 units: the first guess, and the only one
# for servers without a tokenizer.
CHARS_PER_TOKEN = {
    "niah_single_1": 3.02,
    "niah_single_2": 4.48,
    "niah_single_3": 4.48,
    "niah_multikey_1": 4.43,
    "niah_multikey_2": 2.69,
    "niah_multikey_3": 1.37,
    "niah_multivalue": 4.48,
    "niah_multiquery": 4.45,
    "vt": 2.98,
    "cwe": 2.0,
    "fwe": 2.63,
    "qa_1": 3.37,
    "qa_2": 3.37,
}


def subset_name(task: str, length: int) -> str:
    """Such as "vt-4096"."""
    return f"{task}-{length}"


def rows(options: Mapping[str, Any] | None = None) -> dict[str, NumberedRows]:
    """Subset -> rows; none for lengths that are not wanted. Raises SettingsError for an unknown length."""
    given = options or {}
    wanted = parse_lengths("ruler", given)
    count = int(given.get("samples", 100))
    return {
        subset_name(task, length): NumberedRows({"task": task, "length": length}, count if length in wanted else 0)
        for length in LENGTHS
        for task in TASKS
    }
