"""Which proxy stands before a URL, by the environment; looked up without opening anything."""

from __future__ import annotations

import urllib.parse
import urllib.request


def proxy_of(url: str) -> str | None:
    """The proxy of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY for a URL; None for this machine and for NO_PROXY."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or host.startswith("127.") or host == "::1" or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
