"""Which items of a run a command takes: by kind, subset, sample, and what became wrong since an earlier result."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_modeleval._support.suggest import hint
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import Baseline
from pytest_modeleval.runs.finished_run import FinishedRun
from pytest_modeleval.runs.sides import read_side, run_side
from pytest_modeleval.samples.record import SampleRecord

# Benchmark, subset and sample.
Question = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen items of a run, without requests and replies, in the order of the plan."""

    records: tuple[SampleRecord, ...]
    changes: Changes | None = None
    """What changed since an earlier result; None where it was not asked for."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Questions, as (benchmark, subset, sample), whose value differs from that of an earlier result."""

    lost: Collection[Question]
    gained: int
    outcomes: Mapping[ItemKey, Outcome] = field(default_factory=dict)
    """Of the earlier result."""
    texts: Mapping[Question, str] = field(default_factory=dict)
    """What the earlier result has for a question, where only a gate's evidence is known."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose items."""
    kinds = ", ".join(kind.value for kind in Kind)
    parser.add_argument("--kind", metavar="KIND[,KIND]", help=f"items of these kinds: {kinds}")
    parser.add_argument(
        "--subset",
        action="append",
        default=[],
        metavar="S",
        help="items of this subset, BENCHMARK=S where several benchmarks have one; repeatable",
    )
    parser.add_argument(
        "--sample", action="append", default=[], metavar="ID", help="this sample, as pytest names it; repeatable"
    )
    parser.add_argument(
        "--newly-wrong",
        nargs="?",
        const="",
        metavar="RUN|BASELINE",
        help="items that lost credit since an earlier run or baseline; with several repeats, those of the question. "
        "Without a name: those that the run's regression gates found",
    )


def is_given(given: argparse.Namespace) -> bool:
    """Whether any option chooses items."""
    return bool(given.kind or given.subset or given.sample) or given.newly_wrong is not None


def select(given: argparse.Namespace, finished: FinishedRun) -> Selection:
    """The items that the options choose; all of them without options. Raises SettingsError for an unknown name."""
    kinds = _kinds(given.kind)
    subsets = _subsets(given.subset, finished)
    changes = None
    if given.newly_wrong is not None:
        changes = _compared(read_side(Path(given.newly_wrong)), finished) if given.newly_wrong else _evidence(finished)
    found = tuple(
        record
        for record in finished.samples.index()
        if (not kinds or record.kind in kinds)
        and (not subsets or (record.benchmark, record.subset) in subsets)
        and (not given.sample or record.id in given.sample or record.sample in given.sample)
        and (changes is None or (record.benchmark, record.subset, record.sample) in changes.lost)
    )
    _check_samples(given.sample, found, finished)
    return Selection(found, changes)


def _kinds(text: str | None) -> set[Kind]:
    known = {kind.value: kind for kind in Kind}
    names = [name.strip() for name in text.split(",")] if text else []
    for name in names:
        if name not in known:
            raise SettingsError(f"--kind: expected kinds such as wrong,no_answer, found {name!r}; {hint(name, known)}")
    return {known[name] for name in names}


def _subsets(wanted: Collection[str], finished: FinishedRun) -> set[tuple[str, str]]:
    known = dict.fromkeys((key.benchmark, key.subset) for key in finished.samples.item_keys())
    found: set[tuple[str, str]] = set()
    for name in wanted:
        matching = {pair for pair in known if name in (pair[1], f"{pair[0]}={pair[1]}")}
        if not matching:
            raise SettingsError(
                f"--subset: expected a subset of {finished.path}, found {name!r}; "
                f"{hint(name, [subset for _, subset in known])}"
            )
        found |= matching
    return found


def _check_samples(wanted: Collection[str], found: Collection[SampleRecord], finished: FinishedRun) -> None:
    known = {name for record in found for name in (record.id, record.sample)}
    for name in wanted:
        if name not in known:
            everything = dict.fromkeys(record.id for record in finished.samples.index())
            why = "the other options leave it out" if name in everything else hint(name, everything)
            raise SettingsError(f"--sample: expected a sample of {finished.path}, found {name!r}; {why}")


def _evidence(finished: FinishedRun) -> Changes:
    """What the regression gates of the run found."""
    found = [gate.evidence for gate in finished.summary.gates if gate.evidence is not None]
    lost = {(each.benchmark, each.subset, each.id): each.old for entry in found for each in entry.newly_wrong}
    gained = {(each.benchmark, each.subset, each.id) for entry in found for each in entry.newly_right}
    if not lost and not gained:
        raise SettingsError(
            f"--newly-wrong: expected a run with a regression gate that found changes, found none in {finished.path}; "
            "name the earlier run or baseline: --newly-wrong RUN"
        )
    return Changes(lost, len(gained), texts=lost)


def _compared(earlier: Baseline, finished: FinishedRun) -> Changes:
    """What changed since the earlier result."""
    # numpy, only for this option
    from pytest_modeleval.gates.compare import compare  # noqa: PLC0415

    contents = finished.samples.contents
    now = run_side(finished.path, finished.run, contents)
    lost: set[Question] = set()
    gained: set[Question] = set()
    obstacles: dict[str, None] = {}
    for scope in compare([earlier, now]):
        obstacles.update(dict.fromkeys(f"{scope.benchmark}: {text}" for text in scope.obstacles))
        for difference in scope.differences:
            questions = [(scope.benchmark, subset, sample) for subset, sample in difference.flips]
            lost.update(questions[: difference.losses])
            gained.update(questions[difference.losses :])
    if obstacles and not (lost or gained):
        raise SettingsError(f"--newly-wrong: {earlier.label} and {finished.path} differ: {'; '.join(obstacles)}")
    return Changes(lost, len(gained), earlier.outcomes)


def before_text(selection: Selection, key: ItemKey) -> str:
    """What the earlier result has for an item: "right, 'B'"; "" without one."""
    if selection.changes is None:
        return ""
    outcome = selection.changes.outcomes.get(key)
    if outcome is None:
        return selection.changes.texts.get((key.benchmark, key.subset, key.sample), "")
    return outcome.kind.label + (f", {outcome.answer!r}" if outcome.answer is not None else "")


def completed(selection: Selection, finished: FinishedRun, limit: int | None = None) -> Iterator[SampleRecord]:
    """The chosen items, whole, one at a time; at most `limit`."""
    for record in selection.records[:limit]:
        yield finished.samples.complete(record)
