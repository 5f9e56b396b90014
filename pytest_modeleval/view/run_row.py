"""A run as a row of the list: its scores, gates and counts, and the change since the last comparable run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.evaluation.experiment_identity import identities_of
from pytest_modeleval.evaluation.summary import merge_plans, require_plans
from pytest_modeleval.experiment import why_incomparable
from pytest_modeleval.records import JsonObject
from pytest_modeleval.results import AggregateScore, BenchmarkSummary, ExperimentIdentity, RunSummary, Score
from pytest_modeleval.runs.finish import journal_summary
from pytest_modeleval.store.journal import JournalReader
from pytest_modeleval.store.run_file import load_run
from pytest_modeleval.store.summary_gates import read_gates
from pytest_modeleval.view.run_folders import is_running

# Earlier runs of a model that are looked at for one that is comparable.
MOST_EARLIER = 50
# Rows of a benchmark without a figure of its own.
MOST_SUBSETS = 100
# The largest whole number that JavaScript holds exactly.
_MOST_STEP = 2**53


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the list needs of a run; small, so that thousands are kept."""

    entry: JsonObject
    """The row as JSON, without changes."""

    identities: Mapping[str, ExperimentIdentity]
    """Benchmark -> how it asked, its prompts by one digest: only runs over the same questions have the same."""

    @property
    def is_live(self) -> bool:
        """The run was under way when the row was made."""
        return bool(self.entry.get("live"))


def read_row(folder: Path, reader: JournalReader) -> RunRow:
    """The row of a run folder; one that cannot be read has "error". reader: of its journals, without responses."""
    try:
        run = load_run(folder)
        return _row(folder, run, reader)
    except (RunFolderError, OSError) as error:
        return RunRow({"error": str(error)}, {})


def _row(folder: Path, run: Mapping[str, Any], reader: JournalReader) -> RunRow:
    facts: JsonObject = {
        "model": str(run.get("model")),
        "started": str(run.get("started") or ""),
        "finished": str(run.get("finished") or ""),
        "step": _step(run),
        "live": is_running(folder, run),
    }
    contents = reader.refresh()
    if facts["live"] and not contents.plans:
        return RunRow({**facts, "benchmarks": [], "gates": [], "complete": False}, {})
    require_plans(contents, folder)
    summary = journal_summary(run, contents, model=facts["model"], may_be_ungraded=lambda count, _: not count)
    gates = [{"name": gate.name, "verdict": gate.verdict} for gate in read_gates(folder)]
    identities = identities_of(merge_plans(contents.plans), contents.outcomes)
    entry = {
        **facts,
        "complete": bool(run.get("complete", summary.is_complete)),
        "benchmarks": _benchmarks(summary),
        "gates": gates,
        "damage": contents.damage_note(),
    }
    return RunRow(entry, {name: replace(found, prompts={}) for name, found in identities.items()})


def _step(run: Mapping[str, Any]) -> int | None:
    """The step of a training that the run belongs to, as its caller says; None without one."""
    step = (run.get("caller") or {}).get("step")
    return step if isinstance(step, int) and not isinstance(step, bool) and 0 <= step < _MOST_STEP else None


def _benchmarks(summary: RunSummary) -> list[JsonObject]:
    return [made for entry in summary.benchmarks for made in _figures(entry)]


def _figures(entry: BenchmarkSummary) -> list[JsonObject]:
    """The figure that the benchmark is known by; without one, each of its subsets."""
    if entry.figure is None and entry.subsets:
        return [_figure(entry, score, [score], score.subset) for score in entry.subsets[:MOST_SUBSETS]]
    return [_figure(entry, entry.figure, entry.subsets, "")]


def _figure(
    entry: BenchmarkSummary, figure: Score | AggregateScore | None, counted: Iterable[Score], subset: str
) -> JsonObject:
    counts: Counter[str] = Counter()
    for score in counted:
        counts.update({kind.value: count for kind, count in score.counts.items()})
    return {
        "name": entry.benchmark,
        "subset": subset,
        "version": entry.version,
        "metric": entry.metric,
        "share": entry.scale.is_share,
        "unit": entry.scale.unit,
        "higher_is_better": entry.scale.is_higher_better,
        "score": figure.score if figure else None,
        "low": figure.low if figure else None,
        "high": figure.high if figure else None,
        "counts": counts,
        "items": counts.total(),
    }


def entries_with_changes(rows: Sequence[tuple[str, RunRow]]) -> list[JsonObject]:
    """The rows as JSON, newest first; each benchmark with its change since the last comparable run of the model.

    rows: (key, row). "change": {"score": difference of the scores, "key": that run}; None without such a run.
    """
    ordered = sorted(rows, key=lambda found: (found[1].entry.get("started") or "", found[0]), reverse=True)
    by_model: dict[object, list[tuple[str, RunRow]]] = {}
    for key, row in ordered:
        by_model.setdefault(row.entry.get("model"), []).append((key, row))
    places = {key: (found, place) for found in by_model.values() for place, (key, _) in enumerate(found)}
    made = []
    for key, row in ordered:
        same_model, place = places[key]
        earlier = same_model[place + 1 : place + 1 + MOST_EARLIER]
        benchmarks = [{**entry, "change": _change(entry, row, earlier)} for entry in row.entry.get("benchmarks") or ()]
        made.append({**row.entry, "key": key, "benchmarks": benchmarks})
    return made


def _change(entry: JsonObject, row: RunRow, earlier: Iterable[tuple[str, RunRow]]) -> JsonObject | None:
    name = entry["name"]
    for key, other in earlier:
        if not why_incomparable(other.identities.get(name), row.identities.get(name), name):
            place = name, entry["subset"]
            same = (found["score"] for found in other.entry["benchmarks"] if (found["name"], found["subset"]) == place)
            before = next(same, None)
            if before is not None and entry["score"] is not None:
                return {"score": entry["score"] - before, "key": key}
    return None
