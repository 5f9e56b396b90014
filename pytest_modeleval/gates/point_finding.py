"""What a gate sees of one operating point. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_modeleval.gates.block_tests import ShareTest, Worsening
    from pytest_modeleval.gates.gate import Gate
    from pytest_modeleval.stress.point import PointResult
    from pytest_modeleval.stress.timing import Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class PointScope:
    """One operating point of a finished run, and what it is compared with."""

    gate: Gate
    result: PointResult

    timings: Callable[[], Iterable[Timing]] | None
    """Reads the timings of its requests; None where they are not kept."""

    before: PointResult | None = None
    """The same point in the baseline, or of the server that was measured in turn; None where there is none."""

    against: str = ""
    """What `before` is, as messages call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFinding:
    """What a gate sees of it."""

    point: str

    obstacle: str = ""
    """Why it cannot be judged, without a full stop; "" if it can."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    """The figure with its 95 % interval."""

    unit: str = ""

    num: int = 0
    """Requests."""

    p: float = 1.0
    """Of "the promise is kept"."""

    p_held: float | None = None
    """Of "the promise is broken"; None for a comparison, which passes unless it fails."""

    share: ShareTest | None = None
    """The requests, or token intervals, that break the promise; None for a mean and for a comparison."""

    failed: int = 0
    """Requests that failed, among those of `share`."""

    objective: str = ""
    """What a good request keeps, for a share of those that do not."""

    change: Worsening | None = None
    before: float | None = None
    """Of a comparison: by how much the figure became worse, and what it was."""

    against: str = ""
