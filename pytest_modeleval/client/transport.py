"""The seam between us and HTTP: what a transport does, and the two of them.

`client.http1.Http1Transport` is the one in use. `HttpxTransport` wraps any httpx.AsyncClient: for tests
(httpx.MockTransport), for proxies, and for networks that need a client of the user's own; see the hook
`pytest_modeleval_http_client`.

An answer is not waited for in pieces. A streamed one comes a token at a time, and waking up a coroutine for each of
them costs more than everything else that is done for a request; a Receiver takes each piece in where it arrives.

Errors of the layer below are mapped here, once, to AttemptFailed.
"""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_S = 10.0
# uvicorn, under SGLang and vLLM, closes idle connections after 5 s; a connection that we drop earlier cannot be closed
# under a request that is just being sent.
KEEPALIVE_S = 3.0


class Receiver(Protocol):
    """Takes an answer in as it arrives. What it raises ends the exchange and comes out of `post`."""

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer begins. Names of header fields are in lower case."""

    def data(self, piece: bytes) -> None:
        """A piece of the body, not empty."""


class Transport(Protocol):
    """Sends one POST. All failures of the connection come out as AttemptFailed."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], receiver: Receiver) -> None:
        """Return when the answer is complete. A cancelled exchange closes the connection: the server is to stop."""

    async def close(self) -> None:
        """Give all connections back."""


def lost(error: BaseException | str) -> AttemptFailed:
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


def transport_for(urls: Sequence[str]) -> Transport:
    """The transport for these servers: our own, or httpx where the environment names a proxy for one of them."""
    if any(proxy_of(url) for url in urls):
        import httpx  # noqa: PLC0415 - a fifth of a second that only those behind a proxy need to wait

        limits = httpx.Limits(max_connections=None, keepalive_expiry=KEEPALIVE_S)
        # No limit on reading: the dispatcher watches for silence.
        return HttpxTransport(httpx.AsyncClient(timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S), limits=limits))
    from pytest_modeleval.client.http1 import Http1Transport  # noqa: PLC0415 - builds on this module

    return Http1Transport()


class HttpxTransport:
    """Any httpx.AsyncClient. Times out only where that client says so."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], receiver: Receiver) -> None:
        """See Transport."""
        import httpx  # noqa: PLC0415 - loaded already by whoever made the client

        try:
            async with self._client.stream("POST", url, content=body, headers=dict(headers)) as answer:
                receiver.head(answer.status_code, answer.headers)
                async for piece in answer.aiter_bytes():
                    if piece:
                        receiver.data(piece)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise lost(error) from error

    async def close(self) -> None:
        """See Transport."""
        await self._client.aclose()
