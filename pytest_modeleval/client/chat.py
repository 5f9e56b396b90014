"""One chat completion over HTTP: sends the request, reads the response, classifies what went wrong.

Knows no benchmark and no pytest. Retries and time limits are the dispatcher's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from pytest_modeleval._support.retry_after import parse_retry_after
from pytest_modeleval.client.reply import (
    StreamAccumulator,
    bad_response_error,
    check_finish,
    parse_json,
    reply_from_json,
)
from pytest_modeleval.client.sse import DONE, EventLines
from pytest_modeleval.client.transport import Transport, post
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject, Kind

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
OVERLOAD_STATUSES = frozenset({429, 503})
PARSE_BYTES = 32 * 1024
"""After the first token, pieces of a stream are parsed together once they have this size."""
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_CHARS = 300


class ReplyListener(Protocol):
    """Follows one response. Called in the event loop, as data arrives."""

    def on_data(self) -> None:
        """Something arrived, so the attempt is not idle."""

    def on_complete(self, reply: JsonObject) -> None:
        """The reply is complete and valid. An exception raised here becomes the result of the exchange."""


class ChatClient:
    """Sends bodies to /chat/completions; replies come as client.reply describes them."""

    def __init__(self, transport: Transport, *, key: str | None = None) -> None:
        self._transport = transport
        self._headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def send(
        self, url: str, body: bytes, *, request_id: str, listener: ReplyListener, done: asyncio.Future[None]
    ) -> Callable[[], None]:
        """Send one request and return a function that cancels it. url: the base, with /v1.

        done: completed after listener.on_complete, or gets AttemptFailed; see Transport.send.
        """
        reader = _ResponseReader(listener)
        return self._transport.send(f"{url}/chat/completions", body, self._headers, reader, done, request_id=request_id)

    async def abort(self, url: str, request_id: str) -> None:
        """Drop a request on SGLang, where one whose client is gone runs on to max_tokens (SGLang issue 37833)."""
        body = f'{{"rid":"{request_id}","abort_all":false}}'.encode()
        root = url.removesuffix("/").removesuffix("/v1")
        await post(self._transport, f"{root}/abort_request", body, self._headers, _DiscardBody())

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()


class _DiscardBody:
    """Ignores a response."""

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        return

    def on_data(self, piece: bytes) -> None:
        return

    def on_end(self) -> None:
        return


class _ResponseReader:
    """Reads one response into a reply.

    Pieces of a stream are parsed at once until the first token, whose time is measured; later ones are collected up to
    PARSE_BYTES.
    """

    __slots__ = (
        "_accumulator",
        "_first_s",
        "_is_done",
        "_is_stream",
        "_lines",
        "_listener",
        "_pieces",
        "_retry_after",
        "_size",
        "_start_s",
        "_status",
    )

    def __init__(self, listener: ReplyListener) -> None:
        self._listener = listener
        self._start_s = time.perf_counter()
        self._first_s: float | None = None
        self._status = 0
        self._retry_after: str | None = None
        self._is_stream = False
        self._is_done = False
        self._lines = EventLines()
        self._accumulator = StreamAccumulator()
        self._pieces: list[bytes] = []
        self._size = 0

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        self._listener.on_data()
        self._status = status
        self._is_stream = status == 200 and "text/event-stream" in headers.get("content-type", "")
        self._retry_after = headers.get("retry-after")

    def on_data(self, piece: bytes) -> None:
        self._listener.on_data()
        if self._is_stream and self._first_s is None:
            self._parse(self._lines.feed(piece))
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._is_stream:
            if self._size > PARSE_BYTES:
                self._parse_pieces()
        elif self._size > MAX_BODY_BYTES:
            raise bad_response_error(f"the reply is longer than {MAX_BODY_BYTES} bytes", "too_large")

    def on_end(self) -> None:
        """Raises AttemptFailed if the response is no valid reply."""
        end_s = time.perf_counter()
        reply = self._read()
        check_finish(reply)
        if self._first_s is not None:
            reply["first_token_s"] = round(self._first_s - self._start_s, 4)
        reply["total_s"] = round(end_s - self._start_s, 4)
        self._listener.on_complete(reply)

    def _read(self) -> JsonObject:
        if self._status != 200:
            raise _refusal(self._status, b"".join(self._pieces), self._retry_after)
        if not self._is_stream:
            return reply_from_json(parse_json(b"".join(self._pieces)))
        self._parse_pieces()
        self._parse(self._lines.rest())
        if not self._is_done and self._accumulator.finish_reason is None:
            raise bad_response_error("the stream ended before the answer did", "stream_cut")
        return self._accumulator.reply()

    def _parse_pieces(self) -> None:
        self._parse(self._lines.feed(b"".join(self._pieces)))
        self._pieces.clear()
        self._size = 0

    def _parse(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            if payload == DONE:
                self._is_done = True
            elif payload and self._accumulator.add(parse_json(payload)) and self._first_s is None:
                self._first_s = time.perf_counter()


def _refusal(status: int, body: bytes, retry_after: str | None) -> AttemptFailed:
    """The failure that a status other than 200 means. Its text is shown, never graded."""
    text = _error_text(body)
    cause = f"http_{status}"
    if status == 400 and any(
        word in text.lower() for word in ("context", "maximum length", "input length", "too long")
    ):
        cause = "context_exceeded"
    return AttemptFailed(
        f"the server refused the request with status {status}: {text}",
        kind=Kind.SERVER_ERROR,
        cause=cause,
        is_retryable=status in RETRYABLE_STATUSES or status >= 500,
        is_overload=status in OVERLOAD_STATUSES,
        retry_after_s=parse_retry_after(retry_after),
    )


def _error_text(data: bytes) -> str:
    try:
        found = parse_json(data)
    except AttemptFailed:
        return data[:MAX_ERROR_CHARS].decode("utf-8", "replace").strip() or "(empty body)"
    error = found.get("error", found)
    text = error.get("message", error) if isinstance(error, dict) else error
    return str(text)[:MAX_ERROR_CHARS]
