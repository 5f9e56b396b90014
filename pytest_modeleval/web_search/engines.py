"""The search APIs of SerpAPI and SearXNG: parameters of a search, results of an answer.

Sources: SerpAPI's and SearXNG's documentation of their search APIs; bfcl-eval 2025.10.27.1, web_search.py.
"""

from __future__ import annotations

import json
from typing import Any

from pytest_modeleval._support.retry import RetryLater
from pytest_modeleval._support.retry_after import parse_retry_after
from pytest_modeleval.web_search.live_search import RequestRejected
from pytest_modeleval.web_search.provider import Hit, sanitise
from pytest_modeleval.web_search.web_request import Answer

_MAX_HITS = 100
_MAX_TEXT = 4000


class SerpApi:
    """SerpAPI's DuckDuckGo engine, which upstream uses. key: the API key; it is sent and never shown."""

    name = "serpapi"

    def __init__(self, key: str) -> None:
        self._key = key

    def query(self, keywords: str, region: str) -> dict[str, str]:
        """The parameters of a search."""
        return {"engine": "duckduckgo", "q": keywords, "kl": region, "api_key": self._key}

    def hits(self, answer: Answer) -> tuple[Hit, ...]:
        """The results in an answer. Raises RetryLater or RequestRejected."""
        body = _json(answer)
        said = str(body.get("error") or "")[:300].replace(self._key, "[key]")
        self._raise_for_refusal(answer, said)
        if answer.status >= 500 or (answer.status != 400 and not body):
            raise RetryLater(f"status {answer.status}, no search result")
        # Without results there is an error text in their place, which is the answer to this query.
        return _hits(body.get("organic_results"), title="title", url="link", snippet="snippet")

    @staticmethod
    def _raise_for_refusal(answer: Answer, said: str) -> None:
        """Raise where the key is refused or the quota is used up. said: the error text of the answer."""
        if answer.status in (401, 403):
            raise RequestRejected(f"status {answer.status} ({said or 'no reason given'}): check SERPAPI_API_KEY")
        if answer.status == 429 and "run out" in said.lower():
            raise RequestRejected(f"status 429 ({said})")
        if answer.status == 429 or "429" in said:
            raise RetryLater(
                f"status 429 ({said or 'too many searches'})", parse_retry_after(answer.headers.get("retry-after"))
            )


class SearXng:
    """A SearXNG instance; `formats` in its settings must allow json."""

    name = "searxng"

    def query(self, keywords: str, region: str) -> dict[str, str]:
        """The parameters of a search."""
        return {"q": keywords, "format": "json", "language": language_of(region)}

    def hits(self, answer: Answer) -> tuple[Hit, ...]:
        """The results in an answer. Raises RetryLater or RequestRejected."""
        if answer.status in (401, 403):
            raise RequestRejected(f"status {answer.status}: does search.formats in its settings.yml name json?")
        if answer.status == 429:
            raise RetryLater("status 429: its limiter is on", parse_retry_after(answer.headers.get("retry-after")))
        body = _json(answer)
        if answer.status == 400:
            return ()
        if answer.status != 200 or "results" not in body:
            raise RetryLater(f"status {answer.status}, no search result")
        found = _hits(body["results"], title="title", url="url", snippet="content")
        silent = body.get("unresponsive_engines")
        if not found and silent:
            raise RetryLater(f"no engine behind it answered: {str(silent)[:200]}")
        return found


# DuckDuckGo's regions that are not a pair of ISO codes.
_LANGUAGES = {
    "wt-wt": "all", "uk-en": "en-GB", "xa-ar": "ar", "xa-en": "en", "xl-es": "es", "ct-ca": "ca", "ue-es": "es-US",
    "hk-tz": "zh-HK", "hk-tzh": "zh-HK", "tw-tz": "zh-TW", "tw-tzh": "zh-TW", "jp-jp": "ja-JP", "kr-kr": "ko-KR",
    "ph-tl": "fil-PH", "no-no": "nb-NO", "sl-sl": "sl-SI",
}  # fmt: skip


def language_of(region: str) -> str:
    """A region of DuckDuckGo ("us-en") as a language of SearXNG ("en-US"); "all" for any other text."""
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
    entries = [entry for entry in results[:_MAX_HITS] if isinstance(entry, dict) and entry.get(url)]
    return tuple(Hit(_text(entry.get(title)), _text(entry[url]), _text(entry.get(snippet))) for entry in entries)


def _text(value: Any) -> str:
    return sanitise(str(value if value is not None else "")[:_MAX_TEXT])
