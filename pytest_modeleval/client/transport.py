"""The seam between us and an HTTP library.

`AiohttpTransport` is the one in use: 0.15 to 0.24 ms of CPU per request at 64 to 256 connections, where httpx 0.28
with httpcore takes 7 to 13 ms, because its pool walks all connections for every request (encode/httpx issue 3215).
`HttpxTransport` wraps any httpx.AsyncClient, for tests (httpx.MockTransport) and for networks that need a client of
the user's own; see the hook `pytest_modeleval_http_client`.

Errors of the layer below are mapped here, once, to AttemptFailed.
"""

from __future__ import annotations

import asyncio
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

if TYPE_CHECKING:
    import aiohttp
    import httpx

CONNECT_TIMEOUT_S = 10.0
# uvicorn, under SGLang and vLLM, closes idle connections after 5 s; a connection that we drop earlier cannot be closed
# under a request that is just being sent.
KEEPALIVE_S = 3.0
READ_BYTES = 256 * 1024
GATHER_S = 0.25


class Reply(Protocol):
    """The head of an answer, and the way to its body."""

    status: int

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; look-up ignores case."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces, as they arrive."""

    async def read(self) -> bytes:
        """The whole body."""


class Transport(Protocol):
    """Sends one POST. All failures of the connection come out as AttemptFailed."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Reply]:
        """An open reply; leaving the context early closes the connection, which tells the server to stop."""

    async def close(self) -> None:
        """Give all connections back."""


def lost(error: BaseException) -> AttemptFailed:
    """The connection failed; asked again, it may work."""
    text = str(error) or type(error).__name__
    return AttemptFailed(
        f"the connection to the server failed: {text}", kind=Kind.SERVER_ERROR, cause="connection_lost"
    )


def proxy_of(url: str) -> str | None:
    """The proxy of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY for a URL; None for this machine and for NO_PROXY."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or host.startswith("127.") or host == "::1" or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


class AiohttpTransport:
    """aiohttp, with a pool as large as it needs to be: the dispatcher bounds the number of requests."""

    def __init__(self) -> None:
        import aiohttp  # noqa: PLC0415 - a third of a second that an unused plugin must not cost

        self._aiohttp = aiohttp
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}

    def _proxy_for(self, url: str) -> str | None:
        """The proxy that the environment names for this URL, looked up once.

        aiohttp's own look-up (trust_env) reads the .netrc file in another thread for every single request.
        """
        if url not in self._proxies:
            self._proxies[url] = proxy_of(url)
        return self._proxies[url]

    def _open(self) -> aiohttp.ClientSession:
        aiohttp = self._aiohttp
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S, ttl_dns_cache=300),
                # No total limit: a 65k-token answer takes as long as it takes. The dispatcher watches for silence.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=READ_BYTES,
            )
        return self._session

    @asynccontextmanager
    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[Reply]:
        """See Transport."""
        aiohttp = self._aiohttp
        try:
            async with self._open().post(
                url, data=body, headers=headers, allow_redirects=False, proxy=self._proxy_for(url)
            ) as answer:
                yield _AiohttpReply(answer)
        except aiohttp.ClientError as error:
            raise lost(error) from error
        except OSError as error:
            raise lost(error) from error

    async def close(self) -> None:
        """See Transport."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class _AiohttpReply:
    __slots__ = ("_answer", "status")

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.status = answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The first piece as it comes, then what has gathered, four times a second and at the end.

        A streamed answer comes a token at a time. Waking up for each of them costs more than everything else that is
        done for a request; nobody reads an answer before it is whole.
        """
        content = self._answer.content
        loop = asyncio.get_running_loop()
        ticks = _Ticks(loop)
        first = await content.readany()
        if first:
            yield first
        content.on_eof(ticks.wake)
        while True:
            data = content.read_nowait()
            if data:
                yield data
            if content.at_eof():
                return
            await ticks.wait(GATHER_S)

    async def read(self) -> bytes:
        return await self._answer.read()


class _Ticks:
    """Waits for an event or for some time, whichever is first; cheaper than asyncio.wait_for."""

    __slots__ = ("_is_woken", "_loop", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self._is_woken = False

    def wake(self) -> None:
        """The event has happened."""
        self._is_woken = True
        self._end()

    async def wait(self, seconds: float) -> None:
        """Return at the event, or after some seconds."""
        if self._is_woken:
            return
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._end)
        try:
            await self._waiter
        finally:
            timer.cancel()

    def _end(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class HttpxTransport:
    """Any httpx.AsyncClient. Times out only where that client says so."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @asynccontextmanager
    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[Reply]:
        """See Transport."""
        import httpx  # noqa: PLC0415 - loaded already by whoever made the client

        try:
            async with self._client.stream("POST", url, content=body, headers=dict(headers)) as answer:
                yield _HttpxReply(answer)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise lost(error) from error

    async def close(self) -> None:
        """See Transport."""
        await self._client.aclose()


class _HttpxReply:
    __slots__ = ("_answer", "status")

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self.status = answer.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    def chunks(self) -> AsyncIterator[bytes]:
        return self._answer.aiter_bytes()

    async def read(self) -> bytes:
        data: Any = await self._answer.aread()
        return bytes(data)
