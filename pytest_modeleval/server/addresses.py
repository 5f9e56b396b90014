"""Server addresses as people write them, normalised to the one form that the client needs. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit

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
    parts = _split(text)
    if parts is not None:
        _check_no_key(parts)
    if parts is None or not _is_usable(parts, text):
        raise ConnectError(
            f"--model-url: expected an address such as http://localhost:8000/v1, found {redact.url(url)!r}"
        )
    path = parts.path.rstrip("/")
    for endpoint in _ENDPOINTS:
        path = path.removesuffix(endpoint)
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def _split(text: str) -> SplitResult | None:
    """The parts of an address; None if it has none or its port is not a number from 0 to 65535."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_usable(parts: SplitResult, text: str) -> bool:
    has_place = bool(parts.hostname) and parts.port != 0
    return has_place and parts.scheme in ("http", "https") and not any(mark.isspace() for mark in text)


def _check_no_key(parts: SplitResult) -> None:
    """Raise ConnectError where an address has a part that may hold a key."""
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


def root_of(base: str) -> str:
    """Where the server's own endpoints are (/health, /server_info): the base address without its version path."""
    return base.rstrip("/").removesuffix("/v1")
