"""The nouns of the gates file: a gate, the file, and what a kind of gate consists of. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from pytest_modeleval._support.schema import Rule
    from pytest_modeleval.gates.measurement import Measurement
    from pytest_modeleval.gates.point_finding import PointFinding, PointScope
    from pytest_modeleval.gates.scope import Claim, PlannedScope, Scope


class Side(Enum):
    """What a gate must not find."""

    BELOW = "below a limit"
    ABOVE = "above a limit"
    WORSE = "worse than the baseline"
    SHOWN = "not shown to be above a limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One rule over a score, share or figure of a run."""

    name: str

    kind: str
    """The name of its kind, a key of `kinds.KINDS`."""

    benchmark: str

    limit: float
    """The floor, the ceiling or the margin: a fraction, or seconds or tokens for a ceiling of a figure."""

    subset: str = ""
    aggregate: str = ""
    """What of the benchmark; both empty for all of its questions, every one alike."""

    measure: str = ""
    """The declared measure that is judged; "" for the metric, or for what `of` names."""

    of: str = "score"
    """For a ceiling: the share or figure that must not be above the limit."""

    quantile: float = 0.5
    """For a figure: which quantile must not be above the limit (0.5 is the median)."""

    test: str = "confident"
    """"confident" fails only beyond chance, at level alpha; "point" compares the bare number."""

    alpha: float = 0.01
    """Largest chance of a false alarm."""

    flip_rate: float | None = None
    """Known share of answers that differ between two runs of the unchanged deployment; None to estimate it."""

    detect: float | None = None
    """A drop that the gate must be able to see: above it, its smallest detectable drop leaves it without a verdict."""

    min_samples: int = 1
    """With fewer questions it cannot judge."""

    max_ungraded: float | None = None
    """The largest share without a verdict at which it judges; None for the limit of the run."""

    judged: tuple[str, ...] = ()
    """For a judge gate: the benchmarks whose gates judge only if it passes."""

    record: str = ""
    """For a judge gate: the baseline of the judge's own run, relative to the gates file; "" for a benchmark of the
    same run."""

    is_of_points: bool = False
    """It is about the operating points of a stress test; `measure` is the name of a figure of theirs."""

    point: str = ""
    """The operating point; "" for every one of the run."""

    objective: str = ""
    """What a good request keeps, "ttft=1s tpot=50ms"; "" for the objective that the point was measured with."""

    against: str = ""
    """The role of the server that was measured in turn with the model's; "" to compare with the baseline."""

    run_spread: float | None = None
    """Known standard deviation of the figure between two runs of the unchanged deployment, as a fraction of it."""

    line: int = 0
    """Where it stands in its file."""

    @property
    def scope(self) -> str:
        """What is judged, as people read it: "gsm8k", "mmlu virology", "perf chat-512-128@c16 ttft_p95"."""
        part = self.point or self.aggregate or self.subset
        return " ".join(name for name in (self.benchmark, part, self.measure) if name)

    @property
    def is_confident(self) -> bool:
        """It fails only beyond chance."""
        return self.test != "point"

    @property
    def counts_ungraded(self) -> bool:
        """The share without a verdict is what it judges."""
        return self.of == "ungraded"

    def covers(self, benchmark: str, subset: str) -> bool:
        """The questions of this subset belong to it, as far as benchmark and subset say; see also its aggregate."""
        return self.benchmark == benchmark and self.subset in ("", subset)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFile:
    """All gates of a run."""

    gates: tuple[Gate, ...]

    is_holm: bool = True
    """p-values are adjusted, so that alpha holds for all the gates together."""

    label: str = "gates"
    """How messages call the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateKind:
    """A kind of gate: everything that distinguishes it from the others. The table of them is `kinds.KINDS`."""

    name: str
    """The value of `kind` in the gates file."""

    side: Side
    """Where it looks for what must not be."""

    rules: Mapping[str, Rule]
    """The keys of its table that other kinds do not have, required ones marked."""

    measured_rules: Mapping[str, Rule] = field(default_factory=dict)
    """Those of them that differ where it judges a measure, in its own range."""

    check: Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]]
    """Mistakes that involve several keys of a table: (key, message). The table may hold values that break the rules."""

    parse: Callable[[Mapping[str, Any]], dict[str, Any]]
    """The fields of a Gate that come from its own keys. The table follows the rules."""

    label: Callable[[Gate], str]
    """What it is called after its scope where the file gives it no name: "floor"."""

    measure: Callable[[Scope], Measurement]
    """What it sees in a finished run."""

    observe: Callable[[PlannedScope], Claim]
    """What it claims of each question, for runs that stop as soon as the claim is refuted or certain."""

    can_pass_early: Callable[[Gate], bool]
    """False where only the number of questions that are left can pass it before the end of such a run."""

    explain: Callable[[Measurement, str], str]
    """The first part of the verdict's sentence: what was seen against what. Takes the measurement and the verdict."""

    effect: str
    """What it detects: "drop" or "distance beyond the limit"."""

    sensitivity: Callable[[Gate, float], str]
    """The clause about its smallest detectable effect, a fraction."""

    measure_point: Callable[[PointScope], PointFinding] | None = None
    """What it sees of one operating point; None for a kind that judges none."""

    explain_point: Callable[[Gate, PointFinding], str] | None = None
    """What was seen of one operating point against what, the first part of the verdict's sentence."""
