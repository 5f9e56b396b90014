"""`modeleval merge`: the run folders of shards become one run folder, judged as one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import RunFolderError, SettingsError
from pytest_modeleval.evaluation.shard_runs import ShardRun, latest_outcomes, merged_plans, missing_items
from pytest_modeleval.evaluation.summary import require_plans
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import JsonObject
from pytest_modeleval.reports.terminal import summary_parts
from pytest_modeleval.results import RunSummary
from pytest_modeleval.runs.exit_status import exit_status
from pytest_modeleval.runs.finish import early_stop_label, finish_run, summary_of
from pytest_modeleval.runs.gate_runner import GateRunner
from pytest_modeleval.runs.report_files import REPORT_FILE, write_for_github, write_report
from pytest_modeleval.settings import Limit, Settings
from pytest_modeleval.store.image_files import copy_images
from pytest_modeleval.store.journal import JournalReader
from pytest_modeleval.store.load_file import copy_points
from pytest_modeleval.store.merged_journal import write_merged
from pytest_modeleval.store.run_file import RUN_FILE, load_run
from pytest_modeleval.store.run_folder import RunFolder, lock_run_folder
from pytest_modeleval.vectors.copying import copy_vectors

NONE = Limit(rows=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOrder:
    """What is merged into what, and how it is judged. command: the command line, for run.json."""

    folders: Sequence[Path]
    into: Path
    gates_file: Path | None = None
    baseline_file: Path | None = None
    bless_file: Path | None = None
    max_ungraded: Limit = NONE
    command: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged run.

    missing_items: why it is incomplete, a sentence each. status: as of pytest (docs/exit-codes.md).
    """

    path: Path
    summary: RunSummary
    missing_items: tuple[str, ...]
    status: int
    notes: tuple[str, ...] = ()


def merge(order: MergeOrder) -> Merged:
    """Merge, summarise and judge.

    `into` may be a run folder already: it is then one of the parts, so that what it holds is kept, and a shard that
    comes late can be added. Raises UserError; folders are left as they are then.
    """
    settings = Settings(
        model="",
        gates_file=_existing(order.gates_file, "--gates", "a gates file (TOML)"),
        baseline_file=order.baseline_file,
        bless_file=order.bless_file,
        max_ungraded=order.max_ungraded,
        invocation_dir=Path.cwd(),
    )
    gate_runner = GateRunner(settings)
    parts = _parts(order)
    plans = merged_plans([part for _, part in parts])
    _check_asks_everything([part for _, part in parts])
    _check_gates(gate_runner, plans)
    folder = lock_run_folder(
        order.into, facts=_facts(parts), command=order.command, project_dir=Path.cwd(), option="--into"
    )
    try:
        # Read again under the lock: another run may have written to it until now.
        parts = [(path, part if path != order.into else _part(path)) for path, part in parts]
        chosen = latest_outcomes([part for _, part in parts])
        write_merged(folder.path, plans, [(path, part.contents) for path, part in parts], chosen)
        _copy_files(folder.path, [path for path, _ in parts])
        return _finished(folder, settings, gate_runner, [part for path, part in parts], plans)
    finally:
        folder.close()


def _copy_files(target: Path, folders: Sequence[Path]) -> None:
    try:
        copy_points(target, folders)
        copy_images(target, folders)
        copy_vectors(target, folders)
    except OSError as error:
        raise RunFolderError(
            f"cannot write the merged run {target}: {error.strerror}; name another folder with --into"
        ) from error


def _check_asks_everything(parts: Sequence[ShardRun]) -> None:
    for part in parts:
        if saving := early_stop_label(part.run):
            raise RunFolderError(
                f"modeleval merge: expected runs that ask everything, but {part.name} asked only what its gates needed "
                f"({saving}); merge shards that were run without --eval-stop-early and --eval-repeat-until-decided"
            )


def merged_lines(merged: Merged, *, width: int) -> list[str]:
    """What the command prints."""
    path = str(merged.path)
    places = [("run folder", path), ("report", f"{path}/{REPORT_FILE}")]
    lines = [text for text, _ in summary_parts(merged.summary, width=width, places=places, fold="in report.html")]
    return [*lines, *merged.notes, *(f"incomplete: {gap}" for gap in merged.missing_items)]


def _finished(
    folder: RunFolder,
    settings: Settings,
    gate_runner: GateRunner,
    parts: Sequence[ShardRun],
    plans: Sequence[Plan],
) -> Merged:
    _record_parts(folder, parts)
    model = str(folder.run["model"])
    so_far = summary_of(folder, settings, model)
    contents = folder.reader.contents
    summary = finish_run(folder, settings, model, gates=gate_runner.verdicts(so_far, contents, folder.path))
    damage = [f"warning: {note}" for note in (part.contents.damage_note() for part in parts) if note]
    notes = [*damage, f"warning: {gate_runner.idle}" if gate_runner.idle else "", gate_runner.bless(summary, contents)]
    write_report(folder, summary)
    notes += write_for_github(summary)
    status = exit_status(
        0,
        has_plan=True,
        ordinary_failures=0,
        is_complete=summary.is_complete,
        has_refused_blessing=gate_runner.has_refused,
        gates=gate_runner.binding(summary.gates),
        was_stopped=False,
    )
    missing = () if summary.is_complete else tuple(missing_items(parts, plans, contents.outcomes))
    return Merged(folder.path, summary, missing, status, tuple(note for note in notes if note))


def _record_parts(folder: RunFolder, parts: Sequence[ShardRun]) -> None:
    """Write into run.json which folders were merged, and which commands made them."""
    known = folder.run.get("merged") or []
    added = [{"folder": part.name, "shards": part.shards} for part in parts if part.name != str(folder.path)]
    folder.run["merged"] = [*known, *(entry for entry in added if entry not in known)]
    folder.run["invocations"] = _invocations(parts, folder.run["invocations"])


def _parts(order: MergeOrder) -> list[tuple[Path, ShardRun]]:
    """Every folder once, the target last if it is a run already."""
    resolved = {path.resolve(): path for path in order.folders}
    into = order.into.resolve()
    found = [(path, _part(path)) for where, path in resolved.items() if where != into]
    if (order.into / RUN_FILE).exists():
        found.append((order.into, _part(order.into)))
    if not found:
        raise RunFolderError("modeleval merge: expected at least one run folder besides --into, found none")
    return found


def _part(path: Path) -> ShardRun:
    run = load_run(path)
    contents = JournalReader(path).refresh()
    require_plans(contents, path)
    return ShardRun(str(path), run, contents)


def _facts(parts: Sequence[tuple[Path, ShardRun]]) -> JsonObject:
    """run.json of the merged run: of its first part, with all addresses; no command resumes it by itself."""
    runs = [part.run for _, part in parts]
    first = runs[0]
    sent = ("profile_params", "user_params", "limit", "system", "system_sha256")
    kept = (
        "model",
        "served",
        "model_names",
        "context_tokens",
        "tool_calls",
        "identity",
        "server",
        "roles",
        "indexes",
        *sent,
    )
    return {
        **{name: first[name] for name in kept if name in first},
        "resume_key": "",
        "urls": list(dict.fromkeys(url for run in runs for url in run.get("urls") or ())),
        "repeats": max(int(run.get("repeats") or 1) for run in runs),
        "shard": None,
        "started": min(str(run.get("started") or "") for run in runs),
    }


def _invocations(parts: Sequence[ShardRun], own: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Every time that any of the folders was used, oldest first."""
    found: list[Mapping[str, Any]] = []
    for entry in [*(entry for part in parts for entry in part.run.get("invocations") or ()), *own]:
        if entry not in found:
            found.append(entry)
    return sorted(found, key=lambda entry: str(entry.get("time")))


def _check_gates(gate_runner: GateRunner, plans: Sequence[Plan]) -> None:
    """Every gate on a benchmark of this run names a subset and an aggregate that it has; of others nothing is known."""
    if gate_runner.gates is None:
        return
    # numpy, only where gates are judged
    from pytest_modeleval.gates import measure_mistakes, unknown_targets  # noqa: PLC0415

    known = {
        plan.benchmark: ([part.name for part in plan.subsets], [entry.name for entry in plan.aggregates])
        for plan in plans
    }
    for gate in gate_runner.gates.gates:
        known.setdefault(gate.benchmark, ([gate.subset], [gate.aggregate]))
    found = unknown_targets(gate_runner.gates, known)
    found += measure_mistakes(gate_runner.gates, {plan.benchmark: plan.measures for plan in plans})
    if found:
        raise SettingsError("\n".join(found))


def _existing(path: Path | None, flag: str, what: str) -> Path | None:
    if path is not None and not path.exists():
        raise SettingsError(f"{flag}: expected {what}, but {path} does not exist")
    return path
