"""Our own transport: HTTP/1.1 over asyncio, parsed by httptools (llhttp), with no more between than a request needs.

A request costs a few writes and callbacks: no task, no lock, no wake-up but the last. On one machine, at 64 requests in
flight, it took a third of the CPU of aiohttp and a fiftieth of that of stock httpx (whose pool walks all connections
for every request, encode/httpx issue 3215). It does what talking to a model server needs and no more: POST, keep-alive,
TLS; no redirects, cookies, proxies, compression.

Format: RFC 9112 (HTTP/1.1). Where a body ends: section 6.3.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import httptools

from pytest_modeleval.client.transport import CONNECT_TIMEOUT_S, KEEPALIVE_S, Receiver, StaleConnectionError, lost
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

MAX_HEAD_BYTES = 256 * 1024
PORTS = {"http": 80, "https": 443}


@dataclass(slots=True, eq=False)
class _Place:
    """Where requests to one URL go. line: what their heads have in common. idle: connections, the last used last.

    heads: the line and the header fields, by the fields: those of thousands of requests are the same.
    """

    host: str
    port: int
    is_tls: bool
    line: bytes
    idle: list[_Connection] = field(default_factory=list)
    heads: dict[tuple[tuple[str, str], ...], bytes] = field(default_factory=dict)

    def head(self, headers: Mapping[str, str]) -> bytes:
        """The head of a request, up to the fields that only this one has."""
        fields = tuple(headers.items())
        known = self.heads.get(fields)
        if known is None:
            known = self.heads[fields] = self.line + _encoded(fields)
        return known


class Http1Transport:
    """See Transport. Opens as many connections as there are requests at once: the dispatcher bounds them."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._tls: ssl.SSLContext | None = None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], receiver: Receiver, *, request_id: str = ""
    ) -> None:
        """See Transport."""
        place = self._places.get(url) or self._place(url)
        request = _request(place, body, headers, request_id)
        loop = asyncio.get_running_loop()
        connection = _kept(place, loop.time()) or await self._connect(place, loop)
        done = loop.create_future()
        try:
            try:
                await connection.send(request, receiver, done)
            except StaleConnectionError:
                connection = await self._connect(place, loop)
                done = loop.create_future()
                await connection.send(request, receiver, done)
        except BaseException:
            # A cancelled request too: that is how the server learns that nobody waits.
            connection.abandon(done)
            raise

    def begin(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        receiver: Receiver,
        done: asyncio.Future[None],
        *,
        request_id: str = "",
    ) -> Callable[[], None] | None:
        """See Transport."""
        place = self._places.get(url)
        connection = _kept(place, done.get_loop().time()) if place is not None else None
        if place is None or connection is None:
            return None
        connection.send(_request(place, body, headers, request_id), receiver, done)
        return partial(connection.abandon, done)

    async def close(self) -> None:
        """See Transport."""
        for place in self._places.values():
            while place.idle:
                place.idle.pop().drop()

    def _place(self, url: str) -> _Place:
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
        place = _Place(
            host=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            is_tls=parts.scheme == "https",
            line=f"POST {target} HTTP/1.1\r\nHost: {host}\r\n".encode("idna" if not host.isascii() else "ascii"),
        )
        # The same origin under two paths has two pools: at most a handful of connections more.
        return self._places.setdefault(url, place)

    async def _connect(self, place: _Place, loop: asyncio.AbstractEventLoop) -> _Connection:
        if place.is_tls and self._tls is None:
            self._tls = ssl.create_default_context()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, protocol = await loop.create_connection(
                    lambda: _Connection(place, loop), place.host, place.port, ssl=self._tls if place.is_tls else None
                )
        except TimeoutError as error:
            raise AttemptFailed(
                f"connecting to the server took more than {CONNECT_TIMEOUT_S:.0f} s",
                kind=Kind.TIMEOUT,
                cause="connect_timeout",
            ) from error
        except OSError as error:
            raise lost(error) from error
        return protocol


def _request(place: _Place, body: bytes, headers: Mapping[str, str], request_id: str) -> bytes:
    own = f"X-Request-Id: {request_id}\r\n" if request_id else ""
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (place.head(headers), own.encode("ascii"), len(body), body)


def _kept(place: _Place, now_s: float) -> _Connection | None:
    """An open connection that was used a moment ago; those that were not are dropped."""
    while place.idle:
        connection = place.idle.pop()
        if connection.is_open and now_s - connection.idle_since_s < KEEPALIVE_S:
            return connection
        connection.drop()
    return None


def _encoded(fields: Iterable[tuple[str, str]]) -> bytes:
    """Header fields as bytes. Raises AttemptFailed for a value that would end its line."""
    lines = [f"{name}: {value}" for name, value in fields]
    if any("\n" in line or "\r" in line or not line.isascii() for line in lines):
        # Not shown: it may be the key.
        raise AttemptFailed(
            "a header field (the API key?) holds a line break or characters outside of ASCII",
            kind=Kind.SERVER_ERROR,
            cause="bad_header",
            is_retryable=False,
        )
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


class _Connection(asyncio.Protocol):
    """One connection: one exchange at a time. The callbacks named on_* are httptools'."""

    __slots__ = (
        "_done",
        "_fails",
        "_head_bytes",
        "_headers",
        "_is_complete",
        "_is_head_over",
        "_is_reusable",
        "_loop",
        "_parser",
        "_place",
        "_receiver",
        "_transport",
        "_was_used",
        "idle_since_s",
        "is_open",
    )

    def __init__(self, place: _Place, loop: asyncio.AbstractEventLoop) -> None:
        self._place = place
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._done: asyncio.Future[None] | None = None
        self._fails: BaseException | None = None
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._is_head_over = self._is_complete = self._is_reusable = self._was_used = False
        self.is_open = False
        self.idle_since_s = 0.0

    def send(self, request: bytes, receiver: Receiver, done: asyncio.Future[None]) -> asyncio.Future[None]:
        """Send; `done`, given back, is done when the receiver has all of the answer."""
        if not self.is_open or self._transport is None:
            done.set_exception(lost("it was closed before the request was sent", is_unsaid=self._was_used))
            return done
        self._receiver = receiver
        self._done = done
        self._headers = {}
        self._head_bytes = 0
        self._is_head_over = self._is_complete = False
        self._transport.write(request)
        return done

    def abandon(self, done: asyncio.Future[None]) -> None:
        """Close, if it still works on what `done` waits for."""
        if self._done is done:
            self.drop()

    def drop(self) -> None:
        """Close at once; what the server still wanted to say is not waited for."""
        if self._transport is not None:
            self._transport.abort()
        self.is_open = False
        self._receiver = None

    # Of asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._done is None or self._done.done():
            # Nobody asked: a server that is about to close, or one that says more than it announced.
            self.drop()
            return
        if not self._is_head_over:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self._fail(self._fails or error)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._is_complete:
                # The answer is whole; what follows it is none of ours.
                self._is_reusable = False
                self._end()
            else:
                self._fail(lost(f"no valid HTTP: {error}"))
        else:
            if self._is_complete:
                self._end()
            elif not self._is_head_over and self._head_bytes > MAX_HEAD_BYTES:
                self._fail(lost(f"the head of the answer is longer than {MAX_HEAD_BYTES} bytes"))

    def eof_received(self) -> None:
        # The loop closes the connection a moment later; nobody is to take it until then.
        self.is_open = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self in self._place.idle:
            self._place.idle.remove(self)
        if self._done is None or self._done.done():
            return
        if exc is None and self._is_head_over and not self._tells_its_end():
            self._end()
        else:
            is_unsaid = self._was_used and not self._head_bytes
            self._fail(lost(exc or "it was closed before the answer was complete", is_unsaid=is_unsaid))

    # Of httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._is_complete:
            return
        if status < 200:
            # 100 Continue and the like: the answer itself follows.
            self._headers = {}
            return
        self._is_head_over = True
        self._tell(status)

    def on_body(self, body: bytes) -> None:
        try:
            if self._receiver is not None and not self._is_complete:
                self._receiver.data(body)
        except BaseException as error:
            # httptools wraps what a callback raises; this is what comes out of `post`, as it is.
            self._fails = error
            raise

    def on_message_begin(self) -> None:
        if self._is_complete:
            # Who says more than was asked for is not asked again.
            self._is_reusable = False

    def on_message_complete(self) -> None:
        if self._is_head_over and not self._is_complete:
            self._is_reusable = self._parser.should_keep_alive() and self._tells_its_end()
            # The end waits until the rest of the data was looked at, see on_message_begin.
            self._is_complete = True

    def _end(self) -> None:
        """All of the answer is there: the connection is free, and the receiver may use it at once."""
        receiver, done = self._receiver, self._done
        self._receiver = self._done = None
        if self._is_reusable and self.is_open:
            self._was_used = True
            self.idle_since_s = self._loop.time()
            self._place.idle.append(self)
        else:
            self.drop()
        if done is None or done.done():
            return
        try:
            if receiver is not None:
                receiver.end()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            done.set_exception(error)
        else:
            done.set_result(None)

    def _tell(self, status: int) -> None:
        try:
            if self._receiver is not None:
                self._receiver.head(status, self._headers)
        except BaseException as error:
            # See on_body.
            self._fails = error
            raise

    def _tells_its_end(self) -> bool:
        """The body has a length or comes in chunks; one that does not ends with the connection."""
        return "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower()

    def _fail(self, error: BaseException) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)
        self.drop()
