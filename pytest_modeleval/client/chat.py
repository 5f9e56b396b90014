"""One chat completion over HTTP: send, read, and say exactly what went wrong if it did.

Knows no benchmark and no pytest. Does not retry and does not limit time: the dispatcher does both.
"""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from pytest_modeleval.client.reply import StreamAccumulator, bad, check_finish, parse_json, reply_from_json
from pytest_modeleval.client.sse import DONE, EventLines
from pytest_modeleval.client.transport import Transport
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject, Kind

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
OVERLOAD_STATUSES = frozenset({429, 503})
GATHER_BYTES = 32 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024


class Listener(Protocol):
    """Who waits for a reply. Called where things arrive, in the event loop."""

    def heard(self) -> None:
        """Something came, so that silence can be measured."""

    def over(self, reply: JsonObject) -> None:
        """The reply is whole and valid. What this raises comes out of `complete`."""


class ChatClient:
    """Sends bodies to /chat/completions and gives replies back (see client.reply)."""

    def __init__(self, transport: Transport, *, key: str | None = None) -> None:
        self._transport = transport
        self._headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    async def complete(self, url: str, body: bytes, *, request_id: str, listener: Listener) -> JsonObject:
        """One reply, which the listener was given already. url: the base, with /v1.

        Raises AttemptFailed; lets cancellation through, which closes the connection.
        """
        answer = _Answer(listener)
        await self._transport.post(f"{url}/chat/completions", body, self._headers, answer, request_id=request_id)
        assert answer.reply is not None
        return answer.reply

    def begin(
        self, url: str, body: bytes, *, request_id: str, listener: Listener, done: asyncio.Future[None]
    ) -> Callable[[], None] | None:
        """As `complete`, but sent before this returns, where that can be: see Transport.begin."""
        answer = _Answer(listener)
        return self._transport.begin(
            f"{url}/chat/completions", body, self._headers, answer, done, request_id=request_id
        )

    async def abort(self, url: str, request_id: str) -> None:
        """Tell SGLang to drop a request: one whose client is gone goes on to max_tokens (SGLang issue 37833)."""
        root = url.removesuffix("/").removesuffix("/v1")
        body = f'{{"rid":"{request_id}","abort_all":false}}'.encode()
        await self._transport.post(f"{root}/abort_request", body, self._headers, _DiscardBody())

    async def close(self) -> None:
        """Give all connections back."""
        await self._transport.close()


class _DiscardBody:
    """A receiver of an answer that nobody waits for."""

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """See Receiver."""

    def data(self, piece: bytes) -> None:
        """See Receiver."""

    def end(self) -> None:
        """See Receiver."""


class _Answer:
    """Takes one answer in: a Receiver. Made in the moment in which the request is sent.

    The pieces of a stream are read at once until the first token is there, whose time counts; after that they gather up
    to GATHER_BYTES. reply: the whole of it, when it is there.
    """

    __slots__ = (
        "_assembly",
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
        "reply",
    )

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._start_s = time.perf_counter()
        self._first_s: float | None = None
        self._status = 0
        self._retry_after: str | None = None
        self._is_stream = False
        self._is_done = False
        self._lines = EventLines()
        self._assembly = StreamAccumulator()
        self._pieces: list[bytes] = []
        self._size = 0
        self.reply: JsonObject | None = None

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """See Receiver."""
        self._listener.heard()
        self._status = status
        self._is_stream = status == 200 and "text/event-stream" in headers.get("content-type", "")
        self._retry_after = headers.get("retry-after")

    def data(self, piece: bytes) -> None:
        """See Receiver."""
        self._listener.heard()
        if self._is_stream and self._first_s is None:
            self._take(self._lines.feed(piece))
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._is_stream:
            if self._size > GATHER_BYTES:
                self._gathered()
        elif self._size > MAX_BODY_BYTES:
            raise bad(f"the reply is longer than {MAX_BODY_BYTES} bytes", "too_large")

    def end(self) -> None:
        """See Receiver. Raises AttemptFailed if the answer is none."""
        end_s = time.perf_counter()
        reply = self._read()
        check_finish(reply)
        if self._first_s is not None:
            reply["first_token_s"] = round(self._first_s - self._start_s, 4)
        reply["total_s"] = round(end_s - self._start_s, 4)
        self.reply = reply
        self._listener.over(reply)

    def _read(self) -> JsonObject:
        if self._status != 200:
            raise _refusal(self._status, b"".join(self._pieces), self._retry_after)
        if not self._is_stream:
            return reply_from_json(parse_json(b"".join(self._pieces)))
        self._gathered()
        self._take(self._lines.rest())
        if not self._is_done and self._assembly.finish_reason is None:
            raise bad("the stream ended before the answer did", "stream_cut")
        return self._assembly.reply()

    def _gathered(self) -> None:
        self._take(self._lines.feed(b"".join(self._pieces)))
        self._pieces.clear()
        self._size = 0

    def _take(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            if payload == DONE:
                self._is_done = True
            elif payload and self._assembly.add(parse_json(payload)) and self._first_s is None:
                self._first_s = time.perf_counter()


def _refusal(status: int, body: bytes, wait: str | None) -> AttemptFailed:
    """What a status other than 200 means. The text of an error is shown, never graded."""
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
        retry_after_s=retry_after(wait, now=datetime.now(UTC)),
    )


def retry_after(field: str | None, *, now: datetime) -> float | None:
    """Seconds from a Retry-After field: a number or a date (RFC 9110, section 10.2.3); None if absent or unreadable."""
    text = (field or "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text)) if float(text) < 86_400 else 86_400.0
    except ValueError:
        pass
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _error_text(data: bytes) -> str:
    try:
        found = parse_json(data)
    except AttemptFailed:
        return data[:300].decode("utf-8", "replace").strip() or "(empty body)"
    error = found.get("error", found)
    text = error.get("message", error) if isinstance(error, dict) else error
    return str(text)[:300]
