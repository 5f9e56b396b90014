"""The figures of a step of a training with their intervals, or why there are none; as CSV and as TensorBoard events."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_modeleval._support.atomic_file import atomic_write
from pytest_modeleval._support.bounded_file import read_bounded
from pytest_modeleval._support.extras import missing_extra
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.results import FAILED, AggregateScore, BenchmarkSummary, RunSummary, Score

_MOST_CSV_BYTES = 256_000_000
COLUMNS = (
    *("step", "checkpoint", "benchmark", "figure", "score", "low", "high", "num", "ungraded", "tokens"),
    *("failed_gates", "run", "problem"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a benchmark, never alone: with its interval and the share of samples without a verdict."""

    benchmark: str

    name: str
    """Of the aggregate or subset."""

    score: float | None
    low: float | None
    high: float | None
    num: int

    ungraded: float
    """Share of the benchmark's items without a verdict."""

    tokens: int
    """Completion tokens of the benchmark."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """The evaluation of one checkpoint."""

    step: int
    checkpoint: str

    figures: tuple[Figure, ...] = ()

    problem: str = ""
    """Why there is no result; then there are no figures."""

    failed_gates: tuple[str, ...] = ()
    folder: Path | None = None

    def values(self) -> dict[str, float]:
        """Numbers for a log: "gsm8k", "gsm8k/low", "gsm8k/high", "gsm8k/ungraded", "gsm8k/tokens"."""
        return {name: value for figure in self.figures for name, value in _values(figure) if value is not None}

    def text(self) -> str:
        """One line for people."""
        if self.problem:
            return f"step {self.step}: no result: {self.problem}"
        gates = f"; failed gates: {', '.join(self.failed_gates)}" if self.failed_gates else ""
        return f"step {self.step}: {'; '.join(map(_figure_text, self.figures))}{gates}"


def _values(figure: Figure) -> Iterator[tuple[str, float | None]]:
    at = figure.benchmark if not figure.name else f"{figure.benchmark}/{figure.name}"
    yield at, figure.score
    yield f"{at}/low", figure.low
    yield f"{at}/high", figure.high
    yield f"{at}/ungraded", figure.ungraded
    yield f"{at}/tokens", float(figure.tokens)


def _figure_text(figure: Figure) -> str:
    name = f"{figure.benchmark} {figure.name}".strip()
    if figure.score is None:
        return f"{name}: no score"
    between = f" ({figure.low:.4f} to {figure.high:.4f})" if figure.low is not None and figure.high is not None else ""
    lost = f", {100 * figure.ungraded:.1f} % without a grade" if figure.ungraded else ""
    return f"{name} {figure.score:.4f}{between}{lost}"


def step_result(step: int, checkpoint: str, summary: RunSummary, folder: Path) -> StepResult:
    """The figures of a complete run."""
    return StepResult(
        step,
        checkpoint,
        tuple(figure for entry in summary.benchmarks for figure in _figures(entry)),
        failed_gates=tuple(gate.name for gate in summary.gates if gate.verdict == FAILED),
        folder=folder,
    )


def _figures(entry: BenchmarkSummary) -> Iterator[Figure]:
    """The figure that the benchmark is known by; without one, each of its subsets."""
    if entry.figure is not None:
        yield _figure(entry, entry.figure, "")
        return
    for score in entry.subsets:
        yield _figure(entry, score, score.subset)


def _figure(entry: BenchmarkSummary, score: Score | AggregateScore, name: str) -> Figure:
    items = sum(subset.items for subset in entry.subsets)
    lost = sum(subset.ungraded for subset in entry.subsets)
    tokens = sum(subset.completion_tokens for subset in entry.subsets)
    share = lost / items if items else 0.0
    return Figure(entry.benchmark, name, score.score, score.low, score.high, score.num, share, tokens)


def write_csv(path: Path, results: Iterable[StepResult]) -> None:
    """Rows in the order of the steps; replaces the file at once. Rows of other checkpoints that it has stay."""
    given = list(results)
    new = {result.checkpoint for result in given}
    rows = [row for row in _stored_rows(path) if row["checkpoint"] not in new]
    rows += [row for result in given for row in _rows(result)]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: (int(row["step"]), row["checkpoint"])))
    atomic_write(path, text.getvalue().encode())


def _stored_rows(path: Path) -> list[Mapping[str, Any]]:
    """The rows of an earlier start of the training; none where the file is another one."""
    try:
        rows = list(csv.DictReader(read_bounded(path, _MOST_CSV_BYTES).decode().splitlines()))
    except (OSError, ValueError, csv.Error):
        return []
    return [row for row in rows if tuple(row) == COLUMNS and str(row["step"]).isdecimal()]


def _rows(result: StepResult) -> Iterator[Mapping[str, Any]]:
    shared = {
        "step": result.step,
        "checkpoint": result.checkpoint,
        "failed_gates": "; ".join(result.failed_gates),
        "run": result.folder or "",
        "problem": " ".join(result.problem.split()),
    }
    if not result.figures:
        yield shared
    for figure in result.figures:
        fields = ("benchmark", "score", "low", "high", "num", "ungraded", "tokens")
        yield {**shared, "figure": figure.name, **{name: getattr(figure, name) for name in fields}}


class EventFile:
    """TensorBoard events, with the library tensorboardX; the steps are those of the training."""

    def __init__(self, folder: Path) -> None:
        """Raises SettingsError where the library is missing."""
        if problem := missing_extra("tensorboard", ("tensorboardX",)):
            raise SettingsError(f"--tensorboard: {problem}")
        from tensorboardX import SummaryWriter  # noqa: PLC0415 - an extra

        # The library names a file by the second; a second start within it would write over the first.
        self._writer = SummaryWriter(str(folder), filename_suffix=f".{uuid.uuid4().hex[:8]}")

    def write(self, result: StepResult) -> None:
        """Add the numbers of a result; one without a result adds a text."""
        for name, value in result.values().items():
            self._writer.add_scalar(f"modeleval/{name}", value, result.step)
        if result.problem:
            self._writer.add_text("modeleval/problem", result.problem, result.step)
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
