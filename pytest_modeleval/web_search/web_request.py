"""One bounded GET over HTTP: so many bytes, so many seconds, no redirect followed, no log line, no key in an error.

httpx's transport is used without its client: the client logs every URL, and SerpAPI's holds the key.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support.proxies import proxy_of
from pytest_modeleval.web_search.public_addresses import AddressForbidden, addresses_of, is_private_literal

if TYPE_CHECKING:
    import httpx

MOST_HEADER_TEXT = 4000
# A server may have an address of each kind, one of which cannot be reached from here.
_TRIED_ADDRESSES = 2


class Unreachable(Exception):
    """No answer came: no such name, no connection, silence, a torn or senseless answer. The text has no URL in it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came. headers: names in lower case. body: decompressed, cut at the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def get(
    url: str, *, headers: Mapping[str, str], most_bytes: int, timeout_s: float, only_public: bool = False
) -> Answer:
    """The answer to one GET. Raises Unreachable, and AddressForbidden where only_public and the address is not.

    Behind a proxy names are resolved by it: then only private addresses in the URL itself are refused.
    """
    import httpx  # noqa: PLC0415 - only where something is searched

    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise Unreachable("the address cannot be read") from error
    if only_public and is_private_literal(target.host):
        raise AddressForbidden(target.host)
    proxy = proxy_of(url)
    timeouts: dict[str, Any] = {"timeout": httpx.Timeout(timeout_s).as_dict()}
    try:
        async with asyncio.timeout(timeout_s):
            if not only_public or proxy is not None:
                return await _sent(
                    httpx.Request("GET", target, headers=headers, extensions=timeouts), proxy, most_bytes
                )
            return await _sent_to_checked(target, headers, timeouts, most_bytes)
    except TimeoutError:
        raise Unreachable(f"no whole answer within {timeout_s:g} s") from None


async def _sent_to_checked(
    target: httpx.URL, headers: Mapping[str, str], timeouts: Mapping[str, Any], most_bytes: int
) -> Answer:
    """Connect to a checked address; the server and its certificate are still asked for by name."""
    import httpx  # noqa: PLC0415 - see get

    by_name = {**headers, "Host": target.netloc.decode("ascii")}
    extensions = {**timeouts, "sni_hostname": target.raw_host.decode("ascii")}
    addresses = (await _checked(target))[:_TRIED_ADDRESSES]
    for place, address in enumerate(addresses):
        request = httpx.Request("GET", target.copy_with(host=address), headers=by_name, extensions=extensions)
        try:
            return await _sent(request, None, most_bytes)
        except Unreachable:
            if place == len(addresses) - 1:
                raise
    raise Unreachable("its server has no address")


async def _checked(target: httpx.URL) -> list[str]:
    try:
        return await addresses_of(target.host, target.port or (443 if target.scheme == "https" else 80))
    except (OSError, UnicodeError) as error:
        raise Unreachable("the name of its server is not known") from error


async def _sent(request: httpx.Request, proxy: str | None, most_bytes: int) -> Answer:
    import httpx  # noqa: PLC0415 - only where something is searched

    try:
        through = httpx.Proxy(proxy) if proxy else None
        async with httpx.AsyncHTTPTransport(verify=_tls(), trust_env=False, proxy=through) as transport:
            response = await transport.handle_async_request(request)
            named = {name.lower(): value[:MOST_HEADER_TEXT] for name, value in response.headers.items()}
            assert isinstance(response.stream, httpx.AsyncByteStream)
            try:
                body = await _read(response.stream, named.get("content-encoding", ""), most_bytes)
            finally:
                await response.stream.aclose()
    except (httpx.HTTPError, OSError, ValueError, zlib.error) as error:
        # The class says enough; the text of an error may hold the URL, and that a key.
        raise Unreachable(f"the connection failed ({type(error).__name__})") from None
    return Answer(response.status_code, named, body)


async def _read(stream: httpx.AsyncByteStream, encoding: str, most_bytes: int) -> bytes:
    """The body, unpacked piece by piece so that a small answer cannot become a huge one."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding.strip().lower() in ("gzip", "x-gzip") else None
    found = bytearray()
    async for chunk in stream:
        found += unpacker.decompress(chunk, most_bytes - len(found)) if unpacker is not None else chunk
        if len(found) >= most_bytes:
            break
    return bytes(found[:most_bytes])


@functools.cache
def _tls() -> ssl.SSLContext:
    import httpx  # noqa: PLC0415 - only where something is searched

    return httpx.create_ssl_context()
