"""Which of several replicas gets a request: the one that has its prefix in the cache, unless it is full. Pure.

Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016, arXiv:1608.01350), but for one thing: a
prefix's first home is the emptiest replica instead of a hashed one, because here all requests pass through one place.
A prefix whose home is full gets a second home, and so on; each pays the prefix's prefill once.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

# How far a replica may be above the even share before its prefixes spill over: the bound c of the paper.
SLACK = 1.2
_MOST_PREFIXES = 20_000
_PREFIX_CHARACTERS = 512


def prefix_key(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> int:
    """Equal for requests whose first 512 characters are the same: tools, system message, few-shot examples.

    Repeats of one prompt always share it. Short prompts without a common beginning do not, and there is nothing for
    them to share. Costs a few microseconds.
    """
    found = zlib.crc32(str(tools[0]).encode(errors="replace")) if tools else 0
    left = _PREFIX_CHARACTERS
    for message in messages:
        content = message.get("content")
        text = content if isinstance(content, str) else str(content)
        found = zlib.crc32(f"{message.get('role')}:{text[:left]}".encode(errors="replace"), found)
        left -= len(text)
        if left <= 0:
            break
    return found


@dataclass(slots=True)
class _Replica:
    """What is known of one replica. is_there: it can be asked."""

    in_flight: int = 0
    chosen: int = 0
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    """One replica, right now: requests it holds, requests it was ever given, whether it can be asked."""

    in_flight: int
    chosen: int
    is_there: bool


@dataclass(slots=True)
class Balancer:
    """Chooses replicas, which are numbers from 0. limit: requests at once over all of them; may be changed any time."""

    replicas: int
    limit: int
    _all: list[_Replica] = field(init=False)
    _homes: OrderedDict[int, list[int]] = field(init=False, default_factory=OrderedDict)

    def __post_init__(self) -> None:
        if self.replicas < 1:
            raise ValueError(f"expected at least one replica, found {self.replicas}")
        self._all = [_Replica() for _ in range(self.replicas)]

    def choose(self, prefix: int | None = None) -> int:
        """The replica for a request with this prefix; None for a request that shares nothing. Call `done` afterwards.

        With every replica lost, all are taken as there: asking one is how its return is found out.
        """
        if self.replicas == 1:
            return self._take(0)
        there = [number for number, replica in enumerate(self._all) if replica.is_there] or list(range(self.replicas))
        homes = [] if prefix is None else self._homes_of(prefix)
        full = self._full_at(len(there))
        warm = [number for number in homes if number in there and self._all[number].in_flight < full]
        if warm:
            # Several homes are equally warm, so a large group may as well be spread evenly over them.
            return self._take(self._emptiest(warm))
        number = self._emptiest([number for number in there if number not in homes] or there)
        if self._all[number].in_flight >= full:
            number = self._emptiest(there)
        if prefix is not None and number not in homes:
            homes.append(number)
        return self._take(number)

    def done(self, number: int) -> None:
        """A request of that replica is over, however it ended."""
        replica = self._all[number]
        if replica.in_flight < 1:
            raise ValueError(f"replica {number} holds no request that could be over")
        replica.in_flight -= 1

    def lost(self, number: int) -> None:
        """Ask it no more. Its cache is gone too, so its prefixes find new homes."""
        self._all[number].is_there = False
        for homes in self._homes.values():
            if number in homes:
                homes.remove(number)

    def found(self, number: int) -> None:
        """It can be asked again."""
        self._all[number].is_there = True

    def loads(self) -> tuple[Load, ...]:
        """Every replica, right now."""
        return tuple(Load(replica.in_flight, replica.chosen, replica.is_there) for replica in self._all)

    def _emptiest(self, numbers: Sequence[int]) -> int:
        """Fewest requests now, then fewest ever, so that short groups go round in turn."""
        return min(numbers, key=lambda one: (self._all[one].in_flight, self._all[one].chosen, one))

    def _full_at(self, there: int) -> int:
        """From how many requests on a replica is full."""
        held = sum(replica.in_flight for replica in self._all)
        return max(1, ceil(SLACK * max(self.limit, held + 1) / there))

    def _homes_of(self, prefix: int) -> list[int]:
        homes = self._homes.get(prefix)
        if homes is None:
            homes = self._homes[prefix] = []
            if len(self._homes) > _MOST_PREFIXES:
                self._homes.popitem(last=False)
        else:
            self._homes.move_to_end(prefix)
        return homes

    def _take(self, number: int) -> int:
        self._all[number].in_flight += 1
        self._all[number].chosen += 1
        return number
