"""Which samples belong to a shard (--eval-shard I/N): decided by benchmark, subset and row alone."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.settings import Shard

T = TypeVar("T")


def is_in_shard(item: PlannedItem, shard: Shard) -> bool:
    """True for one of the N shards, the same on every machine and under every -k, limit and number of repeats.

    Rows are dealt out in turn, so that the shards of a subset differ by one sample at most, and so that questions that
    get harder or longer along the file are spread over all of them. Repeats go with their sample. Where a subset
    begins depends on its name: else the first shard would get the one row of every tiny subset.
    """
    first = zlib.crc32(f"{item.key.benchmark}/{item.key.subset}".encode())
    return (first + item.row_index) % shard.of == shard.number - 1


def split(items: Sequence[T], shard: Shard) -> tuple[list[T], list[T]]:
    """(what this shard runs, what it leaves to others). Tests that are no samples are run by every shard."""
    own: list[T] = []
    others: list[T] = []
    for item in items:
        is_own = not isinstance(item, SampleItem) or is_in_shard(item.planned, shard)
        (own if is_own else others).append(item)
    return own, others
