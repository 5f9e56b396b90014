"""Which of several replicas gets a request: the one that has its prefix in the cache, unless it is full. Pure.

Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016, arXiv:1608.01350), with one difference: a
prefix's first home is the least loaded replica instead of a hashed one, because all requests pass through one place.
A prefix whose home is full gets a second home, and so on; each home pays the prefix's prefill once.
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
_MAX_PREFIXES = 20_000
_PREFIX_CHARACTERS = 512


def prefix_key(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> int:
    """Equal for requests whose first 512 characters are the same: tools, system message, few-shot examples.

    Repeats of one prompt always share it. Short prompts without a common beginning have nothing to share. Costs a few
    microseconds.
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
    in_flight: int = 0
    chosen: int = 0
    is_reachable: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    """One replica at one moment."""

    in_flight: int
    chosen: int
    """Requests that it was ever given."""
    is_reachable: bool


@dataclass(slots=True)
class Balancer:
    """Chooses replicas, which are numbers from 0."""

    replicas: int
    limit: int
    """Requests in flight over all replicas; may be changed at any time."""
    _all: list[_Replica] = field(init=False)
    _homes: OrderedDict[int, list[int]] = field(init=False, default_factory=OrderedDict)

    def __post_init__(self) -> None:
        if self.replicas < 1:
            raise ValueError(f"expected at least one replica, found {self.replicas}")
        self._all = [_Replica() for _ in range(self.replicas)]

    def choose(self, prefix: int | None = None) -> int:
        """The replica for a request with this prefix; None if it shares nothing. Call `release` afterwards.

        If no replica is reachable, all count as reachable: asking one shows whether it is back.
        """
        if self.replicas == 1:
            return self._take(0)
        reachable = [number for number, replica in enumerate(self._all) if replica.is_reachable]
        reachable = reachable or list(range(self.replicas))
        homes = [] if prefix is None else self._homes_of(prefix)
        full = self._full_at(len(reachable))
        warm = [number for number in homes if number in reachable and self._all[number].in_flight < full]
        if warm:
            # Several homes are equally warm, so a large group may as well be spread evenly over them.
            return self._take(self._emptiest(warm))
        number = self._new_home(reachable, homes, full)
        if prefix is not None and number not in homes:
            homes.append(number)
        return self._take(number)

    def release(self, number: int) -> None:
        """A request of that replica has ended."""
        replica = self._all[number]
        if replica.in_flight < 1:
            raise ValueError(f"replica {number} has no request in flight")
        replica.in_flight -= 1

    def mark_unreachable(self, number: int) -> None:
        """Do not choose it. Its cache may be gone too, so its prefixes get new homes."""
        self._all[number].is_reachable = False
        for homes in self._homes.values():
            if number in homes:
                homes.remove(number)

    def mark_reachable(self, number: int) -> None:
        """It can be chosen again."""
        self._all[number].is_reachable = True

    def loads(self) -> tuple[Load, ...]:
        """Every replica at this moment."""
        return tuple(Load(replica.in_flight, replica.chosen, replica.is_reachable) for replica in self._all)

    def _new_home(self, reachable: Sequence[int], homes: Sequence[int], full: int) -> int:
        """The emptiest replica that is no home yet; if it is full, the emptiest of all."""
        number = self._emptiest([number for number in reachable if number not in homes] or reachable)
        return number if self._all[number].in_flight < full else self._emptiest(reachable)

    def _emptiest(self, numbers: Sequence[int]) -> int:
        """Fewest requests now, then fewest ever, so that short groups alternate."""
        return min(numbers, key=lambda one: (self._all[one].in_flight, self._all[one].chosen, one))

    def _full_at(self, reachable: int) -> int:
        """The number of requests at which a replica is full."""
        held = sum(replica.in_flight for replica in self._all)
        return max(1, ceil(SLACK * max(self.limit, held + 1) / reachable))

    def _homes_of(self, prefix: int) -> list[int]:
        homes = self._homes.get(prefix)
        if homes is None:
            homes = self._homes[prefix] = []
            if len(self._homes) > _MAX_PREFIXES:
                self._homes.popitem(last=False)
        else:
            self._homes.move_to_end(prefix)
        return homes

    def _take(self, number: int) -> int:
        self._all[number].in_flight += 1
        self._all[number].chosen += 1
        return number
