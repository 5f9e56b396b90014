"""The interface of an HTTP transport. `client.http1` is the usual one, `client.httpx_transport` the other.

An answer is not waited for in pieces. A streamed one comes a token at a time, and waking up a coroutine for each of
them costs more than everything else that is done for a request; a Receiver takes each piece in where it arrives.

Errors of the layer below are mapped here, once, to AttemptFailed.
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
    """Takes an answer in as it arrives. What it raises ends the exchange and comes out of `post`."""

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer begins. Names of header fields are in lower case."""

    def data(self, piece: bytes) -> None:
        """A piece of the body, not empty."""

    def end(self) -> None:
        """The answer is complete, and its connection free for another one. Called where the last piece arrives."""


class Transport(Protocol):
    """Sends one POST. All failures of the connection come out as AttemptFailed.

    headers: those that all requests have. request_id: sent as X-Request-Id, if not empty; plain ASCII.
    """

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], receiver: Receiver, *, request_id: str = ""
    ) -> None:
        """Return when the answer is complete. A cancelled exchange closes the connection: the server is to stop."""

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
        """Send at once, from anywhere in the loop; `done` gets what `post` returns or raises, or StaleConnectionError.

        Gives back what abandons the exchange, to be called when `done` was cancelled. None where it takes time to send
        (no connection is open): then nothing was done, and `post` is the way.
        """

    async def close(self) -> None:
        """Give all connections back."""


class StaleConnectionError(AttemptFailed):
    """A connection that was used before ended without a byte of an answer. Ask again, with `post`.

    Servers close connections whenever they like (llama.cpp: after every stream, having announced keep-alive). That says
    nothing about the request, which is to be sent again (RFC 9112, section 9.3.1).
    """


def lost(error: BaseException | str, *, is_unsaid: bool = False) -> AttemptFailed:
    """The connection failed; asked again, it may work."""
    text = str(error) or type(error).__name__
    return (StaleConnectionError if is_unsaid else AttemptFailed)(
        f"the connection to the server failed: {text}", kind=Kind.SERVER_ERROR, cause="connection_lost"
    )
