"""Items among which no selection by -k, -m or fixtures can tell any difference, so that one may stand for all of them.

pytest asks every item for its parents, names, marks and parameters, at 25 microseconds each. Items of one benchmark
differ in the sample's name alone, and -k sees in it no more than which of its words occur there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.collection.keyword import words

# What pytest takes for one word of -k (_pytest.mark.expression). Of anything else it may make several, or a complaint.
_WORD = re.compile(r"[\w:+\-.\[\]\\/]+")


class Groups:
    """The items of a run, in groups that are alike.

    representatives: the first item of each group, in the order of the items.
    """

    def __init__(self, items: Sequence[SampleItem], asked: Sequence[str]) -> None:
        """asked: the words of -k, in lower case."""
        self._of: list[SampleItem] = []
        self._items = items
        first: dict[tuple[object, ...], SampleItem] = {}
        for item in items:
            name = item.name.lower()
            extra = item.extra_keyword_matches
            key = (
                id(item.parent),
                id(item.obj),
                *map(id, item.own_markers),
                frozenset(extra) if extra else None,
                *[word in name for word in asked],
            )
            self._of.append(first.setdefault(key, item))
        self.representatives: list[SampleItem] = list(first.values())

    def of(self, representatives: Sequence[pytest.Item]) -> list[SampleItem]:
        """All items of these groups, in the order of the items."""
        kept = set(representatives)
        if len(kept) == len(self.representatives):
            return list(self._items)
        return [item for item, stand_in in zip(self._items, self._of, strict=True) if stand_in in kept]

    def others(self, representatives: Sequence[pytest.Item]) -> list[SampleItem]:
        """The items of all other groups, without their stand-ins."""
        kept = set(representatives)
        pairs = zip(self._items, self._of, strict=True)
        return [item for item, stand_in in pairs if stand_in not in kept and item is not stand_in]


def groups(items: Sequence[pytest.Item], keyword: str) -> Groups | None:
    """The groups of the items; None where one item may not stand for others.

    keyword: the expression of -k.
    """
    asked = words(keyword)
    if (keyword.strip() and not asked) or not all(map(_WORD.fullmatch, asked)):
        return None
    samples = [item for item in items if type(item) is SampleItem and "callspec" not in vars(item)]
    if len(samples) != len(items):
        return None
    return Groups(samples, sorted(word.lower() for word in asked))
