"""Are the measures of a stress test true over the wire? The load generator against the scripted server.

    python ci/check_stress_wire.py [--seconds 20] [--only WORD ...] [--limit 0.02]

As ci/check_stress.py, with requests that are sent: the server is a process of its own and serves the truth as well
(when each request came, when it got its slot), and the figures must agree with it. Needs two cores that are not busy:
the lag of the client is printed in each row, and a late client is late in its figures.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ci.check_stress import LIMIT, SLO, Cell, Served, cells, deviations, truth
from pytest_modeleval.client.httpx_transport import transport_for
from pytest_modeleval.load.clients import LoadRun, run_load
from pytest_modeleval.load.generator import Extent, Target
from pytest_modeleval.load.job import LoadJob
from pytest_modeleval.load.reading import read_exchange
from pytest_modeleval.load.spool import read_spool
from pytest_modeleval.load.supply import BodyRules
from pytest_modeleval.server_facts import VLLM
from pytest_modeleval.stress.measures import measure_point
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.timing import STEADY, Timing
from pytest_modeleval.stress.workloads import Workload
from tests.support.law_server import law_server

WARM_UP = 20
REPORTED = ("ttft_mean", "ttft_p50", "tpot_mean", "itl_mean", "itl_p50", "e2e_mean", "response_mean", "req_s",
            "output_tok_s", "goodput")  # fmt: skip
Row = tuple[float, float, float, int]


def job_for(cell: Cell, url: str, seconds: float) -> LoadJob:
    """The load of a cell."""
    return LoadJob(
        target=Target(urls=(f"{url}/chat/completions",), headers={}),
        rules=BodyRules(model="law", kind=VLLM, params={}, seed=0),
        workload=Workload.parse(f"chat-32-{cell.law.tokens}"),
        load=cell.load,
        extent=Extent(requests=1 << 40, seconds=seconds, warm_up=WARM_UP, limit_s=120.0, max_in_flight=4096),
        seed="law",
    )


async def send(job: LoadJob, spool: Path) -> LoadRun:
    """Puts the load on the server."""
    transport = transport_for(job.target.urls)
    try:
        return await run_load(job, transport, spool)
    finally:
        await transport.close()


def measured(cell: Cell, url: str, seconds: float) -> tuple[list[Timing], float]:
    """What our client saw; and when it began, by the clock that all processes share."""
    with tempfile.TemporaryDirectory() as folder:
        run = asyncio.run(send(job_for(cell, url, seconds), Path(folder) / "spool"))
        raws = [raw for path in run.spools for raw in read_spool(path)]
    return [read_exchange(raw, start_s=run.start_s)[0] for raw in raws], run.start_s


def served_by(url: str) -> list[Row]:
    """What the server says: when each request came, got its slot, its factor, its tokens."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("GET", "/law/served")
    rows: list[Row] = json.loads(connection.getresponse().read())
    connection.close()
    return sorted(rows)


def steady_rows(timings: list[Timing], rows: list[Row], start_s: float) -> Iterator[Served]:
    """The truth of each request of the steady phase: requests come to the server in the order of sending."""
    for timing, (came, start, scale, _) in zip(sorted(timings, key=lambda one: one.sent_s), rows, strict=False):
        if timing.phase == STEADY and timing.is_complete:
            due = came if timing.scheduled_s is None else timing.scheduled_s + start_s
            yield Served(due=due, start=start, scale=scale)


def true_rates(cell: Cell, served: list[Served], rows: list[Row]) -> dict[str, float]:
    """Responses and tokens a second that left the server in the steady window, by the law's times."""
    begin, last = served[0].due, served[-1].due
    ends = [start + scale * cell.law.service_s() for _, start, scale, _ in rows]
    end = last if cell.load.is_open else min(end for end in ends if end > last)
    left = [
        tokens
        for _, start, scale, _ in rows
        for offset, tokens in cell.law.chunks()
        if begin < start + scale * offset <= end
    ]
    seconds = end - begin
    return {"req_s": sum(begin < at <= end for at in ends) / seconds, "output_tok_s": sum(left) / seconds}


def check(cell: Cell, seconds: float) -> tuple[PointResult, dict[str, float]]:
    """The result of a cell, and its deviations."""
    with law_server(cell.law) as url:
        timings, start_s = measured(cell, url, seconds)
        rows = served_by(url)
    result = measure_point(f"law@{cell.load.name}", "law", cell.load, timings, slo=SLO)
    served = list(steady_rows(timings, rows, start_s))
    true = truth(cell.law, served, None) | true_rates(cell, served, rows)
    true["response_mean"] = true["e2e_mean"]
    found = {name: result.figures[name].value for name in REPORTED if name in result.figures}
    return result, deviations(found, true)


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of the steady phase of each cell")
    parser.add_argument("--only", nargs="*", default=(), help="cells whose names have all these words")
    parser.add_argument("--limit", type=float, default=LIMIT)
    given = parser.parse_args()
    is_true = True
    print(f"{'cell':28} requests  lag p50, p99 (ms)  deviations")
    for cell in cells():
        if not all(word in cell.name.split() for word in given.only):
            continue
        result, found = check(cell, given.seconds)
        lags = [1000 * (result.figures[f"send_lag_{suffix}"].value or 0) for suffix in ("p50", "p99")]
        shown = "  ".join(f"{name} {value:+.2%}" for name, value in found.items())
        print(f"{cell.name:28} {result.sent:8}  {lags[0]:7.2f} {lags[1]:7.2f}   {shown}", flush=True)
        is_true = is_true and max(map(abs, found.values())) <= given.limit
    return 0 if is_true else 1


if __name__ == "__main__":
    sys.exit(main())
