"""Ids of samples in a baseline file: those that count upwards are written as one range."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_modeleval.records import JsonObject

# Digits that int and format give back as they were: no others than ASCII, and no more than a number is read from.
_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL)
_RANGE = re.compile(r"(.*)\[(\d+)\.\.(\d+)\]", re.DOTALL)


def id_ranges(samples: Sequence[str]) -> Iterator[str | JsonObject]:
    """Ids that count upwards become "prefix[0000..0014]"; an id that looks like that itself becomes an object."""
    start = 0
    while start < len(samples):
        sample = samples[start]
        found = _NUMBERED.fullmatch(sample)
        end = start + 1
        if found:
            prefix, digits = found[1], found[2]
            while end < len(samples) and samples[end] == f"{prefix}{int(digits) + end - start:0{len(digits)}d}":
                end += 1
        if end - start > 1 and found:
            yield f"{found[1]}[{found[2]}..{int(found[2]) + end - start - 1:0{len(found[2])}d}]"
        else:
            yield {"id": sample} if _RANGE.fullmatch(sample) else sample
        start = end


def ids_of(entries: Sequence[str | JsonObject], most: int) -> list[str]:
    """The ids of what `id_ranges` gave. Raises ValueError for a range of more ids than `most`."""
    samples: list[str] = []
    for entry in entries:
        if isinstance(entry, dict):
            samples.append(entry["id"])
            continue
        found = _RANGE.fullmatch(entry)
        if found is None:
            samples.append(entry)
            continue
        first, last = int(found[2][:18]), int(found[3][:18])
        # A range may not promise more samples than there are letters: a damaged file must not fill the memory.
        if not 0 <= last - first < most:
            raise ValueError(f"the range {entry[:80]!r} does not fit its outcomes")
        samples.extend(f"{found[1]}{number:0{len(found[2])}d}" for number in range(first, last + 1))
    return samples
