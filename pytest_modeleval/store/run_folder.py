"""The run folder: its path, its lock, and run.json (docs/run-folder.md)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pytest_modeleval._support.atomic_file import atomic_write_json
from pytest_modeleval._support.file_lock import HeldLock, try_file_lock
from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.images.references import FOLDER
from pytest_modeleval.records import JsonObject
from pytest_modeleval.store.journal import JournalReader, utc_now
from pytest_modeleval.store.run_file import RUN_FILE, load_run, read_run

RUNS = "modeleval-runs"
LOCK_FILE = "run.lock"
_DRAFT = re.compile(
    r"\.(?:(?:run|summary|journal|report|stopped-early|server-state(?:-\w+)?|stop-workers|(?:batches|counts)-\w+)\.\w+"
    r"|[0-9a-f]{40})\.[0-9]+(?:\.[0-9a-f]{8})?\.tmp"
)
PACKAGES = (
    "pytest-modeleval",
    "pytest",
    "pytest-xdist",
    "pytest-html",
    "httptools",
    "httpx",
    "datasets",
    "math-verify",
    "beautifulsoup4",
    "markdownify",
)


class RunFolder:
    """An open run folder, locked against other runs until closed."""

    def __init__(self, path: Path, run: JsonObject, lock: HeldLock) -> None:
        self.path = path
        self.run = run
        self.reader = JournalReader(path, rescoring=self.invocation)
        self._lock = lock

    @property
    def invocation(self) -> int:
        """Which use of the folder this is, from 1."""
        return len(self.run["invocations"])

    def save(self) -> None:
        """Write run.json. Raises RunFolderError."""
        try:
            atomic_write_json(self.path / RUN_FILE, self.run)
        except OSError as error:
            raise RunFolderError(f"cannot write the run folder {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Let other runs have the folder."""
        self._lock.release()


def runs_of(base: Path, model: str) -> Path:
    """The folder that holds the runs of a model: base/modeleval-runs/<model>."""
    return base / RUNS / (re.sub(r"[^\w.+-]+", "_", model.strip("/")).strip("._") or "model")


def new_path(runs: Path, *, now: datetime | None = None, suffix: str = "") -> Path:
    """A folder name that is not taken: the UTC time, and what sets it apart."""
    stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H-%M-%SZ") + suffix
    path, count = runs / stamp, 1
    while path.exists():
        count += 1
        path = runs / f"{stamp}-{count}"
    return path


def newest_first(runs: Path) -> list[Path]:
    """The run folders in the folder of a model's runs; empty if that does not exist."""
    try:
        return sorted((path for path in runs.iterdir() if path.is_dir()), key=lambda path: path.name, reverse=True)
    except OSError:
        return []


def last_run(runs: Path) -> Path | None:
    """The newest run of a model that has a run.json."""
    return next((path for path in newest_first(runs) if read_run(path) is not None), None)


def is_usable(path: Path) -> bool:
    """True for a folder that holds a run, nothing at all, or what is left of a run's first moment."""
    return path.is_dir() and (read_run(path) is not None or all(_is_ours(entry) for entry in path.iterdir()))


def is_locked(path: Path) -> bool:
    """Whether a run uses the folder now."""
    lock_file = path / LOCK_FILE
    if not lock_file.exists():
        return False
    try:
        held = try_file_lock(lock_file)
    except OSError:
        return False
    if held is None:
        return True
    held.release()
    return False


def lock_run_folder(
    path: Path,
    *,
    facts: Mapping[str, Any],
    command: Sequence[str],
    project_dir: Path,
    option: str = "--eval-run",
) -> RunFolder:
    """Make the folder, or resume the run in it, under its lock.

    option: the one that names the folder, for messages. facts: what identifies the experiment ("model", "identity",
    ...). Raises RunFolderError if the folder cannot be written, is in use, is no run folder, or holds another model's
    run; nothing is changed then. The caller saves run.json once it knows that the experiment is the same.
    """
    run = load_run(path) if os.path.lexists(path / RUN_FILE) else None
    _check_holder(path, run, facts, option)
    lock = _acquire_lock(path, option)
    _remove_drafts(path)
    fresh: JsonObject = run or {"schema": 1, "started": utc_now(), "invocations": [], "benchmarks": {}}
    fresh.update(facts)
    fresh["complete"] = False
    fresh["invocations"] = [
        *fresh.get("invocations", []),
        {
            "time": utc_now(),
            "command": list(command),
            "python": sys.version.split()[0],
            "packages": package_versions(),
            "git_commit": git_commit(project_dir),
        },
    ]
    return RunFolder(path, fresh, lock)


def _check_holder(path: Path, run: Mapping[str, Any] | None, facts: Mapping[str, Any], option: str) -> None:
    """Raise RunFolderError if the folder holds something else than a run of the same model."""
    if path.exists() and not is_usable(path):
        raise RunFolderError(
            f"{option}: expected a run folder or an empty or new one, but {path} holds something else; name another"
        )
    if run is not None and run.get("identity") != facts["identity"]:
        raise RunFolderError(
            f"{path} holds a run of another model: {_who(run)}; this is {_who(facts)}. "
            f"Name another folder with {option}"
        )


def _acquire_lock(path: Path, option: str) -> HeldLock:
    """Make the folder and lock it. Raises RunFolderError if it cannot be written or is in use."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if path.parent.parent.name == RUNS:
            _keep_out_of_git(path.parent.parent)
        lock = try_file_lock(path / LOCK_FILE)
    except OSError as error:
        raise RunFolderError(
            f"cannot write the run folder {path}: {error.strerror}; name another with {option}"
        ) from error
    if lock is None:
        raise RunFolderError(f"the run folder {path} is in use by another run; wait for it or name another")
    return lock


def _remove_drafts(path: Path) -> None:
    """Remove the drafts that a killed run left; the lock keeps other writers out."""
    pictures = path / FOLDER
    folders = [path] if pictures.is_symlink() or not pictures.is_dir() else [path, pictures]
    for entry in (entry for folder in folders for entry in folder.iterdir()):
        if _is_draft(entry):
            entry.unlink(missing_ok=True)


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that a score may depend on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def git_commit(folder: Path) -> str | None:
    """The commit of the user's repository, with "-dirty" where files differ from it; None outside of git."""
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None


def _is_ours(entry: Path) -> bool:
    """True for files that a run leaves before it has a run.json, when it is ended in its first moment."""
    is_named_so = entry.name == LOCK_FILE or entry.name.startswith(("journal", "server", ".server-"))
    return is_named_so or _is_draft(entry)


def _is_draft(entry: Path) -> bool:
    """True for what `_support.atomic_file` and `store.merged_journal` write first and rename when it is whole."""
    return _DRAFT.fullmatch(entry.name) is not None


def _keep_out_of_git(runs: Path) -> None:
    with suppress(FileExistsError), (runs / ".gitignore").open("x") as file:
        file.write("# Runs are large and belong to one machine; bless a baseline to keep a result.\n*\n")


def _who(run: Mapping[str, Any]) -> str:
    server = run.get("server") or {}
    version = f" {server['version']}" if server.get("version") else ""
    return f"{run.get('model')} on {server.get('kind', 'a server')}{version}"
