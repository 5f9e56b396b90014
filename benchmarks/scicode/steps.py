"""A problem of SciCode as its steps, and what a model replied to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_modeleval import Response

# Their code is given by the authors and not asked for.
GIVEN = frozenset({"13.6", "62.1", "76.3"})


@dataclass(frozen=True, slots=True)
class Step:
    """One function of a problem."""

    number: str
    description: str
    background: str
    header: str
    return_line: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Solved:
    """The replies to the steps of one problem, in order; steps that are given have none."""

    replies: Mapping[str, Response]
