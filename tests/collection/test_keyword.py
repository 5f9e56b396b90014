"""-k before anything is loaded: never leaves out a benchmark of which pytest would select an item."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.collection.keyword import may_be_in_id, may_match, words

NAMES = ["aime25", "test_aime25.py", "test_aime25", "modeleval"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", True),
        ("aime25", True),
        ("AIME", True),
        ("mmlu", False),
        ("not mmlu", True),
        ("not aime25", False),
        ("aime25 and not (mmlu or gpqa)", True),
        ("aime25 and mmlu", False),
        ("mmlu or aime25", True),
        ("unknown0003", True),
        ("not unknown0003", True),
        ("aime25 and unknown0003", True),
        ("mmlu and unknown0003", False),
        ("(aime25", False),
        ("and", False),
        ("aime25 or", False),
        ("aime25 gsm8k", False),
    ],
)
def test_only_what_cannot_match_is_left_out(expression: str, expected: bool) -> None:
    """Unknown words keep a benchmark in; text that is no expression reads no data, and pytest refuses it later."""
    assert may_match(expression, names=NAMES, could_be_in_id=lambda word: word.startswith("unknown")) is expected


EXPRESSIONS = st.recursive(
    st.sampled_from(["aime25", "mmlu", "id1", "id2"]),
    lambda inner: st.one_of(
        inner.map(lambda one: f"not {one}"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, st.sets(st.sampled_from(["id1", "id2"])))
def test_agrees_with_every_possible_item(expression: str, has: set[str]) -> None:
    """If an item with these ids would be selected, the benchmark is not left out."""
    values = {"aime25": True, "mmlu": False, "id1": "id1" in has, "id2": "id2" in has}
    selected = eval(expression, {"__builtins__": {}}, values)
    if selected:
        assert may_match(expression, names=NAMES, could_be_in_id=lambda word: word.startswith("id"))


def test_words_of_an_expression() -> None:
    """Operators and brackets are no words."""
    assert words("aime25 and not (default or x)") == {"aime25", "default", "x"}


@pytest.mark.parametrize(
    ("word", "numbered", "of_data"),
    [
        ("math", True, True),
        ("pro[math-0", True, True),
        ("math-0001-r2]", True, True),
        ("math_500", False, True),
        ("mathematics", False, False),
        ("0001", True, True),
    ],
)
def test_a_word_around_a_subset_is_one_of_its_ids(word: str, numbered: bool, of_data: bool) -> None:
    """`-k math_500` is no id of the subset math, unless the data gives the ids."""
    for has_own_ids, expected in ((False, numbered), (True, of_data)):
        found = may_be_in_id(word, function="test_mmlu_pro", subset="math", groups=set(), has_own_ids=has_own_ids)
        assert found is expected
