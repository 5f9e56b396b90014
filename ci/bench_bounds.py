"""The cost of huge replies and outputs: the longest stall and the memory of whole runs, one scenario after another.

    python ci/bench_bounds.py                      all scenarios
    python ci/bench_bounds.py cjk "json values"    some, by a part of their names

A server of its own answers 40 questions; 4 of the replies are hostile, all others ordinary. Each run has a probe:

- loop: the longest time in which the engine's event loop did not turn. Requests and time limits wait meanwhile.
- threads: the longest time in which a thread that only sleeps was not run: something kept the interpreter's lock.
  Both are seconds of this process's CPU time where that is less than the time by the clock.
- item: the longest sample in pytest's own thread, its grading included. Asking goes on meanwhile.
- memory: the greatest resident size of pytest's process.

The bars: 0.2 s for loop and threads, 600 MB. The first scenario is without a huge reply.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

MB = 1_000_000
ROWS, HOSTILE, IN_FLIGHT = 40, 4, 8
MOST_STALL_S, MOST_MEMORY_MB = 0.2, 600
CJK = "的"

PROBE = '''
"""Measures stalls and memory of this run, and writes them at its end."""
import json, resource, threading, time
import pytest
from pytest_modeleval.dispatch import engine

STEP_S = 0.002
worst = {"loop": 0.0, "threads": 0.0, "item": 0.0}
is_over = threading.Event()
spent = {}

class Gap:
    def __init__(self, name):
        self.name, self.last = name, None

    def step(self):
        now = time.monotonic(), time.process_time()
        if self.last is not None:
            # Where other programs have the cores, wall time says nothing about this process.
            longest = min(now[0] - self.last[0], now[1] - self.last[1])
            worst[self.name] = max(worst[self.name], longest)
        self.last = now

def watch():
    gap = Gap("threads")
    while not is_over.wait(STEP_S):
        gap.step()

make_factory = engine._loop_factory

def loop_factory():
    made = make_factory()

    def factory():
        loop, gap = made(), Gap("loop")

        def beat():
            gap.step()
            loop.call_later(STEP_S, beat)

        loop.call_soon(beat)
        return loop

    return factory

engine._loop_factory = loop_factory

def pytest_configure():
    threading.Thread(target=watch, daemon=True).start()

def pytest_runtest_logreport(report):
    spent[report.nodeid] = spent.get(report.nodeid, 0.0) + report.duration
    worst["item"] = max(worst["item"], spent[report.nodeid])

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish():
    is_over.set()
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("probe.json", "w") as file:
        json.dump({**worst, "memory_mb": used.ru_maxrss * 1024 / 1e6}, file)
'''
BENCHMARK = """
from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders import grade_math
from pytest_modeleval.graders.code.grader import code_grader
from pytest_modeleval.graders.code.problem import Case, Problem
from pytest_modeleval.sandbox import Limits

def to_problem(sample):
    if sample.question.endswith("function"):
        cases = (Case("1", "[" + "1," * 2_000_000 + "1]"),)
        return Problem(limits=Limits(), cases=lambda: cases, function="solve")
    cases = (Case("", "1 " * 4_000_000),)
    return Problem(limits=Limits(), cases=lambda: cases)

@benchmark(name="bounds", version="1", dataset=local("bounds/{subset}"), subsets=["rows"],
           sample=lambda row: Sample(question=row.text("question"), target="7"),
           request=lambda sample: Request(messages=[{"role": "user", "content": sample.question}]),
           grade=GRADER, defaults={"max_tokens": 64})
def test_bounds(grade):
    assert grade, grade.explanation
"""


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One event of a stream."""
    return (
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"
    )


def stream(text: str, piece: int, *, name: str = "content") -> bytes:
    """A reply as a stream whose events have `piece` characters."""
    events = [event({name: text[at : at + piece]}) for at in range(0, len(text), piece)]
    return b"".join([*events, event({}, "stop"), b"data: [DONE]\n\n"])


def whole(message: dict[str, Any], *, is_escaped: bool = False, **more: Any) -> bytes:
    """A reply in one piece."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], **more}, ensure_ascii=is_escaped).encode()


def call(arguments: str) -> bytes:
    """A reply with one tool call."""
    return whole({"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]})


def program(source: str) -> bytes:
    """A reply that is a program."""
    return whole({"content": f"```python\n{source}\n```"})


ASCII = "words and words "
Scenario = tuple[Callable[[], bytes], str]
MATHS, SCRIPT, FUNCTION = "grade_math", "code_grader(to_problem)", "code_grader(to_problem) #function"
SCENARIOS: dict[str, Scenario] = {
    "ordinary": (lambda: whole({"content": "ANSWER: 7"}), MATHS),
    "16 MB streamed": (lambda: stream(ASCII * MB, 400), MATHS),
    "16 MB in one event": (lambda: stream(ASCII * MB, 16 * MB), MATHS),
    "16 MB in one piece": (lambda: whole({"content": ASCII * MB}), MATHS),
    "7.9 MB in one piece": (lambda: whole({"content": ASCII * 490_000 + "ANSWER: 7"}), MATHS),
    "cjk, 4.1 million, accepted": (lambda: whole({"content": CJK * 4_100_000}), MATHS),
    "cjk, 5.3 million, refused": (lambda: whole({"content": CJK * 5_300_000}), MATHS),
    "cjk streamed, 4.1 million": (lambda: stream(CJK * 4_100_000, 4_000), MATHS),
    "cjk escaped, 2.6 million": (lambda: whole({"content": CJK * 2_600_000}, is_escaped=True), MATHS),
    "cjk thinking, 4.1 million": (lambda: whole({"content": f"<think>{CJK * 4_100_000}</think>ANSWER: 7"}), MATHS),
    "brackets, 8 million": (lambda: whole({"content": "<" * 8_000_000}), MATHS),
    "digits, 8 million": (lambda: whole({"content": "ANSWER: " + "7" * 8_000_000}), MATHS),
    "arguments of 16 MB": (lambda: call(json.dumps({"a": "x" * 16 * MB})), MATHS),
    "arguments of 7 MB": (lambda: call(json.dumps({"a": [1] * 2_300_000})), MATHS),
    "json values, 16 MB": (lambda: whole({"content": "ANSWER: 7"}, logprobs=[[0, 1]] * 2_000_000), MATHS),
    "json values below the bound": (lambda: whole({"content": "ANSWER: 7"}, logprobs=[1] * 990_000), MATHS),
    "code of 7 MB": (lambda: program("x = '" + "a" * 7 * MB + "'"), SCRIPT),
    "output of 16 MB": (lambda: program("print('1 ' * 8_000_000)"), SCRIPT),
    "output in 8 million lines": (lambda: program("print('1\\n' * 8_000_000)"), SCRIPT),
    "output of the expected size": (lambda: program("print('2 ' * 4_000_000)"), SCRIPT),
    "returned json of 16 MB": (lambda: program("def solve(n):\n    return [1] * 5_000_000"), FUNCTION),
    "returned json of the expected size": (lambda: program("def solve(n):\n    return [2] * 2_000_001"), FUNCTION),
}


class Server(ThreadingHTTPServer):
    """Its clients hang up on a reply that is too large; that is what is measured, and no error of the server."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Of socketserver."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(body: bytes, pipe: Connection) -> None:
    """The server's process: sends its port, ends when the pipe closes."""
    ordinary = whole({"content": "ANSWER: 7"})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(b'{"object":"list","data":[{"id":"bench","object":"model"}]}')

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
            self._send(body if asked.startswith("hostile") else ordinary)

        def _send(self, content: bytes) -> None:
            kind = "text/event-stream" if content.startswith(b"data:") else "application/json"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            # The client leaves as soon as a reply is too large.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(server.server_address[1])
    try:
        pipe.recv()
    except EOFError:
        server.shutdown()


def rows(grader: str) -> Iterator[str]:
    """The rows: every tenth is answered with a hostile reply."""
    mode = " function" if grader == FUNCTION else ""
    for number in range(ROWS):
        kind = "hostile" if number % (ROWS // HOSTILE) == 5 else "ordinary"
        yield json.dumps({"question": f"{kind} {number}{mode}"}) + "\n"


def measured(body: bytes, grader: str) -> dict[str, float]:
    """One whole run. Its figures, and its exit status."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(body, theirs))
    server.start()
    theirs.close()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "data" / "bounds").mkdir(parents=True)
            (folder / "data" / "bounds" / "rows.jsonl").write_text("".join(rows(grader)))
            (folder / "test_bounds.py").write_text(BENCHMARK.replace("GRADER", grader.partition(" #")[0]))
            (folder / "probe.py").write_text(PROBE)
            command = [sys.executable, "-m", "pytest", "-p", "probe", "-p", "no:cacheprovider", "-q"]
            command += ["--model", "bench", "--model-url", f"http://127.0.0.1:{ours.recv()}/v1", "--eval-data=data"]
            command += [f"--eval-in-flight={IN_FLIGHT}", "test_bounds.py"]
            environment = {**os.environ, "PYTHONPATH": str(folder)}
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            if done.returncode not in (0, 6):
                raise SystemExit(
                    f"the run is wrong: status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
                )
            found: dict[str, float] = json.loads((folder / "probe.json").read_text())
            return {**found, "status": done.returncode}
    finally:
        ours.close()
        server.join(10)


def main() -> None:
    """Run the scenarios and print their figures; status 1 where one is beyond a bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of the names of scenarios; all without")
    options = parser.parse_args()
    is_over = False
    print(f"{'scenario':36} status  loop s  threads s  item s  memory MB")
    for name, (make, grader) in SCENARIOS.items():
        if options.names and not any(part in name for part in options.names):
            continue
        found = measured(make(), grader)
        beyond = max(found["loop"], found["threads"]) > MOST_STALL_S or found["memory_mb"] > MOST_MEMORY_MB
        is_over = is_over or beyond
        print(
            f"{name:36} {found['status']:6} {found['loop']:7.3f} {found['threads']:10.3f} {found['item']:7.3f} "
            f"{found['memory_mb']:10.0f}{'  beyond a bar' if beyond else ''}",
            flush=True,
        )
    sys.exit(is_over)


if __name__ == "__main__":
    main()
