"""The two tools as the model sees them; pages as text; recordings; what the environment says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bfcl.categories import CATEGORIES
from benchmarks.bfcl.subsets import page_subsets
from pytest_modeleval import Likelihood
from pytest_modeleval.errors import SettingsError, Ungraded
from pytest_modeleval.graders.calls import Call
from pytest_modeleval.likelihood_result import LabelScores
from pytest_modeleval.records import Kind, Request, Response
from pytest_modeleval.roles import Role
from pytest_modeleval.web_search import html_text, html_text_child, recordings
from pytest_modeleval.web_search.config import read_web_config
from pytest_modeleval.web_search.html_text import text_of_html
from pytest_modeleval.web_search.provider import Hit, Page, provider_error
from pytest_modeleval.web_search.recordings import ABOUT, Record, Replay, page_file, recorded_name, search_file
from pytest_modeleval.web_search.tools import LEAST_CHARACTERS, MOST_CHARACTERS, MOST_USES, NOTHING_FOUND, WebTools
from tests.support.no_vectors import NoVectors

HTML = (
    "<html><head><style>p{}</style><script>let a=1</script></head><body><h1>Tea</h1><p>Da <b>Hong</b></p></body></html>"
)
HITS = tuple(Hit(f"title {n}", f"https://example.org/{n}", f"snippet {n}") for n in range(12))


class Scripted:
    """A provider that says what the test wants, and counts."""

    name = "serpapi"

    def __init__(self, *, hits: tuple[Hit, ...] = HITS, page: Page | None = None, is_live: bool = True) -> None:
        self.hits = hits
        self.found = page or Page(HTML, is_html=True)
        self.is_live = is_live
        self.asked: list[tuple[str, ...]] = []

    def refusal(self) -> Ungraded | None:
        """Nothing is wrong."""
        return None

    async def search(self, keywords: str, region: str) -> tuple[Hit, ...]:
        """The hits."""
        self.asked.append((keywords, region))
        return self.hits

    async def page(self, url: str) -> Page:
        """The page."""
        self.asked.append((url,))
        return self.found


class Keeping(NoVectors):
    """The model, as far as tools need one: keeps what was asked of it as JSON would."""

    name, tool_calls = "scripted", "native"
    context_tokens, prompt_tokens = None, None

    def __init__(self) -> None:
        self.kept: list[tuple[str, dict[str, Any], Any]] = []

    def shared(self, make: Callable[[], Any]) -> Any:
        """Nothing is."""
        return make()

    async def ask(self, request: Request) -> Response:
        """Not asked here."""
        raise AssertionError(request)

    async def count_tokens(self, text: str) -> int | None:
        """As a server without a tokenizer."""
        return None

    async def label_scores(self, request: Request, labels: Sequence[str]) -> LabelScores:
        """Not asked here."""
        raise AssertionError(request, labels)

    async def decide(self, text: str, question: str, options: Mapping[str, str]) -> LabelScores:
        """Not asked here."""
        raise AssertionError(text, question, options)

    async def likelihood(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """Not asked here."""
        raise AssertionError(context, continuations)

    def role(self, name: str) -> Role:
        """No further model here."""
        raise AssertionError(name)

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        """Through JSON that takes no half of a surrogate pair, as the journal does."""
        result = json.loads(json.dumps([dict(arguments), await run()], ensure_ascii=False).encode("utf-8"))
        self.kept.append((name, *result))
        return result[1]


def use(provider: Any, *calls: tuple[str, dict[Any, Any]], has_snippets: bool = True, room: int = 10**6) -> list[str]:
    """The results of calls in one round."""
    tools = WebTools(provider, Keeping(), has_snippets=has_snippets, room=lambda: room)
    return asyncio.run(tools.answer([Call(name, arguments) for name, arguments in calls]))


def search(provider: Any, *, has_snippets: bool = True, room: int = 10**6, **arguments: Any) -> str:
    """The result of one search."""
    (found,) = use(provider, ("search_engine_query", arguments), has_snippets=has_snippets, room=room)
    return found


def fetch(provider: Any, *, room: int = 10**6, **arguments: Any) -> dict[str, Any]:
    """The result of one page."""
    (found,) = use(provider, ("fetch_url_content", arguments), room=room)
    loaded: dict[str, Any] = json.loads(found)
    return loaded


def test_hits_are_shown_as_upstream_shows_them() -> None:
    """Ten unless asked otherwise, as Python writes a list; region and keywords reach the provider."""
    provider = Scripted()
    shown = [{"title": hit.title, "href": hit.url, "body": hit.snippet} for hit in HITS]
    assert search(provider, keywords="tea") == str(shown[:10])
    assert search(provider, keywords="tea", max_results=3, region="us-en") == str(shown[:3])
    assert search(provider, keywords="tea", max_results=None) == str(shown)
    assert provider.asked == [("tea", "wt-wt"), ("tea", "us-en"), ("tea", "wt-wt")]


def test_without_snippets_only_they_are_missing() -> None:
    """The second subset differs in nothing else."""
    assert search(Scripted(), has_snippets=False, keywords="tea", max_results=1) == str(
        [{"title": "title 0", "href": "https://example.org/0"}]
    )


def test_nothing_found_is_upstreams_error() -> None:
    """As upstream answers a search without results."""
    assert json.loads(search(Scripted(hits=()), keywords="tea")) == {"error": NOTHING_FOUND}


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("search_engine_query", {}, "WebSearchAPI.search_engine_query() missing 1 required positional argument"),
        ("search_engine_query", {"keywords": "a", "page": 2}, "got an unexpected keyword argument 'page'"),
        ("search_engine_query", {"keywords": "a", None: 2}, "got an unexpected keyword argument 'None'"),
        ("search_engine_query", {"keywords": "a", "max_results": "ten"}, "slice indices must be integers"),
        ("search_engine_query", {"keywords": "a", "left": 1}, "got an unexpected keyword argument 'left'"),
        ("fetch_url_content", {"url": "ftp://example.org"}, "Invalid URL: ftp://example.org"),
        ("fetch_url_content", {"url": 7}, "Invalid URL: 7"),
        ("fetch_url_content", {"mode": "raw"}, "WebSearchAPI.fetch_url_content() missing 1 required positional"),
        ("open", {"file": "/etc/passwd"}, "name 'open' is not defined"),
        ("_search", {"keywords": "a"}, "name '_search' is not defined"),
        ("__class__", {}, "name '__class__' is not defined"),
    ],
)  # fmt: skip
def test_wrong_calls_are_told_so(name: str, arguments: dict[Any, Any], error: str) -> None:
    """Only the two tools exist; their arguments are theirs alone."""
    (found,) = use(Scripted(), (name, arguments))
    assert found.startswith("Error during execution: ")
    assert error in found


@pytest.mark.parametrize(
    ("mode", "content"),
    [("raw", HTML), ("truncate", "Tea\nDa\nHong"), ("markdown", "# Tea\n\nDa **Hong**")],
)
def test_a_page_in_its_three_modes(mode: str, content: str) -> None:
    """The page as it is, as Markdown, and as bare text without scripts and styles."""
    assert fetch(Scripted(), url="https://example.org", mode=mode) == {"content": content}


def test_a_page_that_is_no_html_is_shown_as_it_is() -> None:
    """Markdown of JSON would damage it."""
    page = Page('{"a": "<b>*c*"}')
    assert fetch(Scripted(page=page), url="https://example.org", mode="markdown") == {"content": page.text}


def test_errors_of_pages_are_in_upstreams_words() -> None:
    """With the address, and for a mode that does not exist without asking anybody."""
    url = "https://example.org"
    provider = Scripted(page=Page(error="404 Client Error: Not Found for url: https://example.org"))
    assert fetch(provider, url=url) == {"error": f"An error occurred while fetching {url}: {provider.found.error}"}
    wrong = Scripted()
    assert fetch(wrong, url=url, mode="pdf") == {
        "error": f"An error occurred while fetching {url}: Unsupported mode: pdf"
    }
    assert wrong.asked == []


def test_a_failing_provider_is_not_told_to_the_model() -> None:
    """It leaves the tools as Ungraded; a fault of ours as something that is no error of the tool."""

    class Failing(Scripted):
        async def search(self, keywords: str, region: str) -> tuple[Hit, ...]:
            raise provider_error("no key", cause="search_failed")

        async def page(self, url: str) -> Page:
            raise TypeError("a bug")

    with pytest.raises(Ungraded):
        search(Failing(), keywords="tea")
    with pytest.raises(RuntimeError, match="a bug"):
        fetch(Failing(), url="https://example.org")


def test_half_surrogates_of_a_model_or_a_page_do_no_harm() -> None:
    """JSON may hold them, and neither journal nor request may."""
    provider = Scripted(page=Page("a \ud800 b"))
    assert fetch(provider, url="https://example.org/\ud83d") == {"content": "a ? b"}
    search(provider, keywords="\udfff", region="\ud800")
    assert provider.asked == [("https://example.org/?",), ("?", "?")]


@given(st.text(max_size=3000), st.integers(0, 4000))
def test_a_result_is_never_longer_than_its_room(body: str, room: int) -> None:
    """The text is cut, and says so; where nothing worth showing fits there is an error text in its place."""
    found = use(Scripted(page=Page(body)), ("fetch_url_content", {"url": "https://e.org"}), room=room)[0]
    content = json.loads(found).get("content")
    cleaned = body.encode("utf-8", "replace").decode()
    if content is None:
        assert "no room is left" in found or "there is no room left" in found
    elif content != cleaned:
        assert content.startswith(cleaned[:LEAST_CHARACTERS])
        assert "[cut here:" in content
        assert len(found) <= room
    else:
        assert len(found) <= room


def test_rooms_of_one_round_add_up() -> None:
    """What one result takes the next has not; hits are left out from the end."""
    page = ("fetch_url_content", {"url": "https://e.org"})
    first, second = use(Scripted(page=Page("x" * 3000)), page, page, room=3500)
    assert json.loads(first)["content"] == "x" * 3000
    assert "no room left" in json.loads(second)["error"]
    few = search(Scripted(), keywords="tea", room=200)
    assert 0 < few.count("href") < 10
    assert len(few) <= 200
    assert "no room left" in json.loads(search(Scripted(), keywords="tea", room=10))["error"]


def test_one_page_is_bounded_whatever_room_there_is() -> None:
    """Nothing larger is journaled either."""
    assert len(fetch(Scripted(page=Page("x" * 10**6)), url="https://e.org")["content"]) == MOST_CHARACTERS


def test_there_is_an_end_to_searches_and_to_their_length() -> None:
    """A reply may hold a thousand calls, and an argument a million characters."""
    provider = Scripted()
    results = use(provider, *[("search_engine_query", {"keywords": "x" * 10**6})] * (MOST_USES + 5))
    assert provider.asked == [("x" * 2000, "wt-wt")] * MOST_USES
    assert all("More than 100 uses" in json.loads(result)["error"] for result in results[MOST_USES:])
    address = f"https://e.org/{'x' * 9000}"
    assert fetch(provider, url=address)["error"].endswith("the address is too long")
    assert len(provider.asked) == MOST_USES


@pytest.mark.parametrize(
    ("pages", "is_live", "is_unproven"),
    [
        ([Page(error="x", is_unreached=True)], True, True),
        ([Page(error="x", is_unreached=True), Page(error="404")], True, False),
        ([Page("ok"), Page(error="x", is_unreached=True)], True, False),
        ([Page(error="x", is_unreached=True)], False, False),
        ([], True, False),
    ],
)
def test_only_an_answer_proves_that_there_is_a_network(pages: list[Page], is_live: bool, is_unproven: bool) -> None:
    """A refusal of the site is one; what a recording says proves nothing and needs no proof."""
    provider = Scripted(is_live=is_live)
    tools = WebTools(provider, Keeping(), has_snippets=True, room=lambda: 10**6)
    for number, page in enumerate(pages):
        provider.found = page
        asyncio.run(tools.answer([Call("fetch_url_content", {"url": f"https://e.org/{number}"})]))
    assert tools.is_unproven is is_unproven


def test_hostile_pages_end() -> None:
    """Depth that a recursive converter cannot take becomes bare text or is too much; either way there is an end."""
    deep = "<div>" * 30_000 + "deep"
    assert asyncio.run(text_of_html(deep, "markdown")) in ("deep", None)
    assert asyncio.run(text_of_html("\x00<p>a<!--" + "<" * 5000, "truncate")) is not None


def test_a_page_that_takes_too_long_is_too_much(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The limit of processor time ends the reader; that is the page's doing."""
    endless = tmp_path / "endless.py"
    endless.write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True:\n    pass\n", encoding="utf-8"
    )
    monkeypatch.setattr(html_text_child, "__file__", str(endless))
    assert asyncio.run(text_of_html("<p>", "truncate")) is None


def test_a_reader_that_fails_is_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package that is missing is our fault: grader_error, with the reason."""
    broken = tmp_path / "broken.py"
    broken.write_text("import no_such_package\n", encoding="utf-8")
    monkeypatch.setattr(html_text_child, "__file__", str(broken))
    with pytest.raises(Ungraded, match="no_such_package") as caught:
        asyncio.run(text_of_html("<p>", "truncate"))
    assert caught.value.kind is Kind.GRADER_ERROR
    monkeypatch.setattr(html_text, "WALL_S", 0.0)
    with pytest.raises(Ungraded, match="TimeoutExpired"):
        asyncio.run(text_of_html("<p>", "truncate"))


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=40))
def test_what_was_recorded_is_replayed(
    tmp_path_factory: pytest.TempPathFactory, keywords: str, region: str, url: str
) -> None:
    """The same hits and the same page, from the folder alone; whatever the model writes is a valid name of a file."""
    folder = tmp_path_factory.mktemp("recorded")
    live = Scripted()
    record = Record(folder, live)
    hits, page = asyncio.run(record.search(keywords, region)), asyncio.run(record.page(url))
    replay = Replay(folder)
    assert (replay.name, replay.is_live) == ("serpapi", False)
    assert asyncio.run(replay.search(keywords, region)) == hits == HITS
    assert asyncio.run(replay.page(url)) == page == live.found
    assert asyncio.run(record.search(keywords, region)) == hits
    assert len(live.asked) == 2


def test_case_blanks_and_fragments_do_not_matter(tmp_path: Path) -> None:
    """One search, one page."""
    assert search_file(tmp_path, " Dear  TEA", "us-en") == search_file(tmp_path, "dear tea", "us-en")
    assert search_file(tmp_path, "dear tea", "uk-en") != search_file(tmp_path, "dear tea", "us-en")
    assert page_file(tmp_path, "https://e.org/a#b") == page_file(tmp_path, "https://e.org/a")
    assert page_file(tmp_path, "https://e.org/a?b") != page_file(tmp_path, "https://e.org/a")


def test_a_gap_in_the_recordings_is_never_an_answer(tmp_path: Path) -> None:
    """Not recorded, or damaged: grader_error, and what to do."""
    asyncio.run(Record(tmp_path, Scripted()).search("tea", "wt-wt"))
    replay = Replay(tmp_path)
    for run in (replay.search("coffee", "wt-wt"), replay.page("https://e.org")):
        with pytest.raises(Ungraded, match="MODELEVAL_WEB_RECORD") as caught:
            asyncio.run(run)
        assert (caught.value.kind, caught.value.cause) == (Kind.GRADER_ERROR, "not_recorded")
    for damage in ("", "[]", '{"hits": 3}', '{"hits": [{"title": "x"}]}', '{"page": {}}'):
        search_file(tmp_path, "tea", "wt-wt").write_text(damage)
        with pytest.raises(Ungraded, match="cannot be read"):
            asyncio.run(replay.search("tea", "wt-wt"))


def test_a_page_that_was_not_reached_is_recorded_and_tried_again(tmp_path: Path) -> None:
    """A replay tells the model the same; a later recording may find the page."""
    live = Scripted(page=Page(error="no whole answer", is_unreached=True))
    record = Record(tmp_path, live)
    asyncio.run(record.page("https://e.org"))
    assert asyncio.run(Replay(tmp_path).page("https://e.org")) == live.found
    live.found = Page("there")
    assert asyncio.run(record.page("https://e.org")) == live.found
    assert asyncio.run(Replay(tmp_path).page("https://e.org")) == live.found


def test_a_folder_that_cannot_be_written_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk's failure is ours."""

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recordings, "write_cache_file", full)
    with pytest.raises(Ungraded, match=r"cannot record.*No space left"):
        asyncio.run(Record(tmp_path, Scripted()).search("tea", "wt-wt"))


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A folder with recordings of SearXNG."""
    (tmp_path / ABOUT).write_text('{"schema": 1, "provider": "searxng"}')
    return tmp_path


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"MODELEVAL_WEB_SEARCH": "google"}, ["serpapi, searxng:URL or replay:FOLDER", "'google'"]),
        ({"MODELEVAL_WEB_SEARCH": "searxng"}, ["searxng:URL", "http://localhost:8080"]),
        ({"MODELEVAL_WEB_SEARCH": "searxng:localhost:8080"}, ["searxng:URL"]),
        ({"MODELEVAL_WEB_SEARCH": "searxng:http://x:no"}, ["searxng:URL"]),
        ({"MODELEVAL_WEB_SEARCH": "serpapi:file:///etc"}, ["serpapi:URL"]),
        ({"MODELEVAL_WEB_SEARCH": "replay:"}, ["replay:FOLDER"]),
        ({"MODELEVAL_WEB_SEARCH": "replay:/no/such/folder"}, ["replay:FOLDER", "/no/such/folder"]),
        ({"MODELEVAL_WEB_PRIVATE": "perhaps"}, ["MODELEVAL_WEB_PRIVATE", "'perhaps'"]),
        ({"MODELEVAL_WEB_RECORD": "there"}, ["MODELEVAL_WEB_RECORD", "none"]),
        ({"MODELEVAL_WEB_SEARCH": "replay:RECORDED", "MODELEVAL_WEB_RECORD": "there"}, ["WEB_RECORD", "replay"]),
        ({"MODELEVAL_WEB_SEARCH": "serpapi", "MODELEVAL_WEB_RECORD": "RECORDED"}, ["recordings of serpapi", "searxng"]),
        ({"MODELEVAL_WEB_CORPUS": "/no/such/folder"}, ["MODELEVAL_WEB_CORPUS", "/no/such/folder"]),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_says_what_can(recorded: Path, environ: dict[str, str], words: list[str]) -> None:
    """Which variable, what is accepted, what was found."""
    with pytest.raises(SettingsError) as caught:
        page_subsets(environ={name: value.replace("RECORDED", str(recorded)) for name, value in environ.items()})
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_damaged_recordings_are_refused(tmp_path: Path) -> None:
    """The file that says whose they are decides."""
    assert recorded_name(tmp_path) == ""
    for damage in ("", "[]", "{}", '{"schema": 2, "provider": "serpapi"}', '{"schema": 1, "provider": 3}'):
        (tmp_path / ABOUT).write_text(damage)
        with pytest.raises(SettingsError, match="web recordings"):
            recorded_name(tmp_path)


@pytest.mark.parametrize(
    ("environ", "missing", "variant"),
    [
        ({}, "set MODELEVAL_WEB_SEARCH to serpapi, searxng:URL or replay:FOLDER", ""),
        ({"SERPAPI_API_KEY": "x"}, "set MODELEVAL_WEB_SEARCH to", ""),
        ({"MODELEVAL_WEB_SEARCH": "serpapi"}, "set SERPAPI_API_KEY", "serpapi"),
        ({"MODELEVAL_WEB_SEARCH": "serpapi", "SERPAPI_API_KEY": "x"}, "", "serpapi"),
        ({"MODELEVAL_WEB_SEARCH": "searxng:http://localhost:8080"}, "", "searxng"),
        ({"MODELEVAL_WEB_SEARCH": "replay:RECORDED"}, "", "searxng"),
    ],
)
def test_what_is_missing_is_said_of_both_subsets(
    recorded: Path, environ: dict[str, str], missing: str, variant: str
) -> None:
    """A provider is never chosen by itself; a replay stands for the provider that was recorded."""
    given_ = {name: value.replace("RECORDED", str(recorded)) for name, value in environ.items()}
    found = {subset.name: subset for subset in page_subsets(environ=given_)}
    for name in ("web_search_base", "web_search_no_snippet"):
        assert (missing in found[name].missing) if missing else not found[name].missing
        assert (found[name].variant, found[name].is_optional) == (variant, False)
    assert not any(subset.missing for name, subset in found.items() if "web" not in name and name != "memory_vector")


def test_the_corpus_subset_waits_to_be_named(tmp_path: Path) -> None:
    """Without documents it is optional and says what to set; with them it is asked, and they are its variant."""
    file = tmp_path / "pages.jsonl"
    found = {subset.name: subset for subset in page_subsets(environ={})}["web_search_corpus"]
    assert found.is_optional
    assert "MODELEVAL_WEB_CORPUS" in found.missing
    variants = []
    for content in ("a", "b"):
        file.write_text(json.dumps({"url": "https://e.org", "text": content}))
        other = tmp_path / content
        other.mkdir()
        (other / "pages.jsonl").write_bytes(file.read_bytes())
        subset = {part.name: part for part in page_subsets(environ={"MODELEVAL_WEB_CORPUS": str(other)})}[
            "web_search_corpus"
        ]
        assert (subset.is_optional, subset.missing) == (False, "")
        variants.append(subset.variant)
    assert len(set(variants)) == 2


def test_every_category_is_asked_or_waits_for_something() -> None:
    """None is forgotten; read_web_config of an empty environment is no choice."""
    assert {part.name for part in page_subsets(environ={})} == set(CATEGORIES)
    assert read_web_config({}).kind == ""
