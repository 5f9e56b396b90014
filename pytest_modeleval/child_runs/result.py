"""What a call of `evaluate` gives: the summary of the run, typed, with its exit status, its folder and its samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pytest_modeleval.reports.live import BenchmarkProgress
from pytest_modeleval.results import RunSummary
from pytest_modeleval.runs.finished_run import FinishedRun
from pytest_modeleval.samples.reading import SampleReader


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedRun(RunSummary):
    """A RunSummary with where it came from. `to_frame()` has a row for each score, `samples.to_frame()` each sample."""

    exit_status: int
    """0: complete, every gate passed. 1: a gate or a test failed. 6: a gate cannot be judged (docs/exit-codes.md)."""

    folder: Path
    """The run folder."""

    run: Mapping[str, Any]
    """run.json (docs/run-folder.md)."""

    samples: SampleReader
    """`for record in summary.samples.read()` gives one sample at a time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. The callable `progress` of `evaluate` is given one about twice a second."""

    folder: Path | None
    """The run folder; None while it is not known."""

    benchmarks: tuple[BenchmarkProgress, ...] = ()
    """What was begun: done, total, score, half_width, errors, left_s."""

    @property
    def done(self) -> int:
        """Items that have ended."""
        return sum(entry.done for entry in self.benchmarks)

    @property
    def total(self) -> int:
        """Items of the benchmarks that were begun."""
        return sum(entry.total for entry in self.benchmarks)


def evaluated_run(found: FinishedRun, exit_status: int) -> EvaluatedRun:
    """The result of a finished run."""
    shared = {field.name: getattr(found.summary, field.name) for field in fields(RunSummary)}
    return EvaluatedRun(**shared, exit_status=exit_status, folder=found.path, run=found.run, samples=found.samples)
