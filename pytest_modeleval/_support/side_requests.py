"""Small requests that are not part of a benchmark: identify the server, probe it, empty its cache, abort a request.

    reply = http_get(f"{root}/v1/models", key=key, timeout_s=10.0, max_bytes=8_000_000)
    reply = http_post(f"{root}/abort_request", {"rid": "", "abort_all": True}, timeout_s=2.0)

Both block, bound bytes and time, and never show the key. The standard library does the work: httpx takes a fifth of a
second to load, and most model servers are near. httpx is loaded only behind a proxy, for a redirect and for a
compressed body.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlsplit

from pytest_modeleval._support import redact
from pytest_modeleval._support.proxies import is_loopback, proxy_of
from pytest_modeleval._support.tls import tls_context

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 8_000_000
_SAFE = "/%:@!$&'()*+,;=~-._?"


@dataclass(frozen=True, slots=True)
class HttpReply:
    """The answer to a side request, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """At most max_bytes of it."""
    is_truncated: bool = False
    """The body was longer than max_bytes."""

    def json(self) -> Any:
        """The body as JSON, halves of surrogate pairs as question marks; None if it is no whole, valid JSON."""
        if self.is_truncated:
            return None
        try:
            value = json.loads(self.body)
            # JSON may hold them as escapes; no file takes them.
            return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
        except (ValueError, RecursionError):
            return None

    @property
    def excerpt(self) -> str:
        """The first 200 characters of the body on one line, for messages."""
        text = redact.diagnostic(self.body[:20_000].decode("utf-8", "replace"))
        return " ".join(text.split())[:200]


class SideRequestError(Exception):
    """No answer came. The message has neither the key nor the URL in it."""

    def __init__(self, message: str, *, is_connected: bool, is_timeout: bool = False) -> None:
        """is_connected: a program accepted the connection. is_timeout: the time was up."""
        super().__init__(message)
        self.is_connected = is_connected
        self.is_timeout = is_timeout


def http_get(
    url: str,
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float,
    max_bytes: int = MAX_BYTES,
    client: httpx.Client | None = None,
) -> HttpReply:
    """GET url, redirects followed.

    key: sent as a bearer token. timeout_s: for the whole exchange, connecting included. client: ask through this one
    (tests, networks with needs of their own). Raises SideRequestError.
    """
    request = _SideRequest("GET", url, None, _fields(key, headers, has_body=False), timeout_s, max_bytes)
    return _exchange(request, client)


def http_post(
    url: str,
    body: bytes | Mapping[str, Any] = b"",
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float,
    max_bytes: int = MAX_BYTES,
    client: httpx.Client | None = None,
) -> HttpReply:
    """POST a body; a mapping goes out as JSON. Redirects are not followed. The rest is as in http_get."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = _SideRequest("POST", url, content, _fields(key, headers, has_body=True), timeout_s, max_bytes)
    return _exchange(request, client)


@dataclass(frozen=True, slots=True, repr=False)
class _SideRequest:
    method: str
    url: str
    body: bytes | None
    fields: Mapping[str, str]
    timeout_s: float
    max_bytes: int

    @property
    def is_get(self) -> bool:
        return self.method == "GET"


def _fields(key: str | None, headers: Mapping[str, str] | None, *, has_body: bool) -> Mapping[str, str]:
    """The header fields of a request. Raises SideRequestError for a value that would break its line."""
    fields = {"Accept": "application/json, */*", "Accept-Encoding": "identity", **(headers or {})}
    if has_body:
        fields.setdefault("Content-Type", "application/json")
    if key:
        fields["Authorization"] = f"Bearer {key}"
    if any(not value.isascii() or not value.isprintable() for value in fields.values()):
        # http.client would show the value, which may be the key.
        raise SideRequestError(
            "a header field (the API key?) holds a line break or characters outside of ASCII", is_connected=False
        )
    return fields


def _exchange(request: _SideRequest, client: httpx.Client | None) -> HttpReply:
    if client is None and not _has_proxy(request.url):
        reply = _by_standard_library(request)
        is_redirect = request.is_get and 300 <= reply.status < 400 and "location" in reply.headers
        if not is_redirect and reply.headers.get("content-encoding", "identity") == "identity":
            return reply
    return _by_httpx(request, client)


def _has_proxy(url: str) -> bool:
    try:
        return proxy_of(url) is not None
    except ValueError as error:
        raise SideRequestError(f"the address cannot be read: {error}", is_connected=False) from None


def _by_standard_library(request: _SideRequest) -> HttpReply:
    deadline_s = time.monotonic() + request.timeout_s
    is_connected = False
    connection: http.client.HTTPConnection | None = None
    sock: socket.socket | None = None
    try:
        connection, target = _connection_to(request)
        connection.connect()
        is_connected = True
        sock = connection.sock
        connection.sock = cast("socket.socket", _DeadlineSocket(sock, deadline_s))
        connection.request(request.method, target, body=request.body, headers=dict(request.fields))
        answer = connection.getresponse()
        raw = answer.read(request.max_bytes + 1)
        if answer.length and len(raw) <= request.max_bytes:
            # Reading a part does not complain where the connection ended too early.
            raise SideRequestError("the answer ended before its length was there", is_connected=True)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return HttpReply(answer.status, headers, raw[: request.max_bytes], len(raw) > request.max_bytes)
    except TimeoutError as error:
        raise _too_slow(request, is_connected=is_connected) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        text = str(error).strip() or type(error).__name__
        # Behind a certificate that is not trusted a program does listen, so no server may be launched there.
        is_somebody = is_connected or isinstance(error, ssl.SSLError)
        raise SideRequestError(text, is_connected=is_somebody) from error
    finally:
        if connection is not None:
            connection.close()
        if sock is not None:
            sock.close()


def _connection_to(request: _SideRequest) -> tuple[http.client.HTTPConnection, str]:
    """A connection that is not open yet, and the target of the request line. Raises ValueError for no address."""
    parts = urlsplit(request.url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("expected an address that begins with http:// or https://")
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    if parts.scheme == "https":
        context = tls_context()
        return http.client.HTTPSConnection(host, port, timeout=request.timeout_s, context=context), target
    return http.client.HTTPConnection(host, port, timeout=request.timeout_s), target


def _too_slow(request: _SideRequest, *, is_connected: bool) -> SideRequestError:
    text = f"no whole answer within {request.timeout_s:g} s"
    return SideRequestError(text, is_connected=is_connected, is_timeout=True)


class _DeadlineSocket:
    """A connected socket whose every wait ends at one deadline, for http.client.

    The timeout of a socket counts anew with every byte, so a server that sends one byte a second would hold a request
    for hours.
    """

    def __init__(self, sock: socket.socket, deadline_s: float) -> None:
        self._sock = sock
        self._deadline_s = deadline_s

    def sendall(self, data: Any) -> None:
        self._limit()
        self._sock.sendall(data)

    def makefile(self, *_args: Any, **_options: Any) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock, self._limit))

    def close(self) -> None:
        """Leave it open: http.client closes the socket before it reads a body that ends with the connection."""

    def _limit(self) -> None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._sock.settimeout(left_s)


class _DeadlineReader(io.RawIOBase):
    """The reading side of _DeadlineSocket."""

    def __init__(self, sock: socket.socket, limit: Any) -> None:
        self._sock = sock
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._limit()
        return self._sock.recv_into(buffer)


def _by_httpx(request: _SideRequest, client: httpx.Client | None) -> HttpReply:
    import httpx  # noqa: PLC0415 - see the module's docstring

    deadline_s = time.monotonic() + request.timeout_s
    own = client or httpx.Client(trust_env=not is_loopback(request.url), verify=tls_context())
    raw = bytearray()
    try:
        with own.stream(
            request.method,
            request.url,
            content=request.body,
            headers=request.fields,
            timeout=request.timeout_s,
            follow_redirects=request.is_get,
        ) as response:
            for part in response.iter_bytes():
                raw += part
                if time.monotonic() > deadline_s:
                    raise _too_slow(request, is_connected=True)
                if len(raw) > request.max_bytes:
                    break
        headers = {name.lower(): value for name, value in response.headers.items()}
        is_truncated = len(raw) > request.max_bytes
        return HttpReply(response.status_code, headers, bytes(raw[: request.max_bytes]), is_truncated)
    except httpx.TimeoutException as error:
        is_connected = not isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
        raise _too_slow(request, is_connected=is_connected) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        text = str(error).strip() or type(error).__name__
        is_connected = not isinstance(error, httpx.ConnectError | httpx.InvalidURL) or "certificate" in text.lower()
        raise SideRequestError(text, is_connected=is_connected) from error
    finally:
        if client is None:
            own.close()
