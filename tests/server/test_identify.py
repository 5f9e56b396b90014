"""Who answers, and is it what was asked for: every refusal is one message with the next step."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import NoReturn

import httpx
import pytest

from pytest_modeleval.errors import ConnectError
from pytest_modeleval.server.identify import UnreachableError, identify, match_served_name
from tests.support.scripted_server import Answer, Scripted, models, scripted

M2 = "MiniMaxAI/MiniMax-M2"


def refusal(url: str, *, model: str = "m", key: str | None = None, key_env: str | None = None) -> str:
    """The message with which the server is refused."""
    with pytest.raises(ConnectError) as caught:
        identify([url], model=model, key=key, key_env=key_env, timeout_s=5)
    return str(caught.value)


def test_short_name_finds_the_full_one() -> None:
    """MiniMax-M2 is MiniMaxAI/MiniMax-M2 where that is unique, and the id as served is what requests will carry."""
    with scripted({"/v1/models": models("other", M2)}) as server:
        assert identify([server.url], model="MiniMax-M2").model == M2


@pytest.mark.parametrize(
    ("model", "names", "listed", "found"),
    [
        ("a", [], ["a", "x/a"], "a"),
        ("embedded", ["Smol"], ["Smol"], "Smol"),
        ("a", [], ["x/a", "y/a"], None),
        ("a", ["y/a"], ["x/a", "y/a"], "y/a"),
        ("minimax-m2", [], [M2], M2),
        ("/data/MiniMax-M2", [], [M2], M2),
        ("a", [], ["ab"], None),
        ("a", [], [], None),
    ],
)
def test_served_id(model: str, names: list[str], listed: list[str], found: str | None) -> None:
    """Exact name, then served names, then the unique last part; an ambiguous name is not guessed."""
    assert match_served_name(model, names, listed) == found


def test_sglang_is_asked_under_new_and_old_names() -> None:
    """/model_info and /server_info are asked first, the old names where those are missing."""
    listed = models(M2, owned_by="sglang", max_model_len=4096)
    info = (200, {"model_path": M2, "tool_call_parser": "minimax-m2"})
    with scripted({"/v1/models": listed, "/model_info": info, "/server_info": (200, {"version": "0.5.23"})}) as server:
        facts = identify([server.url], model=M2)
        assert (facts.kind, facts.version, facts.tool_call_parser) == ("sglang", "0.5.23", "minimax-m2")
        assert "/get_model_info" not in server.paths
    old = {"/v1/models": listed, "/get_model_info": info, "/get_server_info": (200, {"version": "0.5.5"})}
    with scripted(old) as server:
        assert identify([server.url], model=M2).version == "0.5.5"


def test_other_servers_are_known_by_their_own_endpoints() -> None:
    """VLLM by /version, llama.cpp by /props; anything else is just OpenAI-compatible."""
    with scripted({"/v1/models": models("m", owned_by="vllm"), "/version": (200, {"version": "0.11"})}) as server:
        facts = identify([server.url], model="m")
        assert (facts.kind, facts.version) == ("vllm", "0.11")
    props = (200, {"default_generation_settings": {"n_ctx": 512}})
    with scripted({"/v1/models": models("m", owned_by="llamacpp"), "/props": props}) as server:
        assert identify([server.url], model="m", version="2026.1").version == "2026.1"
    with scripted({"/v1/models": models("m", owned_by="openai"), "/version": (200, {"version": "9"})}) as server:
        facts = identify([server.url], model="m")
        assert (facts.kind, facts.version) == ("openai-compatible", "")


def test_unreachable_names_the_address() -> None:
    """Nothing listens: the address is in the message, and a launch may follow."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=url) as caught:
            identify([url], model="m", timeout_s=5)
    assert not caught.value.is_somebody_there


def test_a_server_that_still_loads_is_not_nothing() -> None:
    """503 and silence mean that somebody is there; no second server may be launched beside it."""
    with scripted({"/v1/models": (503, {})}) as server, pytest.raises(UnreachableError, match="starting") as caught:
        identify([server.url], model="m")
    assert caught.value.is_somebody_there
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UnreachableError) as caught:
        identify([f"http://127.0.0.1:{silent.getsockname()[1]}"], model="m", timeout_s=0.2)
    assert caught.value.is_somebody_there


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_says_how_to_give_one_and_never_shows_it(status: int) -> None:
    """Without a key: which option; with one: which variable; the key itself nowhere."""
    with scripted({"/v1/models": (status, {"error": "no"})}) as server:
        assert "--model-key-env" in refusal(server.url)
        said = refusal(server.url, key="sk-secret", key_env="MY_KEY")
    assert "$MY_KEY" in said
    assert "sk-secret" not in said


def test_key_is_sent_as_a_bearer_token() -> None:
    """The key goes to the server that was named, with every question."""
    with scripted({"/v1/models": models("m")}) as server:
        identify([server.url], model="m", key="sk-1")
        assert {headers.get("Authorization") for _, headers in server.asked} == {"Bearer sk-1"}


@pytest.mark.parametrize(
    "body", [b"<!doctype html><html>hello</html>", b"", b"[1]", b'{"data": 3}', b"{" * 100_000, b"\xff\xfe"]
)
def test_something_else_at_the_address_is_told(body: bytes) -> None:
    """A web page or any other answer that is no list of models is refused as such."""
    with scripted({"/v1/models": (200, body)}) as server:
        assert "OpenAI-compatible" in refusal(server.url)


CHAT = (200, {"choices": [{"message": {"content": "Hi"}, "finish_reason": "length"}]})


@pytest.mark.parametrize(
    "body",
    [
        [{"id": "m"}],
        {"models": [{"name": "m"}]},
        {"data": [{"model": "m"}]},
        {"object": "list", "data": [{"id": "m", "name": "M of many words"}]},
        ["m"],
    ],
)
def test_lists_of_other_services_are_read(body: object) -> None:
    """F36: a bare list, `models` for `data`, `name` or `model` for `id`; another name is refused as ever."""
    with scripted({"/v1/models": (200, json.dumps(body).encode())}) as server:
        assert identify([server.url], model="m").model == "m"
        assert "found m" in refusal(server.url, model="other")


@pytest.mark.parametrize(
    "listed",
    [
        (400, {}),
        (405, {}),
        (500, {}),
        (501, {}),
        (200, {"data": []}),
        (200, {"models": []}),
        (200, b"<html>hello</html>"),
    ],
)
def test_a_service_without_a_list_is_taken_if_it_answers_chat(listed: tuple[int, object]) -> None:
    """F36: one token of chat shows it, and a note says what was not checked; without chat it is refused."""
    with scripted({"/v1/models": listed, "/v1/chat/completions": CHAT}) as server:
        facts = identify([server.url], model="m")
        assert facts.model == "m"
        assert "could not be checked that m is the served model" in facts.notes[0]
    with scripted({"/v1/models": listed}) as server:
        assert "expected" in refusal(server.url)


def test_endless_answer_is_cut() -> None:
    """A list of models of more than eight megabytes is no list of models."""
    with scripted({"/v1/models": (200, b" " * 9_000_000 + b'{"data": []}')}) as server:
        assert "OpenAI-compatible" in refusal(server.url)


def test_wrong_model_lists_what_is_served() -> None:
    """Another model: what is served stands in the message, and the nearest name."""
    with scripted({"/v1/models": models("Qwen/Qwen3-32B", "Qwen/Qwen3-8B")}) as server:
        said = refusal(server.url, model="Qwen3-33B")
    assert "Qwen/Qwen3-32B, Qwen/Qwen3-8B" in said
    assert "did you mean --model Qwen/Qwen3-32B?" in said


def test_many_models_are_not_all_listed() -> None:
    """A hub of a hundred models does not flood the terminal."""
    with scripted({"/v1/models": models(*(f"model-{number}" for number in range(100)))}) as server:
        said = refusal(server.url, model="zzz")
    assert "and 88 more" in said


def test_missing_list_of_models_is_a_note() -> None:
    """404 on /models: the run goes on, and the note says that nobody checked."""
    with scripted({}) as server:
        facts = identify([server.url], model="m")
    assert facts.model == "m"
    assert "could not be checked" in facts.notes[0]


def test_wrong_path_of_a_known_server_is_told() -> None:
    """A server known by its own endpoints has a list of models, so a 404 means a wrong path."""
    info = (200, {"model_path": "m"})
    with scripted({"/team/model_info": info, "/v1/models": models("m")}) as server:
        assert "try --model-url" in refusal(server.url.replace("/v1", "/team"))


def test_replicas_must_serve_the_same() -> None:
    """Two addresses of one model are one model with two urls; of two models, a refusal that names both."""
    same = {"/v1/models": models("m", max_model_len=100)}
    with scripted(same) as one, scripted({"/v1/models": models("m", max_model_len=50)}) as two:
        facts = identify([one.url, two.url], model="m")
        assert facts.urls == (one.url, two.url)
        assert facts.context_tokens == 50
    with scripted(same) as one, scripted({"/v1/models": models("x/m")}) as two:
        with pytest.raises(ConnectError, match="every replica") as caught:
            identify([one.url, two.url], model="m")
        assert one.url in str(caught.value)
        assert two.url in str(caught.value)


def test_no_address_is_a_connect_error() -> None:
    """An empty list of addresses is a mistake of the caller, told like the others."""
    with pytest.raises(ConnectError, match="--model-url"):
        identify([], model="m")


def test_a_proxy_does_not_answer_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is for other hosts: our own port is asked directly."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with scripted({"/v1/models": models("m")}) as server:
        assert identify([server.url], model="m").model == "m"


def no_client(*_: object, **__: object) -> NoReturn:
    """Stands in for httpx.Client where none is to be made."""
    raise AssertionError("httpx was used")


def test_plain_http_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on this machine is identified without httpx, which takes longer to load than to ask."""
    monkeypatch.setattr(httpx, "Client", no_client)
    with scripted({"/v1/models": models("m", owned_by="vllm"), "/version": (200, {"version": "0.11"})}) as server:
        assert identify([server.url], model="m").version == "0.11"
        assert server.paths == ["/v1/models", "/version"]


@pytest.mark.parametrize(
    ("answer", "paths"),
    [
        ((307, b"", {"Location": "/elsewhere"}), ["/v1/models", "/v1/models", "/elsewhere"]),
        (
            (200, gzip.compress(json.dumps(models("m")[1]).encode()), {"Content-Encoding": "gzip"}),
            ["/v1/models", "/v1/models"],
        ),
    ],
    ids=["redirect", "packed"],
)
def test_what_is_not_plain_is_left_to_httpx(answer: Answer, paths: list[str]) -> None:
    """Redirects are followed and packed bodies unpacked, for the whole inquiry."""
    with scripted({"/v1/models": answer, "/elsewhere": models("m")}) as server:
        assert identify([server.url], model="m").model == "m"
        assert server.paths[: len(paths)] == paths


def test_a_proxy_is_used_for_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment names a proxy, it is asked, and the answer is the proxy's."""
    with scripted({"http://model.invalid/v1/models": models("m")}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert identify(["http://model.invalid"], model="m").model == "m"


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
def test_a_broken_answer_is_somebody_there(said: bytes) -> None:
    """A connection that ends in the middle: the address is told, and no second server is started beside it."""
    with broken(said) as url, pytest.raises(UnreachableError, match=url) as caught:
        identify([url], model="m", timeout_s=5)
    assert caught.value.is_somebody_there


@contextlib.contextmanager
def broken(said: bytes) -> Iterator[str]:
    """A server that reads a request, says this, and hangs up."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(said)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_client_may_be_given() -> None:
    """The seam: everything goes through the client that is handed in."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=models("m")[1]))
    with httpx.Client(transport=transport) as client:
        assert identify(["http://nowhere"], model="m", client=client).urls == ("http://nowhere/v1",)


def test_scripted_server_keeps_what_it_was_asked() -> None:
    """The tests' own server answers as scripted, counts, and gives 404 for the rest."""
    with scripted({"/a": (200, {"b": 1})}) as server:
        assert isinstance(server, Scripted)
        root = server.url.removesuffix("/v1")
        assert httpx.get(f"{root}/a", trust_env=False).json() == {"b": 1}
        assert httpx.get(f"{root}/c", trust_env=False).status_code == 404
        assert server.paths == ["/a", "/c"]


def test_https_to_a_port_that_speaks_http() -> None:
    """The next step is the same address with http, not the words of OpenSSL."""
    with scripted({"/v1/models": models("m")}) as server:
        text = refusal(server.url.replace("http://", "https://"))
        assert f"use {server.url}" in text
        assert "SSL" not in text
