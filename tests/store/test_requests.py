"""What the journal keeps of requests: less than was sent. tests/samples has the way back to all of it."""

from __future__ import annotations

from pytest_modeleval.records import Request
from pytest_modeleval.store.requests import compress_request

TOOLS = ({"type": "function", "function": {"name": "f"}},)


def test_a_conversation_is_kept_once() -> None:
    """A request that only adds messages is kept as those messages and the key of the one before."""
    first = Request(({"role": "user", "content": "hello"},), tools=TOOLS)
    second = Request((*first.messages, {"role": "user", "content": "more"}), tools=TOOLS)
    assert compress_request(second, b"{}", (first, "abc")) == {
        "after": "abc",
        "request": {"messages": [{"role": "user", "content": "more"}]},
    }
