"""Where servers that a run starts write their logs: before the run folder exists, and in it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.run_folder import is_usable, runs_of

if TYPE_CHECKING:
    from pytest_modeleval.server.launched_server import LaunchedServer


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
        _move_log(log, folder, log.stem, servers)


def move_logs(left: Path, folder: Path, servers: Sequence[LaunchedServer]) -> None:
    """Move the logs of these servers out of a run folder that they do not belong to."""
    for log in {server.log_file for server in servers if server.log_file.parent == left}:
        _move_log(log, folder, log.name.partition(".")[0], servers)


def _move_log(log: Path, folder: Path, name: str, servers: Sequence[LaunchedServer]) -> None:
    target, number = folder / f"{name}.log", 1
    while target.exists():
        number += 1
        target = folder / f"{name}.{number}.log"
    log.rename(target)
    for server in servers:
        if server.log_file == log:
            server.log_file = target


def delete_logs(logs: Path) -> None:
    """Remove the folder of log_dir_for, if it is empty: a log is kept where starting failed, since it says why."""
    if not any(logs.iterdir()):
        logs.rmdir()
