"""DROP's figures: exact match and F1 over bags of words, several spans aligned as well as possible.

Rule: allenai's drop_eval.py. Departures: a number is read wherever a word is one, and an answer whose words are all
articles or signs is compared as it stands: its bag is empty, which officially equals an empty answer.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

_ARTICLES = frozenset(("a", "an", "the"))
_SIGNS = str.maketrans("", "", string.punctuation)


def number_of(word: str) -> float | None:
    """The number that a word stands for, thousands separators allowed; None for another word."""
    try:
        found = float(word.strip(string.punctuation.replace("-", "")).replace(",", ""))
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None


def words_of(span: str) -> list[str]:
    """The words that count: lower case, without articles and signs; numbers by their value."""
    # A hyphen separates words, but for the sign of a number.
    parts = re.split(r"\s+|(?<=\w)-", span.lower())
    words = []
    for part in parts:
        number = number_of(part)
        word = str(number) if number is not None else part.translate(_SIGNS)
        if word and word not in _ARTICLES:
            words.append(word)
    return words


def bag_f1(gold: str, answer: str) -> float:
    """F1 of two spans, 0 to 1; 0 where the gold span has numbers and the answer has none of them."""
    wanted, found = set(words_of(gold)), set(words_of(answer))
    if not wanted:
        return float(gold.strip().lower() == answer.strip().lower())
    numbers = {word for word in wanted if number_of(word) is not None}
    common = len(wanted & found)
    if not common or (numbers and not numbers & found):
        return 0.0
    precision, recall = common / len(found), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def scores(gold: Sequence[str], answer: Sequence[str]) -> tuple[float, float]:
    """(exact match, F1) of the spans of an answer against one gold answer; the order of spans does not count."""
    bags = [" ".join(words_of(span)) or span.strip().lower() for span in gold]
    found = [" ".join(words_of(span)) or span.strip().lower() for span in answer]
    exact = float(len(gold) == len(answer) and sorted(bags) == sorted(found))
    table = [[bag_f1(one, other) for other in answer] for one in gold]
    if len(gold) == 1 or len(answer) == 1:
        best = max(value for line in table for value in line)
    else:
        # Imported here: most pages and most questions need no alignment.
        from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

        rows, columns = linear_sum_assignment(table, maximize=True)
        best = float(sum(table[row][column] for row, column in zip(rows, columns, strict=True)))
    # Two digits, as officially.
    return exact, round(best / max(len(gold), len(answer)), 2)


def best_scores(golds: Sequence[Sequence[str]], answer: Sequence[str]) -> tuple[float, float]:
    """The best of the gold answers for each of the two figures."""
    every = [scores(gold, answer) for gold in golds]
    return max(exact for exact, _ in every), max(f1 for _, f1 in every)
