"""Items by the ten thousand: each is cast after one that pytest made, at a quarter of its cost.

`Function.from_parent` works out for every item what is alike for all of a benchmark: marks, keywords, fixtures, the
object behind the name. Here that is taken from a pattern, and only what belongs to one item is made anew: its name and
id, and what plugins write to. Where pytest's items hold anything that this module has not heard of, they are made by
pytest, one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_modeleval.collection.items import SampleItem

# What an item has for itself, and that is made anew (the last two when they are first asked for, see SampleItem).
OWN = frozenset({"name", "own_markers", "extra_keyword_matches", "stash", "_report_sections", "user_properties"}) | {
    "funcargs",
    "keywords",
    "_request",
}
# Where pytest keeps the id (9.2 in parts, before as text), and another name of the stash.
IDS = ("_id", "_nodeid")
OLD_STASH = "_store"
EMPTY = ("extra_keyword_matches", "_report_sections", "user_properties", "funcargs")


class ItemTemplate:
    """Makes the items of one benchmark.

    make: gives a new item of the benchmark's function by pytest's own way, for the part of the id that is the sample.
    """

    def __init__(self, function_name: str, make: Callable[[str], SampleItem]) -> None:
        self._make = make
        self._function_name = function_name
        one, two = state(make("1")), state(make("2"))
        self._shared = [(name, value) for name, value in one.items() if name in two and two[name] is value]
        own = one.keys() - dict(self._shared).keys()
        is_id_known = len(own & set(IDS)) == 1
        self.is_known = (
            one.keys() == two.keys()
            and own - {*IDS, OLD_STASH} == OWN
            and is_id_known
            and not any(one[name] for name in EMPTY)
            and isinstance(one["own_markers"], list)
            and not len(one["stash"])
            and one.get(OLD_STASH, one["stash"]) is one["stash"]
        )
        self._marks: list[pytest.Mark] = list(one["own_markers"])
        self._has_old_stash = OLD_STASH in one
        self._id_before = ""
        self._parent_id: Any = None
        if not self.is_known:
            return
        parent = one["parent"]
        if "_id" in one:
            self._parent_id = parent.id.child(function_name)
        else:
            self._id_before = f"{parent.nodeid}::"

    def cast(self, sample: str) -> SampleItem:
        """A new item. sample: what its id has in brackets."""
        if not self.is_known:
            return self._make(sample)
        item: Any = object.__new__(SampleItem)
        for name, value in self._shared:
            setattr(item, name, value)
        item.name = name = f"{self._function_name}[{sample}]"
        if self._parent_id is not None:
            item._id = self._parent_id.with_params(sample)
        else:
            item._nodeid = self._id_before + name
        item.own_markers = self._marks.copy()
        item.extra_keyword_matches = set()
        item._report_sections = []
        item.user_properties = []
        item.funcargs = {}
        item.stash = stash = pytest.Stash()
        if self._has_old_stash:
            item._store = stash
        made: SampleItem = item
        return made


def state(item: SampleItem) -> dict[str, Any]:
    """Everything that the item holds itself: slots and attributes."""
    slots = [name for kind in type(item).__mro__ for name in vars(kind).get("__slots__", ()) if name != "__dict__"]
    held = {name: getattr(item, name) for name in slots if not name.startswith("__") and hasattr(item, name)}
    return {**held, **vars(item)}
