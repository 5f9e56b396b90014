"""Judgements of a collection: query -> document -> gain, from the columns query-id, corpus-id and score."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.retrieval.beir_files import Part, read_part

Gains = Mapping[str, float]
QUERY, DOCUMENT, SCORE = "query-id", "corpus-id", "score"
# A column of codes that are no gains, such as Cranfield's, of which sources dispute which end is good.
CODE = "raw"


def read_judgements(part: Part, *, is_binary: bool) -> dict[str, dict[str, float]]:
    """All judgements. is_binary: a score of 1 or more is a gain of 1, any other of 0.

    In place of `score` there may be `raw`, a code without an order, which is read as binary. Raises DataError: a column
    that is missing, a score that is no number, two scores of the same pair.
    """
    found: dict[str, dict[str, float]] = {}
    for row in read_part(part):
        query, document, gain = _judgement(row, is_binary=is_binary)
        before = found.setdefault(query, {}).setdefault(document, gain)
        if before != gain:
            raise DataError(
                f"expected one score of document {document!r:.60} for query {query!r:.60}, found {before:g} and "
                f"{gain:g}, the second in {row.where}; remove one of them"
            )
    if not found:
        raise DataError(
            f"expected judgements in {part.name}, found no row below its first line; add them (a TSV file begins with "
            f"a line of the names {QUERY}, {DOCUMENT} and {SCORE})"
        )
    return found


def _judgement(row: Row, *, is_binary: bool) -> tuple[str, str, float]:
    if QUERY not in row or DOCUMENT not in row or (SCORE not in row and CODE not in row):
        raise DataError(
            f"expected the columns {QUERY}, {DOCUMENT} and {SCORE}, found {', '.join(map(repr, row)) or 'none'}, in "
            f"{row.where}; rename the columns (a TSV file begins with a line of their names)"
        )
    value = _number(row, SCORE if SCORE in row else CODE)
    return _name(row, QUERY), _name(row, DOCUMENT), float(value >= 1) if is_binary or SCORE not in row else value


def _name(row: Row, field: str) -> str:
    value = row[field]
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return str(value)
    raise DataError(f"expected an id in field {field!r}, found {value!r:.60}, in {row.where}; correct the row")


def _number(row: Row, field: str) -> float:
    value = row[field]
    try:
        found = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if math.isfinite(found):
        return found
    raise DataError(f"expected a number in field {field!r}, found {value!r:.60}, in {row.where}; correct the row")
