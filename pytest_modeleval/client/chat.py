"""One request over HTTP, most often a chat completion: sends it, reads the response, classifies what went wrong.

Knows no benchmark and no pytest. Retries and time limits are the dispatcher's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from pytest_modeleval._support import redact
from pytest_modeleval._support.abort import PATH as ABORT_PATH
from pytest_modeleval._support.abort import abort_body
from pytest_modeleval._support.retry_after import parse_retry_after
from pytest_modeleval.client.failures import (
    bad_response_error,
    error_text,
    raise_for_finish,
    shorten_error,
    status_error,
    too_large_error,
)
from pytest_modeleval.client.json_object import BOM, parse_object
from pytest_modeleval.client.route import CHAT, Route
from pytest_modeleval.client.sse import STARTS, EventReader
from pytest_modeleval.client.stream import StreamAccumulator
from pytest_modeleval.client.transport import Transport, post
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject

PARSE_BYTES = 32 * 1024
"""After the first token, pieces of a stream are parsed together once they have this size."""
MAX_BODY_BYTES = 12 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
"""Read of the body of an error status; the rest is ignored."""
_DECIDE_BYTES = 4096
"""By then a body has shown whether it is a stream of events or one JSON object."""


def request_headers(key: str | None) -> dict[str, str]:
    """The header fields that all requests have."""
    own = {"Authorization": f"Bearer {key}"} if key else {}
    return {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **own}


class ReplyListener(Protocol):
    """Follows one response. Called in the event loop, as data arrives."""

    def on_data(self) -> None:
        """Something arrived, so the attempt is not idle."""

    def on_complete(self, reply: JsonObject) -> None:
        """The reply is complete and valid. An exception raised here becomes the result of the exchange."""


class ChatClient:
    """Sends bodies to the server; replies of chats come as client.reply describes them, others as their Route reads."""

    def __init__(self, transport: Transport, *, key: str | None = None) -> None:
        self._transport = transport
        self._headers = request_headers(key)

    def send(
        self,
        url: str,
        body: bytes,
        *,
        request_id: str,
        listener: ReplyListener,
        done: asyncio.Future[None],
        route: Route = CHAT,
    ) -> Callable[[], None]:
        """Send one request and return a function that cancels it. url: the base, with /v1.

        done: completed after listener.on_complete, or gets AttemptFailed; see Transport.send.
        """
        reader = _ResponseReader(listener, route)
        return self._transport.send(route.url(url), body, self._headers, reader, done, request_id=request_id)

    async def abort(self, url: str, request_id: str) -> None:
        """Drop a request on SGLang, see _support.abort."""
        root = url.removesuffix("/").removesuffix("/v1")
        await post(self._transport, root + ABORT_PATH, abort_body(request_id), self._headers, _DiscardBody())

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()


class _DiscardBody:
    """Ignores a response."""

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        return

    def on_data(self, piece: bytes) -> None:
        return

    def on_cut(self) -> bool:
        return False

    def on_end(self) -> None:
        return


class _ResponseReader:
    """Reads one response into a reply.

    Pieces of a stream are parsed at once until the first token, whose time is measured; later ones are collected up to
    PARSE_BYTES. A stream is recognised by its first bytes too, since some servers label it as something else.
    """

    __slots__ = (
        "_accumulator",
        "_body",
        "_events",
        "_first_s",
        "_is_labelled",
        "_is_stream",
        "_listener",
        "_retry_after",
        "_route",
        "_start_s",
        "_status",
    )

    def __init__(self, listener: ReplyListener, route: Route) -> None:
        self._listener = listener
        self._route = route
        self._start_s = time.perf_counter()
        self._first_s: float | None = None
        self._status = 0
        self._retry_after: str | None = None
        self._is_labelled = False
        self._is_stream: bool | None = None
        self._events = EventReader()
        self._accumulator = StreamAccumulator()
        self._body = bytearray()

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        self._listener.on_data()
        self._status = status
        self._is_labelled = "text/event-stream" in headers.get("content-type", "").lower()
        self._is_stream = None if status == 200 and self._route.is_streamed else False
        self._retry_after = headers.get("retry-after")

    def on_data(self, piece: bytes) -> None:
        self._listener.on_data()
        if self._is_stream is None and self._is_labelled and not self._body and piece.startswith(b"data:"):
            self._is_stream = True
        if self._is_stream and self._first_s is None:
            self._parse(piece)
            return
        self._body += piece
        if self._is_stream is None:
            self._is_stream = self._recognise(self._body)
            if self._is_stream:
                self._parse_body()
        elif self._is_stream:
            if len(self._body) > PARSE_BYTES:
                self._parse_body()
        elif self._status != 200:
            del self._body[MAX_ERROR_BYTES:]
        elif len(self._body) > MAX_BODY_BYTES:
            raise too_large_error(f"the reply is longer than {MAX_BODY_BYTES} bytes")

    def on_cut(self) -> bool:
        # Everything was said before [DONE]; a missing end of the last chunk loses nothing.
        if not self._is_stream:
            return False
        try:
            self._parse_body()
        except AttemptFailed:
            return False
        return self._events.is_done and self._accumulator.is_finished

    def on_end(self) -> None:
        """Raises AttemptFailed if the response is no valid reply."""
        end_s = time.perf_counter()
        reply = self._read()
        raise_for_finish(reply)
        if self._first_s is not None:
            reply["first_token_s"] = round(self._first_s - self._start_s, 4)
        reply["total_s"] = round(end_s - self._start_s, 4)
        # The one place where replies enter: before anything of them is journaled, graded or shown.
        self._listener.on_complete(redact.json_value(reply))

    def _read(self) -> JsonObject:
        if self._status != 200:
            retry_after_s = parse_retry_after(self._retry_after)
            raise status_error(self._status, _error_text(bytes(self._body)), retry_after_s=retry_after_s)
        if self._is_stream is None:
            start = self._body.removeprefix(BOM).lstrip()
            self._is_stream = start.startswith(STARTS) or (self._is_labelled and not start.startswith(b"{"))
        if not self._is_stream:
            # The objects of an exchange wait for the garbage collector; megabytes of vectors need not.
            body, self._body = self._body, bytearray()
            return self._route.reply(body)
        if self._body:
            self._parse_body()
        self._add(self._events.finish())
        if not self._events.is_done and not self._accumulator.is_finished:
            raise bad_response_error("the stream ended before the answer did", "stream_cut")
        return self._accumulator.reply()

    def _recognise(self, body: bytearray) -> bool | None:
        """Whether a body is a stream; None as long as there is too little of it."""
        if len(body) >= _DECIDE_BYTES:
            return self._is_labelled
        start = body.removeprefix(BOM).lstrip()
        if len(start) < max(map(len, STARTS)):
            return None
        return start.startswith(STARTS) or (self._is_labelled and not start.startswith(b"{"))

    def _parse_body(self) -> None:
        body, self._body = self._body, bytearray()
        self._parse(bytes(body))

    def _parse(self, data: bytes) -> None:
        self._add(self._events.feed(data))

    def _add(self, events: list[JsonObject]) -> None:
        for event in events:
            if self._accumulator.add(event) and self._first_s is None:
                self._first_s = time.perf_counter()


def _error_text(data: bytes) -> str:
    try:
        return error_text(parse_object(data))
    except AttemptFailed:
        return shorten_error(data.decode("utf-8", "replace").strip()) or "(empty body)"
