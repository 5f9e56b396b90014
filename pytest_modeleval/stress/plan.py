"""What is to be measured at one operating point. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.slo import Slo
from pytest_modeleval.stress.workloads import Workload

MAX_LAG_S = (0.002, 0.010)
"""The client's lag, median and 99th percentile, beyond which it is the client that was measured."""


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
        return " ".join(map(str, (self.name, *parts)))
