"""Are the measures of a stress test true? A server with a known law, against the law.

    python ci/check_stress.py [--requests 2000] [--only WORD ...] [--limit 0.02]

Each cell is a load (a closed loop; an open loop at 80, 95 and 110 % of capacity) on a law (one token or eight tokens a
chunk; fixed or exponential times). A perfect client sees the law's times; `measure_point` makes figures of them, and
the truth is computed from the law alone. Prints the largest deviation of each cell, and next to it how far off the
naive ways are. Ends with status 1 if a figure deviates by more than the limit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice, product
from math import nan
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_modeleval.stress.arrivals import schedule
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.measures import QUANTILES, measure_point
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.slo import Slo
from pytest_modeleval.stress.timing import STEADY, Timing
from tests.support.law import Law, Queue, closed_loop, open_loop

SLO = Slo(ttft_s=0.3, tpot_s=0.02)
WARM_UP = 40
LIMIT = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A request as the law has it: when it was due, got its slot, and its factor."""

    due: float
    start: float
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One load on one law."""

    law: Law
    load: Load
    share: float | None = None
    """The rate as a share of the capacity; None in a closed loop."""

    @property
    def name(self) -> str:
        """Of the table's row."""
        kind = "exponential" if self.law.is_exponential else "fixed"
        load = self.load.name if self.share is None else f"{self.share:.0%}"
        return f"{load} chunk{self.law.chunk} {kind}"


def cells() -> Iterator[Cell]:
    """Every load on every law."""
    for is_exponential, chunk in product((False, True), (1, 8)):
        law = Law(chunk=chunk, is_exponential=is_exponential)
        yield Cell(law=law, load=Load(concurrency=law.slots))
        for share in (0.8, 0.95, 1.1):
            yield Cell(law=law, load=Load(rate=share * law.capacity), share=share)


def see(cell: Cell, num: int) -> list[Timing]:
    """The timings of a perfect client."""
    if cell.load.concurrency is not None:
        return closed_loop(cell.law, cell.load.concurrency, num, warm_up=WARM_UP)
    return open_loop(cell.law, islice(schedule(cell.load, 7), num), warm_up=WARM_UP)


def serve(cell: Cell, num: int) -> list[Served]:
    """The same requests by the law alone: slots, a queue, and who comes next."""
    queue, found = Queue(cell.law), []
    times = islice(schedule(cell.load, 7), num) if cell.load.is_open else None
    ready = [0.0] * (cell.load.concurrency or 0)
    for _ in range(num):
        due = next(times) if times else heappop(ready)
        start, scale = queue.enter(due)
        found.append(Served(due=due, start=start, scale=scale))
        heappush(ready, start + scale * cell.law.service_s())
    return found


def truth(law: Law, served: Sequence[Served], rate: float | None) -> dict[str, float]:
    """The figures by their definitions. rate: of an open loop."""
    waits = np.array([request.start - request.due for request in served])
    scales = np.array([request.scale for request in served])
    gaps = np.repeat(scales, law.tokens - law.chunk) * law.gap_s
    values = {
        "ttft": waits + scales * law.first_s,
        "tpot": scales * law.gap_s,
        "itl": gaps,
        "e2e": waits + scales * law.service_s(),
        "queue": waits,
    }
    found = {f"{name}_mean": float(array.mean()) for name, array in values.items()}
    found |= {
        f"{name}_{text}": float(np.quantile(array, q))
        for name, array in values.items()
        for text, q in QUANTILES.items()
    }
    is_good = (values["ttft"] <= (SLO.ttft_s or nan)) & (values["tpot"] <= (SLO.tpot_s or nan))
    capacity = law.capacity / float(scales.mean())
    per_s = capacity if rate is None else min(capacity, rate)
    return found | {"goodput": float(is_good.mean()), "req_s": per_s, "output_tok_s": per_s * law.tokens}


def naive(cell: Cell, num: int) -> dict[str, float]:
    """The figures of a client that takes chunks for tokens, and whose clock starts when a semaphore lets it send."""
    law = cell.law
    queue, scales, waits = Queue(law), [], []
    free = [0.0] * law.slots
    for due in islice(schedule(cell.load, 7), num) if cell.load.is_open else [0.0] * num:
        sent = max(due, heappop(free))
        start, scale = queue.enter(sent)
        heappush(free, start + scale * law.service_s())
        scales.append(scale)
        waits.append(start - sent)
    factors, behind = np.array(scales[WARM_UP:]), np.array(waits[WARM_UP:])
    decode = law.service_s() - law.first_s
    ttft, e2e = behind + factors * law.first_s, behind + factors * law.service_s()
    return {
        "itl_mean": float(factors.mean()) * law.gap_s * law.chunk,
        "tpot_mean": float(factors.mean()) * decode / (law.tokens - 1),
        "ttft_mean": float(ttft.mean()),
        "ttft_p95": float(np.quantile(ttft, 0.95)),
        "e2e_p95": float(np.quantile(e2e, 0.95)),
    }


def deviations(measured: Mapping[str, float | None], true: Mapping[str, float]) -> dict[str, float]:
    """How far each figure is from the truth, as a share of it; shares of requests by their difference."""
    found = {}
    for name, value in measured.items():
        if value is not None and name in true:
            size = 1.0 if name == "goodput" else abs(true[name])
            found[name] = (value - true[name]) / size if size > 1e-12 else value
    return found


def check(cell: Cell, num: int) -> tuple[PointResult, dict[str, float], dict[str, float]]:
    """The result of a cell, its deviations, and those of the naive client."""
    timings = see(cell, num)
    result = measure_point(f"law@{cell.load.name}", "law", cell.load, timings, slo=SLO)
    served = serve(cell, num)[WARM_UP:]
    assert sum(timing.phase == STEADY for timing in timings) == len(served)
    span = served[-1].due - served[0].due
    rate = (len(served) - 1) / span if cell.load.is_open else None
    true = truth(cell.law, served, rate)
    measured = {name: figure.value for name, figure in result.figures.items()}
    return result, deviations(measured, true), deviations(naive(cell, num), true)


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--only", nargs="*", default=(), help="cells whose names have all these words")
    parser.add_argument("--limit", type=float, default=LIMIT)
    given = parser.parse_args()
    is_true = True
    print(f"{'cell':28} figures  largest deviation        naive: itl  tpot  ttft_mean  ttft_p95  e2e_p95")
    for cell in cells():
        if not all(word in cell.name.split() for word in given.only):
            continue
        _, ours, theirs = check(cell, given.requests)
        name = max(ours, key=lambda figure: abs(ours[figure]))
        shown = [theirs[figure] for figure in ("itl_mean", "tpot_mean", "ttft_mean", "ttft_p95", "e2e_p95")]
        print(f"{cell.name:28} {len(ours):7}  {ours[name]:+8.3%} {name:16}", *(f"{value:+9.1%}" for value in shown))
        is_true = is_true and abs(ours[name]) <= given.limit
    return 0 if is_true else 1


if __name__ == "__main__":
    sys.exit(main())
