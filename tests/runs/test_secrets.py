"""A server that echoes the API key: the key is in no file of the run and on no screen, whatever its form."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.suites import Suite

KEY = "sk-CANARY/77aa+9b31cd=="
FORMS: list[Callable[[str], str]] = [
    str,
    lambda key: f"Bearer {key}",
    lambda key: base64.b64encode(key.encode()).decode(),
    lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    lambda key: quote(key, safe=""),
    lambda key: "".join(f"\\u{ord(mark):04x}" for mark in key),
    lambda key: "".join(f"&#{ord(mark)};" for mark in key),
    lambda key: key.encode().hex(),
    lambda key: json.dumps(json.dumps(key)),
    str.upper,
]


def traces(text: str) -> list[str]:
    """Every form of the key that a text contains."""
    forms = {form(KEY) for form in FORMS} | {base64.b64encode(b"user:" + KEY.encode()).decode()[8:24]}
    return [form for form in forms | {"CANARY", "canary", b"CANARY".hex()} if form in text]


def reply(place: int, form: str, *, stream: bool) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the place-th way to echo a text."""
    headers = {"X-Echo": form, "Set-Cookie": f"a={form}"} if form.isprintable() else {}
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    call = {"index": 0, "id": form, "type": "function", "function": {"name": form, "arguments": form}}
    failures: list[tuple[int, bytes]] = [
        (400, json.dumps({"error": {"message": f"bad header {form}"}}).encode()),
        (401, f"<html>{form}</html>".encode()),
        (400, (" " * 290 + form).encode()),
        (200, json.dumps({"error": {"message": form, "code": 400}}).encode()),
        (200, f'{{"choices": {form}'.encode()),
    ]
    if place < len(failures):
        return failures[place][0], headers, failures[place][1]
    message: dict[str, Any] = {"role": "assistant", "content": f"ANSWER: A {form}", "reasoning_content": form}
    if place % 2:
        message["tool_calls"] = [call]
    whole = {"id": form, "model": form, "system_fingerprint": form, "service_tier": form}
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    if not stream:
        body = json.dumps({**whole, "choices": [{**choice, "message": message}], "usage": usage}).encode()
        return 200, {**headers, "Content-Type": "application/json"}, body
    # The key is cut over two events.
    half = len(form) // 2
    events: list[dict[str, Any]] = [
        {**whole, "choices": [{"index": 0, "delta": {**message, "content": f"ANSWER: A {form[:half]}"}}]},
        {**whole, "choices": [{"index": 0, "delta": {"content": form[half:]}}]},
        {**whole, "choices": [{**choice, "delta": {}}], "usage": usage},
    ]
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    return 200, {**headers, "Content-Type": "text/event-stream"}, data


@contextlib.contextmanager
def echo_server() -> Iterator[str]:
    """Echoes the key of every request: the n-th row in the n-th way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/v1/models":
                listed = {"id": "test-model", "object": "model", "owned_by": "sglang", "root": KEY}
                self._send(200, {"X-Echo": KEY}, json.dumps({"data": [listed]}).encode())
                return
            info = {"model_path": f"org/{KEY}", "version": KEY, "api_key": KEY, "weight_version": KEY}
            info["launch_command"] = f"python --api-key {KEY} --x {quote(KEY, safe='')}"
            self._send(200, {}, json.dumps(info).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Authorization"] == f"Bearer {KEY}"
            number = int(body["messages"][-1]["content"].split()[1])
            form = FORMS[number % len(FORMS)](KEY)
            self._send(*reply(number % 12, form, stream=bool(body.get("stream"))))

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status, f"Reason {KEY}")
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def files_with_traces(folder: Path) -> dict[str, list[str]]:
    """File -> forms of the key in it, for every file below a folder."""
    found = {}
    for file in folder.rglob("*"):
        if file.is_file() and (seen := traces(file.read_bytes().decode("latin-1"))):
            found[str(file.relative_to(folder))] = seen
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-n", "2"),
        ("--eval-param", "stream=false", "-vv", "-rA", "--log-cli-level=DEBUG"),
    ],
    ids=["streamed", "workers", "whole replies"],
)
def test_an_echoed_key_is_in_no_file_and_on_no_screen(suite: Suite, arguments: tuple[str, ...]) -> None:
    """Errors, bodies, headers, streams and information pages, in ten forms and with everything shown."""
    suite.write_rows(60)
    suite.shorten_waits()
    with echo_server() as url:
        result = suite.command(
            *suite.arguments(url, "--model-key-env", "THE_KEY", *arguments),
            *["--log-level=DEBUG", "--showlocals", "--junitxml=junit.xml", "--html=page.html", "-p", "no:randomly"],
            # A key from a file ends in a line break.
            env={"THE_KEY": f"{KEY}\n", "PYTHONASYNCIODEBUG": "1"},
        )
    assert result.summary is not None, result.out + result.err
    assert "***" in (suite.run_dir / "report.html").read_text(encoding="utf-8")
    assert traces(result.out + result.err) == []
    assert files_with_traces(suite.path) == {}


def test_a_key_that_no_header_can_hold_is_refused_unseen(suite: Suite) -> None:
    """A line break within the key: status 4, and the key is not repeated."""
    suite.write_rows(1)
    result = suite.command(
        *suite.arguments("http://127.0.0.1:9/v1", "--model-key-env", "THE_KEY"), env={"THE_KEY": f"{KEY}\nmore"}
    )
    assert result.status == 4
    assert "line break" in result.err
    assert traces(result.out + result.err) == []


def test_a_key_in_the_query_is_refused_unseen(suite: Suite) -> None:
    """--model-url http://h/v1?api_key=KEY: status 4, and the key is not repeated."""
    suite.write_rows(1)
    result = suite.run(f"http://127.0.0.1:9/v1?api_key={KEY}")
    assert result.status == 4
    assert "--model-key-env" in result.err
    assert traces(result.out + result.err) == []
    assert files_with_traces(suite.path) == {}
