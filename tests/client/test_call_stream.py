"""Streamed tool calls in the styles of real servers: the same calls come out (F22 to F24)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pytest_modeleval.client.call_stream import MAX_CALLS, MAX_NAME_CHARS, CallStream
from pytest_modeleval.errors import AttemptFailed

Call = tuple[str, dict[str, Any]]
Event = list[dict[str, Any]]
Style = Callable[[list[Call]], Iterator[Event]]

VALUES = st.text(max_size=8) | st.integers(-9, 9) | st.dictionaries(st.text(max_size=2), st.integers(0, 3), max_size=2)
ARGUMENTS = st.dictionaries(st.sampled_from(["city", "days", "a", "b"]), VALUES, max_size=3)
CALLS = st.lists(st.tuples(st.sampled_from(["get_weather", "add", "find"]), ARGUMENTS), min_size=1, max_size=4)


def pieces(arguments: dict[str, Any], size: int = 3) -> list[str]:
    """The arguments as JSON in pieces of `size` characters."""
    text = json.dumps(arguments)
    return [text[start : start + size] for start in range(0, len(text), size)]


def part(
    index: Any,
    *,
    name: str | None = None,
    arguments: str | None = None,
    id: str | None = None,  # noqa: A002 - the API's name
) -> dict[str, Any]:
    """One entry of `tool_calls`; index: "absent" for none."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    entry: dict[str, Any] = {"function": function, **({"id": id} if id else {})}
    return entry if index == "absent" else {"index": index, **entry}


def by_the_book(
    calls: list[Call], index: Callable[[int], Any] = lambda number: number, *, has_id: bool = True
) -> Iterator[Event]:
    """Name and id first, then the arguments in pieces."""
    for number, (name, arguments) in enumerate(calls):
        yield [part(index(number), name=name, arguments="", id=f"c{number}" if has_id else None)]
        for piece in pieces(arguments):
            yield [part(index(number), arguments=piece)]


def index_text(calls: list[Call]) -> Iterator[Event]:
    """The index as text."""
    return by_the_book(calls, str)


def index_from_one(calls: list[Call]) -> Iterator[Event]:
    """Indices from 1."""
    return by_the_book(calls, lambda number: number + 1)


def index_zero(calls: list[Call]) -> Iterator[Event]:
    """Index 0 for all."""
    return by_the_book(calls, lambda _: 0)


def index_zero_without_ids(calls: list[Call]) -> Iterator[Event]:
    """Index 0 for all, and no ids."""
    return by_the_book(calls, lambda _: 0, has_id=False)


def index_missing(calls: list[Call]) -> Iterator[Event]:
    """No index."""
    return by_the_book(calls, lambda _: "absent")


def index_null(calls: list[Call]) -> Iterator[Event]:
    """Null as index, and no ids."""
    return by_the_book(calls, lambda _: None, has_id=False)


def index_minus_one(calls: list[Call]) -> Iterator[Event]:
    """-1 for all."""
    return by_the_book(calls, lambda _: -1)


def index_of_the_tool(calls: list[Call]) -> Iterator[Event]:
    """The position of the tool in the request."""
    return by_the_book(calls, lambda number: ["get_weather", "add", "find"].index(calls[number][0]))


def index_sometimes(calls: list[Call]) -> Iterator[Event]:
    """The index stands in the first part of a call only."""
    for event in by_the_book(calls):
        if not event[0]["function"].get("name"):
            del event[0]["index"]
        yield event


def arguments_under_the_next_index(calls: list[Call]) -> Iterator[Event]:
    """Name under one index, arguments under the next."""
    for number, (name, arguments) in enumerate(calls):
        yield [part(2 * number, name=name, id=f"c{number}")]
        for piece in pieces(arguments):
            yield [part(2 * number + 1, arguments=piece)]


def next_index_shared(calls: list[Call]) -> Iterator[Event]:
    """Name under one index, arguments under the next, which the next call's name has too."""
    for number, (name, arguments) in enumerate(calls):
        yield [part(number, name=name, id=f"c{number}")]
        yield [part(number + 1, arguments=json.dumps(arguments))]


def one_event(calls: list[Call]) -> Iterator[Event]:
    """All calls in one event."""
    yield [
        part(number, name=name, arguments=json.dumps(arguments), id=f"c{number}")
        for number, (name, arguments) in enumerate(calls)
    ]


def one_event_index_zero(calls: list[Call]) -> Iterator[Event]:
    """All calls in one event, with index 0."""
    yield [
        part(0, name=name, arguments=json.dumps(arguments), id=f"c{number}")
        for number, (name, arguments) in enumerate(calls)
    ]


def whole_calls_without_index(calls: list[Call]) -> Iterator[Event]:
    """One event for each call, without index."""
    for number, (name, arguments) in enumerate(calls):
        yield [part("absent", name=name, arguments=json.dumps(arguments), id=f"c{number}")]


def new_id_in_each_event(calls: list[Call]) -> Iterator[Event]:
    """Another id in every event."""
    for number, event in enumerate(by_the_book(calls)):
        event[0]["id"] = f"e{number}"
        yield event


def name_repeated(calls: list[Call]) -> Iterator[Event]:
    """The name in every event."""
    for number, (name, arguments) in enumerate(calls):
        yield [part(number, name=name, arguments="", id=f"c{number}")]
        for piece in pieces(arguments):
            yield [part(number, name=name, arguments=piece)]


def name_at_end(calls: list[Call]) -> Iterator[Event]:
    """The name once more at the end."""
    for number, (name, arguments) in enumerate(calls):
        yield from by_the_book([(name, arguments)], lambda _, number=number: number)  # type: ignore[misc]
        yield [part(number, name=name, arguments="")]


def arguments_repeated(calls: list[Call]) -> Iterator[Event]:
    """The whole arguments once more at the end."""
    for number, (name, arguments) in enumerate(calls):
        yield from by_the_book([(name, arguments)], lambda _, number=number: number)  # type: ignore[misc]
        yield [part(number, arguments=json.dumps(arguments))]


def everything_repeated(calls: list[Call]) -> Iterator[Event]:
    """Name and arguments once more at the end."""
    for number, (name, arguments) in enumerate(calls):
        yield from by_the_book([(name, arguments)], lambda _, number=number: number)  # type: ignore[misc]
        yield [part(number, name=name, arguments=json.dumps(arguments))]


def interleaved(calls: list[Call]) -> Iterator[Event]:
    """All names first, then the arguments by index."""
    for number, (name, _) in enumerate(calls):
        yield [part(number, name=name, arguments="", id=f"c{number}")]
    for number, (_, arguments) in enumerate(calls):
        for piece in pieces(arguments):
            yield [part(number, arguments=piece)]


def arguments_as_objects(calls: list[Call]) -> Iterator[Event]:
    """Arguments as an object instead of text."""
    for number, (name, arguments) in enumerate(calls):
        yield [{"index": number, "function": {"name": name, "arguments": arguments}}]


STYLES: list[Style] = [
    by_the_book, index_text, index_from_one, index_zero, index_zero_without_ids, index_missing, index_null,
    index_minus_one, index_of_the_tool, index_sometimes, arguments_under_the_next_index, next_index_shared, one_event,
    one_event_index_zero, whole_calls_without_index, new_id_in_each_event, name_repeated, name_at_end,
    arguments_repeated, everything_repeated, interleaved, arguments_as_objects,
]  # fmt: skip


def collected(events: Iterator[Event]) -> list[Call]:
    """The calls, with their arguments parsed."""
    stream = CallStream()
    for event in events:
        stream.add(event)
    return [(call["name"], json.loads(call["arguments"])) for call in stream.calls()]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
@given(calls=CALLS)
@example(calls=[("add", {"a": 1}), ("add", {"a": 2}), ("find", {})])
def test_every_style_gives_the_same_calls(style: Style, calls: list[Call]) -> None:
    """Names, arguments and order are those that the model wrote, for parallel calls of one function too."""
    if style in (index_zero_without_ids, index_null):
        # Without index and id, the same call once more looks like the same call repeated.
        assume(all(one != two for one, two in pairwise(calls)))
    assert collected(style(calls)) == calls


def test_a_name_in_pieces_is_joined() -> None:
    """Before any arguments came, more of a name belongs to the same call."""
    events = [[part(0, name="get_", id="c")], [part(0, name="weather")], [part(0, arguments="{}")]]
    assert collected(iter(events)) == [("get_weather", {})]


def test_ids_are_those_of_the_first_part() -> None:
    """An id that comes later, or again with another value, changes nothing."""
    stream = CallStream()
    for event in new_id_in_each_event([("add", {"a": 1, "b": 2})]):
        stream.add(event)
    assert [call["id"] for call in stream.calls()] == ["e0"]


@pytest.mark.parametrize("parts", [7, "x", [7], [{"function": 7}], [{"function": {"name": 7}}], [{"id": [1]}]])
def test_what_is_no_call_is_a_failure(parts: Any) -> None:
    """Never a TypeError."""
    with pytest.raises(AttemptFailed) as caught:
        CallStream().add(parts)
    assert caught.value.cause == "malformed_event"


@pytest.mark.parametrize(
    "events",
    [
        [[part(number, name="f")] for number in range(MAX_CALLS + 1)],
        [[part(0, name="f" * (MAX_NAME_CHARS + 1))]],
        [[part(0, name="f" * 100)], *([part(0, name="g" * 100)] for _ in range(100))],
        [[part(0, name="f", id="i" * (MAX_NAME_CHARS + 1))]],
    ],
    ids=["calls", "name", "name in pieces", "id"],
)
def test_calls_are_bounded(events: list[Event]) -> None:
    """A million calls and a name of 150 MB are refused, and not asked for again."""
    with pytest.raises(AttemptFailed) as caught:
        collected(iter(events))
    assert (caught.value.cause, caught.value.is_retryable) == ("too_large", False)
