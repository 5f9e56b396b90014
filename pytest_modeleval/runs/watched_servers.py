"""Servers that this run started, watched: those of the model under test, and those of each further model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval.runs.server_status import RESTARTING, UP, ServerStatus

if TYPE_CHECKING:
    from pytest_modeleval.server.connect import ServerHandle
    from pytest_modeleval.server.watch import ServerWatch

# The key of the model under test, where the further models have their roles.
TESTED = ""


@dataclass(slots=True)
class WatchedServers:
    """The servers of one model."""

    status: ServerStatus
    """Their state, kept by the watch."""
    watch: ServerWatch | None
    """None once it has ended."""

    def stop(self) -> None:
        """End the watch: nothing is asked any more."""
        if self.watch is not None:
            self.watch.stop()
            self.watch = None
        self.status.remove_files()


def watch_servers(
    opened: Mapping[str, ServerHandle | None], folder: Path, *, on_restart: Callable[[str, int, str], None]
) -> dict[str, WatchedServers]:
    """Watch every server that the run started: role, TESTED for the model under test -> its servers.

    on_restart(role, replica, reason): one died or hangs, and is started again. Called from the watch's threads.
    """
    ours = {role: handle for role, handle in opened.items() if handle is not None and handle.is_ours}
    return {role: _watch(handle, role, folder, on_restart) for role, handle in ours.items()}


def _watch(
    handle: ServerHandle, role: str, folder: Path, on_restart: Callable[[str, int, str], None]
) -> WatchedServers:
    from pytest_modeleval.server.watch import ServerWatch  # noqa: PLC0415 - only for servers of ours

    status = ServerStatus(len(handle.launched), folder, role=role)

    def on_down(replica: int, why: str) -> None:
        status.set(replica, RESTARTING)
        on_restart(role, replica, why)

    # The watch's threads may not write to the terminal; restarts reach the user through run.json and the summary.
    watch = ServerWatch(
        handle.launched,
        on_down=on_down,
        on_up=lambda replica: status.set(replica, UP),
        on_abandoned=status.set,
        activity=status.pulse,
    )
    return WatchedServers(status, watch)
