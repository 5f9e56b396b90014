"""The lengths of prompts that a page offers, and rows that are only numbers: prompts are made when they are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

from pytest_modeleval import Option
from pytest_modeleval.errors import SettingsError

OFFICIAL_LENGTHS = (4096, 8192, 16384, 32768, 65536, 131072)
# The first one is ours, to try things out with a small model; it is in no mean over lengths.
LENGTHS = (1024, *OFFICIAL_LENGTHS)


def short_length(length: int) -> str:
    """Such as "4k"."""
    return f"{length // 1024}k"


LENGTHS_OPTION = Option(
    "lengths", "4k,8k,16k,32k", description=f"tokens of the prompts: some of {','.join(map(short_length, LENGTHS))}"
)


def parse_lengths(benchmark: str, options: Mapping[str, Any]) -> frozenset[int]:
    """The lengths that the option asks for: "4k,8k" or "4096,8192". Raises SettingsError."""
    known = {name: length for length in LENGTHS for name in (str(length), short_length(length))}
    wanted = str(options.get(LENGTHS_OPTION.name, LENGTHS_OPTION.default)).lower().replace(" ", "").split(",")
    if unknown := [word for word in wanted if word not in known]:
        names = ",".join(map(short_length, LENGTHS))
        raise SettingsError(f"--eval-option {benchmark}.lengths: expected some of {names}, found {unknown[0]!r}")
    return frozenset(known[word] for word in wanted)


class NumberedRows(Sequence[Mapping[str, Any]]):
    """Rows that differ only in their field `number`."""

    def __init__(self, fields: Mapping[str, Any], count: int) -> None:
        self._fields, self._count = fields, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(self._count)[index]]
        return {**self._fields, "number": range(self._count)[index]}
