"""What the journal keeps of requests: less than was sent, and all of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.client.body import encode_body
from pytest_modeleval.records import Request
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import JournalWriter, read_line
from pytest_modeleval.store.requests import compress_request, expand_request

TOOLS = [({"type": "function", "function": {"name": name}},) for name in ("f", "g")]
# What a benchmark may do between two requests: go on, start anew, drop a message, change tools, a parameter, a message.
MOVES = st.sampled_from(["go on", "go on", "go on", "again", "anew", "drop", "tools", "params", "change", "form"])


def moved(history: list[dict[str, Any]], state: dict[str, Any], move: str, number: int) -> list[dict[str, Any]]:
    """The next history. state: tools, params and response_format of the next request."""
    if move == "tools":
        state["tools"] = TOOLS[number % 2]
    if move == "params":
        state["params"] = {"max_tokens": number}
    if move == "form":
        state["response_format"] = {"type": "json_object"} if number % 2 else None
    if move == "anew":
        return [{"role": "user", "content": f"new {number}"}]
    if move == "drop":
        return history[:-1]
    if move == "change":
        return [{**history[0], "content": f"changed {number}"}, *history[1:]] if history else []
    if move == "again":
        return history
    return [
        *history,
        {"role": "assistant", "content": f"said {number}"},
        {"role": "user", "content": f"asked {number}"},
    ]


@given(st.lists(MOVES, min_size=1, max_size=12))
def test_every_request_can_be_read_as_it_was_sent(moves: list[str]) -> None:
    """Whatever an item asks one after another: the journal's line, with those it points to, gives the very body."""
    contents = Contents()
    bodies: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder) / "journal.jsonl")
        before: tuple[Request, str] | None = None
        state: dict[str, Any] = {"tools": TOOLS[0], "params": {}, "response_format": None}
        history: list[dict[str, Any]] = [{"role": "user", "content": "first"}]
        for number, move in enumerate(moves):
            history = moved(history, state, move, number)
            request = Request(tuple(history), **state)
            body, key = encode_body(request, model="m", params={"temperature": 0}, seed=1), f"key{number}"
            line = {"type": "response", "key": key, **compress_request(request, body, before), "reply": {}}
            contents.responses[key] = writer.write(line)
            bodies[key] = body
            before = request, key
        writer.close()
        for key, body in bodies.items():
            found = expand_request(read_line(contents.responses[key]), contents)
            assert orjson.dumps(found, option=orjson.OPT_SORT_KEYS) == body


def test_a_conversation_is_kept_once() -> None:
    """A request that only adds messages is kept as those messages and the key of the one before."""
    first = Request(({"role": "user", "content": "hello"},), tools=TOOLS[0])
    second = Request((*first.messages, {"role": "user", "content": "more"}), tools=TOOLS[0])
    assert compress_request(second, b"{}", (first, "abc")) == {
        "after": "abc",
        "request": {"messages": [{"role": "user", "content": "more"}]},
    }


def test_a_missing_or_circular_line_ends_the_search() -> None:
    """A damaged journal gives the messages that are known, and never an endless search."""
    added = [{"role": "user", "content": "more"}]
    assert expand_request({"after": "gone", "request": {"messages": added}}, Contents()) == {"messages": added}
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder) / "journal.jsonl")
        line = {"type": "response", "key": "k", "after": "k", "request": {"messages": added}}
        contents = Contents(responses={"k": writer.write(line)})
        writer.close()
        assert expand_request(line, contents) == {"messages": [*added]}
