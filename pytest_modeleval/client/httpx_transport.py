"""Which transport a server is asked through: our own, or httpx where a proxy or a client of the user's own is between.

`HttpxTransport` wraps any httpx.AsyncClient: for proxies, for tests (httpx.MockTransport), and for networks that need
more than that; see the hook `pytest_modeleval_http_client`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_modeleval._support.proxies import proxy_of
from pytest_modeleval.client.http1 import Http1Transport
from pytest_modeleval.client.transport import CONNECT_TIMEOUT_S, KEEPALIVE_S, Receiver, Transport, lost

if TYPE_CHECKING:
    import httpx


def transport_for(urls: Sequence[str]) -> Transport:
    """The transport for these servers: our own, or httpx where the environment names a proxy for one of them."""
    if any(proxy_of(url) for url in urls):
        import httpx  # noqa: PLC0415 - a fifth of a second that only those behind a proxy need to wait

        limits = httpx.Limits(max_connections=None, keepalive_expiry=KEEPALIVE_S)
        # No limit on reading: the dispatcher watches for silence.
        return HttpxTransport(httpx.AsyncClient(timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S), limits=limits))
    return Http1Transport()


class HttpxTransport:
    """Any httpx.AsyncClient. Times out only where that client says so."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], receiver: Receiver, *, request_id: str = ""
    ) -> None:
        """See Transport."""
        import httpx  # noqa: PLC0415 - loaded already by whoever made the client

        own = {"X-Request-Id": request_id} if request_id else {}
        try:
            async with self._client.stream("POST", url, content=body, headers={**headers, **own}) as answer:
                receiver.head(answer.status_code, answer.headers)
                async for piece in answer.aiter_bytes():
                    if piece:
                        receiver.data(piece)
            receiver.end()
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise lost(error) from error

    def begin(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        receiver: Receiver,
        done: asyncio.Future[None],
        *,
        request_id: str = "",
    ) -> None:
        """See Transport. httpx can only be waited for."""

    async def close(self) -> None:
        """See Transport."""
        await self._client.aclose()
