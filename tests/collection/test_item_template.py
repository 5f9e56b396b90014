"""Items that are cast are items as pytest makes them."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_modeleval.collection.item_template import IDS, ItemTemplate, state
from pytest_modeleval.collection.items import SampleItem, name_as_parametrized

MODULE = """
import pytest

@pytest.fixture
def further():
    return 1

@pytest.mark.slow
@pytest.mark.parametrized_like(1, a=2)
def test_quiz(grade, further):
    assert grade
test_quiz.word = 3
"""


class Bench:
    """A collected module with one function, and items of it. made: how many pytest made."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        pytester.makeini("[pytest]\nmarkers =\n    slow: s\n    parametrized_like: p\n")
        self.module: Any = pytester.getmodulecol(MODULE)
        # Its collection finds the fixtures of the module.
        self.module.collect()
        self.function = self.module.obj.test_quiz
        probe = pytest.Function.from_parent(self.module, name="test_quiz", callobj=self.function)
        self.info = probe._fixtureinfo
        self.made = 0

    def make(self, sample: str) -> SampleItem:
        """By pytest."""
        self.made += 1
        item: SampleItem = SampleItem.from_parent(
            self.module,
            name=f"test_quiz[{sample}]",
            callobj=self.function,
            fixtureinfo=self.info,
            originalname="test_quiz",
        )
        name_as_parametrized(item, "test_quiz", sample)
        return item


@pytest.fixture
def bench(pytester: pytest.Pytester) -> Bench:
    """See Bench."""
    return Bench(pytester)


def shown(item: SampleItem) -> dict[str, Any]:
    """All that an item holds, as values that can be compared; what is made late is made."""
    held = {**state(item), "keywords": item.keywords, "_request": item._request}
    return {
        name: (type(value), dict(value) if name == "keywords" else vars(value).keys() if name == "_request" else value)
        for name, value in held.items()
        if name not in ("stash", "_store")
    }


@pytest.mark.parametrize("sample", ["part-0003", "part-0003-r2", "a::b[c]/d", "\u6d4b\u8bd5 x", ""])
def test_a_cast_item_holds_what_one_by_pytest_holds(bench: Bench, sample: str) -> None:
    """The same attributes with the same values and types, the same id, the same answers to pytest's questions."""
    mould = ItemTemplate("test_quiz", bench.make)
    assert mould.is_known
    made_before = bench.made
    cast = mould.cast(sample)
    assert bench.made == made_before
    made = bench.make(sample)
    assert shown(cast) == shown(made)
    assert state(cast).keys() == state(made).keys()
    assert (cast.nodeid, cast.name, cast.originalname) == (made.nodeid, made.name, made.originalname)
    assert any(name in state(cast) for name in IDS)
    assert cast.stash is state(cast).get("_store", cast.stash)
    assert list(cast.iter_markers()) == list(made.iter_markers())
    assert (cast.listchain()[:-1], cast.listextrakeywords()) == (made.listchain()[:-1], made.listextrakeywords())
    assert (cast.function, cast.module, cast.cls, cast.fixturenames) == (
        made.function,
        made.module,
        made.cls,
        made.fixturenames,
    )
    assert repr(cast) == repr(made)


def test_nothing_is_shared_that_plugins_write_to(bench: Bench) -> None:
    """What is written to one item is in no other, nor in those cast later."""
    mould = ItemTemplate("test_quiz", bench.make)
    one, two = mould.cast("1"), mould.cast("2")
    one.add_marker("xfail")
    one.extra_keyword_matches.add("word")
    one.user_properties.append(("a", 1))
    one.add_report_section("call", "stdout", "text")
    one.funcargs["x"] = 1
    one.keywords["further"] = True
    key = pytest.StashKey[int]()
    one.stash[key] = 1
    for other in (two, mould.cast("3")):
        assert shown(other) == shown(bench.make(other.name[len("test_quiz[") : -1]))
        assert key not in other.stash
    assert "xfail" in one.keywords
    assert one.get_closest_marker("xfail") is not None


def test_fixture_values_survive_the_late_request(bench: Bench) -> None:
    """The request is made when first asked for, and leaves what was filled in before."""
    item = ItemTemplate("test_quiz", bench.make).cast("1")
    item.funcargs["grade"] = 5
    assert item._request.node is item
    assert item.funcargs == {"grade": 5}
    assert item._request is item._request


def test_items_of_an_unknown_pytest_are_made_by_pytest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an item holds something of its own that nobody here knows, no item is cast."""
    stock = pytest.Function._initrequest

    def with_more(self: pytest.Function) -> None:
        stock(self)
        self.novelty = object()  # type: ignore[attr-defined]

    monkeypatch.setattr(pytest.Function, "_initrequest", with_more)
    mould = ItemTemplate("test_quiz", bench.make)
    made_before = bench.made
    item = mould.cast("part-1")
    assert not mould.is_known
    assert bench.made == made_before + 1
    assert item.name == "test_quiz[part-1]"
    assert hasattr(item, "novelty")
