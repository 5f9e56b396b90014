"""An address that a model chose becomes a page: http and https only, public addresses only, bounded in size and time.

Errors are worded as upstream's tool words them (bfcl-eval 2025.10.27.1, web_search.py, which passes on the words of
the library requests), where it has words for the case.
"""

from __future__ import annotations

import http
import re
import urllib.parse

from pytest_modeleval.web_search.provider import MAX_PAGE_BYTES, Page
from pytest_modeleval.web_search.public_addresses import AddressForbidden
from pytest_modeleval.web_search.web_request import Answer, Unreachable, get

# As upstream: seconds for one page. It follows 30 redirects; ten are enough for any that ends.
TIMEOUT_S = 20.0
MAX_REDIRECTS = 10
_HEADERS = {
    # Many sites refuse what does not look like a browser, and upstream's tool looks like one.
    "User-Agent": "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9",
    "Accept-Encoding": "gzip",
}
_TEXTUAL = re.compile(r"text/|application/(.+\+)?(json|xml|javascript|ecmascript|x-ndjson|yaml)\b")
_META = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


async def fetch_page(url: str, *, allow_private: bool = False) -> Page:
    """The page at url, redirects followed; each of their addresses is checked too."""
    at = url
    for _ in range(MAX_REDIRECTS + 1):
        parts = _split(at)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            return Page(error=f"Invalid URL {at[:200]!r}")
        try:
            answer = await get(
                at, headers=_HEADERS, most_bytes=MAX_PAGE_BYTES, timeout_s=TIMEOUT_S, only_public=not allow_private
            )
        except AddressForbidden:
            return Page(error="the address is not a public one")
        except Unreachable as error:
            return Page(error=str(error), is_unreached=True)
        onward = _redirect_of(answer, at)
        if onward is None:
            return _page(answer, at)
        at = onward
    return Page(error=f"Exceeded {MAX_REDIRECTS} redirects.")


def _redirect_of(answer: Answer, at: str) -> str | None:
    """The address that the answer of `at` redirects to; None if it does not redirect."""
    onward = answer.headers.get("location")
    if answer.status not in (301, 302, 303, 307, 308) or not onward:
        return None
    try:
        return urllib.parse.urljoin(at, onward)
    except ValueError:
        return onward


def _split(url: str) -> urllib.parse.SplitResult | None:
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _page(answer: Answer, url: str) -> Page:
    if answer.status >= 400:
        side = "Client" if answer.status < 500 else "Server"
        return Page(error=f"{answer.status} {side} Error: {_phrase(answer.status)} for url: {url}")
    kind = answer.headers.get("content-type", "").lower()
    is_html = "html" in kind or (not kind and answer.body.lstrip()[:1] == b"<")
    if kind and not _TEXTUAL.match(kind):
        return Page(error=f"its content is {kind.partition(';')[0].strip()[:80]}, which is no text")
    return Page(text=_decoded(answer.body, kind, is_html=is_html), is_html=is_html)


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _decoded(body: bytes, kind: str, *, is_html: bool) -> str:
    named = kind.partition("charset=")[2].partition(";")[0].strip(" \"'")
    if not named and is_html and (found := _META.search(body[:4096])):
        named = found.group(1).decode("ascii")
    try:
        # `decode` knows text encodings only: "zip" and the like are refused with a LookupError.
        return body.decode(named or "utf-8", errors="replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", errors="replace")
