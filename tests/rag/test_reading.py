"""What a pipeline may return: every form is read, everything else has a cause of its own, whatever it holds."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.rag.reading import MAX_CHARS, MAX_CONTEXTS, answer_as_json, read_answer
from pytest_modeleval.rag_answer import Context, RagAnswer

ANYTHING = st.recursive(
    st.sampled_from([None, True, 3, 1.5, "text", "\ud800", b"bytes"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["contexts", "answer", "text", "id"]), inner)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "value",
    [
        {"contexts": ["one", {"id": 2, "text": "two"}], "answer": "yes"},
        (["one", {"id": "2", "text": "two", "score": 0.3}], "yes"),
        [("one", Context("two", "2")), "yes"],
        RagAnswer((Context("one"), Context("two", "2")), "yes"),
    ],
    ids=["mapping", "pair", "list", "RagAnswer"],
)
def test_every_form_gives_the_same_answer(value: Any) -> None:
    """A mapping, a pair or a RagAnswer; contexts as texts, mappings or Context."""
    assert read_answer(value) == RagAnswer((Context("one"), Context("two", "2")), "yes")


@pytest.mark.parametrize(
    ("value", "cause", "found"),
    [
        (None, "rag_form", "found NoneType None"),
        ("text", "rag_form", "found str 'text'"),
        ({"answer": "x"}, "rag_form", "expected {"),
        ({"contexts": "one", "answer": "x"}, "rag_form", "expected a list of contexts, found str"),
        ({"contexts": [3], "answer": "x"}, "rag_form", "expected contexts that are texts"),
        ({"contexts": [{"text": None}], "answer": "x"}, "rag_form", "whose text is a text"),
        ({"contexts": [{"text": "a", "id": 1.5}], "answer": "x"}, "rag_form", "expected an id"),
        ({"contexts": [{"text": "a", "id": "i" * 1001}], "answer": "x"}, "rag_form", "expected an id"),
        ({"contexts": [], "answer": 7}, "rag_form", "expected an answer"),
        ({"contexts": ["a"] * 10_000, "answer": ""}, "rag_too_many_contexts", "at most 1,000 contexts, found 10,000"),
        ({"contexts": ["a" * (1 << 20)], "answer": ""}, "rag_too_large", "found 1,048,576"),
        ({"contexts": [], "answer": "a" * (MAX_CHARS + 1)}, "rag_too_large", "at most 1,000,000 characters"),
    ],
)
def test_anything_else_is_ungraded_with_its_cause(value: Any, cause: str, found: str) -> None:
    """One cause each, and a message of one line that shows no more than the beginning."""
    with pytest.raises(Ungraded) as caught:
        read_answer(value)
    assert caught.value.cause == cause
    assert found in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_an_empty_answer_and_empty_contexts_are_answers() -> None:
    """Retrieving nothing is a result, and so is no text; halves of surrogate pairs and controls can be journaled."""
    assert read_answer({"contexts": [], "answer": None}) == RagAnswer()
    odd = read_answer({"contexts": ["", "\ud800\x00\x1b[2J"], "answer": "\udfff"})
    assert [context.text for context in odd.contexts] == ["", "\\ud800\x00\x1b[2J"]
    assert len(read_answer((["a"] * MAX_CONTEXTS, "")).contexts) == MAX_CONTEXTS


@settings(max_examples=50)
@given(ANYTHING)
def test_any_value_is_read_or_ungraded(value: Any) -> None:
    """No other exception; what is read can be journaled, and is the same when it is read again."""
    try:
        found = read_answer(value)
    except Ungraded:
        return
    assert read_answer(orjson.loads(orjson.dumps(answer_as_json(found)))) == found
