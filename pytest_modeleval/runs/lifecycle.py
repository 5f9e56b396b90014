"""The run as a whole: which folder, what is in run.json, what the earlier run says, the summary at the end."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support import redact
from pytest_modeleval.errors import RunFolderError, SettingsError
from pytest_modeleval.evaluation.summary import is_limited, merge_plans, require_plans, run_summary, selected_parts
from pytest_modeleval.records import ItemKey, JsonObject, Kind
from pytest_modeleval.results import GateVerdict, RunSummary
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.runs.gate_runner import attach_verdicts
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import JOURNAL_FILE, JournalReader, JournalWriter, rescored_line, utc_now
from pytest_modeleval.store.run_file import read_run
from pytest_modeleval.store.run_folder import (
    RunFolder,
    find_resumable,
    is_usable,
    last_run,
    new_path,
    open_run,
    runs_of,
)
from pytest_modeleval.store.summary_file import write_summary

if TYPE_CHECKING:
    from pytest_modeleval.server.launched_server import LaunchedServer


def resume_key(settings: Settings, identity: str) -> str:
    """Equal for the same command against the same model: an unfinished run with this key goes on."""
    parts: JsonObject = {
        "model": settings.model,
        "identity": identity,
        "params": dict(settings.params),
        "limit": str(settings.limit),
        "repeats": settings.repeats,
        "stop_early": settings.is_stop_early,
        "until_decided": settings.until_decided,
        "data": str(settings.data_dir),
        "only": sorted(settings.only),
        "keyword": settings.keyword,
        "markers": settings.markers,
        "selected": list(settings.selected),
    }
    if settings.system:
        parts["system"] = settings.system
    if settings.subsets:
        parts["subsets"] = {name: sorted(subsets) for name, subsets in settings.subsets.items()}
    # The rest of --model-set says how the model is served. Where that changes the model, its identity differs.
    asked = sorted(pair for pair in settings.model_set if pair.startswith("params."))
    if asked:
        parts["model_set"] = asked
    if settings.shard is not None:
        parts["shard"] = str(settings.shard)
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def open_folder(settings: Settings, connection: Connection) -> tuple[RunFolder, bool]:
    """The run folder, locked, and whether it is taken up again."""
    model = connection.model
    key = resume_key(settings, model.identity)
    runs = runs_of(settings.invocation_dir, model.name)
    path = settings.rescore_dir or settings.run_dir or find_resumable(runs, key) or _new_folder(runs, settings)
    found = read_run(path)
    is_known, stored = found is not None, found or {}
    system = hashlib.sha256(settings.system.encode()).hexdigest() if settings.system else None
    if is_known and settings.rescore_dir is None:
        _check_system(path, stored, system)
    facts = _run_facts(settings, connection, stored, key=key, system=system)
    if settings.rescore_dir is not None:
        # A rescored run stays what it is; only its grades are made anew.
        facts = {name: stored.get(name, value) for name, value in facts.items()}
    folder = open_run(
        path, facts=redact.json_value(facts), command=redact.argv(sys.argv), project_dir=settings.project_dir
    )
    return folder, is_known


def _run_facts(
    settings: Settings, connection: Connection, stored: Mapping[str, Any], *, key: str, system: str | None
) -> dict[str, Any]:
    """The facts of run.json about this run. stored: those of a resumed folder, otherwise empty."""
    model = connection.model
    return {
        "model": model.name,
        "served": model.served,
        "context_tokens": model.context_tokens,
        "tool_calls": model.tool_calls,
        "identity": model.identity,
        "resume_key": key,
        "urls": [redact.url(url) for url in model.urls],
        "server": model.server.as_json(),
        "profile_params": dict(connection.params),
        "user_params": dict(settings.params),
        "model_set": [redact.setting(pair) for pair in settings.model_set],
        "limit": str(settings.limit) if settings.limit.rows or settings.limit.fraction else None,
        "repeats": settings.repeats,
        "order_seed": _order_seed(settings, stored),
        "system_sha256": system,
        "until_decided": settings.until_decided or stored.get("until_decided"),
        "shard": str(settings.shard) if settings.shard is not None else None,
    }


def _new_folder(runs: Path, settings: Settings) -> Path:
    # Shards that start in the same second on a common file system must not meet in one folder.
    part = f"-shard-{settings.shard.number}-of-{settings.shard.of}" if settings.shard is not None else ""
    return new_path(runs, suffix=part)


def _check_system(path: Path, stored: Mapping[str, Any], system: str | None) -> None:
    if stored.get("system_sha256") != system:
        raise RunFolderError(
            f"{path} holds another experiment: another system prompt (--eval-system). Name another folder with "
            "--eval-run=DIR"
        )


def _order_seed(settings: Settings, stored: Mapping[str, Any]) -> int | None:
    """The seed of the order of asking, kept in run.json; None where samples are asked in the order of the data."""
    if stored.get("order_seed") is not None or not settings.is_stop_early or settings.rescore_dir is not None:
        return stored.get("order_seed")
    return random.SystemRandom().getrandbits(31)


def log_dir_for(settings: Settings, model: str) -> Path:
    """Where servers that we start write their logs before the run folder exists.

    On the file system of the run folder, which may be a mounted volume: a log that is written to is moved by renaming.
    """
    place, run = runs_of(settings.invocation_dir, model), settings.run_dir
    if run is not None and not run.exists():
        place = run.parent
    elif run is not None and is_usable(run):
        place = run
    try:
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".server-", dir=place))
    except OSError as error:
        if run is not None:
            raise RunFolderError(
                f"cannot write the run folder {run}: {error.strerror}; name another with --eval-run"
            ) from error
        raise RunFolderError(f"cannot write below {place}: {error.strerror}; start pytest in another folder") from error


def keep_logs(logs: Path, folder: Path, servers: Sequence[LaunchedServer]) -> None:
    """Move the servers' logs into the run folder; a server goes on writing to the same file, and knows its new name."""
    for log in sorted(logs.iterdir()):
        target, number = folder / log.name, 1
        while target.exists():
            number += 1
            target = folder / f"{log.stem}.{number}.log"
        log.rename(target)
        for server in servers:
            if server.log_file == log:
                server.log_file = target


def delete_logs(logs: Path) -> None:
    """Remove the folder of log_dir_for, if it is empty: a log is kept where starting failed, since it says why."""
    if not any(logs.iterdir()):
        logs.rmdir()


def earlier_folder(settings: Settings) -> Path | None:
    """The stored run that --eval-only and --eval-rescore look at; None without them. Raises UserError."""
    if settings.rescore_dir is not None:
        return settings.rescore_dir
    if not settings.only:
        return None
    if settings.run_dir is not None and read_run(settings.run_dir) is not None:
        raise SettingsError(
            "--eval-only asks again, so it needs a run of its own: leave --eval-run out, or name a new folder. "
            "To grade stored answers again, use --eval-rescore DIR --eval-only KIND"
        )
    folder = last_run(runs_of(settings.invocation_dir, settings.model))
    if folder is None:
        raise SettingsError(f"--eval-only: no earlier run of {settings.model} below {settings.invocation_dir}")
    return folder


def earlier_items(settings: Settings, folder: Path) -> frozenset[ItemKey]:
    """Which items of a stored run are taken: all it planned, or those that had one of the kinds of --eval-only."""
    contents = JournalReader(folder).refresh()
    require_plans(contents, folder)
    planned = frozenset(
        key
        for plan in merge_plans(contents.plans)
        for key in plan.item_keys()
        # A skipped item has no answer that could be graded again, and counts nowhere.
        if key not in contents.outcomes or not contents.outcomes[key].is_stopped_early
    )
    if not settings.only:
        return planned
    return frozenset(
        key
        for key in planned
        if (contents.outcomes[key].kind if key in contents.outcomes else Kind.NOT_RUN) in settings.only
    )


def stored_params(folder: Path) -> dict[str, JsonObject]:
    """Benchmark -> effective parameters, as a stored run was asked."""
    return {plan.benchmark: dict(plan.params) for plan in merge_plans(JournalReader(folder).refresh().plans)}


def summary_of(folder: RunFolder, settings: Settings, model: str) -> RunSummary:
    """The summary as it stands, without gates."""
    shard = folder.run.get("shard")
    # A shard holds a part by its nature, and says so in words of its own.
    contents = folder.reader.refresh()
    plans = merge_plans(contents.plans)
    parts = {} if shard else selected_parts(plans)
    return run_summary(
        contents,
        model=model,
        may_be_ungraded=settings.max_ungraded.allows,
        facts={
            "served": folder.run.get("served"),
            "server": {name: (folder.run.get("server") or {}).get(name) for name in ("kind", "version")},
            "limit": folder.run.get("limit") if is_limited(plans) else None,
            **({"shard": shard} if shard else {}),
            **({"selected": {name: list(counts) for name, counts in parts.items()}} if parts else {}),
        },
        early_stop=early_stop_label(folder.run),
    )


def early_stop_label(run: Mapping[str, Any]) -> str:
    """Why the run of this run.json may ask less than everything, see results.Savings; "" if it may not."""
    if run.get("order_seed") is not None:
        return "stopped early"
    return "decided" if run.get("until_decided") else ""


def finish_run(folder: RunFolder, settings: Settings, model: str, *, gates: tuple[GateVerdict, ...]) -> RunSummary:
    """The summary, written to the folder together with the last of run.json."""
    summary = attach_verdicts(summary_of(folder, settings, model), gates)
    plans = merge_plans(folder.reader.contents.plans)
    if settings.rescore_dir is not None:
        finish_rescoring(folder)
    write_summary(folder.path, summary, keep_old=settings.rescore_dir is not None)
    folder.run["benchmarks"] = {
        plan.benchmark: {
            "version": plan.version,
            "metric": plan.metric,
            "params": dict(plan.params),
            "data": dict(plan.data),
            "repeats": plan.repeats,
            **({"tool_calls": plan.tool_calls} if plan.tool_calls else {}),
        }
        for plan in plans
    }
    folder.run["complete"] = summary.is_complete
    folder.run["finished"] = utc_now()
    folder.save()
    return summary


def finish_rescoring(folder: RunFolder) -> None:
    """Make the outcomes of this rescoring count, all at once: a killed one changes nothing. Raises JournalError."""
    writer = JournalWriter(folder.path / JOURNAL_FILE)
    try:
        writer.write(rescored_line(folder.invocation))
    finally:
        writer.close()
