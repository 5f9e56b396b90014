"""What is to be measured at one operating point. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.slo import Slo
from pytest_modeleval.stress.workloads import BENCHMARK, Workload

MAX_LAG_S = (0.002, 0.010)
"""The client's lag, median and 99th percentile, beyond which it is the client that was measured."""
MOST_GRADED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPlan:
    """One operating point. Its name is also that of its file in the run folder."""

    name: str
    """"chat-512-128@c16"."""
    workload: Workload
    load: Load
    requests: int
    """Of the steady phase: it ends when so many were sent, or"""
    seconds: float
    """when it has lasted so long, with at least one request for every slot."""
    warm_up: int | None = None
    """Requests of the warm-up; None for one for every slot of a closed loop, a tenth of `requests` of an open one."""
    slo: Slo | None = None
    seed: int | None = None
    """Of prompts, lengths and arrivals; None for a new one each time, so that no cache holds the prompts."""
    max_lag_s: tuple[float, float] = MAX_LAG_S
    """Beyond this lag, median and 99th percentile, the point is not judged."""

    accuracy: str = ""
    """"gsm8k:50": the first 50 samples of gsm8k are asked and graded in the middle of the load; "" for none."""
    reference: str = ""
    """The point that accuracy is compared with, the one with the lowest load; "" for none."""

    against: str = ""
    """The role whose server is measured in turn with the model's own; "" for none."""
    rounds: int = 0
    """How often each of the two is measured, with a share of the requests and seconds; 0 without `against`."""
    prompts_name: str = ""
    """Points of one such name send the same prompts under a seed; "" for the point's own name."""

    @property
    def warm_up_requests(self) -> int:
        """Requests of the warm-up."""
        if self.warm_up is not None:
            return self.warm_up
        if self.load.concurrency is not None:
            return max(2, self.load.concurrency)
        return max(2, self.requests // 10)

    @property
    def text(self) -> str:
        """All that its result depends on, as a text."""
        slo = self.slo.text if self.slo is not None else ""
        parts = (self.workload.text, self.load.name, self.requests, self.seconds, self.warm_up_requests, slo, self.seed)
        in_turn = f" against {self.against} {self.rounds}" if self.against else ""
        return " ".join(map(str, (self.name, *parts, self.accuracy))) + in_turn


def graded_part(text: str) -> tuple[str, int]:
    """Benchmark and number of samples of "gsm8k:50". Raises ValueError for another form."""
    name, _, count = text.partition(":")
    if not name.isidentifier() or not count.isdigit() or not 1 <= int(count) <= MOST_GRADED:
        raise ValueError(f"expected a benchmark and 1 to {MOST_GRADED} samples, such as gsm8k:50, found {text!r}")
    return name, int(count)


def benchmarks_of(*, workload: str, accuracy: str) -> dict[str, tuple[int, bool]]:
    """Benchmark -> (samples, whether they are graded) of those whose samples a load uses.

    workload: as of the option of `perf`, workloads with blanks in between. accuracy: see PointPlan; "" for none.
    """
    parsed = map(Workload.parse, workload.split())
    found = {part.source: (MOST_GRADED, False) for part in parsed if part.kind == BENCHMARK}
    if accuracy:
        name, count = graded_part(accuracy)
        found[name] = max(count, found.get(name, (0, False))[0]), True
    return found
