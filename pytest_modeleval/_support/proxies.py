"""The proxy that the environment names for a URL. Opens no connection."""

from __future__ import annotations

import ipaddress
import urllib.parse
import urllib.request


def proxy_of(url: str) -> str | None:
    """The proxy of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY for a URL; None for this machine and for NO_PROXY."""
    parts = urllib.parse.urlsplit(url)
    if is_loopback(url) or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def is_loopback(url: str) -> bool:
    """True if the address names this machine, so that no proxy may stand between."""
    host = urllib.parse.urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
