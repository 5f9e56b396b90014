"""Writes imported outputs as a run folder, through the store, so that every reader of runs reads it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.imports.figures import aggregates_of, compared_figures
from pytest_modeleval.imports.grading import Ranges, Scale, scale_of, with_kind, without_messages
from pytest_modeleval.imports.records import ImportedBenchmark, ImportedItem, ImportedRun, OwnFigure
from pytest_modeleval.plan import Plan, PlannedSubset
from pytest_modeleval.records import JsonObject, Outcome
from pytest_modeleval.results import RunSummary
from pytest_modeleval.runs.finish import finish_run
from pytest_modeleval.runs.report_files import write_report
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import JOURNAL_FILE, JournalWriter, outcome_line, utc_now
from pytest_modeleval.store.run_folder import RunFolder, lock_run_folder, new_path, runs_of

MOST_ITEMS = 1_000_000
# A longer request is left out of its line; the journal refuses lines of 64 MB.
_MOST_LINE_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class Imported:
    """A run folder that was made."""

    path: Path
    summary: RunSummary
    equal: int
    """Figures of the tool that the run gives too."""
    differences: tuple[str, ...]
    """Figures of the tool that the run gives not, or otherwise; a sentence each."""
    notes: tuple[str, ...]


def write_run(run: ImportedRun, target: Path | None, *, source: Path, command: Sequence[str]) -> Imported:
    """Write the run. target: None for a new folder below modeleval-runs, named by the time of the tool's run.

    Raises RunFolderError for outputs that cannot be read and for a target that is taken; nothing is left then.
    """
    path = target or new_path(runs_of(Path.cwd(), run.model), now=_time(run.started))
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise RunFolderError(f"--to: expected a new folder, but {path} exists; name another")
    was_there = path.exists()
    folder = lock_run_folder(path, facts=_facts(run, source), command=command, project_dir=Path.cwd(), option="--to")
    is_done = False
    try:
        made = _written(folder, run)
        is_done = True
    finally:
        folder.close()
        if not is_done:
            _remove(path, keeps_folder=was_there)
    return made


def _remove(path: Path, *, keeps_folder: bool) -> None:
    for entry in path.iterdir() if keeps_folder else ():
        entry.unlink(missing_ok=True)
    if not keeps_folder:
        shutil.rmtree(path, ignore_errors=True)


def _written(folder: RunFolder, run: ImportedRun) -> Imported:
    figures: dict[str, Sequence[OwnFigure]] = {}
    notes = list(run.notes)
    writer = JournalWriter(folder.path / JOURNAL_FILE)
    try:
        for benchmark in run.benchmarks:
            if _write_benchmark(writer, benchmark, run):
                figures[benchmark.name] = benchmark.figures
            else:
                notes.append(f"{benchmark.task} has no samples in the outputs and is left out")
    finally:
        writer.close()
    if not figures:
        raise RunFolderError(f"expected outputs of {run.tool} with at least one sample, found none")
    folder.save()
    summary = finish_run(folder, Settings(model=run.model), run.model, gates=())
    equal, differences = compared_figures(summary, figures)
    folder.run["imported"] |= {"figures_equal": equal, "figures_different": differences, "notes": notes}
    folder.save()
    write_report(folder, summary)
    return Imported(folder.path, summary, equal, tuple(differences), tuple(notes))


def _facts(run: ImportedRun, source: Path) -> JsonObject:
    # Nothing more is known of the deployment.
    identity = hashlib.sha256(orjson.dumps(["imported", run.tool, run.version, run.model])).hexdigest()
    return {
        "model": run.model,
        "served": run.model,
        "model_names": [run.model],
        "identity": identity,
        "resume_key": "",
        "urls": [],
        "server": None,
        "limit": run.limit,
        "imported": {"tool": run.tool, "version": run.version, "from": source.name, "started": run.started},
        **({"started": run.started} if run.started else {}),
    }


def _write_benchmark(writer: JournalWriter, benchmark: ImportedBenchmark, run: ImportedRun) -> bool:
    """Write its lines; False where the outputs hold no sample of it."""
    ranges = Ranges()
    keys: dict[tuple[str, str, int], tuple[str, str]] = {}
    items: list[ImportedItem] = []
    for item in benchmark.items:
        place = item.subset, item.sample, item.repeat
        if place in keys:
            raise RunFolderError(f"{benchmark.task}: expected each sample once, found {item.sample} twice")
        if len(items) >= MOST_ITEMS:
            raise RunFolderError(f"{benchmark.task}: expected at most {MOST_ITEMS:,} samples, found more")
        keys[place] = _write_response(writer, benchmark, item, run)
        ranges.see(item.values)
        items.append(without_messages(item))
    if not items and not benchmark.planned:
        return False
    scale = scale_of(benchmark, ranges)
    outcomes = [
        scale.outcome(benchmark.name, item, request_key=key, prompt=prompt)
        for item in with_kind(items, benchmark.planned, benchmark.repeats)
        for key, prompt in [keys.get((item.subset, item.sample, item.repeat), ("", ""))]
    ]
    writer.write(_plan(benchmark, outcomes, scale).to_json())
    for outcome in outcomes:
        writer.hold(outcome_line(outcome, version=benchmark.version, invocation=1))
    return True


def _write_response(
    writer: JournalWriter, benchmark: ImportedBenchmark, item: ImportedItem, run: ImportedRun
) -> tuple[str, str]:
    """(key of the line, digest of what was asked); two empty texts where no reply is recorded."""
    asked = orjson.dumps([*item.messages], option=orjson.OPT_SORT_KEYS)
    prompt = hashlib.sha256(asked).hexdigest()[:16] if item.messages else ""
    if item.reply is None:
        return "", prompt
    place = [run.tool, benchmark.name, item.subset, item.sample, item.repeat]
    key = hashlib.sha256(orjson.dumps(place)).hexdigest()
    is_long = len(asked) > _MOST_LINE_BYTES
    messages = [{"role": "user", "content": "(too long to be imported)"}] if is_long else [*item.messages]
    writer.write(
        {
            "type": "response",
            "key": key,
            "benchmark": benchmark.name,
            "subset": item.subset,
            "sample": item.sample,
            "repeat": item.repeat,
            "attempts": 1,
            "time": utc_now(),
            "request": {**benchmark.params, "model": run.model, "messages": messages},
            "reply": item.reply,
        }
    )
    return key, prompt


def _plan(benchmark: ImportedBenchmark, outcomes: Sequence[Outcome], scale: Scale) -> Plan:
    items: dict[str, dict[str, None]] = {subset: {} for subset in benchmark.planned}
    for outcome in outcomes:
        items.setdefault(outcome.key.subset, {})[outcome.key.sample] = None
    counts = {subset: len(samples) for subset, samples in items.items()}
    return Plan(
        benchmark=benchmark.name,
        version=benchmark.version,
        metric=scale.metric,
        subsets=tuple(PlannedSubset(subset, is_optional=False) for subset in items),
        aggregates=aggregates_of(benchmark, outcomes, scale),
        params=benchmark.params,
        data={subset: {"rows": max(size, benchmark.rows.get(subset, 0))} for subset, size in counts.items()},
        repeats=max([benchmark.repeats, *(outcome.key.repeat + 1 for outcome in outcomes)]),
        items={subset: list(samples) for subset, samples in items.items()},
        samples=counts,
        measures=scale.measures,
    )


def _time(started: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(started)
    return None
