"""The replicas of a run: which one gets a request, which are away, and which were heard from. One event loop only.

What is known of them comes from two sides: from whoever watches servers of ours (`Watched`), and, for servers that
nobody watches, from attempts that break.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from pytest_modeleval.dispatch.balance import Balancer
from pytest_modeleval.errors import AttemptFailed

# Attempts in a row that found nobody there, and nothing heard meanwhile. One alone may be a connection that the server
# closed just when it was used again.
BROKEN_AFTER = 3
AWAY_S = 5.0
MOST_AWAY_S = 60.0
# Refusals and errors are answers; these say that there was none.
_NOBODY_THERE = frozenset({"connection_lost", "connect_timeout", "idle"})


class Watched(Protocol):
    """Servers that somebody watches, and what passes between the watch and those who ask."""

    def now(self) -> Sequence[str]:
        """Of every replica: "up", "held" while it is started again, otherwise why it is gone. Called often."""

    def beat(self, replica: int) -> None:
        """Something came from this replica since the last call; called a few times a second at most."""


class Replicas:
    """Addresses of one model. limit: requests at once over all of them."""

    def __init__(self, urls: Sequence[str], *, limit: int, watched: Watched | None = None) -> None:
        self.urls = tuple(urls)
        self._balancer = Balancer(len(self.urls), limit)
        self._watched = watched
        self._is_up = [True] * len(self.urls)
        self._was_heard = [False] * len(self.urls)
        self._heard_s = [0.0] * len(self.urls)
        self._broken = [0] * len(self.urls)
        self._away_s = [AWAY_S] * len(self.urls)
        self._back_at: dict[int, float] = {}
        self._can_ask = asyncio.Event()
        self._can_ask.set()

    def choose(self, prefix: int | None) -> int:
        """The replica for a request with this prefix. Call `done` afterwards."""
        return self._balancer.choose(prefix)

    @property
    def is_ready(self) -> bool:
        """`ready` would not wait."""
        return self._can_ask.is_set()

    async def ready(self) -> None:
        """Wait while all are being started again."""
        await self._can_ask.wait()

    def done(self, replica: int) -> None:
        """The request that it was chosen for is over."""
        self._balancer.done(replica)

    def heard(self, replica: int, now_s: float) -> None:
        """Something came from it."""
        self._was_heard[replica] = True
        self._heard_s[replica] = now_s

    def completed(self, replica: int) -> None:
        """A whole answer came from it."""
        self._broken[replica] = 0
        self._away_s[replica] = AWAY_S

    def failed(self, replica: int, failure: AttemptFailed, *, begun_s: float, now_s: float) -> bool:
        """An attempt failed; True if that is the replica's fault alone, and the request should simply go elsewhere.

        begun_s: when the attempt was made. A replica that nobody watches is left alone for a while after three
        attempts that found nobody there, as long as there is another one; then it is asked again.
        """
        if not self._is_up[replica]:
            return True
        if failure.cause not in _NOBODY_THERE or self._heard_s[replica] > begun_s:
            return replica in self._back_at and self._is_another_there(replica)
        self._broken[replica] += 1
        if not self._is_another_there(replica):
            return False
        if self._broken[replica] >= BROKEN_AFTER and replica not in self._back_at:
            self._back_at[replica] = now_s + self._away_s[replica]
            self._away_s[replica] = min(MOST_AWAY_S, 2 * self._away_s[replica])
            self._balancer.lost(replica)
        return replica in self._back_at

    def look(self, now_s: float) -> str:
        """Take in how they are, and tell who was heard. Why no request can be answered any more; "" if some can."""
        for replica in [replica for replica, at in self._back_at.items() if at <= now_s]:
            del self._back_at[replica]
            # One more failure is enough to leave it alone again.
            self._broken[replica] = BROKEN_AFTER - 1
            if self._is_up[replica]:
                self._balancer.found(replica)
        if self._watched is None:
            return ""
        for replica, was_heard in enumerate(self._was_heard):
            if was_heard:
                self._was_heard[replica] = False
                self._watched.beat(replica)
        return self._take_in(self._watched.now())

    def _take_in(self, states: Sequence[str]) -> str:
        for replica, state in enumerate(states):
            is_up = state == "up"
            if is_up and not self._is_up[replica]:
                self._broken[replica] = 0
                self._back_at.pop(replica, None)
                self._balancer.found(replica)
            elif not is_up and self._is_up[replica]:
                self._balancer.lost(replica)
            self._is_up[replica] = is_up
        if any(self._is_up):
            self._can_ask.set()
        elif "held" in states:
            self._can_ask.clear()
        else:
            self._can_ask.set()
            return f"the server is gone: {states[0]}"
        return ""

    def _is_another_there(self, replica: int) -> bool:
        return any(is_up and other != replica and other not in self._back_at for other, is_up in enumerate(self._is_up))
