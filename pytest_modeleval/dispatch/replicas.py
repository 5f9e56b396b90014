"""The replicas of a run: which one gets a request, which are down, and which sent data. One event loop only.

Their state comes from two sides: from the monitor of servers that we started (`ServerMonitor`), and, for servers
without a monitor, from attempts that find nothing there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from pytest_modeleval.dispatch.balance import Balancer
from pytest_modeleval.errors import AttemptFailed

# Attempts in a row that found no server, with no data in between. One alone may be a connection that the server closed
# just when it was used again.
UNREACHABLE_AFTER = 3
FIRST_PAUSE_S = 5.0
MAX_PAUSE_S = 60.0
# Refusals and errors are responses; these causes mean that there was none.
_NO_RESPONSE_CAUSES = frozenset({"connection_lost", "connect_timeout", "idle"})
_log = logging.getLogger("pytest_modeleval.dispatch")


class ServerMonitor(Protocol):
    """Watches servers that we started; learns from `touch` which of them send data."""

    def states(self) -> Sequence[str]:
        """Of every replica: "up", "restarting", otherwise why it is gone for good. Called often."""

    def touch(self, replica: int) -> None:
        """This replica sent data since the last call. Called a few times a second at most."""


class Replicas:
    """Addresses of one model. limit: requests in flight over all of them."""

    def __init__(self, urls: Sequence[str], *, limit: int, monitor: ServerMonitor | None = None) -> None:
        self.urls = tuple(urls)
        self._balancer = Balancer(len(self.urls), limit)
        self._monitor = monitor
        self._is_up = [True] * len(self.urls)
        self._has_sent = [False] * len(self.urls)
        self._last_data_s = [0.0] * len(self.urls)
        self._failures = [0] * len(self.urls)
        self._pause_s = [FIRST_PAUSE_S] * len(self.urls)
        self._resume_at_s: dict[int, float] = {}
        self._ready = asyncio.Event()
        self._ready.set()

    def choose(self, prefix: int | None) -> int:
        """The replica for a request with this prefix. Call `release` afterwards."""
        return self._balancer.choose(prefix)

    @property
    def is_ready(self) -> bool:
        """True if `ready` would not wait."""
        return self._ready.is_set()

    async def ready(self) -> None:
        """Wait while all replicas are restarting."""
        await self._ready.wait()

    def release(self, replica: int) -> None:
        """The request that the replica was chosen for has ended."""
        self._balancer.release(replica)

    def on_data(self, replica: int, now_s: float) -> None:
        """The replica sent data."""
        self._has_sent[replica] = True
        self._last_data_s[replica] = now_s

    def on_complete(self, replica: int) -> None:
        """The replica sent a complete reply."""
        self._failures[replica] = 0
        self._pause_s[replica] = FIRST_PAUSE_S

    def on_failure(self, replica: int, failure: AttemptFailed, *, started_s: float, now_s: float) -> bool:
        """An attempt failed; True if the replica alone is to blame, and the request should simply go elsewhere.

        started_s: when the attempt was sent. A replica without a monitor is paused after UNREACHABLE_AFTER attempts
        that found no server, as long as there is another one; then it is asked again.
        """
        if not self._is_up[replica]:
            return True
        if failure.cause not in _NO_RESPONSE_CAUSES or self._last_data_s[replica] > started_s:
            return replica in self._resume_at_s and self._has_another(replica)
        self._failures[replica] += 1
        if not self._has_another(replica):
            return False
        if self._failures[replica] >= UNREACHABLE_AFTER and replica not in self._resume_at_s:
            _log.info("replica %d (%s) unreachable: paused for %.0f s", *self._pause(replica, now_s))
        return replica in self._resume_at_s

    def probe(self, now_s: float) -> str:
        """Update the states, and report which replicas sent data. Why no request can be answered; "" if some can."""
        for replica in [replica for replica, at_s in self._resume_at_s.items() if at_s <= now_s]:
            del self._resume_at_s[replica]
            # One more failure is enough to pause it again.
            self._failures[replica] = UNREACHABLE_AFTER - 1
            if self._is_up[replica]:
                self._balancer.mark_reachable(replica)
                _log.info("replica %d (%s): asked again", replica, self.urls[replica])
        if self._monitor is None:
            return ""
        for replica, has_sent in enumerate(self._has_sent):
            if has_sent:
                self._has_sent[replica] = False
                self._monitor.touch(replica)
        return self._update(self._monitor.states())

    def _pause(self, replica: int, now_s: float) -> tuple[int, str, float]:
        pause_s = self._pause_s[replica]
        self._resume_at_s[replica] = now_s + pause_s
        self._pause_s[replica] = min(MAX_PAUSE_S, 2 * pause_s)
        self._balancer.mark_unreachable(replica)
        return replica, self.urls[replica], pause_s

    def _update(self, states: Sequence[str]) -> str:
        for replica, state in enumerate(states):
            is_up = state == "up"
            if is_up != self._is_up[replica]:
                _log.info("replica %d (%s): %s", replica, self.urls[replica], state)
            if is_up and not self._is_up[replica]:
                self._failures[replica] = 0
                self._resume_at_s.pop(replica, None)
                self._balancer.mark_reachable(replica)
            elif not is_up and self._is_up[replica]:
                self._balancer.mark_unreachable(replica)
            self._is_up[replica] = is_up
        if any(self._is_up):
            self._ready.set()
        elif "restarting" in states:
            self._ready.clear()
        else:
            self._ready.set()
            return f"the server is gone: {states[0]}"
        return ""

    def _has_another(self, replica: int) -> bool:
        return any(
            is_up and other != replica and other not in self._resume_at_s for other, is_up in enumerate(self._is_up)
        )
