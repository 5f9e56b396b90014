"""The transport over httpx, for proxies and for a client of the user's own, and the choice between the two transports.

`HttpxTransport` wraps any httpx.AsyncClient: tests use httpx.MockTransport, and networks with special needs supply a
client through the hook `pytest_modeleval_http_client`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_modeleval._support.proxies import proxy_of
from pytest_modeleval._support.tls import tls_context
from pytest_modeleval.client.http1 import Http1Transport
from pytest_modeleval.client.transport import CONNECT_TIMEOUT_S, KEEPALIVE_S, Receiver, Transport, connection_error

if TYPE_CHECKING:
    import httpx


def transport_for(urls: Sequence[str]) -> Transport:
    """Http1Transport, or HttpxTransport if the environment names a proxy for one of these servers."""
    if any(proxy_of(url) for url in urls):
        import httpx  # noqa: PLC0415 - takes a fifth of a second to load

        limits = httpx.Limits(max_connections=None, keepalive_expiry=KEEPALIVE_S)
        # No read timeout: the dispatcher ends idle attempts.
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
        return HttpxTransport(httpx.AsyncClient(timeout=timeout, limits=limits, verify=tls_context()))
    return Http1Transport()


class HttpxTransport:
    """Sends each request in a task of its own. Time limits are those of the client."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        receiver: Receiver,
        done: asyncio.Future[None],
        *,
        request_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        own = {"X-Request-Id": request_id} if request_id else {}
        if on_sent is not None:
            on_sent()
        task = done.get_loop().create_task(self._exchange(url, body, {**headers, **own}, receiver))
        self._tasks.add(task)

        def on_done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if done.done():
                return
            if task.cancelled():
                done.cancel()
            elif error is not None:
                done.set_exception(error)
            else:
                done.set_result(None)

        def cancel() -> None:
            task.cancel()

        task.add_done_callback(on_done)
        return cancel

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._client.aclose()

    async def _exchange(self, url: str, body: bytes, headers: Mapping[str, str], receiver: Receiver) -> None:
        import httpx  # noqa: PLC0415 - loaded when the client was made

        try:
            async with self._client.stream("POST", url, content=body, headers=headers) as response:
                receiver.on_head(response.status_code, response.headers)
                async for piece in response.aiter_bytes():
                    if piece:
                        receiver.on_data(piece)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            if not receiver.on_cut():
                raise connection_error(error) from error
        receiver.on_end()
