"""Who stands for others when pytest selects: never an item that -k could tell from them."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.mark import KeywordMatcher
from _pytest.mark import expression as expressions
from _pytest.mark.expression import Expression
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.fast_path.item_groups import groups
from pytest_modeleval.pytest_private import ItemTemplate, make_like

# Older versions of pytest have an exception of their own.
NO_EXPRESSION = getattr(expressions, "ParseError", SyntaxError)
MARK = pytest.mark.usefixtures("word").mark
WORDS = [
    MARK.name,
    "quiz",
    "PART",
    "part-00",
    "0001",
    "hard",
    "-r1",
    "test_quiz[part",
    "nothing",
    "a.b",
    "word",
    "test_one.py",
]
SAMPLES = st.from_regex(r"(part|Hard|a\.b)-00[01][0-3](-r[01])?", fullmatch=True)
EXPRESSIONS = st.recursive(
    st.sampled_from(WORDS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map(lambda one: f"not ({one})"),
        inner.map(lambda one: f"({one})"),
    ),
    max_leaves=5,
)


@pytest.fixture
def template(pytester: pytest.Pytester) -> ItemTemplate[SampleItem]:
    """The template of the items of a module's only function."""
    module: Any = pytester.getmodulecol("def test_quiz(): pass")
    probe = pytest.Function.from_parent(module, name="test_quiz", callobj=module.obj.test_quiz)
    return ItemTemplate(
        SampleItem, "test_quiz", lambda sample: make_like(probe, SampleItem, name="test_quiz", sample=sample)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=st.lists(st.tuples(SAMPLES, st.sets(st.sampled_from(["word", "other"]), max_size=1), st.booleans())),
    expression=EXPRESSIONS,
    has_mark=st.booleans(),
)
def test_a_stand_in_is_selected_as_those_it_stands_for(
    template: ItemTemplate[SampleItem], samples: list[tuple[str, set[str], bool]], expression: str, has_mark: bool
) -> None:
    """For any -k, asking the stand-ins selects the items, in their order, that asking each of them selects."""
    items = [template.make_item(sample) for sample, _, _ in samples]
    for item, (_, extra, is_marked) in zip(items, samples, strict=True):
        item.extra_keyword_matches.update(extra)
        if is_marked and has_mark:
            item.own_markers.append(MARK)
    found = groups(items, expression)
    assert found is not None
    compiled = Expression.compile(expression)

    def is_selected(item: pytest.Item) -> bool:
        return compiled.evaluate(KeywordMatcher.from_item(item))

    chosen = [item for item in found.representatives if is_selected(item)]
    wanted = [item for item in items if is_selected(item)]
    assert found.of(chosen) == wanted
    left = [item for item in found.representatives if item not in chosen] + found.others(chosen)
    assert {id(item) for item in left} == {id(item) for item in items} - {id(item) for item in wanted}
    assert len(left) == len(items) - len(wanted)


def test_items_of_one_kind_have_one_stand_in(template: ItemTemplate[SampleItem]) -> None:
    """However many they are."""
    items = [template.make_item(f"part-{number:04d}") for number in range(100)]
    for keyword in ("", "quiz", "not nothing"):
        found = groups(items, keyword)
        assert found is not None
        assert found.representatives == items[:1]
    one = groups(items, "quiz and part-0003")
    assert one is not None
    assert one.representatives == [items[0], items[3]]


@pytest.mark.parametrize("keyword", ["quiz and", "quiz(a=1)", "a = b", "(quiz", "'quiz'", "and"])
def test_what_is_no_plain_expression_is_left_to_pytest(template: ItemTemplate[SampleItem], keyword: str) -> None:
    """It may complain, or take the words for something else; with stand-ins or without is no difference then."""
    items = [template.make_item("part-1"), template.make_item("part-2")]
    found = groups(items, keyword)
    if found is not None:
        with pytest.raises(NO_EXPRESSION):
            Expression.compile(keyword)


def test_other_items_and_other_marks_are_told_apart(template: ItemTemplate[SampleItem]) -> None:
    """Ordinary tests among the items, or parameters of fixtures, leave all to pytest; a mark makes another group."""
    items: list[pytest.Function] = [template.make_item("part-1"), template.make_item("part-2")]
    probe = pytest.Function.from_parent(items[0].parent, name="test_other", callobj=items[0].obj)
    assert groups([*items, probe], "") is None
    items[1].add_marker(pytest.mark.skip)
    found = groups(items, "")
    assert found is not None
    assert found.representatives == items
    vars(items[1])["callspec"] = object()
    assert groups(items, "") is None
