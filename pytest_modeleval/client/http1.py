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
from collections.abc import Callable, Mapping

from pytest_modeleval._support.tls import tls_context
from pytest_modeleval.client.http1_connection import Connection, Endpoint, Exchange, fail
from pytest_modeleval.client.transport import CONNECT_TIMEOUT_S, Receiver, connection_error
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind

PORTS = {"http": 80, "https": 443}
_log = logging.getLogger("pytest_modeleval.client")


class Http1Transport:
    """Opens as many connections as there are requests at once; the dispatcher bounds them."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}
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
        on_sent: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        endpoint = self._endpoints.get(url) or self._add_endpoint(url)
        own = f"X-Request-Id: {request_id}\r\n" if request_id else ""
        request = b"%b%bContent-Length: %d\r\n\r\n%b" % (endpoint.head(headers), own.encode("ascii"), len(body), body)
        exchange = Exchange(endpoint, request, receiver, done, on_sent)
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

    def _add_endpoint(self, url: str) -> Endpoint:
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
        endpoint = Endpoint(
            host=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            is_tls=parts.scheme == "https",
            request_line=f"POST {target} HTTP/1.1\r\nHost: {host}\r\n".encode(
                "idna" if not host.isascii() else "ascii"
            ),
        )
        # The same origin under two paths has two pools: at most a handful of connections more.
        return self._endpoints.setdefault(url, endpoint)

    def _open(self, exchange: Exchange) -> None:
        """Open a connection and start the exchange on it."""
        task = exchange.task = exchange.done.get_loop().create_task(self._connect(exchange))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, exchange: Exchange) -> None:
        endpoint, done = exchange.endpoint, exchange.done
        loop = done.get_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: Connection(endpoint, loop, self._open),
                    endpoint.host,
                    endpoint.port,
                    ssl=tls_context() if endpoint.is_tls else None,
                )
        except TimeoutError:
            text = f"connecting to the server took more than {CONNECT_TIMEOUT_S:.0f} s"
            fail(done, AttemptFailed(text, kind=Kind.TIMEOUT, cause="connect_timeout"))
        except OSError as error:
            fail(done, connection_error(error))
        except Exception as error:  # noqa: BLE001 - handed over to the caller, who waits for `done`
            fail(done, error)
        else:
            exchange.task = None
            _log.debug("opened a connection to %s:%d", endpoint.host, endpoint.port)
            if done.done():
                connection.drop()
            else:
                connection.start(exchange)
