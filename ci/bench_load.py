"""The cost of the load generator: lag, CPU and memory at a given rate of streamed requests.

    python ci/bench_load.py [--rate 500] [--seconds 20] [--chunks 64] [--gap-ms 5] [--processes 1] [--read]

A server in a process of its own streams prebuilt chunks by timers, so that the client is what is measured. Prints the
quantiles of the client's lag in sending and of its event loop, the CPU that client and server took, and the growth of
the client's memory over the run. --read: also reads the exchanges and writes the measures of the point.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_modeleval.client.httpx_transport import transport_for
from pytest_modeleval.dispatch.engine import loop_factory
from pytest_modeleval.load.clients import LoadRun, run_load
from pytest_modeleval.load.generator import Extent, Target
from pytest_modeleval.load.job import LoadJob
from pytest_modeleval.load.lag import quantile
from pytest_modeleval.load.reading import read_exchange
from pytest_modeleval.load.spool import read_spool
from pytest_modeleval.load.supply import BodyRules
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.measures import measure_point
from pytest_modeleval.stress.workloads import Workload

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunk(payload: bytes) -> bytes:
    data = b"data: " + payload + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


TOKEN = _chunk(
    b'{"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1764000000,"model":"bench",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}'
)


class _Connection(asyncio.Protocol):
    """Answers each request with so many chunks, one every gap."""

    def __init__(self, chunks: int, gap_s: float) -> None:
        self._chunks, self._gap_s = chunks, gap_s
        self._loop = asyncio.get_running_loop()
        self._last = _chunk(b'{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}') + _chunk(
            b'{"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":%d}}' % chunks
        )
        self._received = b""
        self._is_closed = False
        self._write: Callable[[bytes], None] = lambda data: None

    def connection_made(self, transport: Any) -> None:
        self._write = transport.write

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closed = True

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, mark, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if mark else 1
        if mark and len(body) >= length:
            self._received = b""
            self._write(HEAD + TOKEN)
            self._loop.call_later(self._gap_s, self._next, 1, self._loop.time())

    def _next(self, sent: int, start_s: float) -> None:
        if self._is_closed:
            return
        if sent == self._chunks:
            self._write(self._last + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
            return
        self._write(TOKEN)
        due_s = start_s + (sent + 1) * self._gap_s
        self._loop.call_later(max(0.0, due_s - self._loop.time()), self._next, sent + 1, start_s)


def _serve(chunks: int, gap_s: float, port: Any) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(chunks, gap_s), "127.0.0.1", 0, backlog=4096)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run())


def _job(port: int, options: argparse.Namespace) -> LoadJob:
    return LoadJob(
        target=Target(urls=(f"http://127.0.0.1:{port}/v1/chat/completions",), headers={}),
        rules=BodyRules(model="bench", kind="other", params={}, seed=0),
        workload=Workload.parse(f"chat-32-{options.chunks}"),
        load=Load.parse(f"rate{options.rate:g}"),
        extent=Extent(requests=1 << 40, seconds=options.seconds, warm_up=50, limit_s=60.0, max_in_flight=8192),
        seed="bench",
    )


def _memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _run(job: LoadJob, spool: Path, options: argparse.Namespace) -> tuple[LoadRun, list[float]]:
    transport = transport_for(job.target.urls)
    memory: list[float] = []

    async def watch() -> None:
        while True:
            await asyncio.sleep(1.0)
            memory.append(_memory_mib())

    watching = asyncio.create_task(watch())
    try:
        return await run_load(job, transport, spool, processes=options.processes), memory
    finally:
        watching.cancel()
        await transport.close()


def main() -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--chunks", type=int, default=64)
    parser.add_argument("--gap-ms", type=float, default=5.0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--read", action="store_true")
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(options.chunks, options.gap_ms / 1000, theirs), daemon=True)
    server.start()
    job = _job(ours.recv(), options)
    with tempfile.TemporaryDirectory() as folder:
        _report(job, Path(folder), server, options)
    server.terminate()
    return 0


def _report(job: LoadJob, folder: Path, server: multiprocessing.Process, options: argparse.Namespace) -> None:
    assert server.pid is not None
    before_s = time.process_time()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        run, memory = runner.run(_run(job, folder / "spool", options))
    took_s = time.monotonic() - run.start_s
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = time.process_time() - before_s + children.ru_utime + children.ru_stime
    timings = [read_exchange(raw, start_s=run.start_s)[0] for path in run.spools for raw in read_spool(path)]
    send = sorted(timing.send_lag_s for timing in timings)
    receive = sorted(timing.receive_lag_s for timing in timings)
    print(f"{len(timings)} requests in {took_s:.1f} s, {sum(not one.is_complete for one in timings)} failed", end="; ")
    print(f"at most {run.tally.largest_in_flight} in flight; {run.tally.stopped or 'not stopped'}")
    for name, values in (("send lag", send), ("largest lag of a request's loop", receive)):
        print(f"{name}: median {1000 * quantile(values, 0.5):.2f} ms, 99th {1000 * quantile(values, 0.99):.2f} ms")
    median_s, high_s = run.tally.loop_lag_s
    print(f"lag of the loop: median {1000 * median_s:.2f} ms, 99th {1000 * high_s:.2f} ms")
    print(f"CPU: client {cpu_s / took_s:.0%}, server {_cpu_s(server.pid) / took_s:.0%} of a core")
    if len(memory) > 4:
        growth = (memory[-1] - memory[2]) / max(1, len(timings)) * 200_000
        print(f"memory: {memory[2]:.0f} MiB after 3 s, {memory[-1]:.0f} MiB at the end: {growth:.0f} MiB per 200,000")
    if options.read:
        start_s = time.perf_counter()
        result = measure_point("bench", "bench", job.load, timings)
        print(f"measured in {time.perf_counter() - start_s:.1f} s")
        for name in ("ttft_p50", "itl_mean", "itl_p99", "tpot_mean", "req_s"):
            figure = result.figures.get(name)
            print(name, None if figure is None else figure.value)


if __name__ == "__main__":
    sys.exit(main())
