"""Which requests are answered: of the bound address only, from our own pages only, and with the token if there is one.

A page of another site can make a browser send requests here. It reaches us under a name of its own (DNS rebinding),
which the Host header shows, or across sites, which Sec-Fetch-Site and Origin show.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

LOOPBACK = "127.0.0.1"
MOST_QUERY_BYTES = 8_192
_COOKIE_S = 30 * 24 * 3600
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_NO_CONTENT = b"default-src 'none'; frame-ancestors 'none'"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Access:
    """What a request must have to be answered."""

    port: int

    names: frozenset[str]
    """The names and addresses of this machine that may stand in the Host header, in lower case."""

    any_address: bool = False
    """Every numeric address may too: the server is bound to all of them. No site can rebind one of those."""

    token: str = ""
    """Must be in the address or in the cookie; "" for a server on the loopback address."""

    @property
    def cookie(self) -> str:
        """Its name; browsers keep the cookies of all ports of a machine together."""
        return f"modeleval_view_{self.port}"


def access_for(host: str, port: int, token: str = "") -> Access:
    """The access to a server that is bound to this address."""
    if host in ("127.0.0.1", "::1", "localhost"):
        return Access(port, frozenset({"127.0.0.1", "[::1]", "localhost"}), token=token)
    if host in ("0.0.0.0", "::"):  # noqa: S104 - the user asked for it; the token is required then
        own = {socket.gethostname().lower(), socket.getfqdn().lower(), "localhost"}
        return Access(port, frozenset(own), any_address=True, token=token)
    return Access(port, frozenset({_in_brackets(host.lower())}), token=token)


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def refusal(access: Access, method: str, headers: Mapping[str, str], query: bytes = b"") -> tuple[int, str] | None:
    """(status, sentence) for a request that is not answered; None for one that is, but for the token."""
    if method not in ("GET", "HEAD"):
        return 405, "this server only shows runs: expected GET"
    if len(query) > MOST_QUERY_BYTES:
        return 414, "the address is too long"
    host = headers.get("host", "")
    if not is_own_host(access, host):
        return 421, f"expected an address of this server in the Host header; open it as http://{_own(access)}/"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return 403, "requests from other sites are refused; type or paste the address instead of following the link"
    if headers.get("origin", f"http://{host}").lower() != f"http://{host.lower()}":
        return 403, "requests from other origins are refused"
    return None


def _own(access: Access) -> str:
    name = LOOPBACK if LOOPBACK in access.names or not access.names else min(access.names)
    return f"{name}:{access.port}"


def is_own_host(access: Access, host: str) -> bool:
    """The Host header names this server."""
    name, separator, port = host.lower().rpartition(":")
    if not separator or port != str(access.port):
        name = host.lower() if access.port == 80 else ""
    return name in access.names or (access.any_address and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def has_token(access: Access, given: str) -> bool:
    """The text is the token; how long the comparison takes says nothing about it."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), access.token.encode())


def _cookie_of(access: Access, header: str) -> str:
    try:
        found = SimpleCookie(header).get(access.cookie)
    except CookieError:
        return ""
    return found.value if found is not None else ""


class GuardedApp:
    """The application behind the rules of access; every response says that it is not to be sniffed, kept or framed."""

    def __init__(self, app: Application, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http":
            return
        pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        headers, query = dict(pairs), scope.get("query_string", b"")
        refused = refusal(self._access, scope["method"], headers, query)
        if sum(name == "host" for name, _ in pairs) > 1:
            refused = 400, "expected one Host header"
        if refused is None and self._access.token:
            given = dict(parse_qsl(query.decode("latin-1")))
            if "token" in given and has_token(self._access, given.pop("token")):
                await _redirect(send, self._access, scope["path"], given)
                return
            if not has_token(self._access, _cookie_of(self._access, headers.get("cookie", ""))):
                refused = 401, "expected the token: open the address that `modeleval view` printed"
        if refused is not None:
            await _refuse(send, *refused)
            return
        await self._app(scope, receive, _with_safe_headers(send))


def _with_safe_headers(send: Send) -> Send:
    async def send_safe(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            policy = [] if b"content-security-policy" in names else [(b"content-security-policy", _NO_CONTENT)]
            message = {**message, "headers": [*given, *_SAFE, *policy]}
        await send(message)

    return send_safe


async def _refuse(send: Send, status: int, sentence: str) -> None:
    await _answer(_with_safe_headers(send), status, [(b"content-type", b"text/plain; charset=utf-8")], sentence)


async def _redirect(send: Send, access: Access, path: str, query: Mapping[str, str]) -> None:
    """To the same address without the token, which goes into a cookie."""
    # A path that begins with two slashes would lead to another host.
    target = "/" + path.lstrip("/\\") + (f"?{urlencode(query)}" if query else "")
    cookie = f"{access.cookie}={access.token}; Path=/; Max-Age={_COOKIE_S}; HttpOnly; SameSite=Strict"
    headers = [(b"location", _url_bytes(target)), (b"set-cookie", cookie.encode())]
    await _answer(_with_safe_headers(send), 303, headers, "")


def _url_bytes(target: str) -> bytes:
    return quote(target, safe="/?=&%+-._~").encode()


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], text: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
