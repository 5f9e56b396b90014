"""The cost of embedding a corpus: CPU and memory of the client at a given rate of texts.

    python ci/bench_embeddings.py [--texts 100000] [--words 200] [--rate 2000] [--dimension 384] [--float]

A server in a process of its own gives out prebuilt vectors, at most `--rate` texts a second, so that the client is what
is measured. Two whole runs of pytest, one of 1,000 texts and one of all: CPU is that of the second less that of the
first, so that start-up and reports do not enter. Prints the CPU as a share of one core over the time of embedding, CPU
for each text, and the largest memory of the process; and, as a yardstick for the machine at that moment, what it costs
to hash each text, encode it as JSON and parse its vector, without which nothing can be done. --float: the server knows
no base64.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import httptools
import numpy as np
import orjson

SMALL = 1_000
MODELS = b'{"data":[{"id":"bench-embedder","owned_by":"bench","max_model_len":8192}]}'
PAGE = """
from pytest_modeleval import Grade, Sample, benchmark
from pytest_modeleval.datasets import inline

COUNT = {count}
REST = " ".join(["a word of the text"] * {phrases})

async def solve(sample, model):
    rows = await model.embed_corpus("bench", lambda: (f"{{n}} {{REST}}" for n in range(COUNT)), COUNT)
    return rows.shape[0]

def grade(sample, found):
    return Grade.right() if found == COUNT else Grade.wrong()

@benchmark(name="bench", version="1", dataset=inline(lambda: {{"part": [{{"q": "x"}}]}}), subsets=["part"],
           sample=lambda row: Sample(question="x"), solve=solve, grade=grade, needs_embeddings=True)
def test_bench(grade):
    assert grade
"""


@dataclass
class Book:
    """What the connections of the server share."""

    rate: float
    vector: bytes
    """One vector as JSON."""
    is_float: bool
    busy_until_s: float = 0.0
    texts: int = 0


class Served(asyncio.Protocol):
    """The server's end of one connection."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Of asyncio.Protocol."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """A callback of httptools."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer at the time at which the rate allows it."""
        body, self._body = b"".join(self._body), []
        if not body:
            self._send(MODELS)
            return
        asked = orjson.loads(body)
        book, count = self._book, len(asked["input"])
        if asked["encoding_format"] == "base64" and book.is_float:
            self._send(b'{"error":{"message":"no base64"}}', b"400 Bad Request")
            return
        book.texts += count
        loop = asyncio.get_running_loop()
        book.busy_until_s = max(loop.time(), book.busy_until_s) + count / book.rate
        loop.call_at(book.busy_until_s, self._send, self._answer(asked))

    def _answer(self, asked: dict[str, object]) -> bytes:
        texts = cast("list[str]", asked["input"])
        vector = self._book.vector
        if asked["encoding_format"] == "base64":
            vector = _packed(vector)
        entries = b",".join(
            b'{"object":"embedding","index":%d,"embedding":%b}' % (n, vector) for n in range(len(texts))
        )
        tokens = sum(text.count(" ") + 1 for text in texts)
        return b'{"object":"list","model":"bench-embedder","data":[%b],"usage":{"prompt_tokens":%d}}' % (
            entries,
            tokens,
        )

    def _send(self, body: bytes, status: bytes = b"200 OK") -> None:
        if not self._transport.is_closing():
            head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            self._transport.write(head % (status, len(body)) + body)


_PACKED: dict[bytes, bytes] = {}


def _packed(vector: bytes) -> bytes:
    """A vector in base64, as JSON."""
    if vector not in _PACKED:
        _PACKED[vector] = b'"%b"' % base64.b64encode(np.array(orjson.loads(vector), "<f4").tobytes())
    return _PACKED[vector]


def serve(book: Book, pipe: Connection) -> None:
    """The server's process."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Served(book), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@dataclass
class Cost:
    """Of one run: seconds of CPU, and the largest memory in bytes; seconds from start to end."""

    cpu_s: float
    memory: int
    wall_s: float


def run(folder: Path, port: int, count: int, options: argparse.Namespace) -> Cost:
    """One run of pytest in a process of its own."""
    folder.mkdir()
    (folder / "test_bench.py").write_text(PAGE.format(count=count, phrases=options.words // 5))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_modeleval.plugin", "--model", "bench-embedder"]
    command += ["--model-url", f"http://127.0.0.1:{port}/v1", "--eval-run", str(folder / "run"), "test_bench.py"]
    started_s = time.monotonic()
    # Other plugins have threads and memory of their own.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"expected status 0, found {process.returncode}:\n{out}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, time.monotonic() - started_s)


def yardstick(words: int, answer: bytes, count: int = 20_000) -> float:
    """Microseconds of CPU to hash a text, encode it as JSON and parse its part of an answer."""
    rest = " ".join(["a word of the text"] * (words // 5))
    started_s = time.process_time()
    for number in range(0, count, 32):
        texts = [f"{number + n} {rest}" for n in range(32)]
        for text in texts:
            hashlib.sha256(text.encode()).digest()
        orjson.dumps({"input": texts})
        orjson.loads(answer)
    return (time.process_time() - started_s) / count * 1e6


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--rate", type=float, default=2_000.0)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--float", action="store_true")
    options = parser.parse_args()
    vector = orjson.dumps([round((n * 7919 % 1000) / 1000 - 0.5, 6) + 1e-7 for n in range(options.dimension)])
    book = Book(options.rate, vector, is_float=options.float)
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(target=serve, args=(book, there), daemon=True)
    server.start()
    port = here.recv()
    try:
        with tempfile.TemporaryDirectory() as name:
            small = run(Path(name) / "small", port, SMALL, options)
            large = run(Path(name) / "large", port, options.texts, options)
            written = sum(file.stat().st_size for file in (Path(name) / "large" / "run" / "vectors").glob("*.vec"))
    finally:
        server.terminate()
    texts, seconds = options.texts - SMALL, large.wall_s - small.wall_s
    cpu_s = large.cpu_s - small.cpu_s
    print(f"{options.texts:,} texts of {options.words} words, {options.dimension} numbers each, {written / 1e6:.0f} MB")
    print(f"rate      {texts / seconds:,.0f} texts/s (server: at most {options.rate:,.0f})")
    print(
        f"CPU       {cpu_s / texts * 1e6:.1f} us a text, {100 * cpu_s / seconds:.1f} % of one core at this rate, ",
        end="",
    )
    print(f"{100 * cpu_s / texts * 2_000:.1f} % at 2,000 texts/s")
    answer = b"[%b]" % b",".join([vector if options.float else _packed(vector)] * 32)
    print(f"yardstick {yardstick(options.words, answer):.1f} us a text for hash and JSON alone")
    print(f"memory    {large.memory / 1e6:.0f} MB at most ({small.memory / 1e6:.0f} MB for {SMALL:,} texts)")


if __name__ == "__main__":
    main()
