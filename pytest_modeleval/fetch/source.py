"""A source of data (`Source`), the file that fetching gives, its progress and its failure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_modeleval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}\Z")


def _print_nothing(_: str) -> None:
    return


def _count_nothing(_received: int, _total: int | None) -> None:
    return


@dataclass(frozen=True, slots=True)
class Progress:
    """Where fetching shows the user what it does.

    print_line: prints one line of text, at the beginning of each download and where another process is waited for.
    received: (bytes so far, bytes in all or None), many times a second during a download of our own; downloads by
    huggingface_hub, datasets and pip only print lines.
    """

    print_line: Callable[[str], None] = _print_nothing
    received: Callable[[int, int | None], None] = _count_nothing


SILENT = Progress()


class FetchError(DataError):
    """A source did not give its file, for a reason that another source may not share (unreachable, 404, gated)."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One file in the cache.

    origin: for people, e.g. "huggingface opencompass/AIME2025". revision: the exact one, a commit where there is one.
    sha256: of the bytes at path. archive_sha256: of the archive that held it, "" if none did.
    """

    path: Path
    origin: str
    revision: str
    sha256: str
    archive_sha256: str = ""


class Source(Protocol):
    """Where one file per subset can be fetched from. Every method replaces {subset} in its patterns.

    An implementation is a frozen dataclass: the options of a page are filled into the texts of its fields.
    """

    def key(self, subset: str) -> str:
        """The name of the file in the lock: the same source and file give the same key."""

    def origin(self, subset: str) -> str:
        """The data set's id, for people."""

    def fetch(self, subset: str, *, pinned: str | None, cache_dir: Path, progress: Progress) -> Fetched:
        """Get the file over the network. pinned: the exact revision that the lock holds, if it holds one.

        Raises FetchError, or DataError where what came is not what was expected.
        """

    def find_elsewhere(self, subset: str, *, pinned: str | None) -> Fetched | None:
        """The file in a cache that is not ours, without any network; None if it is in none."""

    def accepts(self, fetched: Fetched) -> bool:
        """False if the declaration names another sha256 than a file fetched earlier has."""


def fill_pattern(pattern: str, subset: str) -> str:
    """`pattern` with {subset} replaced; nothing else in it is special."""
    return pattern.replace("{subset}", subset)


def resolve_revision(found: object, otherwise: str) -> str:
    """A commit id from a server, or `otherwise`: it becomes part of a path, so nothing but hex digits will do."""
    return found if isinstance(found, str) and _COMMIT.match(found) else otherwise


def local_advice(file: str) -> str:
    """The next step that always works: the file by hand."""
    return f"or fetch {file} by hand and name its folder with --eval-data DIR"
