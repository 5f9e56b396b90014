"""The nouns of a finished run: scores, aggregates, gate verdicts, the summary. Standard library only.

`metrics` and `gates` make them, `store` writes them as summary.json (docs/run-folder.md), `reports` show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval.records import Kind


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one subset.

    num: samples with a verdict, the denominator of the score; planned: samples that were to be asked.
    score: mean credit from 0 to 1, None if nothing has a verdict.
    low, high: 95 % interval, None if it does not exist; method: how it was made, e.g. "wilson".
    counts: items (samples x repeats) of every kind. repeats: epochs asked of each sample.
    if_ungraded_wrong, if_ungraded_right: bounds of the score; equal to it where everything is graded.
    is_suspicious: every item is 0 or no_answer, which a harness fault explains better than a model does.
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

    @property
    def ungraded(self) -> int:
        """Items without a verdict."""
        return sum(count for kind, count in self.counts.items() if not kind.is_verdict)

    @property
    def items(self) -> int:
        """Items of every kind."""
        return sum(self.counts.values())


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
    """One benchmark: its subsets in the order of the declaration, then its aggregates."""

    benchmark: str
    version: str
    metric: str
    subsets: tuple[Score, ...]
    aggregates: tuple[AggregateScore, ...] = ()
    advice: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """A gate, judged. verdict: "passed", "failed" or "cannot judge"; reason: one full sentence."""

    name: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A whole run. is_complete: every planned item has a verdict, but for at most the allowed number."""

    model: str
    is_complete: bool
    benchmarks: tuple[BenchmarkSummary, ...]
    gates: tuple[GateVerdict, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ungraded(self) -> int:
        """Items without a verdict, over the run."""
        return sum(score.ungraded for entry in self.benchmarks for score in entry.subsets)
