"""The seam between us and HTTP: what a transport does. `client.http1` is the one in use, `client.route` has the other.

An answer is not waited for in pieces. A streamed one comes a token at a time, and waking up a coroutine for each of
them costs more than everything else that is done for a request; a Receiver takes each piece in where it arrives.

Errors of the layer below are mapped here, once, to AttemptFailed.
"""

from __future__ import annotations

from collections.abc import Mapping
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


class Transport(Protocol):
    """Sends one POST. All failures of the connection come out as AttemptFailed."""

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], receiver: Receiver, *, request_id: str = ""
    ) -> None:
        """Return when the answer is complete. A cancelled exchange closes the connection: the server is to stop.

        headers: those that all requests have. request_id: sent as X-Request-Id, if not empty; plain ASCII.
        """

    async def close(self) -> None:
        """Give all connections back."""


def lost(error: BaseException | str) -> AttemptFailed:
    """The connection failed; asked again, it may work."""
    text = str(error) or type(error).__name__
    return AttemptFailed(
        f"the connection to the server failed: {text}", kind=Kind.SERVER_ERROR, cause="connection_lost"
    )
