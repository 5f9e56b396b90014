"""A scripted model server with a known law, in a process of its own: chat and plain completions, streamed or not.

    python -m tests.support.law_server --first-ms 100 --gap-ms 10 --tokens 64 --chunk 8 --slots 8 [--exponential]

prints its URL as the first line. A reply has `max_tokens` tokens where the request asks for a number, else as many as
the law says. Chunks leave at absolute times of the law, so that a late timer delays one chunk and none after it.
GET /law/served gives the truth: for each request when it came, when it got its slot (seconds of CLOCK_MONOTONIC, which
all processes of a machine share), its factor and its tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.law import Law, Queue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent.parent.parent
MODEL = "law"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WORD = " word"


@dataclass
class LawServer:
    """What is served, and what was."""

    law: Law
    queue: Queue = field(init=False)
    served: list[tuple[float, float, float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = Queue(self.law)

    def reset(self) -> None:
        """Empty slots, and the draws from the beginning."""
        self.queue = Queue(self.law)
        self.served.clear()


class Connection(asyncio.Protocol):
    """One client; a request at a time, kept alive."""

    def __init__(self, server: LawServer) -> None:
        self.server = server
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Collects a request; answers it when it is whole."""
        came = self.loop.time()
        self.data += data
        head, blank, body = self.data.partition(b"\r\n\r\n")
        if not blank:
            return
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        if len(body) < length:
            return
        self.data = body[length:]
        path = head.split(b" ", 2)[1].decode()
        self.answer(path, json.loads(body[:length]) if length else {}, came)

    def answer(self, path: str, body: dict[str, Any], came: float) -> None:
        """Sends what a path gives."""
        if path.endswith("completions"):
            self.complete(body, came, is_chat="chat" in path)
        elif path == "/law/served":
            self.send_json(self.server.served)
        elif path == "/law/reset":
            self.server.reset()
            self.send_json({})
        elif path == "/v1/models":
            self.send_json({"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 131072}]})
        else:
            self.send_json({})

    def complete(self, body: dict[str, Any], came: float, *, is_chat: bool) -> None:
        """Plans a reply."""
        tokens = int(body.get("max_completion_tokens") or body.get("max_tokens") or self.server.law.tokens)
        start, scale = self.server.queue.enter(came, tokens)
        self.server.served.append((came, start, scale, tokens))
        prompt_tokens = len(json.dumps(body.get("messages") or body.get("prompt")).split())
        chunks = [(start + scale * offset, number) for offset, number in self.server.law.chunks(tokens)]
        if body.get("stream"):
            self.transport.write(HEAD)
            pieces = stream(body, [number for _, number in chunks], prompt_tokens, is_chat=is_chat)
            self.send_at([at for at, _ in chunks], iter(pieces))
        else:
            whole = reply(WORD * tokens, is_chat=is_chat, usage=usage_of(prompt_tokens, tokens))
            self.loop.call_at(chunks[-1][0], self.send_json, whole)

    def send_at(self, times: list[float], pieces: Iterator[bytes]) -> None:
        """Sends each piece at its time."""
        if times and not self.transport.is_closing():
            self.loop.call_at(times[0], self.send_next, times, pieces)

    def send_next(self, times: list[float], pieces: Iterator[bytes]) -> None:
        """Sends a piece, and arranges the next."""
        self.transport.write(next(pieces))
        self.send_at(times[1:], pieces)

    def send_json(self, value: Any) -> None:
        """Sends a whole response."""
        raw = json.dumps(value).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
        self.transport.write(head.encode() + raw)


def usage_of(prompt_tokens: int, tokens: int) -> dict[str, int]:
    """The counts of a reply so far."""
    return {"prompt_tokens": prompt_tokens, "completion_tokens": tokens, "total_tokens": prompt_tokens + tokens}


def reply(text: str, *, is_chat: bool, usage: Mapping[str, int]) -> dict[str, Any]:
    """A response that is not streamed."""
    content: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
    choice = {"index": 0, "finish_reason": "length", **content}
    return {"id": "law-1", "object": "chat.completion" if is_chat else "text_completion", "created": 1,
            "model": MODEL, "choices": [choice], "usage": usage}  # fmt: skip


def stream(body: Mapping[str, Any], sizes: list[int], prompt_tokens: int, *, is_chat: bool) -> list[bytes]:
    """The bytes of each chunk: the role's empty delta goes with the first, the counts and the end with the last."""
    options = body.get("stream_options") or {}
    pieces, sent = [], 0
    for number, size in enumerate(sizes):
        sent += size
        usage = usage_of(prompt_tokens, sent)
        is_last = number == len(sizes) - 1
        shown = usage if options.get("continuous_usage_stats") else None
        events = [event({"role": "assistant", "content": ""}, is_chat=is_chat)] if is_chat and not number else []
        events.append(event({"content": WORD * size}, is_chat=is_chat, usage=shown, is_last=is_last))
        if is_last:
            events.extend([event(None, is_chat=is_chat, usage=usage)] if options.get("include_usage") else [])
            events.append(b"data: [DONE]\n\n")
        data = b"".join(events)
        pieces.append(b"%x\r\n%b\r\n" % (len(data), data) + (b"0\r\n\r\n" if is_last else b""))
    return pieces


def event(
    delta: Mapping[str, str] | None, *, is_chat: bool, usage: Mapping[str, int] | None = None, is_last: bool = False
) -> bytes:
    """One server-sent event; without a delta: counts only."""
    content = {"delta": delta} if is_chat else {"text": (delta or {}).get("content", "")}
    choice = {"index": 0, **content, "finish_reason": "length" if is_last else None}
    value = {
        "id": "law-1",
        "object": "chat.completion.chunk" if is_chat else "text_completion",
        "created": 1,
        "model": MODEL,
        "choices": [choice] if delta is not None else [],
    }
    return b"data: " + json.dumps(value | ({"usage": usage} if usage else {})).encode() + b"\n\n"


async def serve(law: Law, port: int) -> None:
    """Serves until the process is ended."""
    law_server = LawServer(law)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(law_server), "127.0.0.1", port, backlog=4096
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def law_server(law: Law) -> Iterator[str]:
    """The URL (with /v1) of a server in a process of its own."""
    command = [
        sys.executable, "-m", "tests.support.law_server", "--first-ms", str(law.first_s * 1e3),
        "--gap-ms", str(law.gap_s * 1e3), "--tokens", str(law.tokens), "--chunk", str(law.chunk),
        "--slots", str(law.slots), "--seed", str(law.seed), *(["--exponential"] if law.is_exponential else []),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def main() -> None:
    """Reads the law from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--first-ms", type=float, default=100.0, help="from the slot to the first chunk")
    parser.add_argument("--gap-ms", type=float, default=10.0, help="per token after the first chunk")
    parser.add_argument("--tokens", type=int, default=64, help="of a reply, unless the request has max_tokens")
    parser.add_argument("--chunk", type=int, default=1, help="tokens a chunk")
    parser.add_argument("--slots", type=int, default=8, help="requests served at the same time; others wait")
    parser.add_argument("--exponential", action="store_true", help="multiply each request's times by a random factor")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    law = Law(
        first_s=given.first_ms / 1e3,
        gap_s=given.gap_ms / 1e3,
        tokens=given.tokens,
        chunk=given.chunk,
        slots=given.slots,
        is_exponential=given.exponential,
        seed=given.seed,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(law, given.port))


if __name__ == "__main__":
    main()
