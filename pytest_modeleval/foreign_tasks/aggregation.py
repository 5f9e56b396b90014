"""What a package's aggregation function computes, found out by trying it, so that a measure of ours does the same.

A function is tried on values whose mean, ratio or perplexity is known. What fits none of the methods is not carried
over, and its name is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.metrics import Measure, bits, f_score, mean, perplexity, ratio
from pytest_modeleval.records import MeasureValue

Aggregation = Callable[[list[Any]], Any]


@dataclass(frozen=True, slots=True)
class Carried:
    """A metric of a task as a measure of ours."""

    measure: Measure
    record: Callable[[Any], Mapping[str, MeasureValue]]
    """The task's value for one document -> the values that a grade records."""
    credit: Callable[[Any], float] | None = None
    """The task's value for one document as credit from 0 to 1; None where it has no such form."""


def carry_over(
    name: str, aggregate: Aggregation, example: Any, *, is_higher_better: bool, is_share: bool
) -> Carried | None:
    """The measure that equals an aggregation; None where there is none.

    example: a value of one document; None where it is unknown. is_share: values of one document lie between 0 and 1.
    """
    for kind in _kinds_of(example):
        made = kind(name, aggregate, is_higher_better, is_share)
        if made is not None:
            return made
    return None


_Kind = Callable[[str, Aggregation, bool, bool], Carried | None]


def _kinds_of(example: Any) -> Sequence[_Kind]:
    """What may fit a value of this form."""
    if isinstance(example, list):
        return (_of_flags,)
    if isinstance(example, tuple):
        return (_of_texts, _of_labels, _itemwise)
    return (_of_numbers, _of_losses)


def _gives(aggregate: Aggregation, values: list[Any], expected: float) -> bool:
    """Whether it has this result; False where it refuses such values."""
    try:
        return math.isclose(float(aggregate(values)), expected, rel_tol=1e-9)
    except Exception:  # noqa: BLE001 - a function that is made for other values is not of this kind
        return False


def _of_numbers(name: str, aggregate: Aggregation, is_higher_better: bool, is_share: bool) -> Carried | None:
    """A mean, or a multiple of one."""
    try:
        factor = float(aggregate([1.0]))
    except Exception:  # noqa: BLE001 - as in _gives
        return None
    values = [0.0, 1.0, 1.0, 0.5]
    if not factor or not _gives(aggregate, values, factor * sum(values) / len(values)):
        return None
    is_share = is_share and factor == 1.0
    measure = mean(name, is_higher_better=is_higher_better, high=1.0 if is_share else None)
    checked = _share_of(name) if is_share else _number_of(name)
    credit = checked if is_share and is_higher_better else None
    return Carried(measure, lambda value: {name: factor * checked(value)}, credit)


def _of_losses(name: str, aggregate: Aggregation, is_higher_better: bool, is_share: bool) -> Carried | None:
    """The perplexity of texts of one unit each."""
    del is_higher_better, is_share
    if not _gives(aggregate, [-1.0, -3.0], math.exp(2.0)):
        return None
    loss, units = f"{name}.loss", f"{name}.units"
    measure = perplexity(name, loss=loss, units=units)
    return Carried(measure, lambda value: {loss: -_number_of(name)(value), units: 1.0})


def _of_flags(name: str, aggregate: Aggregation, is_higher_better: bool, is_share: bool) -> Carried | None:
    """The share of all flags of all documents."""
    del is_share
    if not _gives(aggregate, [[True, False, True], [False]], 0.5):
        return None

    def record(value: Any) -> Mapping[str, MeasureValue]:
        return {name: (float(sum(map(bool, value))), float(len(value)))} if len(value) else {}

    def credit(value: Any) -> float:
        return float(all(value))

    return Carried(ratio(name, is_higher_better=is_higher_better), record, credit if is_higher_better else None)


def _of_texts(name: str, aggregate: Aggregation, is_higher_better: bool, is_share: bool) -> Carried | None:
    """Perplexity or bits of a unit, of (log-likelihood, units)."""
    del is_higher_better, is_share
    values = [(-1.0, 2), (-3.0, 6)]
    loss, units = f"{name}.loss", f"{name}.units"
    if _gives(aggregate, values, math.exp(0.5)):
        measure = perplexity(name, loss=loss, units=units)
    elif _gives(aggregate, values, 0.5 / math.log(2.0)):
        measure = bits(name, loss=loss, units=units)
    else:
        return None
    return Carried(measure, lambda value: {loss: -float(value[0]), units: float(value[1])})


def _of_labels(name: str, aggregate: Aggregation, is_higher_better: bool, is_share: bool) -> Carried | None:
    """The F score of label 1, of (right label, given label)."""
    del is_higher_better, is_share
    if not _gives(aggregate, [(1, 1), (1, 0), (0, 1), (0, 0), (1, 1), (1, 0)], 4 / 7):
        return None
    precision, recall = f"{name}.precision", f"{name}.recall"

    def record(value: Any) -> Mapping[str, MeasureValue]:
        gold, given = (int(label) for label in value)
        hit = float(gold == given == 1)
        return {precision: (hit, float(given == 1)), recall: (hit, float(gold == 1))}

    return Carried(f_score(name, of=(recall, precision)), record, lambda value: float(value[0] == value[1]))


def _itemwise(name: str, aggregate: Aggregation, is_higher_better: bool, is_share: bool) -> Carried | None:
    """The mean of what the function gives for each document alone, such as a Brier score."""
    del is_share
    import numpy as np  # noqa: PLC0415 - packages with such values bring it

    values = [(0, np.array([0.7, 0.3])), (1, np.array([0.4, 0.6])), (1, np.array([0.9, 0.1]))]
    try:
        singles = [float(aggregate([value])) for value in values]
    except Exception:  # noqa: BLE001 - as in _gives
        return None
    if len(set(singles)) == 1 or not _gives(aggregate, values, sum(singles) / len(singles)):
        return None
    measure = mean(name, is_higher_better=is_higher_better, high=None)
    return Carried(measure, lambda value: {name: _number_of(name)(aggregate([value]))})


def _number_of(name: str) -> Callable[[Any], float]:
    def checked(value: Any) -> float:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"expected a finite number for {name}, found {value!r:.60}")
        return number

    return checked


def _share_of(name: str) -> Callable[[Any], float]:
    def checked(value: Any) -> float:
        number = _number_of(name)(value)
        if not 0.0 <= number <= 1.0:
            raise ValueError(f"expected a value from 0 to 1 for {name}, found {number!r}")
        return number

    return checked
