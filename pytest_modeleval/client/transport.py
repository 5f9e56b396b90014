"""The interface between requests and HTTP. `client.http1` is the default transport, `client.httpx_transport` the other.

Responses are delivered by callback. A streamed response arrives token by token, and waking a coroutine for each token
costs more than everything else that is done for a request.

Errors of the layer below become AttemptFailed here, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

CONNECT_TIMEOUT_S = 10.0
# uvicorn, under SGLang and vLLM, closes idle connections after 5 s; a connection that we drop earlier cannot be closed
# under a request that is just being sent.
KEEPALIVE_S = 3.0


class Receiver(Protocol):
    """Receives one response. An exception raised here ends the exchange and becomes its result."""

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """The response begins. Names of header fields are in lower case."""

    def on_data(self, piece: bytes) -> None:
        """A piece of the body, not empty."""

    def on_cut(self) -> bool:
        """The connection ended early. True if the response is complete all the same; then `on_end` follows."""

    def on_end(self) -> None:
        """The response is complete, and its connection is free for the next request."""


class Transport(Protocol):
    """Sends POST requests."""

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
        """Start an exchange and return a function that cancels it. Called in the event loop of `done`.

        headers: the same for all requests. request_id: sent as X-Request-Id if not empty; plain ASCII.
        on_sent: called when the request is handed to an open connection, again where a kept connection was closed.
        done: completed after receiver.on_end; gets AttemptFailed if the connection fails, or what the receiver raised.
        The function that is returned closes the connection, which is how the server learns to stop; it has no effect
        once the exchange is over. Raises AttemptFailed for a request that cannot be sent at all.
        """

    async def close(self) -> None:
        """Close all connections."""


async def post(
    transport: Transport,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    receiver: Receiver,
    *,
    request_id: str = "",
) -> None:
    """Send one request and wait until its response is complete. Cancellation closes the connection."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    cancel = transport.send(url, body, headers, receiver, done, request_id=request_id)
    try:
        await done
    except asyncio.CancelledError:
        cancel()
        raise


def connection_error(error: BaseException | str) -> AttemptFailed:
    """The failure of a connection. It is retried."""
    text = str(error) or type(error).__name__
    return AttemptFailed(
        f"the connection to the server failed: {text}", kind=Kind.SERVER_ERROR, cause="connection_lost"
    )
