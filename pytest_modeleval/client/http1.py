"""The default transport: HTTP/1.1 over asyncio, parsed by httptools (llhttp).

A request costs a few writes and callbacks: no task, no lock, one wake-up. On one machine, at 64 requests in flight, it
took a third of the CPU of aiohttp and a fiftieth of that of httpx (whose pool walks all connections for every request,
encode/httpx issue 3215). It supports what a model server needs: POST, keep-alive and TLS; no redirects, cookies,
proxies or compression.

Format: RFC 9112 (HTTP/1.1). Where a body ends: section 6.3.
"""

from __future__ import annotations

import asyncio
import logging
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import httptools

from pytest_modeleval._support.tls import tls_context
from pytest_modeleval.client.transport import CONNECT_TIMEOUT_S, KEEPALIVE_S, Receiver, connection_error
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

MAX_HEAD_BYTES = 256 * 1024
PORTS = {"http": 80, "https": 443}
_log = logging.getLogger("pytest_modeleval.client")


@dataclass(slots=True, eq=False)
class _Endpoint:
    """One URL and its connections."""

    host: str
    port: int
    is_tls: bool
    request_line: bytes
    """The request line and the Host field, which all requests have in common."""
    idle: list[_Connection] = field(default_factory=list)
    """Open connections without an exchange, the last used last."""
    heads: dict[tuple[tuple[str, str], ...], bytes] = field(default_factory=dict)
    """Encoded heads by header fields: thousands of requests share one."""

    def head(self, headers: Mapping[str, str]) -> bytes:
        """The head of a request, without the fields that belong to one request."""
        fields = tuple(headers.items())
        known = self.heads.get(fields)
        if known is None:
            known = self.heads[fields] = self.request_line + _encode_fields(fields)
        return known

    def take_idle(self, now_s: float) -> _Connection | None:
        """The connection that was used last; those idle for KEEPALIVE_S or longer are closed."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_open and now_s - connection.idle_since_s < KEEPALIVE_S:
                return connection
            connection.drop()
        return None


@dataclass(slots=True, eq=False)
class _Exchange:
    """One request and its response."""

    endpoint: _Endpoint
    request: bytes
    receiver: Receiver
    done: asyncio.Future[None]
    connection: _Connection | None = None
    task: asyncio.Task[None] | None = None
    """Opens a connection. None if an idle one was used."""

    def cancel(self) -> None:
        """Close the connection, or stop opening it. No effect once the exchange is over."""
        if self.task is not None:
            self.task.cancel()
        if self.connection is not None and self.connection.exchange is self:
            self.connection.drop()


class Http1Transport:
    """Opens as many connections as there are requests at once; the dispatcher bounds them."""

    def __init__(self) -> None:
        self._endpoints: dict[str, _Endpoint] = {}
        self._opening: set[asyncio.Task[None]] = set()

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        receiver: Receiver,
        done: asyncio.Future[None],
        *,
        request_id: str = "",
    ) -> Callable[[], None]:
        endpoint = self._endpoints.get(url) or self._add_endpoint(url)
        own = f"X-Request-Id: {request_id}\r\n" if request_id else ""
        request = b"%b%bContent-Length: %d\r\n\r\n%b" % (endpoint.head(headers), own.encode("ascii"), len(body), body)
        exchange = _Exchange(endpoint, request, receiver, done)
        connection = endpoint.take_idle(done.get_loop().time())
        if connection is not None:
            connection.start(exchange)
        else:
            self._open(exchange)
        return exchange.cancel

    async def close(self) -> None:
        for task in self._opening:
            task.cancel()
        for endpoint in self._endpoints.values():
            while endpoint.idle:
                endpoint.idle.pop().drop()

    def _add_endpoint(self, url: str) -> _Endpoint:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise AttemptFailed(
                f"expected a URL that begins with http:// or https://, found {url}",
                kind=Kind.SERVER_ERROR,
                cause="bad_url",
                is_retryable=False,
            )
        host = parts.netloc.rpartition("@")[2]
        target = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        if parts.query:
            target += "?" + urllib.parse.quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        endpoint = _Endpoint(
            host=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            is_tls=parts.scheme == "https",
            request_line=f"POST {target} HTTP/1.1\r\nHost: {host}\r\n".encode(
                "idna" if not host.isascii() else "ascii"
            ),
        )
        # The same origin under two paths has two pools: at most a handful of connections more.
        return self._endpoints.setdefault(url, endpoint)

    def _open(self, exchange: _Exchange) -> None:
        """Open a connection and start the exchange on it."""
        task = exchange.task = exchange.done.get_loop().create_task(self._connect(exchange))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, exchange: _Exchange) -> None:
        endpoint, done = exchange.endpoint, exchange.done
        loop = done.get_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: _Connection(endpoint, loop, self._open),
                    endpoint.host,
                    endpoint.port,
                    ssl=tls_context() if endpoint.is_tls else None,
                )
        except TimeoutError:
            text = f"connecting to the server took more than {CONNECT_TIMEOUT_S:.0f} s"
            _fail(done, AttemptFailed(text, kind=Kind.TIMEOUT, cause="connect_timeout"))
        except OSError as error:
            _fail(done, connection_error(error))
        except Exception as error:  # noqa: BLE001 - handed over to the caller, who waits for `done`
            _fail(done, error)
        else:
            exchange.task = None
            _log.debug("opened a connection to %s:%d", endpoint.host, endpoint.port)
            if done.done():
                connection.drop()
            else:
                connection.start(exchange)


def _fail(done: asyncio.Future[None], error: BaseException) -> None:
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


class _Connection(asyncio.Protocol):
    """One connection: one exchange at a time. Methods named on_* are httptools callbacks."""

    __slots__ = (
        "_endpoint",
        "_error",
        "_head_bytes",
        "_headers",
        "_is_complete",
        "_is_head_complete",
        "_is_reusable",
        "_loop",
        "_parser",
        "_reopen",
        "_transport",
        "_was_used",
        "exchange",
        "idle_since_s",
        "is_open",
    )

    def __init__(
        self, endpoint: _Endpoint, loop: asyncio.AbstractEventLoop, reopen: Callable[[_Exchange], None]
    ) -> None:
        """reopen: starts an exchange again, on a new connection."""
        self._endpoint = endpoint
        self._loop = loop
        self._reopen = reopen
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self.exchange: _Exchange | None = None
        self._error: BaseException | None = None
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._is_head_complete = self._is_complete = self._is_reusable = self._was_used = False
        self.is_open = False
        self.idle_since_s = 0.0

    def start(self, exchange: _Exchange) -> None:
        """Send the request."""
        self.exchange = exchange
        exchange.connection = self
        self._headers = {}
        self._head_bytes = 0
        self._is_head_complete = self._is_complete = False
        if not self.is_open or self._transport is None:
            self._lose("it was closed before the request was sent")
            return
        self._transport.write(exchange.request)

    def drop(self) -> None:
        """Close at once and discard what the server still sends."""
        if self._transport is not None:
            self._transport.abort()
        self.is_open = False
        self.exchange = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None or exchange.done.done():
            # Data without a request: the server is about to close, or sends more than it announced.
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
        if exc is None and self._is_head_complete and not self._has_delimited_body():
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
            self._error = error
            raise

    def on_body(self, body: bytes) -> None:
        try:
            if self.exchange is not None and not self._is_complete:
                self.exchange.receiver.on_data(body)
        except BaseException as error:
            # httptools wraps what a callback raises; the exchange fails with the original.
            self._error = error
            raise

    def on_message_begin(self) -> None:
        if self._is_complete:
            # A server that sends a second response unasked gets no further request on this connection.
            self._is_reusable = False

    def on_message_complete(self) -> None:
        if self._is_head_complete and not self._is_complete:
            self._is_reusable = self._parser.should_keep_alive() and self._has_delimited_body()
            # _finish runs after the rest of the data has been parsed, see on_message_begin.
            self._is_complete = True

    def _finish(self) -> None:
        """The response is complete: free the connection, then tell the receiver, which may send at once."""
        exchange, self.exchange = self.exchange, None
        if self._is_reusable and self.is_open:
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
            _fail(exchange.done, error)
        else:
            if not exchange.done.done():
                exchange.done.set_result(None)

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
            _fail(self.exchange.done, error)
        self.drop()
