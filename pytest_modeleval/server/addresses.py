"""Server addresses as people write them, normalised to the one form that the client needs. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from pytest_modeleval._support import redact
from pytest_modeleval.errors import ConnectError

_ENDPOINTS = ("/chat/completions", "/completions", "/models")


def normalise_url(url: str) -> str:
    """The base address: scheme, host, port and version path, without a slash at the end.

    "localhost:8000" becomes "http://localhost:8000/v1"; a given path is kept, an endpoint at its end is removed.
    Raises ConnectError for anything else than http(s)://host[:port][/path].
    """
    text = url.strip()
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    is_usable = bool(host) and parts.scheme in ("http", "https") and not any(mark.isspace() for mark in text)
    if parts.username or parts.password:
        # Not repeated: the part before the @ is often a key.
        raise ConnectError(
            "--model-url: expected http://HOST:PORT/v1, found an address with a user name or key in it; "
            "put the key into an environment variable and name that with --model-key-env"
        )
    if parts.query or parts.fragment:
        # Not repeated either.
        raise ConnectError(
            f"--model-url: expected an address such as http://localhost:8000/v1, found one with a query or fragment "
            f"after {urlunsplit((parts.scheme, parts.netloc, parts.path, '', ''))!r}; if it holds a key, put the key "
            "into an environment variable and name that with --model-key-env"
        )
    if not is_usable or port == 0:
        raise ConnectError(
            f"--model-url: expected an address such as http://localhost:8000/v1, found {redact.url(url)!r}"
        )
    path = parts.path.rstrip("/")
    for endpoint in _ENDPOINTS:
        path = path.removesuffix(endpoint)
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def root_of(base: str) -> str:
    """Where the server's own endpoints are (/health, /server_info): the base address without its version path."""
    return base.rstrip("/").removesuffix("/v1")
