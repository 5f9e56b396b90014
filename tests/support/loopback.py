"""A scripted OpenAI-compatible server on loopback, for tests: a function decides what each attempt gets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A whole, valid reply."""

    text: str = "ANSWER: A"
    reasoning: str = ""
    finish: str | None = "stop"
    calls: tuple[tuple[str, str], ...] = ()
    tokens: int = 5
    delay_s: float = 0.0
    model: str | None = None
    """The name in the reply; None repeats that of the request."""


@dataclass(frozen=True)
class Refuse:
    """A status other than 200."""

    status: int
    retry_after: str | None = None
    text: str = "scripted refusal"


@dataclass(frozen=True)
class Drop:
    """Close the connection: before anything is sent, or in the middle of the body."""

    is_midway: bool = False


@dataclass(frozen=True)
class Malformed:
    """Status 200 with a body that is no JSON."""


@dataclass(frozen=True)
class Hang:
    """Never answer; with after_first, fall silent after the first piece of a stream."""

    after_first: bool = False


@dataclass(frozen=True)
class ErrorInBody:
    """Status 200 with an error object."""


Act = Answer | Refuse | Drop | Malformed | Hang | ErrorInBody
Script = Callable[[dict[str, Any], int], Act]


@dataclass
class Seen:
    """What the server saw. prompts: last user message -> times asked."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    prompts: Counter[str] = field(default_factory=Counter)
    embedded: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0
    paths: Counter[str] = field(default_factory=Counter)


class LoopbackServer:
    """Runs in a thread of its own; `script` may be replaced at any time."""

    def __init__(
        self,
        script: Script,
        *,
        models: tuple[str, ...] = ("test-model",),
        key: str | None = None,
        port: int = 0,
        info: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        # Path -> what SGLang tells there; a server with any says that it is one.
        self.info = info or {}
        # Further fields of each model in /v1/models.
        self.card: dict[str, Any] = {}
        self.script = script
        self.models = models
        self.key = key
        self.seen = Seen()
        self.port = port
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        assert self._ready.wait(300)

    def stop(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self._end.cancel)
        self._thread.join(300)

    def _main(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._run())
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._end = task
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.paths[f"{method} {path}"] += 1
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            await _send(writer, 401, b'{"error": {"message": "wrong key"}}')
            return True
        if path == "/health":
            await _send(writer, 200, b"{}")
            return True
        if path.endswith("/models"):
            owner = {"owned_by": "sglang"} if self.info else {}
            listed = {
                "object": "list",
                "data": [{"id": name, "object": "model", **owner, **self.card} for name in self.models],
            }
            await _send(writer, 200, json.dumps(listed).encode())
            return True
        if path.endswith("/embeddings"):
            (text,) = json.loads(body)["input"]
            self.seen.embedded[text] += 1
            vector = [1.0 + text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"]
            await _send(writer, 200, json.dumps({"data": [{"index": 0, "embedding": vector}]}).encode())
            return True
        if path in self.info:
            await _send(writer, 200, json.dumps(self.info[path]).encode())
            return True
        if not path.endswith("/chat/completions"):
            await _send(writer, 404, b'{"error": {"message": "not found"}}')
            return True
        return await self._chat(json.loads(body), headers, reader, writer)

    async def _chat(
        self,
        body: dict[str, Any],
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        seen = self.seen
        prompt = str(body["messages"][-1]["content"])
        seen.prompts[prompt] += 1
        seen.bodies.append(body)
        seen.headers.append(headers)
        act = self.script(body, seen.prompts[prompt])
        seen.in_flight += 1
        seen.most_in_flight = max(seen.most_in_flight, seen.in_flight)
        try:
            return await _act(act, body, reader, writer)
        finally:
            seen.in_flight -= 1


async def _act(act: Act, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    if isinstance(act, Refuse):
        extra = f"retry-after: {act.retry_after}\r\n" if act.retry_after is not None else ""
        await _send(writer, act.status, json.dumps({"error": {"message": act.text}}).encode(), extra)
        return True
    if isinstance(act, ErrorInBody):
        await _send(writer, 200, b'{"error": {"message": "scripted error", "code": 500}}')
        return True
    if isinstance(act, Malformed):
        await _send(writer, 200, b'{"id": "x", "choices": [{"ind')
        return True
    if isinstance(act, Drop):
        if act.is_midway:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{")
            await writer.drain()
        return False
    if isinstance(act, Hang):
        if act.after_first:
            _begin_stream(writer)
            _event(writer, {"choices": [{"index": 0, "delta": {"content": "ANS"}, "finish_reason": None}]})
            await writer.drain()
        # Until the client leaves.
        await reader.read(1)
        raise ConnectionError
    if act.delay_s:
        # It sends nothing meanwhile: what can be read is that it left.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1), act.delay_s)
            raise ConnectionError
    model = body.get("model") if act.model is None else act.model
    usage = {"prompt_tokens": 7, "completion_tokens": act.tokens, "total_tokens": 7 + act.tokens}
    calls = [
        {"index": index, "id": f"c{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (name, arguments) in enumerate(act.calls)
    ]
    if body.get("stream"):
        _begin_stream(writer)
        if act.reasoning:
            _event(writer, {"choices": [{"index": 0, "delta": {"reasoning_content": act.reasoning}}]})
        half = len(act.text) // 2
        for piece in filter(None, (act.text[:half], act.text[half:])):
            _event(writer, {"id": "r", "model": model, "choices": [{"index": 0, "delta": {"content": piece}}]})
        if calls:
            _event(writer, {"choices": [{"index": 0, "delta": {"tool_calls": calls}}]})
        _event(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": act.finish}]})
        _event(writer, {"choices": [], "usage": usage})
        payload = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(payload), payload))
        await writer.drain()
        return True
    message = {"role": "assistant", "content": act.text, "reasoning_content": act.reasoning or None}
    if calls:
        message["tool_calls"] = calls  # type: ignore[assignment]
    whole = {
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": act.finish}],
        "usage": usage,
    }
    await _send(writer, 200, json.dumps(whole).encode())
    return True


def _begin_stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")


def _event(writer: asyncio.StreamWriter, value: dict[str, Any]) -> None:
    payload = b"data: " + json.dumps(value).encode() + b"\n\n"
    writer.write(b"%x\r\n%s\r\n" % (len(payload), payload))


async def _send(writer: asyncio.StreamWriter, status: int, body: bytes, extra: str = "") -> None:
    head = f"HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\n{extra}content-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


@contextlib.contextmanager
def loopback(script: Script, **options: Any) -> Iterator[LoopbackServer]:
    """A running server."""
    server = LoopbackServer(script, **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
