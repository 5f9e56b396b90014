"""Whole runs of the web search questions: a scripted model, and imitations of SerpAPI, SearXNG and the web."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bfcl import CallFormat, Solution, grade, web_questions
from benchmarks.bfcl.answer_grading import ANSWER_FORM
from benchmarks.bfcl.conversation import Conversation
from benchmarks.bfcl.dialect import TextDialect, ToolDialect
from benchmarks.bfcl.web_questions import CHARACTERS_PER_TOKEN, Web, ask_web
from benchmarks.bfcl.wheel import DEFAULT_VERSION, functions_of
from pytest_modeleval.datasets import default_cache_dir
from pytest_modeleval.errors import DataError, Ungraded
from pytest_modeleval.records import Kind, Request, Response, Sample, ToolCall, Usage
from pytest_modeleval.web_search import provider_factory
from pytest_modeleval.web_search.config import read_web_config
from pytest_modeleval.web_search.provider import Page, provider_error
from tests.support.bfcl_gold import ScriptedModel, bfcl_folder, bfcl_samples
from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Result, Suite
from tests.support.web_imitation import Reply, Seen, WebImitation, page, searxng_results, serpapi_results, web

PAGE = Path(__file__).resolve().parents[2] / "benchmarks" / "bfcl_v4" / "test_bfcl_v4.py"
KEY = "serpapi-secret-0123456789"
ASKED = 3
BOTH = ("web_search_base", "web_search_no_snippet")


class Searching:
    """A model's script: searches for the question, reads the first hit, says what it read. The last one is wrong."""

    def __init__(self, samples: list[Sample]) -> None:
        self.answers = {sample.question: str(sample.target[0]) for sample in samples[: ASKED - 1]}
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, body: dict[str, Any], _attempt: int) -> Answer:
        """The next step of the conversation."""
        self.bodies.append(body)
        told = [message["content"] for message in body["messages"] if message["role"] == "tool"]
        question = next(message["content"] for message in body["messages"] if message["role"] == "user")
        if not told:
            return self.call("search_engine_query", keywords=question)
        if len(told) == 1:
            return self.call("fetch_url_content", url=re.findall(r"http[^'\"]+", told[0])[0], mode="truncate")
        return Answer(f"{{'answer': '{self.answers.get(question, 'I do not know')}', 'context': 'the page'}}")

    @staticmethod
    def call(name: str, **arguments: Any) -> Answer:
        """One tool call."""
        return Answer("", calls=((name, json.dumps(arguments)),), finish="tool_calls")


@pytest.fixture(scope="module")
def packages() -> Path:
    """Where the wheel is. Of the module's scope, because pytester gives every test a home of its own."""
    try:
        functions_of("WebSearchAPI", DEFAULT_VERSION)
    except DataError as missing:
        pytest.skip(f"needs the bfcl-eval wheel: {str(missing)[:100]}")
    return default_cache_dir() / "packages"


@pytest.fixture
def searching(packages: Path, suite: Suite, server: LoopbackServer, tmp_path: Path) -> Searching:
    """The server, searching; and a cache that has the wheel."""
    samples = bfcl_samples("web_search_base", tmp_path / "rows")
    server.script = script = Searching(samples)
    (suite.path / "cache").mkdir()
    (suite.path / "cache" / "packages").symlink_to(packages)
    return script


@pytest.fixture
def world() -> Iterator[WebImitation]:
    """SerpAPI, SearXNG and one page in one place."""

    def script(seen: Seen) -> Reply:
        if seen.path.startswith("/search"):
            hit = ("A page", f"{running.url}/page", "a snippet of it")
            return searxng_results(hit) if "format" in seen.query else serpapi_results(hit)
        return page("<title>T</title><p>What is known.</p>")

    with web(script) as running:
        yield running


def run(suite: Suite, server: LoopbackServer, *more: str, keyword: str = "web_search", **environ: str) -> Result:
    """The first questions of the subsets that keyword names."""
    where = ["--eval-run", str(suite.run_dir), "--eval-data", str(bfcl_folder()), "--rootdir", str(suite.path)]
    options = ["-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url]
    limits = ["--eval-limit", str(ASKED), "-k", f"bfcl_v4 and ({keyword})"]
    env = {f"MODELEVAL_WEB_{name.upper()}": value for name, value in environ.items() if name.islower()}
    env |= {name: value for name, value in environ.items() if not name.islower()}
    return suite.command(*options, *where, *limits, str(PAGE), *more, env=env)


def scores(result: Result) -> dict[str, float]:
    """The score of each subset."""
    assert result.summary is not None, result.out + result.err
    return {part["subset"]: part["score"] for part in result.summary["benchmarks"][0]["subsets"]}


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
@pytest.mark.parametrize("kind", ["serpapi", "searxng"])
def test_both_subsets_are_searched_and_scored(
    suite: Suite, server: LoopbackServer, searching: Searching, world: WebImitation, kind: str, workers: list[str]
) -> None:
    """Two of three right; what the model is told differs by the snippet alone; WEB_SEARCH is whole, AGENTIC is not."""
    keyed = {"SERPAPI_API_KEY": KEY} if kind == "serpapi" else {}
    result = run(suite, server, *workers, search=f"{kind}:{world.url}", private="1", **keyed)
    assert result.status == 0, result.out + result.err
    assert scores(result) == {name: pytest.approx(2 / 3) for name in BOTH}
    assert result.summary is not None
    whole = {part["name"]: part for part in result.summary["benchmarks"][0]["aggregates"]}
    assert whole["WEB_SEARCH"]["score"] == pytest.approx(2 / 3)
    assert (whole["AGENTIC"]["partial"], whole["AGENTIC"]["missing"]) == (True, ["MEMORY"])
    # The half of memory is missing, and it could be all right: (2/3 + 1) / 2.
    assert whole["AGENTIC"]["at_most"] == pytest.approx(5 / 6)
    told = [body["messages"] for body in searching.bodies if len(body["messages"]) == 6]
    assert len(told) == 2 * ASKED
    assert sorted({"a snippet of it" in messages[3]["content"] for messages in told}) == [False, True]
    assert all(json.loads(messages[5]["content"]) == {"content": "T\nWhat is known."} for messages in told)
    assert all(messages[0] == {"role": "system", "content": ANSWER_FORM} for messages in told)
    assert {tool["function"]["name"] for body in searching.bodies for tool in body["tools"]} == {
        "search_engine_query", "fetch_url_content",
    }  # fmt: skip
    for file in suite.path.rglob("*"):
        if file.is_file() and "packages" not in file.parts:
            assert KEY.encode() not in file.read_bytes(), file
    assert KEY not in result.out + result.err


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_rescoring_searches_nothing_and_needs_no_provider(
    suite: Suite, server: LoopbackServer, searching: Searching, world: WebImitation, workers: list[str]
) -> None:
    """The stored run is graded to the same summary with no variable set."""
    before = run(suite, server, *workers, search=f"searxng:{world.url}", private="1")
    asked, searched = len(searching.bodies), len(world.seen)
    again = suite.command(
        "-p", "no:cacheprovider", "--rootdir", str(suite.path), "--eval-rescore", str(suite.run_dir),
        "--eval-data", str(bfcl_folder()), str(PAGE),
    )  # fmt: skip
    assert again.status == 0, again.out + again.err
    assert (len(searching.bodies), len(world.seen)) == (asked, searched)
    assert again.summary == before.summary
    assert len(scores(again)) == 2


def test_a_recorded_run_is_replayed_without_a_web(
    suite: Suite, server: LoopbackServer, searching: Searching, world: WebImitation
) -> None:
    """Another run over the folder gives the same scores and asks nobody; what is not in it is ungraded, not wrong."""
    folder = str(suite.path / "recorded")
    before = run(suite, server, search=f"searxng:{world.url}", private="1", record=folder)
    # Both subsets search for the same and read the same page: it is asked for once.
    assert len(world.searches()) == ASKED
    assert [one.path for one in world.seen].count("/page") == 1
    suite.run_dir = suite.path / "second"
    seen = len(world.seen)
    again = run(suite, server, search=f"replay:{folder}")
    assert again.status == 0, again.out
    assert scores(again) == scores(before)
    assert len(world.seen) == seen
    for file in Path(folder).glob("search-*.json"):
        file.unlink()
        break
    suite.run_dir = suite.path / "third"
    gap = run(suite, server, search=f"replay:{folder}")
    assert gap.status == 6, gap.out
    assert gap.summary is not None
    for part in gap.summary["benchmarks"][0]["subsets"]:
        assert part["counts"]["grader_error"] == 1
        assert part["num"] == ASKED - 1


def test_another_provider_is_another_experiment(
    suite: Suite, server: LoopbackServer, searching: Searching, world: WebImitation
) -> None:
    """Their results are not mixed in one folder, and the sentence names both."""
    run(suite, server, search=f"searxng:{world.url}", private="1")
    other = run(suite, server, search=f"serpapi:{world.url}", private="1", SERPAPI_API_KEY=KEY)
    assert other.status == 4
    assert "asked with searxng there, serpapi here" in other.err


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_a_key_that_is_refused_is_never_a_zero(
    suite: Suite, server: LoopbackServer, searching: Searching, world: WebImitation, workers: list[str]
) -> None:
    """All samples are ungraded, the run is incomplete, and the reason is shown without the key."""
    world.script = lambda _seen: Reply({"error": f"Invalid API key {KEY}"}, status=401)
    result = run(suite, server, *workers, search=f"serpapi:{world.url}", SERPAPI_API_KEY=KEY)
    assert result.status == 6, result.out
    assert result.summary is not None
    for part in result.summary["benchmarks"][0]["subsets"]:
        assert (part["num"], part["score"], part["counts"]["server_error"]) == (0, None, ASKED)
    assert "check SERPAPI_API_KEY" in result.out
    assert KEY not in result.out + result.err


def test_without_a_way_to_pages_there_is_no_verdict(
    suite: Suite, server: LoopbackServer, searching: Searching, world: WebImitation
) -> None:
    """The search works and no page can be reached: it may be our network, so nothing is graded."""
    with web(lambda _seen: Reply()) as gone:
        pass
    world.script = lambda _seen: searxng_results(("A page", f"{gone.url}/page", ""))
    result = run(suite, server, search=f"searxng:{world.url}", private="1")
    assert result.status == 6, result.out
    assert result.summary is not None
    assert {part["num"] for part in result.summary["benchmarks"][0]["subsets"]} == {0}
    assert "is there a way to the internet" in result.out


def test_a_private_page_is_refused_to_the_model_unless_allowed(
    suite: Suite, server: LoopbackServer, searching: Searching, world: WebImitation
) -> None:
    """The model is told so, and is graded for what it makes of it."""
    result = run(suite, server, search=f"searxng:{world.url}")
    assert result.status == 0, result.out
    assert "/page" not in [one.path for one in world.seen]
    told = [body["messages"][5]["content"] for body in searching.bodies if len(body["messages"]) == 6]
    assert len(told) == 2 * ASKED
    assert all("the address is not a public one" in text for text in told)


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({}, "no web search is set; set MODELEVAL_WEB_SEARCH to"),
        ({"search": "serpapi"}, "no key for SerpAPI is set; set SERPAPI_API_KEY to it"),
    ],
)
def test_without_a_provider_one_line_says_what_to_set(
    suite: Suite, server: LoopbackServer, searching: Searching, environ: dict[str, str], line: str
) -> None:
    """The subsets are not collected, the others are, and the aggregates name what is missing."""
    result = run(suite, server, "--collect-only", "-q", keyword="web_search or simple_python", **environ)
    assert result.status == 0, result.out
    assert f"not collected: bfcl_v4 web_search_base, bfcl_v4 web_search_no_snippet: {line}" in result.out
    assert result.out.count("not collected") == 1
    assert result.out.count("test_bfcl_v4[simple_python") == ASKED
    assert "[web_search" not in result.out


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_a_value_that_cannot_be_used_ends_with_status_4(
    suite: Suite, server: LoopbackServer, searching: Searching, workers: list[str]
) -> None:
    """Before anything is asked; the sentence names the variable."""
    result = run(suite, server, *workers, search="bing")
    assert result.status == 4, result.out + result.err
    assert "MODELEVAL_WEB_SEARCH: expected serpapi, searxng:URL or replay:FOLDER" in result.err
    assert not searching.bodies
    assert "Traceback" not in result.out + result.err


def test_documents_of_ones_own_are_a_subset_of_their_own(
    suite: Suite, server: LoopbackServer, searching: Searching
) -> None:
    """web_search_corpus is scored, and enters neither AGENTIC nor OVERALL."""
    documents = suite.path / "docs.jsonl"
    text = " ".join(searching.answers)
    documents.write_text(json.dumps({"url": "https://docs.example/1", "title": "All", "text": text}))
    result = run(suite, server, keyword="web_search_corpus", corpus=str(documents))
    assert result.status == 0, result.out + result.err
    assert scores(result) == {"web_search_corpus": pytest.approx(2 / 3)}
    assert result.summary is not None
    assert not [part for part in result.summary["benchmarks"][0]["aggregates"] if part["num"]]
    assert any(text[:200] in message["content"] for body in searching.bodies for message in body["messages"])
    assert (
        "test_bfcl_v4[web_search_corpus_0]"
        in run(suite, server, "--collect-only", "-q", keyword="web_search", corpus=str(documents)).out
    )


def test_damaged_documents_end_with_status_4(suite: Suite, server: LoopbackServer, searching: Searching) -> None:
    """Before anything is asked; file and line are named."""
    documents = suite.path / "docs.jsonl"
    documents.write_text('{"url": "https://docs.example/1"}')
    result = run(suite, server, keyword="web_search_corpus", corpus=str(documents))
    assert result.status == 4, result.out + result.err
    assert "docs.jsonl, line 1" in result.err
    assert not searching.bodies


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [
        ("{'answer': 'Zhang Yiming', 'context': 'Forbes'}", Kind.RIGHT, ""),
        ("It is ZHANG, Yiming.", Kind.RIGHT, ""),
        ("Zhang Yimings", Kind.WRONG, "answer_not_found"),
        ("", Kind.NO_ANSWER, "empty"),
    ],
)
def test_answers_are_graded_as_those_of_memory(text: str, kind: Kind, cause: str) -> None:
    """Whole words of the last reply, without case and punctuation."""
    sample = Sample(target=["Zhang Yiming"], data={"category": "web_search_no_snippet"})
    found = grade(sample, Solution(CallFormat.TOOLS, None, Conversation(((),), Response(text))))
    assert (found.kind, found.cause) == (kind, cause)


def question(monkeypatch: pytest.MonkeyPatch) -> tuple[Sample, Web]:
    """A question over a web in which every page is long."""
    sample = Sample(data={"category": "web_search_base", "messages": [[{"role": "user", "content": "Who?"}]]})

    class Long(provider_factory.NotConfigured):
        async def page(self, url: str) -> Any:
            return Page("word " * 30_000)

    monkeypatch.setattr(web_questions, "open_provider", lambda *_: Long())
    return sample, Web(read_web_config({}), {})


@pytest.mark.parametrize("has_usage", [True, False], ids=["with usage", "without usage"])
def test_a_conversation_never_outgrows_the_context(monkeypatch: pytest.MonkeyPatch, has_usage: bool) -> None:
    """However many long pages are read, the next prompt still fits, by the server's count or by ours."""
    sample, web_ = question(monkeypatch)
    sizes: list[int] = []

    def answer(request: Request) -> Response:
        tokens = int(sum(len(json.dumps(message)) for message in request.messages) / CHARACTERS_PER_TOKEN)
        sizes.append(tokens)
        if len(sizes) == 12:
            return Response("done", content="done")
        arguments = json.dumps({"url": f"https://e.org/{len(sizes)}"})
        usage = Usage(prompt_tokens=tokens, completion_tokens=20) if has_usage else Usage()
        return Response("", tool_calls=(ToolCall("fetch_url_content", arguments, "id"),), usage=usage)

    model = ScriptedModel(answer)
    model.prompt_tokens = 20_000
    said = asyncio.run(ask_web(sample, model, ToolDialect(), web=web_, functions=[]))
    assert said.final is not None
    assert max(sizes) <= 20_000
    assert sizes[3] > 10_000


def test_calls_written_as_text_are_searched_too(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without native tools the results come back as text, and the last reply without a call is graded."""
    sample, web_ = question(monkeypatch)
    texts = ["[fetch_url_content(url='https://e.org', mode='raw')]", "It is nobody."]
    replies = iter([Response(text, content=text) for text in texts])
    model = ScriptedModel(lambda _request: next(replies))
    described = [dict(function) for function in functions_of("WebSearchAPI", DEFAULT_VERSION)]
    said = asyncio.run(ask_web(sample, model, TextDialect(), web=web_, functions=described))
    assert said.final is not None
    assert said.final.text == "It is nobody."
    first, second = model.asked
    assert "fetch_url_content" in first.messages[0]["content"]
    assert ANSWER_FORM in first.messages[0]["content"]
    assert "word word word" in second.messages[-1]["content"]
    assert not first.tools


def test_no_model_is_asked_once_searching_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider has given up: the questions that are left cost nothing."""
    sample, web_ = question(monkeypatch)
    monkeypatch.setattr(
        provider_factory.NotConfigured, "refusal", lambda _: provider_error("quota", cause="search_failed")
    )
    model = ScriptedModel(lambda _request: Response("never"))
    with pytest.raises(Ungraded, match="quota"):
        asyncio.run(ask_web(sample, model, ToolDialect(), web=web_, functions=[]))
    assert model.asked == []
