"""Small questions with known answers: a model far below its usual score here is not the intended model.

Each has three solved examples and a schema that allows only the options, so that even a tiny model is above chance.
The options are not shown: a tiny model would pick by their position.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .requests import ask, one_of, row

Question = tuple[str, str, str]  # question, answer, the other options

_ARITHMETIC: tuple[tuple[str, str], ...] = (("2 + 3", "5"), ("4 + 4", "8"), ("10 - 7", "3"))
_LETTERS = (
    ("How many letters are in the word 'cat'?", "3"),
    ("What is the first letter of the word 'dog'?", "d"),
    ("What is the last letter of the word 'sun'?", "n"),
)
_DECIMALS = (
    ("Which is larger, 2 or 7?", "7"),
    ("Which is larger, 0.5 or 0.1?", "0.5"),
    ("Which is larger, 3.2 or 1.9?", "3.2"),
)
_KNOWLEDGE = (
    ("What is the capital of France?", "Paris"),
    ("What color is grass?", "green"),
    ("What animal says woof?", "dog"),
)

ARITHMETIC: tuple[Question, ...] = (
    ("What is 1 + 1?", "2", "3 5 9"),
    ("What is 6 + 2?", "8", "5 7 4"),
    ("What is 5 + 5?", "10", "9 11 12"),
    ("What is 2 x 3?", "6", "5 9 8"),
    ("What is 3 + 4?", "7", "6 9 1"),
    ("What is 9 - 4?", "5", "3 6 2"),
    ("What is 20 + 22?", "42", "44 24 32"),
    ("What is 17 x 3?", "51", "41 53 61"),
)
LETTERS: tuple[Question, ...] = (
    ("What is the first letter of the word 'apple'?", "a", "e p l"),
    ("What is the first letter of the word 'zebra'?", "z", "b a e"),
    ("Which letter comes after 'a' in the alphabet?", "b", "z k m"),
    ("Which letter comes after 'y' in the alphabet?", "z", "c k m"),
    ("How many letters are in the word 'tree'?", "4", "6 2 9"),
    ("How many times does the letter r occur in the word 'strawberry'?", "3", "1 2 4"),
)
DECIMALS: tuple[Question, ...] = (
    ("Which is larger, 0.9 or 0.2?", "0.9", "0.2"),
    ("Which is larger, 1.5 or 4.5?", "4.5", "1.5"),
    ("Which is larger, 9.8 or 9.11?", "9.8", "9.11"),
    ("Which is larger, 0.01 or 0.1?", "0.1", "0.01"),
    ("Which is larger, 6.15 or 6.2?", "6.2", "6.15"),
    ("Which is larger, 12.5 or 2.75?", "12.5", "2.75"),
)
KNOWLEDGE: tuple[Question, ...] = (
    ("What is the capital of Italy?", "Rome", "Oslo Lima Cairo"),
    ("What is the capital of Japan?", "Tokyo", "Madrid Berlin Ottawa"),
    ("What color is a ripe banana?", "yellow", "blue purple black"),
    ("What do bees make?", "honey", "milk wool paper"),
    ("What is frozen water called?", "ice", "sand smoke glass"),
    ("Which season is the coldest?", "winter", "summer spring autumn"),
    ("Who wrote Romeo and Juliet?", "Shakespeare", "Newton Mozart Picasso"),
    ("Which planet do we live on?", "Earth", "Mars Venus Saturn"),
    ("How many legs does a spider have?", "eight", "two four ten"),
    ("How many days are in a week?", "seven", "three five twelve"),
)


def question_rows() -> dict[str, list[dict[str, Any]]]:
    """The rows of the four subsets of questions."""
    sums = tuple((f"What is {question}?", answer) for question, answer in _ARITHMETIC)
    return {
        "arithmetic": _rows("arithmetic", sums, ARITHMETIC),
        "letters": _rows("letters", _LETTERS, LETTERS),
        "decimals": _rows("decimals", _DECIMALS, DECIMALS),
        "knowledge": _rows("knowledge", _KNOWLEDGE, KNOWLEDGE),
    }


def _rows(subset: str, examples: Sequence[tuple[str, str]], questions: Sequence[Question]) -> list[dict[str, Any]]:
    solved = [turn for question, answer in examples for turn in (question, json.dumps(answer))]
    rows = []
    for number, (question, answer, others) in enumerate(questions, start=1):
        options = sorted([answer, *others.split()])
        request = ask(*solved, question, response_format=one_of(*options))
        rows.append(row(f"{subset}-{number}", "chooses", [request], answer=answer, options=options))
    return rows
