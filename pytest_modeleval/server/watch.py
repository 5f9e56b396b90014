"""Watches the servers that we started during a run: notices a death at once and a hang within seconds.

With restarts left, a server is started again at the same address, and its clients continue. The watch reports through
callbacks, which must be quick and safe to call from its threads. server.hang_detector defines a hang.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from pytest_modeleval.errors import LaunchError
from pytest_modeleval.server.hang_detector import DEFAULT_THRESHOLDS, HangDetector, HangThresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_modeleval.server.launched_server import LaunchedServer

_LOG = logging.getLogger("pytest_modeleval.server")
_CHECK_EVERY_S = 0.1
_STOP_S = 1.0


class ServerWatch:
    """Watches launched servers, each in a thread."""

    def __init__(
        self,
        servers: Sequence[LaunchedServer],
        *,
        on_down: Callable[[int, str], None],
        on_up: Callable[[int], None],
        on_abandoned: Callable[[int, str], None],
        activity: Callable[[int], object] = lambda replica: None,
        restarts: int | None = None,
        thresholds: HangThresholds = DEFAULT_THRESHOLDS,
    ) -> None:
        """Begin to watch.

        on_down(replica, reason): it died or hangs; nothing answers there now. on_up(replica): it serves again, at the
        same address. on_abandoned(replica, reason): no restart is left, or the restart failed.
        activity(replica): returns another value whenever a byte arrived from that server on any request.
        restarts: for each server; None for its profile's number.
        """
        self._activity = activity
        self._on_down = on_down
        self._on_up = on_up
        self._on_abandoned = on_abandoned
        self._thresholds = thresholds
        self._is_ending = threading.Event()
        self._servers = tuple(servers)
        # A thread for each: while one server loads for minutes, the death of another must be noticed.
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
        """End the watch. The servers continue, except one that is just being restarted. May be called again.

        Call it before the servers are stopped, or their end counts as a death.
        """
        self._is_ending.set()
        for thread, server in zip(self._threads, self._servers, strict=True):
            # A thread that is just ending a dead server is left alone; it reports nothing any more.
            deadline = time.monotonic() + _STOP_S
            while thread.is_alive() and time.monotonic() < deadline:
                if not server.is_ready:
                    server.stop()
                thread.join(_CHECK_EVERY_S)

    def _watch(self, replica: int, server: LaunchedServer, restarts: int) -> None:
        while not self._is_ending.is_set():
            reason = self._await_end(replica, server)
            if self._is_ending.is_set() or not reason:
                return
            _LOG.info("replica %d is down: %s (restarts left: %d)", replica, reason, restarts)
            if restarts < 1:
                self._on_abandoned(replica, reason)
                server.stop()
                return
            restarts -= 1
            self._on_down(replica, reason)
            try:
                server.restart()
            except (LaunchError, OSError) as error:
                if not self._is_ending.is_set():
                    _LOG.info("replica %d could not be restarted: %s", replica, error)
                    self._on_abandoned(replica, f"{reason}; started again, it failed: {error}")
                return
            _LOG.info("replica %d serves again", replica)
            self._on_up(replica)

    def _await_end(self, replica: int, server: LaunchedServer) -> str:
        """Wait until the server is useless, and return why; "" if the watch ends first."""
        detector = HangDetector(server, lambda: self._activity(replica), self._thresholds)
        while not self._is_ending.is_set():
            if server.wait_exit(_CHECK_EVERY_S) is not None:
                return server.describe_end()
            reason = detector.check(time.monotonic())
            if reason and server.poll() is None:
                return reason
        return ""
