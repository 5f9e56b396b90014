"""Watches the servers that we started while the run goes on: a death is noticed at once, a hang in seconds.

With restarts left, a server is started again at the same address, and whoever asks it goes on. The watch tells through
callbacks, which must be quick and safe to call from its threads. What a hang is: see server.hang_detector.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from pytest_modeleval.errors import LaunchError
from pytest_modeleval.server.hang_detector import DEFAULT_THRESHOLDS, HangDetector, HangThresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_modeleval.server.launched_server import LaunchedServer

_LOOK_EVERY_S = 0.1
_END_S = 1.0


class ServerWatch:
    """The watch over launched servers.

    on_down(replica, why): it died or hangs; nothing answers there now. on_up(replica): it serves again, at the same
    address. on_abandoned(replica, why): no restart is left, or the restart failed; it stays away.
    """

    def __init__(
        self,
        servers: Sequence[LaunchedServer],
        *,
        on_down: Callable[[int, str], None],
        on_up: Callable[[int], None],
        on_abandoned: Callable[[int, str], None],
        pulse: Callable[[int], object] = lambda replica: None,
        restarts: int | None = None,
        patience: HangThresholds = DEFAULT_THRESHOLDS,
    ) -> None:
        """Begin to watch.

        pulse(replica): another value whenever something came from that server on any request, whoever asked.
        restarts: for each server; None for what its profile says.
        """
        self._pulse = pulse
        self._on_lost = on_down
        self._on_back = on_up
        self._on_over = on_abandoned
        self._patience = patience
        self._is_ending = threading.Event()
        self.restarted = 0
        self._servers = tuple(servers)
        # A thread each: while one server loads for minutes, the death of another must not go unnoticed.
        self._threads = [
            threading.Thread(
                target=self._watch,
                args=(replica, server, server.profile.restart if restarts is None else restarts),
                name=f"modeleval-watch-{replica}",
                daemon=True,
            )
            for replica, server in enumerate(self._servers)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Watch no more; the servers go on, unless one is just starting again, which is given up. May be called again.

        Call it before the servers are stopped, or their end is taken for a death.
        """
        self._is_ending.set()
        for thread, server in zip(self._threads, self._servers, strict=True):
            # A thread that is just ending a dead server is left to itself; it tells nothing any more.
            deadline = time.monotonic() + _END_S
            while thread.is_alive() and time.monotonic() < deadline:
                if not server.is_ready:
                    server.stop()
                thread.join(_LOOK_EVERY_S)

    def _watch(self, replica: int, server: LaunchedServer, restarts: int) -> None:
        while not self._is_ending.is_set():
            why = self._awaited_end(replica, server)
            if self._is_ending.is_set() or not why:
                return
            if restarts < 1:
                self._on_over(replica, why)
                server.stop()
                return
            restarts -= 1
            self._on_lost(replica, why)
            try:
                server.restart()
            except (LaunchError, OSError) as error:
                if not self._is_ending.is_set():
                    self._on_over(replica, f"{why}; started again, it failed: {error}")
                return
            self.restarted += 1
            self._on_back(replica)

    def _awaited_end(self, replica: int, server: LaunchedServer) -> str:
        """Why the server is of no use any more, as soon as it is so; "" if the watch ends first."""
        with contextlib.closing(HangDetector(server, lambda: self._pulse(replica), self._patience)) as vigil:
            while not self._is_ending.is_set():
                if server.wait_exit(_LOOK_EVERY_S) is not None:
                    return server.describe_end()
                why = vigil.look(time.monotonic())
                if why and server.poll() is None:
                    return why
        return ""
