"""One operating point as the load generator needs it, and the work of one process on its share of it."""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_modeleval.client.transport import Transport
from pytest_modeleval.load.generator import Extent, Generator, Tally, Target
from pytest_modeleval.load.spool import SpoolWriter
from pytest_modeleval.load.supply import BodyRules, Script, Supply, scripts_of
from pytest_modeleval.stress.filler import TokenCounts
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.traces import TraceRow
from pytest_modeleval.stress.workloads import Workload

MAX_IN_FLIGHT = 8192
_SPARE_FILES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadJob:
    """What is sent where. It is pickled for client processes, so it holds no function."""

    target: Target
    rules: BodyRules
    workload: Workload
    load: Load
    extent: Extent
    seed: str
    """Of prompts, lengths and arrivals."""
    counts: TokenCounts = field(default_factory=TokenCounts)
    rows: Sequence[TraceRow] = ()
    prompts: Sequence[Sequence[Mapping[str, Any]]] = ()
    graded: Sequence[tuple[int, bytes]] = ()
    """(row, body) of samples of a graded benchmark, which are asked in the middle of the load."""
    share: tuple[int, int] = (0, 1)
    """(k, n): this process is the k-th of n."""

    def scripts(self) -> Iterator[Script]:
        """The scripts of this share, in their order."""
        requests = self.workload.requests(self.seed, counts=self.counts, rows=self.rows, prompts=self.prompts)
        return islice(scripts_of(requests, is_trace=self.workload.has_times), self.share[0], None, self.share[1])

    def arrivals(self) -> Iterator[float] | None:
        """The times of this share, in seconds from the start; None for a closed loop."""
        if self.workload.has_times:
            return (script[0][1].at_s or 0.0 for script in self.scripts())
        if not self.load.is_open:
            return None
        from pytest_modeleval.stress.arrivals import schedule  # noqa: PLC0415 - loads numpy

        return islice(schedule(self.load, _number(self.seed)), self.share[0], None, self.share[1])

    @property
    def concurrency(self) -> int | None:
        """Requests in flight of this share of a closed loop."""
        if self.load.concurrency is None or self.workload.has_times:
            return None
        mine, shares = self.share
        return len(range(mine, self.load.concurrency, shares))


def _number(seed: str) -> int:
    return int.from_bytes(seed.encode()[-7:], "big")


class Share:
    """The share of one process, with its first requests encoded. `run` comes once."""

    def __init__(self, job: LoadJob, spool_path: Path) -> None:
        self._job = job
        self._spool_path = spool_path
        self._supply = Supply(job.scripts(), job.rules, job.graded[job.share[0] :: job.share[1]])
        self._supply.prepare(job.extent.warm_up + 2 * job.extent.requests)
        self._arrivals = job.arrivals()
        allow_open_files(job.extent.max_in_flight if job.load.is_open else job.load.concurrency or 1)

    async def run(self, transport: Transport, start_s: float) -> Tally:
        """Run the load and write its exchanges to the spool. start_s: as of Generator.run.

        To be called within `quiet_collector`.
        """
        job, spool = self._job, SpoolWriter(self._spool_path)
        try:
            generator = Generator(
                transport,
                job.target,
                self._supply,
                spool,
                job.extent,
                concurrency=job.concurrency,
                arrivals=self._arrivals,
            )
            return await generator.run(start_s)
        finally:
            spool.close()


def allow_open_files(connections: int) -> None:
    """Raise the soft limit of open files for so many connections, as far as the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and wanted > soft:
        limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Keep the garbage collector from walking what was there before: a run's plan may take it tens of milliseconds."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
