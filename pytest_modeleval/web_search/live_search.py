"""Live search through an engine: few searches at once, repeated where that helps, and an end when the engine is down.

Messages of the engine about the question (nothing found, a query it cannot read) reach the model. A failure of the
engine itself (network, key, quota) leaves the sample without a verdict; upstream passes it on to the model and counts
the answer.
"""

from __future__ import annotations

import asyncio
import random
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from pytest_modeleval._support.retry import RetryLater, retry_async
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.web_search.pages import fetch_page
from pytest_modeleval.web_search.provider import Hit, Page, provider_error
from pytest_modeleval.web_search.web_request import Answer, Unreachable, get

MAX_CONCURRENT = 8
# Waits between the attempts of one search, seconds, each lengthened at random; upstream tries without end.
WAITS_S = (2.0, 4.0, 8.0, 16.0, 32.0)
MAX_WAIT_S = 60.0
# After so many failed searches in a row, each with all its attempts, no more are sent.
GIVE_UP_AFTER = 3
_MAX_BYTES = 8 * 1024 * 1024
_TIMEOUT_S = 30.0
_HEADERS: Mapping[str, str] = {"Accept": "application/json", "Accept-Encoding": "gzip"}
Sleep = Callable[[float], Awaitable[None]]


class RequestRejected(Exception):
    """The engine will not answer, however often it is asked."""


class SearchEngine(Protocol):
    """How one search API is spoken to. name: one word, as it stands in the run folder."""

    @property
    def name(self) -> str:
        """One word."""

    def query(self, keywords: str, region: str) -> dict[str, str]:
        """The parameters of a search."""

    def hits(self, answer: Answer) -> tuple[Hit, ...]:
        """The results in an answer. Raises RetryLater or RequestRejected."""


class LiveSearch:
    """A Provider that asks an engine at `url` and fetches pages from the internet.

    allow_private: pages at private addresses may be read. sleep: how to wait, for tests.
    """

    is_live = True

    def __init__(
        self, engine: SearchEngine, url: str, *, allow_private: bool = False, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._engine = engine
        self.name = engine.name
        self._url = url.rstrip("/")
        self._allow_private = allow_private
        self._sleep = sleep
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)
        self._failed_in_a_row = 0
        self._refusal = ""

    async def search(self, keywords: str, region: str) -> tuple[Hit, ...]:
        """The hits, best first. Raises Ungraded where the engine fails."""
        async with self._slots:
            reason = self._refusal
            try:
                if not reason:
                    found = await retry_async(lambda: self._attempt(keywords, region), _waits(), sleep=self._pause)
                    self._failed_in_a_row = 0
                    return found
            except RequestRejected as rejection:
                self._refusal = reason = str(rejection)
            except RetryLater as last:
                self._failed_in_a_row += 1
                reason = str(last)
                if self._failed_in_a_row >= GIVE_UP_AFTER:
                    self._refusal = reason
        raise self._failure(reason)

    async def page(self, url: str) -> Page:
        """The page at `url`, or the reason why there is none."""
        return await fetch_page(url, allow_private=self._allow_private)

    def refusal(self) -> Ungraded | None:
        """The failure that every further search of this run would meet, if there is one."""
        return self._failure(self._refusal) if self._refusal else None

    def _failure(self, reason: str) -> Ungraded:
        return provider_error(f"{self.name} failed: {reason}; fix that and run again", cause="search_failed")

    async def _pause(self, wait_s: float) -> None:
        await self._sleep(min(wait_s, MAX_WAIT_S))

    async def _attempt(self, keywords: str, region: str) -> tuple[Hit, ...]:
        url = f"{self._url}/search?{urllib.parse.urlencode(self._engine.query(keywords, region))}"
        try:
            answer = await get(url, headers=_HEADERS, most_bytes=_MAX_BYTES, timeout_s=_TIMEOUT_S)
        except Unreachable as error:
            raise RetryLater(str(error)) from None
        return self._engine.hits(answer)


def _waits() -> list[float]:
    return [wait_s * random.uniform(1, 2) for wait_s in WAITS_S]  # noqa: S311
