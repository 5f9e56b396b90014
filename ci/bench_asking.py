"""The cost of requests: CPU per sample of a whole run, slots filled, start, tail, memory; compared with a bare client.

    python ci/bench_asking.py                     two runs of each, 2,000 and 20,000 samples, 64 in flight, 50 ms
    python ci/bench_asking.py --small 500 --large 2000 --in-flight 16 --latency-ms 20

A server of its own answers choice questions after a fixed time, three quarters of them correctly; a run with any other
score is refused. CPU per sample is marginal, (CPU of the large run - CPU of the small one) / samples
between them, so that start-up and the table do not enter. The bare client sends the same prompts through the same
transport and reads the answers; it does nothing else. Compare the ratio of the two: both are measured in one call,
while milliseconds depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import httptools
import orjson

from pytest_modeleval.client.http1 import Http1Transport
from pytest_modeleval.client.transport import post
from pytest_modeleval.prompts import choice_prompt

KEY = re.compile(rb"\[\[([A-D])\]\]")


class Served(asyncio.Protocol):
    """The server's end of one connection. `book` counts over all of them."""

    def __init__(self, latency_s: float, book: Book) -> None:
        self._latency_s = latency_s
        self._book = book
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Of asyncio.Protocol."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """A callback of httptools."""
        self._body += body

    def on_message_complete(self) -> None:
        """A callback of httptools."""
        body, self._body = self._body, b""
        if self._parser.get_method() == b"GET":
            self._write(b"application/json", b'{"object":"list","data":[{"id":"bench","object":"model"}]}')
            return
        found = KEY.findall(body)
        self._book.begins()
        asyncio.get_running_loop().call_later(self._latency_s, self._answer, found[-1] if found else b"A")

    def _answer(self, letter: bytes) -> None:
        events = [
            b'{"id":"c","model":"bench","choices":[{"index":0,"delta":{"content":"ANSWER: %b"},"finish_reason":null}]}'
            % letter,
            b'{"id":"c","model":"bench","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
            b'{"id":"c","model":"bench","choices":[],"usage":{"prompt_tokens":90,"completion_tokens":5}}',
            b"[DONE]",
        ]
        self._book.ends()
        self._write(b"text/event-stream", b"".join(b"data: %b\n\n" % event for event in events))

    def _write(self, kind: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
        if not self._transport.is_closing():
            self._transport.write(head + body)


class Book:
    """Requests in flight over time, at the server."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Reset all counts."""
        self.requests = self._now = 0
        self.first_s = self.last_s = self._at = 0.0
        self.area = 0.0

    def begins(self) -> None:
        """A request arrived."""
        self._move()
        self.first_s = self.first_s or self._at
        self.requests += 1
        self._now += 1

    def ends(self) -> None:
        """A response is sent."""
        self._move()
        self.last_s = self._at
        self._now -= 1

    def _move(self) -> None:
        now = time.time()
        self.area += self._now * (now - self._at)
        self._at = now


def serve(latency_s: float, pipe: Connection) -> None:
    """The server's process: sends its port, then its counts on each message, until the pipe closes."""

    async def run() -> None:
        book = Book()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Served(latency_s, book), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        over = asyncio.Event()

        def asked() -> None:
            try:
                pipe.recv()
            except EOFError:
                over.set()
                return
            pipe.send((book.requests, book.first_s, book.last_s, book.area))
            book.forget()

        loop.add_reader(pipe.fileno(), asked)
        await over.wait()

    loop_module = __import__("uvloop") if sys.platform != "win32" else asyncio
    with asyncio.Runner(loop_factory=loop_module.new_event_loop) as runner:
        runner.run(run())


def rows(number: int) -> list[dict[str, object]]:
    """Choice questions whose prompt ends with the letter that the server will answer: right in three of four."""
    letters = "ABCD"
    found = []
    for index in range(number):
        answer = letters[index % 4]
        said = answer if index % 4 != 3 else "A"
        choices = [f"value {index} of {letter}" for letter in letters[:3]]
        found.append(
            {"question": f"Question {index}: which?", "choices": [*choices, f"last [[{said}]]"], "answer": answer}
        )
    return found


class Discarded:
    """A receiver that keeps the body."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Of client.transport.Receiver."""

    def on_data(self, piece: bytes) -> None:
        """Of client.transport.Receiver."""
        self.pieces.append(piece)

    def on_cut(self) -> bool:
        """A body that breaks off is never whole."""
        return False

    def on_end(self) -> None:
        """Of client.transport.Receiver."""


def bare(url: str, number: int, in_flight: int) -> None:
    """The same requests and nothing else: body, transport, events, letter. Runs in a process of its own."""
    letter = re.compile(r"ANSWER: ([A-D])")

    async def run() -> None:
        transport = Http1Transport()
        waiting = iter(rows(number))
        right = 0

        async def work() -> None:
            nonlocal right
            for row in waiting:
                text = choice_prompt(str(row["question"]), row["choices"])  # type: ignore[arg-type]
                body = {"model": "bench", "messages": [{"role": "user", "content": text}], "stream": True}
                taken = Discarded()
                await post(transport, f"{url}/chat/completions", orjson.dumps(body), {}, taken)
                said = ""
                for line in b"".join(taken.pieces).split(b"\n"):
                    if line.startswith(b"data: {"):
                        for choice in orjson.loads(line[6:])["choices"]:
                            said += choice["delta"].get("content") or ""
                found = letter.search(said)
                right += found is not None and found[1] == row["answer"]

        await asyncio.gather(*(work() for _ in range(in_flight)))
        await transport.close()
        print(f"score {right / number:.4f}")

    loop_module = __import__("uvloop") if sys.platform != "win32" else asyncio
    with asyncio.Runner(loop_factory=loop_module.new_event_loop) as runner:
        runner.run(run())


def measured(command: list[str], folder: Path, number: int, in_flight: int, pipe: Connection) -> dict[str, float]:
    """Run a client over `number` samples; its cost and the server's counts."""
    pipe.send("forget")
    pipe.recv()
    start_s = time.time()
    # Byte code is kept, as on any machine where the client was used before.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment)
        # Of this process alone: the figures of all children together keep the memory of the largest.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        end_s = time.time()
        output.seek(0)
        text = output.read()
    pipe.send("figures")
    requests, first_s, last_s, area = pipe.recv()
    if process.returncode or not re.search(r"\b0\.7500\b", text) or requests != number:
        raise SystemExit(
            f"the run is wrong: status {process.returncode}, {requests} requests for {number} samples, "
            f"expected a score of 0.7500\n{text[-4000:]}"
        )
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "start_s": first_s - start_s,
        "tail_s": end_s - last_s,
        "filled": area / (last_s - first_s) / in_flight,
        "rss_mb": used.ru_maxrss / 1024,
    }


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=2_000, help="samples of the small runs")
    parser.add_argument("--large", type=int, default=20_000, help="samples of the large runs")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--bare", nargs=3, metavar=("URL", "N", "IN_FLIGHT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare(options.bare[0], int(options.bare[1]), int(options.bare[2]))
        return
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(options.latency_ms / 1000, theirs))
    server.start()
    theirs.close()
    url = f"http://127.0.0.1:{ours.recv()}/v1"
    cpu: dict[str, list[float]] = {"run": [], "bare": []}
    print(f"{options.in_flight} in flight, {options.latency_ms:g} ms; sizes {options.small:,} and {options.large:,}")
    print("client  samples     CPU s   first request s   last answer to exit s   slots filled   memory MB")
    try:
        for _ in range(options.rounds):
            seconds: dict[str, list[float]] = {"run": [], "bare": []}
            for number in (options.small, options.large):
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name)
                    (folder / "general_mcq").mkdir()
                    text = "".join(json.dumps(row) + "\n" for row in rows(number))
                    (folder / "general_mcq" / "bench.jsonl").write_text(text)
                    commands = {
                        "bare": [sys.executable, __file__, "--bare", url, str(number), str(options.in_flight)],
                        "run": [
                            *[sys.executable, "-m", "pytest", "-k", "general_mcq", "--model", "bench"],
                            *["--model-url", url, "--eval-data", ".", "--eval-in-flight", str(options.in_flight)],
                        ],
                    }
                    for client, command in commands.items():
                        one = measured(command, folder, number, options.in_flight, ours)
                        seconds[client].append(one["cpu_s"])
                        print(
                            f"{client:6} {number:8,} {one['cpu_s']:9.2f} {one['start_s']:17.2f} {one['tail_s']:23.2f} "
                            f"{one['filled']:14.3f} {one['rss_mb']:11.0f}"
                        )
            for client, (small, large) in seconds.items():
                cpu[client].append((large - small) / (options.large - options.small) * 1000)
    finally:
        ours.close()
        server.join(5)
    whole, floor = min(cpu["run"]), min(cpu["bare"])
    print(f"CPU per sample, marginal: {whole:.3f} ms, bare client {floor:.3f} ms, ratio {whole / floor:.1f}")


if __name__ == "__main__":
    main()
