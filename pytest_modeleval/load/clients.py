"""Runs a load in this process, or in client processes that share it; waits for the end."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from pytest_modeleval._support.child_env import NETWORK, PYTHON, child_environment
from pytest_modeleval.client.transport import Transport
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.load.generator import Extent, Tally
from pytest_modeleval.load.job import LoadJob, Share, quiet_collector
from pytest_modeleval.records import Kind

MODULE = "pytest_modeleval.load.client_process"
READY = b"ready\n"
READY_S = 60.0
HEAD_START_S = 0.05
"""Between the word that starts client processes and the first request."""


@dataclass(frozen=True, slots=True)
class LoadRun:
    """A load that has ended."""

    start_s: float
    """time.monotonic() at its start."""
    spools: tuple[Path, ...]
    tally: Tally


async def run_load(job: LoadJob, transport: Transport, spool: Path, *, processes: int = 1) -> LoadRun:
    """Run a load. spool: the file of its exchanges; further processes have files of their own next to it.

    Raises Ungraded if a client process cannot be started or ends early.
    """
    processes = min(processes, job.concurrency or processes)
    if processes > 1:
        return await _run_in_processes(job, spool, processes)
    share = await asyncio.to_thread(Share, job, spool)
    with quiet_collector():
        start_s = time.monotonic()
        return LoadRun(start_s, (spool,), await share.run(transport, start_s))


def share_of(job: LoadJob, place: int, processes: int) -> LoadJob:
    """The job of one of several processes."""

    def part(total: int) -> int:
        return len(range(place, total, processes))

    extent = Extent(
        requests=max(1, part(job.extent.requests)),
        seconds=job.extent.seconds,
        warm_up=part(job.extent.warm_up),
        limit_s=job.extent.limit_s,
        max_in_flight=max(1, part(job.extent.max_in_flight)),
    )
    return replace(job, extent=extent, share=(place, processes))


async def _run_in_processes(job: LoadJob, spool: Path, processes: int) -> LoadRun:
    spools = tuple(spool.with_name(f"{spool.name}.{place}") for place in range(processes))
    children: list[asyncio.subprocess.Process] = []
    try:
        for place, path in enumerate(spools):
            children.append(await _start(share_of(job, place, processes), path))
        await asyncio.wait_for(asyncio.gather(*map(_wait_ready, children)), READY_S)
        start_s = time.monotonic() + HEAD_START_S
        tallies = await asyncio.gather(*(_result(child, start_s) for child in children))
    except TimeoutError:
        raise _failed(f"was not ready after {READY_S:.0f} s") from None
    finally:
        for child in children:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return LoadRun(start_s, spools, joined(tallies))


async def _start(job: LoadJob, spool: Path) -> asyncio.subprocess.Process:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=child_environment(os.environ, (*PYTHON, *NETWORK)),
    )
    assert child.stdin is not None
    # The key is in it: it goes through a pipe, never through arguments or the environment.
    child.stdin.write(pickle.dumps((job, str(spool))))
    return child


async def _wait_ready(child: asyncio.subprocess.Process) -> None:
    assert child.stdout is not None
    if await child.stdout.readline() != READY:
        raise _failed("did not start")


async def _result(child: asyncio.subprocess.Process, start_s: float) -> Tally:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"%r\n" % start_s)
    line = await child.stdout.readline()
    try:
        return tally_from_json(line)
    except (orjson.JSONDecodeError, TypeError):
        raise _failed("ended early") from None


def tally_to_json(tally: Tally) -> bytes:
    """A line."""
    return orjson.dumps(tally) + b"\n"


def tally_from_json(line: bytes) -> Tally:
    """The reverse of tally_to_json. Raises orjson.JSONDecodeError or TypeError for another line."""
    fields = orjson.loads(line)
    return Tally(
        **{**fields, "failures": Counter(fields["failures"]), "loop_lag_s": tuple(map(float, fields["loop_lag_s"]))}
    )


def joined(tallies: Sequence[Tally]) -> Tally:
    """The tally of a load that several processes shared; its lag is that of the slowest."""
    return Tally(
        stopped=next((tally.stopped for tally in tallies if tally.stopped), ""),
        cut=sum(tally.cut for tally in tallies),
        largest_in_flight=sum(tally.largest_in_flight for tally in tallies),
        failures=sum((tally.failures for tally in tallies), Counter()),
        loop_lag_s=(max(tally.loop_lag_s[0] for tally in tallies), max(tally.loop_lag_s[1] for tally in tallies)),
    )


def _failed(what: str) -> Ungraded:
    return Ungraded(f"a client process of the load {what}", kind=Kind.NOT_RUN, cause="client_process")
