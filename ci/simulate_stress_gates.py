"""Do gates over operating points keep their promises? Simulated servers: false alarms, and a planted slow-down.

    python ci/simulate_stress_gates.py [--runs 2000] [--seed 1] [--only WORD ...] [--json FILE]

Requests come from queues of a known law, so that latencies resemble their neighbours in time: an open loop at 60, 80,
90 and 95 % of the capacity of 8 slots, a closed loop, and a server whose speed wanders. Each cell must hold its bar:
false alarms at most alpha plus three standard errors of the simulation, and a planted slow-down of 5 % found in at
least four runs of five at the number of requests that the gate itself names. Passes of a promise that is broken are
counted too; in an open loop they are not bounded by alpha (docs/gates.md). The status is 1 if a cell does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, sqrt
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_modeleval.gates.block_tests import Requests, Worsening
from pytest_modeleval.gates.exact_tests import Floats
from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.point_finding import PointFinding, PointScope
from pytest_modeleval.gates.point_regression import compare_point
from pytest_modeleval.gates.point_requests import share_finding
from pytest_modeleval.gates.point_text import requests_to_find
from pytest_modeleval.stress import percentiles
from pytest_modeleval.stress.point import PointFigure, PointResult
from pytest_modeleval.stress.series import Series

ALPHAS = (0.05, 0.01)
SLOTS = 8
BLOCKS = 10
SLOW_DOWN = 0.05
POWER = 0.8
# Laws with little enough memory for a run of 2,000 requests to name a size.
_PLANTED = ("independent", "closed 16 in flight", "wandering 0.9", "open at 60%")
# With so few a wander of this memory is slower than the point is long: for the point it is none.
_TOO_SHORT = {"wandering 0.97": 200}

MEAN, P95, RATE = "e2e_mean", "e2e_p95", "req_s"
REDUCED: dict[str, Callable[[Floats], float]] = {
    MEAN: lambda part: float(part.mean()),
    P95: lambda part: float(np.quantile(part, 0.95)),
    # Of a fixed number in flight (Little's law).
    RATE: lambda part: float(1.0 / part.mean()),
}
POINT = PointResult(point="p", workload="w", load="c16", concurrency=16, seconds=1.0, steady_s=1.0, sent=1, complete=1)

Law = Callable[[np.random.Generator, int, int], Floats]


@dataclass(frozen=True)
class Cell:
    """One line of the table. None: not a figure of this cell."""

    gate: str
    requests: int
    alpha: float
    runs: int
    false_alarms: float | None = None
    false_passes: float | None = None
    refused: float = 0.0
    """Share of the runs that could not be judged for want of blocks that differ from their neighbours."""
    power: float | None = None
    is_pass_bounded: bool = False
    is_shown_only: bool = False
    """It shows what the gate cannot know, and has no bar."""

    @property
    def most(self) -> float:
        """The most false alarms that a gate at alpha shows in so many simulated runs."""
        return self.alpha + 3.0 * sqrt(self.alpha * (1.0 - self.alpha) / self.runs)

    @property
    def holds(self) -> bool:
        """Every bar that the cell has."""
        least = POWER - 3.0 * sqrt(POWER * (1.0 - POWER) / self.runs)
        return self.is_shown_only or (
            (self.false_alarms is None or self.false_alarms <= self.most)
            and (self.power is None or self.power >= least)
            and not (self.is_pass_bounded and (self.false_passes or 0.0) > self.most)
        )


def independent(rng: np.random.Generator, runs: int, n: int) -> Floats:
    """Latencies that are drawn one by one."""
    return rng.lognormal(0.0, 0.5, (runs, n))


def open_loop(load: float) -> Law:
    """Poisson arrivals to a queue in front of slots with exponential service, long after its start."""

    def draw(rng: np.random.Generator, runs: int, n: int) -> Floats:
        before = 3_000
        free, found = np.zeros((runs, SLOTS)), np.empty((runs, n))
        for number in range(before + n):
            service = rng.exponential(1.0, runs)
            if number >= before:
                found[:, number - before] = free[:, 0] + service
            free[:, 0] += service
            free -= rng.exponential(1.0 / (load * SLOTS), runs)[:, np.newaxis]
            np.maximum(free, 0.0, out=free)
            free.sort(axis=1)
        return found

    return draw


def closed_loop(in_flight: int) -> Law:
    """So many users, each of whom sends as soon as the answer has come, in front of the same slots."""

    def draw(rng: np.random.Generator, runs: int, n: int) -> Floats:
        before = 20 * in_flight
        free = np.zeros((runs, SLOTS))
        sends = np.zeros((runs, in_flight))
        found, rows = np.empty((runs, n)), np.arange(runs)
        for number in range(before + n):
            user = np.argmin(sends, axis=1)
            sent, slot = sends[rows, user], np.argmin(free, axis=1)
            ended = np.maximum(sent, free[rows, slot]) + rng.gamma(4.0, 0.25, runs)
            free[rows, slot] = ended
            sends[rows, user] = ended
            if number >= before:
                found[:, number - before] = ended - sent
        return found

    return draw


def wandering(memory: float) -> Law:
    """A server whose speed wanders: the logarithm of the latency is an autoregressive process of the first order."""

    def draw(rng: np.random.Generator, runs: int, n: int) -> Floats:
        steps = rng.standard_normal((runs, n + 300)) * sqrt(1.0 - memory**2)
        for number in range(1, n + 300):
            steps[:, number] += memory * steps[:, number - 1]
        return np.asarray(np.exp(0.3 * steps[:, 300:] + 0.3 * rng.standard_normal((runs, n))))

    return draw


LAWS: dict[str, tuple[Law, bool, bool]] = {
    # Name -> law, whether it is an open loop, whether false passes are bounded.
    "independent": (independent, False, True),
    "closed 16 in flight": (closed_loop(16), False, True),
    "wandering 0.9": (wandering(0.9), False, True),
    "wandering 0.97": (wandering(0.97), False, False),
    **{f"open at {load:.0%}": (open_loop(load), True, False) for load in (0.6, 0.8, 0.9, 0.95)},
}


def scope(gate: Gate, *, is_open: bool) -> PointScope:
    """A point of either kind of loop."""
    return PointScope(gate=gate, result=replace(POINT, concurrency=None if is_open else 16), timings=None)


def a_gate(limit: float, alpha: float) -> Gate:
    """A gate as it is in a file."""
    return Gate(name="g", kind="latency", benchmark="perf", measure="e2e_p95", limit=limit, alpha=alpha)


def findings(latencies: Floats, limit: float, allowed: float, *, is_open: bool) -> list[PointFinding]:
    """What a latency gate sees of each run."""
    place = scope(a_gate(limit, 0.05), is_open=is_open)
    ones = np.ones(latencies.shape[1])
    return [share_finding(place, Requests((row > limit) * 1.0, ones, row), allowed) for row in latencies]


def counted(gate: str, name: str, *, n: int, alpha: float, judged: Sequence[PointFinding], runs: int) -> Cell:
    """The cell of a limit that holds exactly. name: of its law. judged: the findings that are no refusal."""
    return Cell(
        f"{gate}, {name}",
        n,
        alpha,
        runs,
        false_alarms=sum(finding.p <= alpha for finding in judged) / runs,
        false_passes=sum((finding.p_held or 0.0) <= alpha for finding in judged) / runs,
        refused=1.0 - len(judged) / runs,
        is_pass_bounded=LAWS[name][2],
        is_shown_only=n <= _TOO_SHORT.get(name, 0),
    )


def latency_cells(rng: np.random.Generator, runs: int, name: str, sizes: Sequence[int]) -> Iterator[Cell]:
    """A limit that is the true quantile: each failure is a false alarm, each pass a false pass."""
    law, is_open, _ = LAWS[name]
    truth = law(rng, 1_000, 2_000)
    for n in sizes:
        latencies = law(rng, runs, n)
        for q in (0.5, 0.95):
            found = findings(latencies, float(np.quantile(truth, q)), 1.0 - q, is_open=is_open)
            judged = [finding for finding in found if not finding.obstacle]
            for alpha in ALPHAS:
                yield counted(f"latency p{100 * q:.0f}", name, n=n, alpha=alpha, judged=judged, runs=runs)


def goodput_cells(rng: np.random.Generator, runs: int, name: str, sizes: Sequence[int]) -> Iterator[Cell]:
    """An objective that exactly 90 % of the requests keep, one in fifty of which failed."""
    law, is_open, _ = LAWS[name]
    limit = float(np.quantile(law(rng, 1_000, 2_000), 0.9 / 0.98))
    for n in sizes:
        latencies = np.where(rng.random((runs, n)) < 0.02, np.inf, law(rng, runs, n))
        judged = [found for found in findings(latencies, limit, 0.1, is_open=is_open) if not found.obstacle]
        for alpha in ALPHAS:
            yield counted("goodput", name, n=n, alpha=alpha, judged=judged, runs=runs)


def result(row: Floats, statistic: str) -> PointResult:
    """A point with the figures that a regression gate looks at, split into blocks as stress.measures does."""
    series, reduce = Series.of_requests(row), REDUCED[statistic]
    estimates = {MEAN: percentiles.mean(series), "e2e_p50": percentiles.quantile(series, 0.5)}
    typical = {
        name: PointFigure(value=found.value, low=found.low, high=found.high, num=len(row), effective=found.effective)
        for name, found in estimates.items()
        if found is not None
    }
    judged = typical.get(statistic) or PointFigure(value=reduce(row), num=len(row), is_higher_better=statistic == RATE)
    blocks = tuple(map(reduce, np.array_split(row, BLOCKS)))
    return replace(POINT, figures={**typical, statistic: replace(judged, blocks=blocks)})


def changes(
    then: Floats, now: Floats, statistic: str, *, is_paired: bool = False, run_spread: float | None = None
) -> list[Worsening]:
    """What a regression gate sees of each pair of runs; nothing of those that it cannot judge."""
    gate = replace(a_gate(0.0, 0.01), measure=statistic, against="old" if is_paired else "", run_spread=run_spread)
    pairs = (
        (replace(result(one, statistic), role=gate.against), result(other, statistic))
        for one, other in zip(then, now, strict=True)
    )
    found = (compare_point(PointScope(gate=gate, result=new, timings=None, before=old)) for old, new in pairs)
    return [finding.change for finding in found if finding.change is not None]


def regression_cells(rng: np.random.Generator, runs: int, name: str, sizes: Sequence[int]) -> Iterator[Cell]:
    """Nothing changed; then a slow-down of 5 % at the number of requests that the gate names."""
    law, is_open, _ = LAWS[name]
    # An open loop's rate is that of its arrivals, whatever the server does.
    for statistic in (MEAN, P95) if is_open else (MEAN, P95, RATE):
        for n in sizes:
            found = changes(law(rng, runs, n), law(rng, runs, n), statistic)
            for alpha in ALPHAS:
                yield Cell(
                    f"regression of {statistic}, {name}",
                    n,
                    alpha,
                    runs,
                    false_alarms=sum(change.p(0.0) <= alpha for change in found) / runs,
                    refused=1.0 - len(found) / runs,
                    is_shown_only=n <= _TOO_SHORT.get(name, 0),
                )
        if name in _PLANTED:
            yield planted_cell(rng, max(50, runs // 4), name, statistic, pilot=sizes[-1])


def planted_cell(rng: np.random.Generator, runs: int, name: str, statistic: str, *, pilot: int) -> Cell:
    """A first run names the requests that it takes to find 5 %; they are asked, and it is looked for.

    A queue's latency grows by more than its service time does, so that the latency itself is planted to be 5 % longer.
    """
    law, alpha = LAWS[name][0], 0.01
    first = changes(law(rng, 50, pilot), law(rng, 50, pilot), statistic)
    named = [requests_to_find(SLOW_DOWN, change.detectable(0.0)(alpha) or 1.0, 0.0, pilot) for change in first]
    n = ceil(float(np.median(named)))
    found = changes(law(rng, runs, n), law(rng, runs, n) * _slower(statistic), statistic)
    return Cell(
        f"5 % worse {statistic}, {name}",
        n,
        alpha,
        runs,
        refused=1.0 - len(found) / runs,
        power=sum(change.p(0.0) <= alpha for change in found) / max(1, len(found)),
    )


def _slower(statistic: str) -> float:
    """By which factor latencies grow where the figure is 5 % worse: a rate is that much lower."""
    return 1.0 / (1.0 - SLOW_DOWN) if statistic == RATE else 1.0 + SLOW_DOWN


def between_runs_cells(rng: np.random.Generator, runs: int, n: int, spread: float) -> Iterator[Cell]:
    """Unchanged deployments whose every start is a little faster or slower: known to the gate, and not."""

    def one_start() -> Floats:
        return independent(rng, runs, n) * (1.0 + spread * rng.standard_normal((runs, 1)))

    for known in (spread, 0.0):
        found = changes(one_start(), one_start(), MEAN, run_spread=known)
        for alpha in ALPHAS:
            yield Cell(
                f"starts differ by {spread:.0%}, run_spread {known:g}",
                n,
                alpha,
                runs,
                false_alarms=sum(change.p(0.0) <= alpha for change in found) / runs,
                refused=1.0 - len(found) / runs,
                is_shown_only=known == 0.0,
            )


def in_turn_cells(rng: np.random.Generator, runs: int, n: int) -> Iterator[Cell]:
    """Two servers measured in turn on a machine that becomes 20 % slower meanwhile; then one of them 5 % slower."""
    for statistic in (MEAN, RATE):
        then, now = independent(rng, runs, n), independent(rng, runs, n)
        same = drifting(then, now, statistic)
        for alpha in ALPHAS:
            yield Cell(
                f"in turn {statistic}, machine drifts",
                n,
                alpha,
                runs,
                false_alarms=sum(change.p(0.0) <= alpha for change in same) / runs,
            )
        named = [requests_to_find(SLOW_DOWN, change.detectable(0.0)(0.01) or 1.0, 0.0, n) for change in same]
        size = ceil(float(np.median(named)))
        slow = drifting(independent(rng, runs, size), independent(rng, runs, size) * _slower(statistic), statistic)
        yield Cell(
            f"in turn, 5 % worse {statistic}",
            size,
            0.01,
            runs,
            power=sum(change.p(0.0) <= 0.01 for change in slow) / max(1, len(slow)),
        )


def drifting(then: Floats, now: Floats, statistic: str) -> list[Worsening]:
    """What a gate sees of servers that share a machine, which becomes slower from block to block."""
    drift = np.linspace(1.0, 1.2, then.shape[1])
    return changes(then * drift, now * drift, statistic, is_paired=True)


def cells(runs: int, seed: int, only: Sequence[str], sizes: Sequence[int] = (200, 600, 2000)) -> Iterator[Cell]:
    """Every cell whose name holds one of the words, each from its own seed."""

    def made(name: str) -> np.random.Generator:
        return np.random.default_rng([seed, zlib.crc32(name.encode())])

    def wanted(name: str) -> bool:
        return not only or any(word in name for word in only)

    for law in LAWS:
        for what, make in (("latency", latency_cells), ("goodput", goodput_cells), ("regression", regression_cells)):
            name = f"{what} {law}"
            if wanted(name):
                yield from make(made(name), runs, law, sizes)
    for spread in (0.01, 0.03):
        if wanted("starts"):
            yield from between_runs_cells(made(f"starts {spread}"), runs, 600, spread)
    if wanted("in turn"):
        yield from in_turn_cells(made("in turn"), runs, 1000)


def line(cell: Cell) -> str:
    """A cell as a line of the table."""
    figures = [
        f"{what} {value:.4f}"
        for what, value in (
            ("false alarms", cell.false_alarms),
            ("false passes", cell.false_passes),
            ("power", cell.power),
        )
        if value is not None
    ]
    mark = "" if cell.holds else "  <-- DOES NOT HOLD"
    return (
        f"{cell.gate:44} n {cell.requests:6} alpha {cell.alpha:<5g} {'  '.join(figures)} (most {cell.most:.4f})"
        f"  refused {cell.refused:.3f}{'  shown only' if cell.is_shown_only else ''}{mark}"
    )


def main() -> int:
    """Print the table; status 1 if a cell does not hold its bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2_000, help="simulated runs of each cell")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="cells whose name holds one of these words")
    parser.add_argument("--json", type=Path, help="write the cells there as well")
    options = parser.parse_args()
    start = time.monotonic()
    found = []
    for cell in cells(options.runs, options.seed, options.only):
        found.append(cell)
        print(line(cell), flush=True)
    failed = [cell for cell in found if not cell.holds]
    seconds = time.monotonic() - start
    print(f"{len(found)} cells of {options.runs} runs, seed {options.seed}, {seconds:.0f} s: {len(failed)} do not hold")
    if options.json:
        options.json.write_text(json.dumps([asdict(cell) for cell in found], indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
