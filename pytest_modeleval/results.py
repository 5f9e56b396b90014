"""The nouns of a finished run: scores, aggregates, gate verdicts, the summary, a baseline. Standard library only.

`metrics` and `gates` make them, `store` writes them as summary.json (docs/run-folder.md), `reports` show them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval._support.data_frame import data_frame
from pytest_modeleval.advice import Advice
from pytest_modeleval.gate_evidence import GateEvidence
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.run_figures import IndexScore, RequestFigures, Savings
from pytest_modeleval.stress.point import PointResult

# The three verdicts of a gate, as summary.json has them.
PASSED, FAILED, CANNOT_JUDGE = "passed", "failed", "cannot judge"

# A gate that finds no effect smaller than this, as a fraction, is called blind below that effect where it passes.
BLIND_ABOVE = 0.05


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one subset."""

    subset: str

    num: int
    """Samples with a verdict: the denominator of the score."""

    planned: int
    """Samples that were to be asked."""

    score: float | None
    """Mean credit from 0 to 1; None if nothing has a verdict."""

    low: float | None
    high: float | None
    """The 95 % interval; None if it does not exist."""

    method: str
    """How the interval was made, such as "wilson"; "" without one."""

    counts: Mapping[Kind, int]
    """Items (samples x repeats) of every kind."""

    repeats: int = 1
    """Requests planned for each sample."""

    if_ungraded_wrong: float | None = None
    if_ungraded_right: float | None = None
    """Bounds of the score; equal to it where everything is graded."""

    is_suspicious: bool = False
    """Every item is 0 or no_answer, which a harness fault explains better than a model does."""

    completion_tokens: int = 0

    causes: Mapping[str, int] = field(default_factory=dict)
    """Why items with a verdict are lost, most frequent first."""

    marks: Mapping[str, int] = field(default_factory=dict)
    """Items of every mark (records.Grade)."""

    stopped_early: int = 0
    """Items that no gate's verdict needed, and that were therefore not asked; in no count and not in `planned`."""

    @property
    def ungraded(self) -> int:
        """Items without a verdict."""
        return sum(count for kind, count in self.counts.items() if not kind.is_verdict)

    @property
    def items(self) -> int:
        """Items of every kind."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class PartScore:
    """A second look at a subset: by another metric, or at some of its samples only."""

    metric: str

    score: Score
    """Of these samples; score.subset is the subset's name."""

    by: str = ""
    group: str = ""
    """The samples whose property `by` ("difficulty") is `group` ("hard"); both "" for all of the subset."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the values of a score are: a share, or a figure in a range of its own."""

    low: float = 0.0
    high: float | None = 1.0
    """The ends of the range; None: no upper end."""

    is_higher_better: bool = True

    unit: str = ""
    """Such as "s" or "tokens"; "" for none."""

    @property
    def is_share(self) -> bool:
        """From 0 to 1, without a unit."""
        return (self.low, self.high, self.unit) == (0.0, 1.0, "")


SHARE = Scale()


@dataclass(frozen=True, slots=True)
class MeasureScore:
    """A declared measure of a subset."""

    name: str

    method: str
    """How values become the figure (metrics.measures.METHODS)."""

    score: Score
    """score, low and high are in the measure's own range."""

    scale: Scale = SHARE


@dataclass(frozen=True, slots=True)
class AggregateScore:
    """Several subsets combined."""

    name: str
    num: int
    score: float | None
    """None where parts are missing."""

    low: float | None
    high: float | None
    """The 95 % interval; None if it does not exist."""

    is_partial: bool = False
    at_least: float | None = None
    at_most: float | None = None
    """Bounds of the whole where it is partial; None where a size that they need is not known."""

    missing: tuple[str, ...] = ()
    """The parts that are not there."""

    note: str = ""
    """One sentence for people; "" if whole."""

    is_official: bool = False
    """The figure that the benchmark is known by: the first declared that is no part of another."""


@dataclass(frozen=True, slots=True)
class BenchmarkSummary:
    """One benchmark: its subsets in the order of the declaration, then its aggregates."""

    benchmark: str
    version: str
    metric: str
    subsets: tuple[Score, ...]
    aggregates: tuple[AggregateScore, ...] = ()
    advice: Mapping[str, Advice] = field(default_factory=dict)

    parts: tuple[PartScore, ...] = ()
    """Further metrics and breakdowns of the subsets."""

    measures: tuple[MeasureScore, ...] = ()
    """The declared measures of each subset, but for the one that is the metric."""

    scale: Scale = SHARE
    """Of the metric."""

    excluded: Mapping[str, str] = field(default_factory=dict)
    """Sample that was not asked, since no answer to it can be graded -> why; in no count."""

    points: tuple[PointResult, ...] = ()
    """What a stress test measured, a result for each operating point."""

    @property
    def figure(self) -> AggregateScore | Score | None:
        """The figure that the benchmark is known by; None where it has none for its whole."""
        if self.aggregates:
            return next((found for found in self.aggregates if found.is_official), None)
        return self.subsets[0] if len(self.subsets) == 1 else None


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """A gate, judged, with the figures of its sentence; None where it has none."""

    name: str

    verdict: str
    """PASSED, FAILED or CANNOT_JUDGE."""

    reason: str
    """One full sentence."""

    kind: str = ""
    """The name of its kind, a key of `gates.kinds.KINDS`."""

    score: float | None = None
    """What was judged: a score or share from 0 to 1, or a quantile in seconds or tokens."""

    low: float | None = None
    high: float | None = None
    """The 95 % interval of `score`."""

    n: int | None = None
    """Questions judged."""

    p: float | None = None
    adjusted_p: float | None = None
    alpha: float | None = None
    limit: float | None = None
    """One-sided p-value, before and after Holm; what it is held against; the gate's floor, ceiling or margin."""

    detectable: float | None = None
    """The smallest true drop (or distance beyond the limit) that is found four times in five."""

    newly_wrong: int | None = None
    newly_right: int | None = None
    drop: float | None = None
    """Questions whose value fell, and rose, against the baseline; the mean fall of shares, negative for a rise."""

    measure: str = ""
    """The named measure or the figure of an operating point that was judged; "" for none."""

    point: str = ""
    unit: str = ""
    """The operating point that the figures are of (of several, the worst), and the unit of `score`; "" for none."""

    evidence: GateEvidence | None = None

    @property
    def label(self) -> str:
        """The verdict for people: a pass says how large an effect it may have missed, where that is large."""
        if self.verdict != PASSED or self.detectable is None or self.detectable <= BLIND_ABOVE:
            return self.verdict
        return f"{self.verdict}, blind below {100 * self.detectable:.1f} {'%' if self.point else 'points'}"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A whole run."""

    model: str

    is_complete: bool
    """Every planned item has a verdict, but for at most the allowed number."""

    benchmarks: tuple[BenchmarkSummary, ...]
    gates: tuple[GateVerdict, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    saved: Savings | None = None
    """None for a run that was to ask everything."""

    requests: tuple[RequestFigures, ...] = ()
    """Of the benchmarks that have an answered request, in their order."""

    indexes: tuple[IndexScore, ...] = ()
    """Weighted means over benchmarks."""

    @property
    def ungraded(self) -> int:
        """Items without a verdict, over the run."""
        return sum(score.ungraded for entry in self.benchmarks for score in entry.subsets)

    def to_frame(self) -> Any:
        """The scores as a pandas.DataFrame: a row for each subset and aggregate. Raises ImportError without pandas."""
        return data_frame(_frame_rows(self), _FRAME_COLUMNS)


_FRAME_COLUMNS: Mapping[str, type] = {
    **dict.fromkeys(("benchmark", "version", "metric", "subset", "aggregate"), str),
    **dict.fromkeys(("num", "planned", "repeats"), int),
    **dict.fromkeys(("score", "low", "high"), float),
    **dict.fromkeys(map(str, Kind), int),
}


def _frame_rows(summary: RunSummary) -> Iterator[dict[str, Any]]:
    for entry in summary.benchmarks:
        scores: tuple[Score | AggregateScore, ...] = (*entry.subsets, *entry.aggregates)
        for score in scores:
            # A field that an aggregate lacks is None.
            found = {name: getattr(entry, name, getattr(score, name, None)) for name in _FRAME_COLUMNS}
            found["aggregate"] = score.name if isinstance(score, AggregateScore) else None
            yield found | {str(kind): count for kind, count in getattr(score, "counts", {}).items()}


# Of each question, in a baseline: enough that a changed prompt of a benchmark cannot go unseen.
PROMPT_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ExperimentIdentity:
    """What must be the same for two results of a benchmark to be comparable (`experiment.identity_differences`)."""

    benchmark: str
    version: str

    data_sha256: str = ""
    """Of the rows asked from; "" if unknown."""

    prompt_sha256: str = ""
    """Over all prompts."""

    params: Mapping[str, Any] = field(default_factory=dict)
    """Generation parameters as sent, without keys of any kind."""

    prompts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(subset, sample) -> the first PROMPT_DIGITS of the digest of its prompt (Outcome.prompt), so that runs over
    different samples compare on those that both have; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier result, blessed by a person."""

    label: str
    """How messages call it, usually its path."""

    model: str

    made_utc: str
    """When the run was made, ISO 8601."""

    identities: Mapping[str, ExperimentIdentity]
    metrics: Mapping[str, str]
    """Benchmark -> how it was asked, and its metric."""

    outcomes: Mapping[ItemKey, Outcome]

    flip_rates: Mapping[str, float] = field(default_factory=dict)
    """Benchmark -> share of answers that differ between two runs of that unchanged deployment, where measured."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    points: Mapping[str, Sequence[PointResult]] = field(default_factory=dict)
    """Whatever else is known of the run, and benchmark -> what a stress test measured at its operating points."""
