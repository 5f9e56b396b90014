"""The requests of an operating point in the run folder: stress/<point>.jsonl (docs/run-folder.md).

A line for each request (stress.timing.Timing), in the order of their ends, then one line with the result
(stress.point.PointResult). The file appears when it is whole.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import orjson

from pytest_modeleval._support.atomic_file import atomic_file
from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.timing import Timing

FOLDER = "stress"
_UNSAFE = re.compile(r"[^\w.@+~-]")
MAX_LINE_BYTES = 64 * 1024 * 1024


def load_file(folder: Path, point: str) -> Path:
    """The file of a point in a run folder."""
    return folder / FOLDER / f"{_UNSAFE.sub('_', point)}.jsonl"


def write_timings(
    folder: Path, point: str, timings: Iterable[Timing], measure: Callable[[Iterator[Timing]], PointResult], *, key: str
) -> PointResult:
    """Write the timings as they are measured, then the result. measure: takes every timing once. Raises OSError."""
    path = load_file(folder, point)
    path.parent.mkdir(exist_ok=True)
    with atomic_file(path) as draft, draft.open("wb") as file:

        def written() -> Iterator[Timing]:
            for timing in timings:
                file.write(orjson.dumps({"type": "request", **timing.to_json()}) + b"\n")
                yield timing

        result = measure(written())
        file.write(orjson.dumps({"type": "point", "key": key, "point": result.to_json()}) + b"\n")
    return result


def read_timings(folder: Path, point: str) -> Iterator[Timing]:
    """The timings of a point's requests; none where the folder has no such file. Raises RunFolderError if damaged."""
    for number, line in enumerate(_lines(load_file(folder, point)), 1):
        try:
            entry = orjson.loads(line)
            if entry["type"] == "request":
                yield Timing.from_json(entry)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise RunFolderError(
                f"{load_file(folder, point)}: line {number}: {error}; measure the point again"
            ) from None


def stored_result(folder: Path, point: str, *, key: str) -> PointResult | None:
    """The result at the end of a point's file, if it was measured under this key."""
    last = b""
    for line in _lines(load_file(folder, point)):
        last = line
    try:
        entry = orjson.loads(last)
        return PointResult.from_json(entry["point"]) if entry["type"] == "point" and entry["key"] == key else None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def copy_points(target: Path, folders: Iterable[Path]) -> None:
    """Copy the files of points that another run folder has and target has not. Raises OSError."""
    for folder in folders:
        for path in sorted((folder / FOLDER).glob("*.jsonl")):
            copy = target / FOLDER / path.name
            if path.is_file() and not path.is_symlink() and not copy.exists():
                copy.parent.mkdir(exist_ok=True)
                with atomic_file(copy) as draft:
                    shutil.copyfile(path, draft)


def _lines(path: Path) -> Iterator[bytes]:
    if not path.is_file() or path.is_symlink():
        return
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            yield line
