"""SerpAPI and SearXNG: what is sent, what is read, and that a failing engine is never an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import Kind
from pytest_modeleval.web_search.engines import SearXng, SerpApi, language_of
from pytest_modeleval.web_search.live_search import GIVE_UP_AFTER, WAITS_S, LiveSearch
from pytest_modeleval.web_search.provider import Hit
from tests.support.web_imitation import Reply, Seen, WebImitation, searxng_results, serpapi_results, web

KEY = "very-secret-key-0123456789"
TEA = ("Tea", "https://example.org/tea", "Da Hong Pao")


@pytest.fixture
def engine_web() -> Iterator[WebImitation]:
    """An imitation that answers every search with one hit."""

    def script(seen: Seen) -> Reply:
        return searxng_results(TEA) if "format" in seen.query else serpapi_results(TEA)

    with web(script) as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    """How long an engine waited."""
    return []


def engines(running: WebImitation, waits: list[float]) -> list[LiveSearch]:
    """Both, waiting in no time."""

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return [LiveSearch(SerpApi(KEY), running.url, sleep=sleep), LiveSearch(SearXng(), running.url, sleep=sleep)]


def search(engine: LiveSearch, keywords: str = "dear tea", region: str = "us-en") -> tuple[Hit, ...]:
    """One search."""
    return asyncio.run(engine.search(keywords, region))


def test_what_is_sent_and_read(engine_web: WebImitation, waits: list[float]) -> None:
    """Upstream's parameters for SerpAPI; JSON and a language for SearXNG; the same hit from both."""
    for engine in engines(engine_web, waits):
        assert search(engine) == (Hit(*TEA),)
        assert engine.refusal() is None
    sent = [one.query for one in engine_web.seen]
    assert sent == [
        {"engine": "duckduckgo", "q": "dear tea", "kl": "us-en", "api_key": KEY},
        {"q": "dear tea", "format": "json", "language": "en-US"},
    ]
    assert waits == []


@pytest.mark.parametrize(
    ("region", "language"),
    [("wt-wt", "all"), ("us-en", "en-US"), ("uk-en", "en-GB"), ("jp-jp", "ja-JP"), ("ch-fr", "fr-CH"), ("xa-ar", "ar"),
     ("tw-tz", "zh-TW"), ("", "all"), ("de", "all"), ("a b-c", "all"), ("us-en&q=x", "all")],
)  # fmt: skip
def test_regions_become_languages(region: str, language: str) -> None:
    """DuckDuckGo's regions in SearXNG's words; whatever is no region searches everywhere."""
    assert language_of(region) == language


@pytest.mark.parametrize(
    ("which", "reply"),
    [
        (0, Reply({"error": "DuckDuckGo hasn't returned any results for this query."})),
        (0, Reply({"error": "Missing query `q` parameter."}, status=400)),
        (0, Reply({"organic_results": []})),
        (1, searxng_results()),
        (1, Reply("no query", status=400, kind="text/plain")),
    ],
)
def test_nothing_found_is_an_answer(engine_web: WebImitation, waits: list[float], which: int, reply: Reply) -> None:
    """What the engine says of the query itself: no hits, and no second attempt."""
    engine_web.script = lambda _seen: reply
    assert search(engines(engine_web, waits)[which]) == ()
    assert len(engine_web.seen) == 1


@pytest.mark.parametrize(
    ("which", "reply", "word"),
    [
        (0, Reply({"error": f"Invalid API key {KEY}."}, status=401), "SERPAPI_API_KEY"),
        (0, Reply({"error": "Your account has run out of searches."}, status=429), "run out"),
        (1, Reply("AddressForbidden", status=403, kind="text/html"), "search.formats"),
    ],
)
def test_a_refusal_ends_all_searching(
    engine_web: WebImitation, waits: list[float], which: int, reply: Reply, word: str
) -> None:
    """Key, quota and settings do not mend themselves: no verdict, no second request, the key is not shown."""
    engine_web.script = lambda _seen: reply
    engine = engines(engine_web, waits)[which]
    for _ in range(2):
        with pytest.raises(Ungraded) as caught:
            search(engine)
        assert (caught.value.kind, caught.value.cause) == (Kind.SERVER_ERROR, "search_failed")
        assert word in str(caught.value)
        assert KEY not in str(caught.value)
    assert len(engine_web.seen) == 1
    assert waits == []
    assert isinstance(engine.refusal(), Ungraded)


FAILING = [
    (0, Reply({"error": "hourly limit"}, status=429)),
    (0, Reply({"error": "Google 429 Too Many Requests"})),
    (0, Reply("<html>busy</html>", status=503, kind="text/html")),
    (0, Reply("no JSON at all")),
    (1, Reply("limiter", status=429, kind="text/html")),
    (1, Reply("<html>", status=502, kind="text/html")),
    (1, searxng_results(silent=("google", "duckduckgo"))),
    (1, Reply("[1, 2]")),
]


@pytest.mark.parametrize(("which", "reply"), FAILING)
def test_a_failure_that_may_pass_is_tried_again(
    engine_web: WebImitation, waits: list[float], which: int, reply: Reply
) -> None:
    """Two failures and then hits: hits, after waits that grow and are bounded."""
    good = engine_web.script
    engine_web.script = lambda seen: reply if len(engine_web.seen) < 3 else good(seen)
    assert search(engines(engine_web, waits)[which]) == (Hit(*TEA),)
    assert len(waits) == 2
    assert all(low <= wait <= 2 * low for low, wait in zip(WAITS_S, waits, strict=False))


@pytest.mark.parametrize(("which", "reply"), FAILING)
def test_a_failure_that_stays_is_no_verdict_and_ends(
    engine_web: WebImitation, waits: list[float], which: int, reply: Reply
) -> None:
    """Every search fails as ungraded; after some in a row nobody is asked any more."""
    engine_web.script = lambda _seen: reply
    engine = engines(engine_web, waits)[which]
    for _ in range(GIVE_UP_AFTER + 1):
        with pytest.raises(Ungraded):
            search(engine)
    assert len(engine_web.seen) == GIVE_UP_AFTER * (len(WAITS_S) + 1)
    assert engine.refusal() is not None


def test_the_engine_says_how_long_to_wait(engine_web: WebImitation, waits: list[float]) -> None:
    """Retry-After holds, up to a bound."""
    good = engine_web.script
    busy = [Reply({}, status=429, headers=(("Retry-After", after),)) for after in ("7", "86400")]
    engine_web.script = lambda seen: busy[len(engine_web.seen) - 1] if len(engine_web.seen) < 3 else good(seen)
    search(engines(engine_web, waits)[0])
    assert waits == [7.0, 60.0]


def test_nobody_there_is_a_failure_of_the_engine(waits: list[float]) -> None:
    """No connection: no verdict, and the key in the URL is not shown."""
    with web(lambda _seen: Reply()) as gone:
        pass
    for engine in engines(gone, waits):
        with pytest.raises(Ungraded, match="failed") as caught:
            search(engine)
        assert KEY not in str(caught.value)
        assert caught.value.__cause__ is None


def test_the_key_reaches_no_log(
    engine_web: WebImitation, waits: list[float], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Httpx's client would log the URL at level INFO; nothing that is logged at any level holds the key."""
    caplog.set_level(0)
    search(engines(engine_web, waits)[0])
    assert engine_web.seen[0].query["api_key"] == KEY
    assert KEY not in caplog.text


def test_hits_are_bounded_and_made_of_text(engine_web: WebImitation, waits: list[float]) -> None:
    """Results without an address are passed over; other types become text; nothing is longer than a bound."""
    results = [
        {"title": None, "link": "https://a"}, {"title": "no link"}, "text",
        {"title": 7, "link": "https://b", "snippet": "x" * 9999},
        {"title": "\ud800", "link": "https://c"}, *[{"link": f"https://{n}"} for n in range(500)],
    ]  # fmt: skip
    engine_web.script = lambda _seen: Reply({"organic_results": results})
    hits = search(engines(engine_web, waits)[0])
    assert hits[:3] == (Hit("", "https://a", ""), Hit("7", "https://b", "x" * 4000), Hit("?", "https://c", ""))
    assert len(hits) == 98
