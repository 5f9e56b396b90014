"""Reads quantities of several words: "1 hour 30 minutes", "$18 and 5 cents", "twenty-five apples"."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

from pytest_modeleval.graders.answers.expression import Number
from pytest_modeleval.graders.answers.number_words import read_number_words
from pytest_modeleval.graders.answers.units import Unit, split_unit
from pytest_modeleval.graders.answers.values import Formula

_MAX_WORDS_CHARS = 120
_QUANTITY = re.compile(
    r"\s*(?:,|and\b)?\s*(\d+(?:\.\d+)?)\s*([a-z]{1,12}|[年天时小分钟秒米厘里公斤克千毫]{1,2})\.?(?=\s|\d|,|\Z)",
    re.IGNORECASE,
)


def read_compound(text: str) -> list[Formula]:
    """Read a sum of quantities of one dimension, expressed in each of its units; none for anything else."""
    if len(text) > _MAX_WORDS_CHARS:
        return []
    units: list[Unit] = []
    total, at = Fraction(0), 0
    while (found := _QUANTITY.match(text, at)) is not None:
        split = split_unit(f"{found[1]} {found[2]}")
        if split is None or not split[1].dimension or (units and split[1].dimension != units[0].dimension):
            return []
        units.append(split[1])
        total += Fraction(found[1]) * split[1].size
        at = found.end()
    if len(units) < 2 or text[at:].strip() or any(below.size >= above.size for above, below in pairwise(units)):
        return []
    return [Formula(Number(total / unit.size), unit) for unit in units]


def read_words(text: str) -> list[Formula]:
    """Read a number in words, with a unit or without; none for anything else."""
    read = read_number_words(text)
    if read is None:
        return []
    number, rest = read
    formula = Formula(Number(number))
    if not rest:
        return [formula]
    split = split_unit(f"1 {rest}") if re.fullmatch(r"[A-Za-z]+(?: [A-Za-z]+){0,3}", rest) else None
    return [Formula(formula.node, split[1])] if split is not None and split[0] == "1" else []
