"""One small GET without a library: httpx takes a tenth of a second to load, and most servers are near.

What is not plain is left to httpx: TLS, proxies, redirects, packed bodies, errors and their names.
"""

from __future__ import annotations

import http.client
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_modeleval.server.addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping


def plain_get(url: str, headers: Mapping[str, str], *, timeout_s: float, most_bytes: int) -> tuple[int, bytes] | None:
    """Status and at most `most_bytes` of the body; None where httpx has to ask again.

    timeout_s: for connecting, and for each wait for more of the answer. Raises TimeoutError where a server that was
    connected to says nothing for so long: asking it again would only take as long again.
    """
    parts = urlsplit(url)
    # A proxy meant for the internet would answer for this machine's own ports.
    if parts.scheme != "http" or not parts.hostname or not (is_loopback(url) or not urllib.request.getproxies()):
        return None
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout_s)
    try:
        try:
            connection.connect()
        except OSError:
            return None
        try:
            connection.request("GET", parts.path or "/", headers=dict(headers))
            answer = connection.getresponse()
            if 300 <= answer.status < 400 or answer.headers.get("Content-Encoding", "identity") != "identity":
                return None
            raw = answer.read(most_bytes)
            # Reading a part does not complain where the connection ended too early.
            is_cut = bool(answer.length) and len(raw) < most_bytes
            return None if is_cut else (answer.status, raw)
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException, ValueError):
            return None
    finally:
        connection.close()
