"""One HTTP/1.1 connection of client.http1, and the exchange on it.

Format: RFC 9112. Where a body ends: section 6.3.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import httptools

from pytest_modeleval.client.transport import KEEPALIVE_S, Receiver, connection_error
from pytest_modeleval.client.turns import Turns
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

MAX_HEAD_BYTES = 256 * 1024
# Reading, checking and journaling a response takes about 15 ms for a megabyte. Larger ones get a turn of their own.
LARGE_BODY_BYTES = 1024 * 1024
_log = logging.getLogger("pytest_modeleval.client")


@dataclass(slots=True, eq=False)
class Endpoint:
    """One URL and its connections."""

    host: str
    port: int
    is_tls: bool
    request_line: bytes
    """The request line and the Host field, which all requests have in common."""
    idle: list[Connection] = field(default_factory=list)
    """Open connections without an exchange, the last used last."""
    keeps_alive: bool = True
    """False once the server sent data that no request asked for: it could pass for the next request's response."""
    heads: dict[tuple[tuple[str, str], ...], bytes] = field(default_factory=dict)
    """Encoded heads by header fields: thousands of requests share one."""

    turns: Turns | None = None
    """Takes large responses; made for the first one."""

    def large_responses(self, loop: asyncio.AbstractEventLoop) -> Turns:
        """Where responses of more than LARGE_BODY_BYTES wait for their turn."""
        if self.turns is None:
            self.turns = Turns(loop)
        return self.turns

    def head(self, headers: Mapping[str, str]) -> bytes:
        """The head of a request, without the fields that belong to one request."""
        fields = tuple(headers.items())
        known = self.heads.get(fields)
        if known is None:
            known = self.heads[fields] = self.request_line + _encode_fields(fields)
        return known

    def take_idle(self, now_s: float) -> Connection | None:
        """The connection that was used last; those idle for KEEPALIVE_S or longer are closed."""
        while self.idle:
            connection = self.idle.pop()
            is_fresh = connection.is_open and now_s - connection.idle_since_s < KEEPALIVE_S
            if is_fresh and not connection.has_unread_data():
                return connection
            connection.drop()
        return None


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its response."""

    endpoint: Endpoint
    request: bytes
    receiver: Receiver
    done: asyncio.Future[None]
    on_sent: Callable[[], None] | None = None
    """Called when the request is handed to the connection."""
    connection: Connection | None = None
    task: asyncio.Task[None] | None = None
    """Opens a connection. None if an idle one was used."""

    def cancel(self) -> None:
        """Close the connection, or stop opening it. No effect once the exchange is over."""
        if self.task is not None:
            self.task.cancel()
        if self.connection is not None and self.connection.exchange is self:
            self.connection.drop()


class Connection(asyncio.Protocol):
    """One connection: one exchange at a time. Methods named on_* are httptools callbacks."""

    __slots__ = (
        "_body_bytes",
        "_endpoint",
        "_error",
        "_head_bytes",
        "_headers",
        "_is_complete",
        "_is_head_complete",
        "_is_reusable",
        "_loop",
        "_parser",
        "_poll",
        "_reopen",
        "_transport",
        "_was_used",
        "exchange",
        "idle_since_s",
        "is_open",
    )

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop, reopen: Callable[[Exchange], None]) -> None:
        """reopen: starts an exchange again, on a new connection."""
        self._endpoint = endpoint
        self._loop = loop
        self._reopen = reopen
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self.exchange: Exchange | None = None
        self._error: BaseException | None = None
        self._headers: dict[str, str] = {}
        self._head_bytes = self._body_bytes = 0
        self._is_head_complete = self._is_complete = self._is_reusable = self._was_used = False
        self.is_open = False
        self.idle_since_s = 0.0

    def start(self, exchange: Exchange) -> None:
        """Send the request."""
        self.exchange = exchange
        exchange.connection = self
        self._headers = {}
        self._head_bytes = self._body_bytes = 0
        self._is_head_complete = self._is_complete = False
        if not self.is_open or self._transport is None:
            self._lose("it was closed before the request was sent")
            return
        if exchange.on_sent is not None:
            exchange.on_sent()
        self._transport.write(exchange.request)

    def drop(self) -> None:
        """Close at once and discard what the server still sends."""
        if self._transport is not None:
            self._transport.abort()
        self.is_open = False
        self.exchange = None

    def has_unread_data(self) -> bool:
        """Data, or the end of the connection, has arrived that the loop has not read yet."""
        return bool(self._poll is not None and self._poll.poll(0))

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(sock.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None or exchange.done.done():
            # Data without a request: the server is about to close, or sends more than it announced.
            if exchange is None and not data.startswith(b"HTTP/1.1 408"):
                self._distrust()
            self.drop()
            return
        if not self._is_head_complete:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self._fail(self._error or error)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._is_complete:
                # The response is complete; the invalid data after it belongs to no request.
                self._is_reusable = False
                self._finish()
            else:
                self._fail(connection_error(f"no valid HTTP: {error}"))
        else:
            if self._is_complete:
                self._finish()
            elif not self._is_head_complete and self._head_bytes > MAX_HEAD_BYTES:
                self._fail(connection_error(f"the head of the response is longer than {MAX_HEAD_BYTES} bytes"))

    def eof_received(self) -> None:
        # The loop closes the connection a moment later; it must not be used until then.
        self.is_open = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self in self._endpoint.idle:
            self._endpoint.idle.remove(self)
        if self.exchange is None or self.exchange.done.done():
            return
        is_whole = exc is None and self._is_head_complete and not self._has_delimited_body()
        if is_whole or (self._is_head_complete and self.exchange.receiver.on_cut()):
            self._is_reusable = False
            self._finish()
        else:
            self._lose(exc or "it was closed before the response was complete")

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._is_complete:
            return
        if status < 200:
            # 100 Continue and the like: the final response follows.
            self._headers = {}
            return
        self._is_head_complete = True
        try:
            if self.exchange is not None:
                self.exchange.receiver.on_head(status, self._headers)
        except BaseException as error:
            # As in on_body: whatever the receiver raises fails the exchange, which leaves the sample ungraded.
            self._error = error
            raise

    def on_body(self, body: bytes) -> None:
        try:
            if self.exchange is not None and not self._is_complete:
                self._body_bytes += len(body)
                self.exchange.receiver.on_data(body)
        except BaseException as error:
            # httptools wraps what a callback raises; the exchange fails with the original.
            self._error = error
            raise

    def on_message_begin(self) -> None:
        if self._is_complete:
            # A second response that no request asked for.
            self._is_reusable = False
            self._distrust()

    def on_message_complete(self) -> None:
        if self._is_head_complete and not self._is_complete:
            self._is_reusable = self._parser.should_keep_alive() and self._has_delimited_body()
            # _finish runs after the rest of the data has been parsed, see on_message_begin.
            self._is_complete = True

    def _finish(self) -> None:
        """The response is complete. A large one waits for its turn; the connection is in use until then."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None and self._body_bytes > LARGE_BODY_BYTES:
            self._endpoint.large_responses(self._loop).run(partial(self._hand_over, exchange))
        else:
            self._hand_over(exchange)

    def _hand_over(self, exchange: Exchange | None) -> None:
        """Free the connection, then tell the receiver, which may send at once."""
        if self._is_reusable and self.is_open and self._endpoint.keeps_alive:
            self._was_used = True
            self.idle_since_s = self._loop.time()
            self._endpoint.idle.append(self)
        else:
            self.drop()
        if exchange is None or exchange.done.done():
            return
        try:
            exchange.receiver.on_end()
        except BaseException as error:  # noqa: BLE001 - handed over to the caller, who waits for `done`
            fail(exchange.done, error)
            if self in self._endpoint.idle:
                # The response may be another request's, so the connection is not used again.
                self._endpoint.idle.remove(self)
                self.drop()
        else:
            if not exchange.done.done():
                exchange.done.set_result(None)

    def _distrust(self) -> None:
        """Use every connection to this endpoint once only, from now on."""
        if self._endpoint.keeps_alive:
            self._endpoint.keeps_alive = False
            _log.info("%s sent data that no request asked for: no connection is kept any more", self._endpoint.host)

    def _has_delimited_body(self) -> bool:
        """The body has a length or comes in chunks; otherwise it ends when the connection is closed."""
        return "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower()

    def _lose(self, error: BaseException | str) -> None:
        """The connection is gone. A kept one that gave no byte of a response says nothing about the request.

        Servers close connections whenever they like (llama.cpp: after every stream, having announced keep-alive), so
        the request goes out again on a new connection (RFC 9112, section 9.3.1).
        """
        exchange = self.exchange
        if exchange is not None and self._was_used and not self._head_bytes and not exchange.done.done():
            _log.debug("a kept connection to %s was closed; sending the request again", self._endpoint.host)
            self.drop()
            self._reopen(exchange)
        else:
            self._fail(connection_error(error))

    def _fail(self, error: BaseException) -> None:
        if self.exchange is not None:
            fail(self.exchange.done, error)
        self.drop()


def fail(done: asyncio.Future[None], error: BaseException) -> None:
    """Complete `done` with an error, unless it is done already."""
    if not done.done():
        done.set_exception(error)


def _encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """Header fields as bytes. Raises AttemptFailed for a value that would end its line."""
    lines = [f"{name}: {value}" for name, value in fields]
    if any("\n" in line or "\r" in line or not line.isascii() for line in lines):
        # The value may be the key, so the message does not show it.
        raise AttemptFailed(
            "a header field (the API key?) holds a line break or characters outside of ASCII",
            kind=Kind.SERVER_ERROR,
            cause="bad_header",
            is_retryable=False,
        )
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")
