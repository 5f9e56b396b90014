"""A small mapping that forgets what was not used for longest, and a lock for each folder."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Recent(Generic[KeyT, ValueT]):
    """At most `most` values; a further one takes the place of the one that was not used for longest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[KeyT, ValueT] = OrderedDict()

    def get(self, key: KeyT) -> ValueT | None:
        """The value, which counts as used."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: KeyT, value: ValueT) -> ValueT:
        """Keep a value; it is returned."""
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)
        return value

    def drop(self, key: KeyT) -> None:
        """Forget a value, if it is there."""
        self._values.pop(key, None)

    def __len__(self) -> int:
        return len(self._values)


class Locks:
    """A lock for each folder: what is slow for one keeps no other waiting. A lock that is forgotten only costs work."""

    def __init__(self, most: int = 1_000) -> None:
        self._lock = threading.Lock()
        self._locks: Recent[Path, threading.Lock] = Recent(most)

    def of(self, folder: Path) -> threading.Lock:
        """The lock of a folder."""
        with self._lock:
            return self._locks.get(folder) or self._locks.put(folder, threading.Lock())
