"""The model, connected, and the run folder, locked: what exists once per run, in the main process."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_modeleval._support import redact
from pytest_modeleval.errors import OtherExperiment
from pytest_modeleval.runs.connection import Connection, connect, stored_connection
from pytest_modeleval.runs.further_models import connect_roles
from pytest_modeleval.runs.resume import OpenedFolder, open_folder, open_new_folder
from pytest_modeleval.runs.server_logs import delete_logs, keep_logs, log_dir_for, move_logs
from pytest_modeleval.runs.server_status import ServerStatus
from pytest_modeleval.runs.watched_servers import TESTED, WatchedServers, watch_servers
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import utc_now
from pytest_modeleval.store.run_folder import RunFolder

if TYPE_CHECKING:
    from pytest_modeleval.server.profiles import Profile


class StatusWriter(Protocol):
    """Where a run writes while its server starts."""

    def print_line(self, text: str) -> None:
        """Print a line for the user."""

    def show_status(self, text: str) -> bool:
        """Replace the status line at the bottom of a terminal; False where there is none."""

    def clear_status(self) -> None:
        """Remove the status line."""


@dataclass(slots=True)
class OpenedRun:
    """A run that has its model and its folder."""

    settings: Settings
    connection: Connection
    opened_folder: OpenedFolder
    watched: dict[str, WatchedServers] = field(default_factory=dict)
    """Role, TESTED for the model under test -> its servers, where this run started them."""

    @property
    def role_status(self) -> dict[str, ServerStatus]:
        """Role, TESTED for the model under test -> the state of its servers, where this run started them."""
        return {role: servers.status for role, servers in self.watched.items()}

    @property
    def may_flush_cache(self) -> bool:
        """The prefix cache serves this run alone, or the user said so."""
        opened = self.connection.opened
        return self.settings.is_flushing or (opened is not None and opened.is_ours)

    @property
    def folder(self) -> RunFolder:
        """The run folder."""
        return self.opened_folder.folder

    @property
    def order_seed(self) -> int | None:
        """The seed of the order of asking; None for the order of the data."""
        seed: int | None = self.folder.run.get("order_seed")
        return seed

    @property
    def origin(self) -> str:
        """A sentence about the folder that was taken up, or left alone; "" for a new folder."""
        found = self.opened_folder
        if found.left:
            return f"{found.left}. It is left alone, and a new run folder is made"
        if found.stored is None:
            return ""
        verb = "grading" if self.settings.rescore_dir is not None else "taking up"
        there = "1 answer is" if found.stored == 1 else f"{found.stored:,} answers are"
        return f"{verb} {shown_path(self.folder.path)} again: {there} there already"

    def note_invocation(self, facts: Mapping[str, Any]) -> None:
        """Add facts to this use of the folder in run.json."""
        self.folder.run["invocations"][-1].update(facts)

    def note_restart(self, role: str, replica: int, reason: str) -> None:
        """Add a restart of a server of ours to this use of the folder. Called from the threads of the watch."""
        entry = {"time": utc_now(), "replica": replica, "reason": redact.diagnostic(reason)}
        if role != TESTED:
            entry["role"] = role
        self.folder.run["invocations"][-1].setdefault("restarts", []).append(entry)

    def open_new_folder(self, mistake: OtherExperiment, path: Path | None = None) -> None:
        """Leave the folder to the experiment that it holds, and go on in a new one.

        path: None for the next free name. Raises the mistake where the user named the folder.
        """
        if not self.opened_folder.is_found:
            raise mistake
        left = self.folder
        found = open_new_folder(self.settings, self.connection, path=path, order_seed=self.order_seed)
        why = f"{shown_path(left.path)} holds another experiment {mistake.why}"
        self.opened_folder = dataclasses.replace(found, left=why)
        left.close()
        move_logs(left.path, self.folder.path, self.connection.launched)
        for servers in self.watched.values():
            servers.status.move(self.folder.path)

    def stop_watching(self) -> None:
        """End the watch over the servers: nothing is asked any more."""
        for servers in self.watched.values():
            servers.stop()

    def close(self) -> None:
        """Stop the servers that this run started, and unlock the folder."""
        self.stop_watching()
        for handle in self.connection.all_opened:
            handle.stop()
        self.folder.close()


def open_run(settings: Settings, profile: Profile | None, writer: StatusWriter, *, has_gates: bool) -> OpenedRun:
    """Connect to the model, launching its server if need be, and open the run folder.

    profile: None for a stored run that is graded again. has_gates: gates are judged over this run, so a server of ours
    begins with an empty prefix cache. Raises UserError before any sample was asked.
    """
    if settings.rescore_dir is not None:
        connection = stored_connection(settings.rescore_dir, settings)
        return OpenedRun(settings, connection, open_folder(settings, connection))
    logs = log_dir_for(settings, settings.model)
    try:
        connection = connect(
            settings, profile, log_dir=logs, report=writer.print_line, show_progress=writer.show_status
        )
        try:
            connect_roles(
                settings, connection, log_dir=logs, report=writer.print_line, show_progress=writer.show_status
            )
            found = open_folder(settings, connection)
            keep_logs(logs, found.folder.path, connection.launched)
        except BaseException:
            for handle in connection.all_opened:
                handle.stop()
            raise
    finally:
        writer.clear_status()
        delete_logs(logs)
    run = OpenedRun(settings, connection, found)
    opened = {TESTED: connection.opened, **connection.opened_roles}
    run.watched = watch_servers(opened, found.folder.path, on_restart=run.note_restart)
    try:
        _flush_cache(run, writer, has_gates=has_gates)
        for note in connection.notes:
            writer.print_line(f"warning: {note}")
    except BaseException:
        run.close()
        raise
    return run


def shown_path(path: Path) -> str:
    """A path relative to the current folder if it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _flush_cache(run: OpenedRun, writer: StatusWriter, *, has_gates: bool) -> None:
    """Empty the prefix cache of a server of ours before gates are judged: they must not depend on earlier runs."""
    opened, model = run.connection.opened, run.connection.model
    is_ours = opened is not None and opened.is_ours and has_gates
    if not run.settings.is_flushing and not (is_ours and model.kind in ("sglang", "vllm")):
        return
    from pytest_modeleval.server.control import flush_cache  # noqa: PLC0415

    for url in model.urls:
        trouble = flush_cache(url, model.kind, key=run.settings.key)
        writer.print_line(
            f"warning: the prefix cache is as it was: {trouble}" if trouble else f"prefix cache of {url} emptied"
        )
