"""Who gives vectors to the vector memory: choices of the environment, an endpoint with its faults, the small model."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bfcl import embedding, minilm, page_subsets
from benchmarks.bfcl.embedding import Embedder, read_embedding_config, unit_vector
from pytest_modeleval.errors import DataError, SettingsError, Ungraded
from pytest_modeleval.records import Response
from tests.support.bfcl_gold import ScriptedModel, bfcl_folder, turn_samples
from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite

PAGE = Path(__file__).resolve().parents[2] / "benchmarks" / "bfcl_v4" / "test_bfcl_v4.py"
Reply = tuple[int, bytes]


def test_choices() -> None:
    """Nothing is a default; the variant is the model; the key is read and not shown."""
    assert "MODELEVAL_EMBEDDING" in read_embedding_config({}).missing
    assert read_embedding_config({}).variant == ""
    here = read_embedding_config({"MODELEVAL_EMBEDDING": "embedded"})
    assert (here.url, here.missing, here.variant) == ("", "", "all-MiniLM-L6-v2")
    given = {"MODELEVAL_EMBEDDING": "http://host:1/v1/", "MODELEVAL_EMBEDDING_MODEL": "e5"}
    there = read_embedding_config({**given, "MODELEVAL_EMBEDDING_KEY_ENV": "MY_KEY", "MY_KEY": "secret"})
    assert (there.url, there.variant, there.key) == ("http://host:1/v1", "e5", "secret")
    assert "secret" not in repr(there)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"MODELEVAL_EMBEDDING": "somewhere"}, "expected embedded or an address"),
        ({"MODELEVAL_EMBEDDING": "http://host:port/v1"}, "expected embedded or an address"),
        ({"MODELEVAL_EMBEDDING": "embedded", "MODELEVAL_EMBEDDING_MODEL": "e5"}, "all-MiniLM-L6-v2 or nothing"),
        ({"MODELEVAL_EMBEDDING": "http://host", "MODELEVAL_EMBEDDING_KEY_ENV": "NONE"}, "NONE is not set"),
    ],
)
def test_mistakes_are_told(given: dict[str, str], said: str) -> None:
    """A value that cannot be used is a mistake of the user's, before anything is asked."""
    with pytest.raises(SettingsError, match=said):
        page_subsets(environ=given)


class Endpoint:
    """An endpoint that gives these replies one after another, the last one for ever."""

    def __init__(self, replies: list[Reply]) -> None:
        self.replies = replies
        self.seen: list[tuple[str, dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.seen.append((self.headers.get("authorization", ""), body))
                status, content = outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0]
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


GOOD: Reply = (200, json.dumps({"data": [{"embedding": [3.0, 4.0]}]}).encode())


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """An endpoint that is chosen by the environment, with a key; nobody waits between attempts."""
    served = Endpoint([GOOD])
    monkeypatch.setenv("MODELEVAL_EMBEDDING", served.url)
    monkeypatch.setenv("MODELEVAL_EMBEDDING_KEY_ENV", "MY_KEY")
    monkeypatch.setenv("MY_KEY", "secret")
    monkeypatch.setattr(embedding, "WAITS_S", (0.0, 0.0, 0.0))
    yield served
    served.close()


class Passing(ScriptedModel):
    """Lets every tool run."""

    async def use_tool(self, _name: str, _arguments: Any, run: Any, *, is_of_run: bool = False) -> Any:
        """As the first time in a run."""
        assert is_of_run
        return await run()


def vectors(*texts: str) -> list[list[float]]:
    """Ask for them."""

    async def ask() -> list[list[float]]:
        embedder = Embedder()
        try:
            return await embedder.vectors(texts, Passing(lambda _request: Response("")))
        finally:
            embedder.close()

    return asyncio.run(ask())


def test_vectors_of_an_endpoint(endpoint: Endpoint) -> None:
    """Length 1, each text asked once, with model and key."""
    assert vectors("one", "two", "one") == [[0.6, 0.8]] * 3
    assert [body["input"] for _, body in endpoint.seen] == [["one"], ["two"]]
    assert {(key, body["model"]) for key, body in endpoint.seen} == {("Bearer secret", "all-MiniLM-L6-v2")}


def test_a_busy_endpoint_is_asked_again(endpoint: Endpoint) -> None:
    """429 and 500 pass; the vector comes."""
    endpoint.replies = [(429, b""), (500, b""), GOOD]
    assert vectors("one") == [[0.6, 0.8]]


@pytest.mark.parametrize(
    ("reply", "said", "attempts"),
    [
        ((503, b"busy"), "status 503 (4 attempts)", 4),
        ((401, b"no such key"), "status 401: no such key", 1),
        ((200, b"[]"), "expected data[0].embedding", 1),
        ((200, b'{"data": [{"embedding": ["x"]}]}'), "expected data[0].embedding", 1),
        ((200, b'{"data": [{"embedding": [0, 0]}]}'), "that is not 0", 1),
        ((200, b"torn"), "expected data[0].embedding", 1),
    ],
)
def test_faults_of_an_endpoint_are_no_verdicts(endpoint: Endpoint, reply: Reply, said: str, attempts: int) -> None:
    """Whatever is wrong with it: ungraded, the cause in words, without the key."""
    endpoint.replies = [reply]
    with pytest.raises(Ungraded, match=re.escape(said)) as lost:
        vectors("one")
    assert lost.value.cause == "embedding_failed"
    assert "secret" not in str(lost.value)
    assert len(endpoint.seen) == attempts


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9).filter(lambda v: any(abs(n) > 1e-6 for n in v)))
def test_vectors_have_length_one(vector: list[float]) -> None:
    """Whatever the endpoint scales them to."""
    assert sum(number * number for number in unit_vector(vector)) == pytest.approx(1.0)


KNOWN = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cafe", "un", "##aff", "##able", "!", "\u4e2d", "a"]
WORDS = {word: number for number, word in enumerate(KNOWN)}


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Caf\u00e9!", "[CLS] cafe ! [SEP]"),
        ("unaffable a\tA", "[CLS] un ##aff ##able a a [SEP]"),
        ("unaffabl", "[CLS] [UNK] [SEP]"),
        ("a\u4e2da \u200b", "[CLS] a \u4e2d a [SEP]"),
        ("", "[CLS] [SEP]"),
        ("a" * 101, "[CLS] [UNK] [SEP]"),
        ("a " * 400, " ".join(["[CLS]", *["a"] * 254, "[SEP]"])),
    ],
)
def test_words_are_parted_as_bert_parts_them(text: str, tokens: str) -> None:
    """Lower case, no accents, punctuation and Chinese characters alone, longest pieces first, cut at 256."""
    assert minilm.token_numbers(text, WORDS) == [WORDS[token] for token in tokens.split()]


@pytest.mark.embedded
def test_the_small_model_gives_the_published_similarities() -> None:
    """The example on the model's page of sentence-transformers, to four places."""
    try:
        found = minilm.embed(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    except DataError as missing:
        pytest.skip(f"needs the package of the model: {str(missing)[:100]}")
    likeness = [[sum(map(float.__mul__, one, other)) for other in found] for one in found]
    published = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert [[round(value, 4) for value in row] for row in likeness] == published


class Remembering:
    """A scripted model that keeps what it is told and answers from a search."""

    def __call__(self, body: dict[str, Any], _attempt: int) -> Answer:
        """Add in the earlier conversations, search in the questions, then answer with what was found."""
        messages = body["messages"]
        if messages[-1]["role"] == "tool":
            return Answer(text=f"{{'answer': {messages[-1]['content'][:200]!r}}}")
        is_question = "final answer" in str(messages[0]["content"]) + str(messages[1]["content"])
        name = "core_memory_retrieve" if is_question else "core_memory_add"
        said = str(messages[-1]["content"])[:200]
        given = {"query": said, "top_k": 1} if is_question else {"text": said}
        return Answer(text="", calls=((name, json.dumps(given)),), finish="tool_calls")


def test_a_run_of_the_vector_memory(suite: Suite, server: LoopbackServer, tmp_path: Path) -> None:
    """Collected where an endpoint is set, with one line where not; rescored without it, to the same summary."""
    turn_samples("memory_vector", 1, tmp_path)
    server.script = Remembering()
    where = ["-p", "no:cacheprovider", "--rootdir", str(suite.path), "--eval-data", str(bfcl_folder())]
    asking = [*where, "--model", "test-model", "--model-url", server.url, "--eval-limit", "4"]
    page = ["-k", "bfcl_v4 and memory_vector", "--eval-run", str(suite.run_dir), str(PAGE)]
    unset = suite.command(*asking, *page)
    assert unset.status == 5
    assert "memory_vector: no embedding model is set; set MODELEVAL_EMBEDDING" in unset.out
    env = {"MODELEVAL_EMBEDDING": server.url}
    before = suite.command(*asking, *page, env=env)
    assert before.status == 0, before.out + before.err
    assert before.subset("memory_vector")["num"] == 4
    assert len(server.seen.embedded) > 10
    assert set(server.seen.embedded.values()) == {1}
    other = suite.command(*asking, *page, env={**env, "MODELEVAL_EMBEDDING_MODEL": "e5"})
    assert other.status == 4
    assert "asked with all-MiniLM-L6-v2 there, e5 here" in other.err
    count = len(server.seen.bodies)
    again = suite.command(*where, "--eval-rescore", str(suite.run_dir), "-k", "bfcl_v4 and memory_vector", str(PAGE))
    assert again.status == 0, again.out + again.err
    assert again.summary == before.summary
    assert len(server.seen.bodies) == count
