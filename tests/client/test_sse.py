"""Server-sent events as servers write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.client.sse import MAX_LINE_BYTES, EventReader
from pytest_modeleval.errors import AttemptFailed

VALUES = st.dictionaries(st.text(max_size=5), st.text(max_size=10) | st.integers(-5, 5), max_size=3)


def read(data: bytes, cuts: list[int] | None = None) -> list[dict[str, Any]]:
    """The events of a stream that arrives in pieces of these sizes."""
    reader = EventReader()
    events = []
    for cut in cuts or ():
        events += reader.feed(data[:cut])
        data = data[cut:]
    return [*events, *reader.feed(data), *reader.finish()]


@given(
    values=st.lists(VALUES, max_size=6),
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    has_blank=st.booleans(),
    has_bom=st.booleans(),
    cuts=st.lists(st.integers(1, 20), max_size=40),
)
def test_events_do_not_depend_on_chunks_and_line_ends(
    values: list[dict[str, Any]], line_end: bytes, has_blank: bool, has_bom: bool, cuts: list[int]
) -> None:
    """F28: any cutting, any line end, with a byte order mark, with or without blank lines: the same events."""
    end = line_end * 2 if has_blank else line_end
    data = b"".join(b"data: " + json.dumps(value).encode() + end for value in values)
    assert read((b"\xef\xbb\xbf" if has_bom else b"") + data + b"data: [DONE]" + end, cuts) == values


@given(value=VALUES, cuts=st.lists(st.integers(1, 9), max_size=60))
def test_an_event_may_have_several_data_lines(value: dict[str, Any], cuts: list[int]) -> None:
    """F28: pretty-printed JSON, one data field for each of its lines."""
    lines = json.dumps({"a": {"b": value}, "c": {}}, indent=1).encode().split(b"\n")
    data = b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
    assert read(data, cuts) == [{"a": {"b": value}, "c": {}}]


def test_nothing_counts_after_done() -> None:
    """An event after [DONE] belongs to no reply."""
    assert read(b'data: {"a": 1}\n\ndata: [DONE]\n\ndata: {"b": 2}\n\ndata: nonsense\n\n') == [{"a": 1}]


def test_comments_names_and_ids_are_ignored() -> None:
    """Only data lines carry events."""
    assert read(b': ping\n\nevent: message\nid: 7\nretry: 1\ndata: {"a": 1}\n\ndata:\n\n') == [{"a": 1}]


@pytest.mark.parametrize(
    "data", [b"data: nonsense\n\n", b'data: {"a": \n\n', b"data: [1]\n\n", b'data: {"a": 1', b"data: 7\n\n"]
)
def test_what_is_no_object_is_a_failure(data: bytes) -> None:
    """Malformed JSON, and JSON of another type, at once or at the end of the stream."""
    with pytest.raises(AttemptFailed) as caught:
        read(data)
    assert caught.value.cause == "malformed_json"


@pytest.mark.parametrize(
    "payload", [b'{"error": {"message": "out of memory"}}', b'{"message": "out of memory"}', b"out of memory"]
)
def test_an_error_event_is_a_failure(payload: bytes) -> None:
    """F25: `event: error`, whatever form its data has."""
    with pytest.raises(AttemptFailed, match="out of memory") as caught:
        read(b"event: error\ndata: " + payload + b"\n\n")
    assert caught.value.cause == "error_in_body"


def test_one_byte_at_a_time_costs_no_more_than_its_length() -> None:
    """A long line in tiny chunks is copied a bounded number of times: each byte is looked at once or twice."""
    reader = EventReader()
    for _ in range(400_000):
        reader.feed(b"x")
    assert len(reader._buffer) == 400_000


def test_a_line_without_end_is_refused() -> None:
    """At MAX_LINE_BYTES, and not retried."""
    with pytest.raises(AttemptFailed) as caught:
        read(b"data: " + b"x" * (MAX_LINE_BYTES + 1), [2**20] * (MAX_LINE_BYTES // 2**20))
    assert (caught.value.cause, caught.value.is_retryable) == ("too_large", False)


def test_an_event_of_endless_lines_is_refused() -> None:
    """Trying it anew at each line would be quadratic without a bound."""
    with pytest.raises(AttemptFailed):
        read(b"data: {\n" * 5000)
