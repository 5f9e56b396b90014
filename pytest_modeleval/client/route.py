"""Where a request is sent, and how the answer is read. Everything else is the same for all requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.client.json_object import parse_object
from pytest_modeleval.client.reply import reply_from_json
from pytest_modeleval.records import JsonObject


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint of a model server."""

    path: str
    """Begins with a slash: "/chat/completions"."""
    read: Callable[[Mapping[str, Any]], JsonObject]
    """The JSON object of an answer -> the Reply as the journal keeps it. Raises AttemptFailed for an answer that is not
    valid."""
    is_at_root: bool = False
    """The path stands below the server's root, not below /v1."""
    is_streamed: bool = False
    """The answer may come as a stream of chat events, which `read` does not see."""
    is_strict: bool = False
    """A field that the endpoint does not know is refused, so that no id of ours is added to the body."""
    parse: Callable[[bytes | bytearray], JsonObject] = parse_object
    """The body of an answer -> the JSON object that `read` gets. Raises AttemptFailed for a body that is none."""

    def reply(self, body: bytes | bytearray) -> JsonObject:
        """The Reply in the body of an answer with status 200. Raises AttemptFailed."""
        return self.read(self.parse(body))

    def url(self, base: str) -> str:
        """The address. base: of the server, with /v1."""
        base = base.removesuffix("/")
        return (base.removesuffix("/v1") if self.is_at_root else base) + self.path


CHAT = Route("/chat/completions", reply_from_json, is_streamed=True)


@dataclass(frozen=True, slots=True)
class Query:
    """A request other than a chat completion: route and body."""

    route: Route
    body: JsonObject


Ask = Callable[[Query], Awaitable[JsonObject]]
"""Sends a query and gives the Reply that its route reads. Raises Ungraded or AttemptFailed where none comes."""
