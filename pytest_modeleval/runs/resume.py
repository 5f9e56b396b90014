"""Which folder a run uses: the one that is named, the newest unfinished run of the same command, or a new one.

What makes two commands the same is `resume_key`. Whether a folder holds the same experiment is decided where it is
known: the model's identity in `store.run_folder`, the system prompt here, the plan of each benchmark in `experiment`.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_modeleval._support import redact
from pytest_modeleval._support.shorten import shorten_repr
from pytest_modeleval.client.body import same_numbers
from pytest_modeleval.errors import OtherExperiment, RunFolderError
from pytest_modeleval.records import JsonObject
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.server_facts import RoleFacts
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.run_file import read_run
from pytest_modeleval.store.run_folder import RunFolder, is_locked, lock_run_folder, new_path, newest_first, runs_of

_MOST_SHOWN = 100


def resume_key(settings: Settings, identity: str) -> str:
    """Equal for the same command against the same model: an unfinished run with this key goes on."""
    parts: JsonObject = {
        "model": settings.model,
        "identity": identity,
        "params": same_numbers(settings.params),
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
    if settings.page_options:
        parts["options"] = {name: dict(values) for name, values in settings.page_options.items()}
    # The rest of --model-set says how the model is served. Where that changes the model, its identity differs.
    asked = sorted(pair for pair in settings.model_set if pair.startswith("params."))
    if asked:
        parts["model_set"] = asked
    if settings.roles:
        parts["roles"] = {role: given.model for role, given in settings.roles.items()}
    if settings.shard is not None:
        parts["shard"] = str(settings.shard)
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def find_resumable(runs: Path, resume_key: str) -> Path | None:
    """The newest unfinished run of the same command, unless it is in use."""
    for path in newest_first(runs):
        run = read_run(path)
        if run is not None and run.get("resume_key") == resume_key:
            # A complete run ends the search: older runs were superseded by it.
            return None if run.get("complete") or is_locked(path) else path
    return None


@dataclass(frozen=True, slots=True)
class OpenedFolder:
    """A run folder, locked."""

    folder: RunFolder
    stored: int | None = None
    """Answers that are there already; None in a folder without a run."""
    is_found: bool = False
    """An unfinished run that the user did not name; another experiment in it does not block this run."""
    left: str = ""
    """Why an unfinished run that looked like this one is left alone; "" if there is none."""


def open_folder(settings: Settings, connection: Connection) -> OpenedFolder:
    """The folder that the user named, else an unfinished run of the same command, else a new one."""
    named = settings.rescore_dir or settings.run_dir
    if named is not None:
        return _open(named, settings, connection)
    found = find_resumable(
        runs_of(settings.invocation_dir, connection.model.name), resume_key(settings, connection.model.identity)
    )
    if found is None:
        return open_new_folder(settings, connection)
    try:
        return replace(_open(found, settings, connection), is_found=True)
    except RunFolderError as error:
        return replace(open_new_folder(settings, connection), left=str(error))


def open_new_folder(
    settings: Settings, connection: Connection, *, path: Path | None = None, order_seed: int | None = None
) -> OpenedFolder:
    """A new folder. path: None for the next free name. order_seed: of the order that was already chosen."""
    stored = {"order_seed": order_seed} if order_seed is not None else {}
    return _open(path or _new_path(settings, connection), settings, connection, stored)


def reserve_folder(settings: Settings, connection: Connection) -> Path:
    """A new, empty folder for workers that find another experiment in theirs. Raises RunFolderError."""
    path = _new_path(settings, connection)
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise RunFolderError(f"cannot write the run folder {path}: {error.strerror}") from error
    return path


def _new_path(settings: Settings, connection: Connection) -> Path:
    # Shards that start in the same second on a common file system must not meet in one folder.
    part = f"-shard-{settings.shard.number}-of-{settings.shard.of}" if settings.shard is not None else ""
    return new_path(runs_of(settings.invocation_dir, connection.model.name), suffix=part)


def _open(
    path: Path, settings: Settings, connection: Connection, stored: Mapping[str, Any] | None = None
) -> OpenedFolder:
    """Open one folder. stored: facts that stay as they are; None for those of its run.json."""
    found = read_run(path)
    known = stored if stored is not None else found or {}
    system = hashlib.sha256(settings.system.encode()).hexdigest() if settings.system else None
    if found is not None and settings.rescore_dir is None:
        _check_system(path, found, system)
        _check_roles(path, found, connection)
    facts = _run_facts(settings, connection, known, system=system)
    if settings.rescore_dir is not None:
        # A rescored run stays what it is; only its grades are made anew.
        facts = {name: known.get(name, value) for name, value in facts.items()} | {"indexes": facts["indexes"]}
    folder = lock_run_folder(
        path, facts=redact.json_value(facts), command=redact.argv(sys.argv), project_dir=settings.project_dir
    )
    return OpenedFolder(folder, len(folder.reader.refresh().responses) if found is not None else None)


def _run_facts(
    settings: Settings, connection: Connection, stored: Mapping[str, Any], *, system: str | None
) -> dict[str, Any]:
    """The facts of run.json about this run. stored: those of a resumed folder, otherwise empty."""
    model = connection.model
    return {
        "model": model.name,
        "served": model.served,
        "model_names": list(model.names),
        "context_tokens": model.context_tokens,
        "tool_calls": model.tool_calls,
        "identity": model.identity,
        "resume_key": resume_key(settings, model.identity),
        "urls": [redact.url(url) for url in model.urls],
        "server": model.server.as_json(),
        "profile_params": dict(connection.params),
        "user_params": dict(settings.params),
        "model_set": [redact.setting(pair) for pair in settings.model_set],
        "limit": str(settings.limit) if settings.limit.rows or settings.limit.fraction else None,
        "repeats": settings.repeats,
        # Of a role that this command does not name, the model that earlier uses of the folder asked.
        "roles": {
            **(stored.get("roles") or {}),
            **{role: facts.as_json() for role, facts in connection.roles.items()},
        },
        "indexes": [index.as_json() for index in settings.indexes],
        "order_seed": _order_seed(settings, stored),
        "system": settings.system or None,
        "system_sha256": system,
        "until_decided": settings.until_decided or stored.get("until_decided"),
        "shard": str(settings.shard) if settings.shard is not None else None,
        "caller": dict(settings.caller) or stored.get("caller"),
        # A folder that is there already keeps what it is, whatever selects from it.
        "only": stored.get("only") if "invocations" in stored else _chosen_results(settings),
    }


def _chosen_results(settings: Settings) -> list[str] | None:
    """The results of an earlier run by which the samples were chosen; None where they were not."""
    if settings.only:
        return sorted(kind.value for kind in settings.only)
    return ["last_failed"] if settings.is_last_failed else None


def _check_system(path: Path, stored: Mapping[str, Any], system: str | None) -> None:
    if stored.get("system_sha256") != system:
        raise OtherExperiment(path, "with another system prompt (--eval-system)")


def _check_roles(path: Path, stored: Mapping[str, Any], connection: Connection) -> None:
    """Raises OtherExperiment where the folder was asked with another model, or other parameters, in a role."""
    known = stored.get("roles") or {}
    for role, facts in connection.roles.items():
        before = RoleFacts.from_json(known[role]).experiment if role in known else facts.experiment
        now = facts.experiment
        if before != json.loads(json.dumps(now)):
            changed = [name for name in now if before[name] != now[name]]
            raise OtherExperiment(
                path,
                f"with another {role}: "
                + "; ".join(f"{name} {_shown(before[name])} there, {_shown(now[name])} here" for name in changed),
            )


def _shown(value: Any) -> str:
    return shorten_repr(value, _MOST_SHOWN)


def _order_seed(settings: Settings, stored: Mapping[str, Any]) -> int | None:
    """The seed of the order of asking, kept in run.json; None where samples are asked in the order of the data."""
    if stored.get("order_seed") is not None or not settings.is_stop_early or settings.rescore_dir is not None:
        return stored.get("order_seed")
    return random.SystemRandom().getrandbits(31)
