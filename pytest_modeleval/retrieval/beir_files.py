"""The files of a collection: one file, or a folder of parts, in any format that `datasets` reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modeleval.datasets import SUFFIXES, Row, Stamp, read_records, sha256_of
from pytest_modeleval.errors import DataError

PartStamp = tuple[Stamp, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One of corpus, queries and judgements."""

    name: str
    """In messages."""
    files: tuple[Path, ...]

    def sha256(self) -> str:
        """Of all files, in order."""
        return "".join(map(sha256_of, self.files))


def has_part(folder: Path, name: str) -> bool:
    """True if the folder has a file, or a folder of parts, of this name."""
    return any((folder / f"{name}{suffix}").is_file() for suffix in SUFFIXES) or bool(_parts(folder / name))


def find_part(folder: Path, shown: str, names: Sequence[str]) -> Part:
    """The first of these names that is there. shown: the folder in messages. Raises DataError."""
    for name in names:
        files = [path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
        if len(files) > 1:
            raise DataError(
                f"expected one file {shown}/{name}, found {' and '.join(path.name for path in files)}, in "
                f"{folder}; remove or rename all but one"
            )
        if files:
            return Part(f"{shown}/{files[0].relative_to(folder).as_posix()}", tuple(files))
        if parts := _parts(folder / name) or _parts_of_split(folder / name):
            return Part(f"{shown}/{name}", tuple(parts))
    other = ", or name another split with --eval-option BENCHMARK.split=NAME" if len(names) > 1 else ""
    raise DataError(
        f"expected {' or '.join(f'{shown}/{name}' for name in names)} with one of the endings {' '.join(SUFFIXES)}, "
        f"found {_nearby(folder)} in {folder}; put the file there{other}"
    )


def _parts(folder: Path) -> list[Path]:
    """Numbered files of one table, such as test-00000-of-00002.parquet, in order."""
    return sorted(folder.glob("*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9].*"))


def _parts_of_split(path: Path) -> list[Path]:
    """The same of one split in a folder that holds several: qrels/test -> qrels/test-00000-of-00001.parquet."""
    return [file for file in _parts(path.parent) if file.name.startswith(f"{path.name}-")]


def _nearby(folder: Path) -> str:
    names = sorted(path.relative_to(folder).as_posix() for pattern in ("*", "qrels/*") for path in folder.glob(pattern))
    return f"{', '.join(names[:8])}{' and more' if len(names) > 8 else ''}" if names else "nothing"


def stamps(part: Part) -> PartStamp:
    """The present state of the files."""
    return tuple(map(Stamp.of, part.files))


def read_part(part: Part) -> Iterator[Row]:
    """The rows, one at a time. Raises DataError with file and line."""
    folder = part.name.rpartition("/")[0]
    for file in part.files:
        shown = f"{folder}/{file.name}" if len(part.files) == 1 else f"{part.name}/{file.name}"
        for record in read_records(file, shown):
            yield Row(record.fields, subset="", index=record.ordinal, file=shown, line=record.line)
