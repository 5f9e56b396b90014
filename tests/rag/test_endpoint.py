"""A pipeline behind HTTP: its request, where its reply is read, its failures, and secrets that stay unseen."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from pytest_modeleval._support import redact
from pytest_modeleval.errors import SettingsError, Ungraded
from pytest_modeleval.rag import endpoint as module
from pytest_modeleval.rag.endpoint import endpoint, read_reply
from pytest_modeleval.rag.profile import RagProfile

SECRET = "rag-secret-0123456789"


class Handler(BaseHTTPRequestHandler):
    """Answers with what the server holds, and keeps what it saw."""

    server: Any

    def do_POST(self) -> None:
        """One question."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((json.loads(body), dict(self.headers)))
        status, reply = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        self.send_response(status)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    """An endpoint; `replies` is a list of (status, body), the last of which stays."""
    served: Any = HTTPServer(("127.0.0.1", 0), Handler)
    served.seen, served.replies = [], [(200, b"{}")]
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries follow at once; secrets of a test are forgotten."""
    monkeypatch.setattr(module, "_WAITS_S", (0.0, 0.0))
    yield
    redact.forget()


def profile(server: Any, **more: Any) -> RagProfile:
    """A profile of the endpoint."""
    return RagProfile(url=f"http://127.0.0.1:{server.server_port}/query", **more)


def test_the_template_the_paths_and_the_secrets(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question stands where the template says, keys come from variables, contexts and answer from their paths."""
    monkeypatch.setenv("RAG_KEY", SECRET)
    monkeypatch.setenv("TENANT", "blue-team-77")
    reply = {"out": [{"docs": [{"body": "one", "meta": {"no": 7}}, "two", {"body": "three"}], "said": "yes"}]}
    server.replies = [(200, json.dumps(reply).encode())]
    ask = endpoint(
        profile(
            server,
            request={"q": ["ask: {question}"], "top": {"k": 10}},
            contexts="out.0.docs",
            text="body",
            id="meta.no",
            answer="out.0.said",
            key_env="RAG_KEY",
            headers={"X-Tenant": "t={env:TENANT}"},
        ),
        "my-rag",
    )
    assert ask("why {question}?") == {
        "contexts": [{"text": "one", "id": 7}, "two", {"text": "three"}],
        "answer": "yes",
    }
    body, headers = server.seen[0]
    assert body == {"q": ["ask: why {question}?"], "top": {"k": 10}}
    assert (headers["Authorization"], headers["X-Tenant"]) == (f"Bearer {SECRET}", "t=blue-team-77")
    assert SECRET not in redact.text(f"key {SECRET}")


def test_a_variable_that_is_not_set_is_named(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first question."""
    monkeypatch.delenv("RAG_KEY", raising=False)
    with pytest.raises(SettingsError, match=r"\[my-rag.rag\] key_env: expected the environment variable RAG_KEY"):
        endpoint(profile(server, key_env="RAG_KEY"), "my-rag")


@pytest.mark.parametrize(
    ("replies", "cause", "calls"),
    [
        ([(503, b"busy")], "rag_error", 3),
        ([(401, b"no key")], "rag_error", 1),
        ([(200, b"not JSON")], "rag_form", 1),
        ([(200, b'{"contexts": []}')], "rag_form", 1),
        ([(200, b'{"contexts": {}, "answer": ""}')], "rag_form", 1),
        ([(200, b"[" * 200_000)], "rag_form", 1),
        ([(200, b" " * 16_000_001)], "rag_too_large", 1),
    ],
    ids=["503", "401", "no JSON", "no answer", "no list", "deep", "17 MB"],
)
def test_failures_have_a_cause(server: Any, replies: list[tuple[int, bytes]], cause: str, calls: int) -> None:
    """A passing failure is tried three times, everything else once; the message is one short line."""
    server.replies = replies
    with pytest.raises(Ungraded) as caught:
        endpoint(profile(server), "my-rag")("q")
    assert (caught.value.cause, len(server.seen)) == (cause, calls)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_passing_failure_is_no_failure(server: Any) -> None:
    """429, then an answer."""
    server.replies = [(429, b""), (200, b'{"contexts": ["a"], "answer": "b"}')]
    assert endpoint(profile(server), "my-rag")("q") == {"contexts": ["a"], "answer": "b"}


def test_nothing_listens() -> None:
    """No server: rag_error, after three attempts."""
    with pytest.raises(Ungraded, match="no reply of the endpoint") as caught:
        endpoint(RagProfile(url="http://127.0.0.1:9/none", timeout_s=5.0), "my-rag")("q")
    assert caught.value.cause == "rag_error"


def test_a_path_is_keys_and_indices() -> None:
    """A step that is not there is named with what was found."""
    with pytest.raises(Ungraded, match=r"expected the contexts at 'a\.3', found"):
        read_reply(RagProfile(contexts="a.3"), {"a": [1]})
