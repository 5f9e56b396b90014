"""Live search: SerpAPI's DuckDuckGo engine, which upstream uses, and SearXNG.

What the engine says about the question (nothing found, a query it cannot read) reaches the model. What is wrong with
the engine itself (network, key, quota) leaves the sample without a verdict; upstream tells the model so and counts the
answer. Sources: SerpAPI's and SearXNG's documentation of their search APIs; bfcl-eval 2025.10.27.1, web_search.py.
"""

from __future__ import annotations

import asyncio
import json
import random
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pytest_modeleval._support.retry_after import parse_retry_after
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.web_search.pages import fetch_page
from pytest_modeleval.web_search.provider import Hit, Page, clean, failed
from pytest_modeleval.web_search.web_request import Answer, Unreachable, get

AT_ONCE = 8
# Waits between the attempts of one search, seconds; upstream tries without end.
WAITS_S = (2.0, 4.0, 8.0, 16.0, 32.0)
MOST_WAIT_S = 60.0
# After so many searches in a row that failed with all their attempts, no more are tried.
GIVE_UP_AFTER = 3
_MOST_BYTES = 8 * 1024 * 1024
_TIMEOUT_S = 30.0
_MOST_HITS = 100
_MOST_TEXT = 4000
Sleep = Callable[[float], Awaitable[None]]


class Again(Exception):
    """The engine may answer later. wait_s: as it asks, if it does."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class Refused(Exception):
    """The engine will not answer, however often it is asked."""


class Engine:
    """What both engines share: few searches at once, patience, and an end to it. A subclass says what is sent and read.

    allow_private: pages at private addresses may be read. sleep: how to wait, for tests.
    """

    name = ""
    is_live = True

    def __init__(self, url: str, *, allow_private: bool = False, sleep: Sleep = asyncio.sleep) -> None:
        self._url = url.rstrip("/")
        self._allow_private = allow_private
        self._sleep = sleep
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._failed_in_a_row = 0
        self._refusal = ""

    async def search(self, keywords: str, region: str) -> tuple[Hit, ...]:
        """See Provider."""
        async with self._slots:
            why = self._refusal
            try:
                if not why:
                    found = await self._patiently(keywords, region)
                    self._failed_in_a_row = 0
                    return found
            except Refused as refusal:
                self._refusal = why = str(refusal)
            except Again as last:
                self._failed_in_a_row += 1
                why = str(last)
                if self._failed_in_a_row >= GIVE_UP_AFTER:
                    self._refusal = why
        raise self._failure(why)

    async def page(self, url: str) -> Page:
        """See Provider."""
        return await fetch_page(url, allow_private=self._allow_private)

    def refusal(self) -> Ungraded | None:
        """See Provider."""
        return self._failure(self._refusal) if self._refusal else None

    def _failure(self, why: str) -> Ungraded:
        return failed(f"{self.name} failed: {why}; run again when that is mended", cause="search_failed")

    async def _patiently(self, keywords: str, region: str) -> tuple[Hit, ...]:
        for wait_s in (*WAITS_S, None):
            try:
                return self.hits(await self._asked(keywords, region))
            except Again as again:
                if wait_s is None:
                    raise
                pause_s = again.wait_s if again.wait_s is not None else wait_s * random.uniform(1, 2)  # noqa: S311
            await self._sleep(min(pause_s, MOST_WAIT_S))
        raise AssertionError("the last attempt returns or raises")

    async def _asked(self, keywords: str, region: str) -> Answer:
        url = f"{self._url}{self.path}?{urllib.parse.urlencode(self.query(keywords, region))}"
        try:
            return await get(url, headers=self.headers, most_bytes=_MOST_BYTES, timeout_s=_TIMEOUT_S)
        except Unreachable as error:
            raise Again(str(error)) from None

    path = "/search"
    headers: Mapping[str, str] = {"Accept": "application/json", "Accept-Encoding": "gzip"}

    def query(self, keywords: str, region: str) -> dict[str, str]:
        """The parameters of a search."""
        raise NotImplementedError

    def hits(self, answer: Answer) -> tuple[Hit, ...]:
        """What was found. Raises Again or Refused."""
        raise NotImplementedError


class SerpApi(Engine):
    """SerpAPI. key: the API key; it is sent and never shown."""

    name = "serpapi"

    def __init__(self, url: str, key: str, *, allow_private: bool = False, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(url, allow_private=allow_private, sleep=sleep)
        self._key = key

    def query(self, keywords: str, region: str) -> dict[str, str]:
        """See Engine."""
        return {"engine": "duckduckgo", "q": keywords, "kl": region, "api_key": self._key}

    def hits(self, answer: Answer) -> tuple[Hit, ...]:
        """See Engine."""
        body = _json(answer)
        said = str(body.get("error") or "")[:300].replace(self._key, "[key]")
        if answer.status in (401, 403):
            raise Refused(f"status {answer.status} ({said or 'no reason given'}): check SERPAPI_API_KEY")
        if answer.status == 429 and "run out" in said.lower():
            raise Refused(f"status 429 ({said})")
        if answer.status == 429 or "429" in said:
            raise Again(
                f"status 429 ({said or 'too many searches'})", parse_retry_after(answer.headers.get("retry-after"))
            )
        if answer.status >= 500 or (answer.status != 400 and not body):
            raise Again(f"status {answer.status}, no search result")
        # Without results there is an error text in their place, which is the answer to this query.
        return _hits(body.get("organic_results"), title="title", url="link", snippet="snippet")


class SearXng(Engine):
    """A SearXNG instance; `formats` in its settings must allow json."""

    name = "searxng"

    def query(self, keywords: str, region: str) -> dict[str, str]:
        """See Engine."""
        return {"q": keywords, "format": "json", "language": language_of(region)}

    def hits(self, answer: Answer) -> tuple[Hit, ...]:
        """See Engine."""
        if answer.status in (401, 403):
            raise Refused(f"status {answer.status}: does search.formats in its settings.yml name json?")
        if answer.status == 429:
            raise Again("status 429: its limiter is on", parse_retry_after(answer.headers.get("retry-after")))
        body = _json(answer)
        if answer.status == 400:
            return ()
        if answer.status != 200 or "results" not in body:
            raise Again(f"status {answer.status}, no search result")
        found = _hits(body["results"], title="title", url="url", snippet="content")
        silent = body.get("unresponsive_engines")
        if not found and silent:
            raise Again(f"no engine behind it answered: {str(silent)[:200]}")
        return found


# DuckDuckGo's names that are no country and language of ISO.
_LANGUAGES = {
    "wt-wt": "all", "uk-en": "en-GB", "xa-ar": "ar", "xa-en": "en", "xl-es": "es", "ct-ca": "ca", "ue-es": "es-US",
    "hk-tz": "zh-HK", "hk-tzh": "zh-HK", "tw-tz": "zh-TW", "tw-tzh": "zh-TW", "jp-jp": "ja-JP", "kr-kr": "ko-KR",
    "ph-tl": "fil-PH", "no-no": "nb-NO", "sl-sl": "sl-SI",
}  # fmt: skip


def language_of(region: str) -> str:
    """A region of DuckDuckGo ("us-en") as a language of SearXNG ("en-US"); "all" for what is neither."""
    known = _LANGUAGES.get(region)
    if known is not None:
        return known
    country, _, language = region.partition("-")
    is_pair = len(country) == len(language) == 2 and (country + language).isascii() and (country + language).isalpha()
    return f"{language.lower()}-{country.upper()}" if is_pair else "all"


def _json(answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _hits(results: Any, *, title: str, url: str, snippet: str) -> tuple[Hit, ...]:
    if not isinstance(results, list):
        return ()
    entries = [entry for entry in results[:_MOST_HITS] if isinstance(entry, dict) and entry.get(url)]
    return tuple(Hit(_text(entry.get(title)), _text(entry[url]), _text(entry.get(snippet))) for entry in entries)


def _text(value: Any) -> str:
    return clean(str(value if value is not None else "")[:_MOST_TEXT])
