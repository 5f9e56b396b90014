"""The nouns of a finished run: scores, aggregates, gate verdicts, the summary, a baseline. Standard library only.

`metrics` and `gates` make them, `store` writes them as summary.json (docs/run-folder.md), `reports` show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval.records import Advice, ItemKey, Kind, Outcome

# The three verdicts of a gate, as summary.json has them.
PASSED, FAILED, CANNOT_JUDGE = "passed", "failed", "cannot judge"


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one subset.

    num: samples with a verdict, the denominator of the score; planned: samples that were to be asked.
    score: mean credit from 0 to 1, None if nothing has a verdict.
    low, high: 95 % interval, None if it does not exist; method: how it was made, e.g. "wilson".
    counts: items (samples x repeats) of every kind. repeats: epochs asked of each sample.
    if_ungraded_wrong, if_ungraded_right: bounds of the score; equal to it where everything is graded.
    causes: why items with a verdict are lost, most frequent first. marks: items of every mark (records.Grade).
    is_suspicious: every item is 0 or no_answer, which a harness fault explains better than a model does.
    spared: items that no gate's verdict needed, and that were therefore not asked; in no count and not in planned.
    """

    subset: str
    num: int
    planned: int
    score: float | None
    low: float | None
    high: float | None
    method: str
    counts: Mapping[Kind, int]
    repeats: int = 1
    if_ungraded_wrong: float | None = None
    if_ungraded_right: float | None = None
    is_suspicious: bool = False
    completion_tokens: int = 0
    causes: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[str, int] = field(default_factory=dict)
    spared: int = 0

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
    """A second look at a subset: by another metric, or at some of its samples only.

    metric: of the score. by, group: the samples whose property `by` ("difficulty") is `group` ("hard"); both "" for
    all of the subset. score: of these samples; score.subset is the subset's name.
    """

    metric: str
    score: Score
    by: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class AggregateScore:
    """Several subsets combined.

    score: None where parts are missing (is_partial); at_least and at_most then bound what the whole could be.
    missing: the parts that are not there; note: one sentence for people, "" if whole.
    """

    name: str
    num: int
    score: float | None
    low: float | None
    high: float | None
    is_partial: bool = False
    at_least: float | None = None
    at_most: float | None = None
    missing: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class BenchmarkSummary:
    """One benchmark: its subsets in the order of the declaration, then its aggregates.

    parts: further metrics and breakdowns of the subsets.
    """

    benchmark: str
    version: str
    metric: str
    subsets: tuple[Score, ...]
    aggregates: tuple[AggregateScore, ...] = ()
    advice: Mapping[str, Advice] = field(default_factory=dict)
    parts: tuple[PartScore, ...] = ()


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """A gate, judged. verdict: "passed", "failed" or "cannot judge"; reason: one full sentence.

    The figures of that sentence, None where it has none. kind: "regression", "floor" or "ceiling". score: what was
    judged, a score or share from 0 to 1 or a quantile in seconds or tokens, with low and high as its 95 % interval;
    n: questions judged. p, adjusted_p: one-sided, before and after Holm; alpha: what adjusted_p is held against.
    detectable: the smallest true drop (or distance beyond the limit) found four times in five. newly_wrong,
    newly_right: questions that lost or won against the baseline.
    """

    name: str
    verdict: str
    reason: str
    kind: str = ""
    score: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    p: float | None = None
    adjusted_p: float | None = None
    alpha: float | None = None
    detectable: float | None = None
    newly_wrong: int | None = None
    newly_right: int | None = None


@dataclass(frozen=True, slots=True)
class Savings:
    """What a run that asks no more than its gates need has asked. asked, of: items (samples x repeats).

    because: "stopped early" (--eval-stop-early) or "decided" (--eval-repeat-until-decided).
    """

    asked: int
    of: int
    because: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A whole run. is_complete: every planned item has a verdict, but for at most the allowed number.

    saved: None for a run that was to ask everything.
    """

    model: str
    is_complete: bool
    benchmarks: tuple[BenchmarkSummary, ...]
    gates: tuple[GateVerdict, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    saved: Savings | None = None

    @property
    def ungraded(self) -> int:
        """Items without a verdict, over the run."""
        return sum(score.ungraded for entry in self.benchmarks for score in entry.subsets)


# Of each question, in a baseline: enough that a changed prompt of a benchmark cannot go unseen.
PROMPT_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ExperimentIdentity:
    """What must be the same for two results of a benchmark to be comparable.

    data_sha256: of the rows asked from, "" if unknown. params: generation parameters as sent, without keys of any kind.
    prompts: (subset, sample) -> the first PROMPT_DIGITS of what was asked (Outcome.prompt), so that runs over different
    samples compare on those that both have; empty where it is not known. prompt_sha256: over all of them.
    """

    benchmark: str
    version: str
    data_sha256: str = ""
    prompt_sha256: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    prompts: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier result, blessed by a person.

    label: how messages call it, usually its path. made_utc: when the run was made, ISO 8601. metrics: benchmark ->
    metric. flip_rates: benchmark -> share of answers that differ between two runs of that unchanged deployment, where
    it was measured. facts: whatever else is known of the run.
    """

    label: str
    model: str
    made_utc: str
    identities: Mapping[str, ExperimentIdentity]
    metrics: Mapping[str, str]
    outcomes: Mapping[ItemKey, Outcome]
    flip_rates: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
