"""Files of a folder that may be anybody's: regular files only, no link is followed, all within bounds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from pytest_modeleval._support.bounded_file import open_regular, read_bounded
from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.records import JsonObject

MOST_FILE_BYTES = 128_000_000
# Decoded, JSON takes up to 25 times its bytes.
MOST_LINE_BYTES = 32_000_000
MOST_ENTRIES = 100_000
MOST_NAME_CHARS = 300


def json_file(path: Path, most_bytes: int = MOST_FILE_BYTES) -> JsonObject:
    """The object of a JSON file. Raises RunFolderError."""
    return json_object(file_bytes(path, most_bytes), path)


def file_bytes(path: Path, most_bytes: int = MOST_FILE_BYTES) -> bytes:
    """The content of a file. Raises RunFolderError for a link, a pipe, a device, and for what is larger."""
    try:
        return read_bounded(path, most_bytes, follows_link=False)
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from error


def json_object(content: bytes, where: object) -> JsonObject:
    """Decoded JSON. Raises RunFolderError for what is no object."""
    try:
        found = decoded(content)
    except ValueError as error:
        raise RunFolderError(f"{where}: expected JSON, found something else: {error}") from error
    if not isinstance(found, dict):
        raise RunFolderError(f"{where}: expected a JSON object, found {type(found).__name__}")
    return found


def decoded(content: bytes) -> Any:
    """JSON, also as Python writes it: NaN and infinities are null, half of a surrogate pair is "?". Raises ValueError.

    Whatever it returns can be encoded again.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        if not any(word in content for word in (b"NaN", b"Infinity", b"\\ud", b"\\uD")):
            raise
    import json  # noqa: PLC0415 - only for such files

    try:
        text_of_it = json.dumps(json.loads(content, parse_constant=lambda _: None), ensure_ascii=False)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return orjson.loads(text_of_it.encode("utf-8", "replace"))


def open_file(path: Path) -> BinaryIO:
    """A regular file, opened. Raises RunFolderError for a link, a folder, a pipe and a device."""
    try:
        return open_regular(path, follows_link=False)
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}; expected a file that is no link") from error


def json_lines(path: Path) -> Iterator[JsonObject]:
    """The objects of a JSON Lines file; an empty line is passed over. Raises RunFolderError, which names the line."""
    with open_file(path) as file:
        number = 0
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            if len(line) > MOST_LINE_BYTES:
                raise RunFolderError(f"{path}: line {number} is larger than {MOST_LINE_BYTES:,} bytes")
            if line.strip():
                yield json_object(line, f"{path}: line {number}")


def files_in(folder: Path, ending: str) -> list[Path]:
    """Files directly in a folder, by name. Raises RunFolderError for a link, a pipe or a device of such a name."""
    found = [entry for entry in _entries(folder) if entry.name.endswith(ending)]
    for entry in found:
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            raise RunFolderError(
                f"{entry.path}: expected a file, found a link, a pipe or a device; links are not followed"
            )
    return [Path(entry.path) for entry in found if entry.is_file()]


def folders_in(folder: Path) -> list[Path]:
    """Folders directly in a folder, by name; links are left out. Raises RunFolderError."""
    return [Path(entry.path) for entry in _entries(folder) if entry.is_dir(follow_symlinks=False)]


def is_folder(path: Path) -> bool:
    """A folder and no link."""
    return path.is_dir() and not path.is_symlink()


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    found: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append(entry)
                if len(found) > MOST_ENTRIES:
                    raise RunFolderError(f"{folder}: expected at most {MOST_ENTRIES:,} files, found more")
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be read: {error.strerror}") from error
    return sorted(found, key=lambda entry: entry.name)


def table(value: Any) -> JsonObject:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any, most: int = MOST_NAME_CHARS) -> str:
    """A text or a number as text, cut; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)[:most]


def number(value: Any) -> float | None:
    """A finite number, also one that is written as text, as True or as False; None for anything else."""
    if isinstance(value, str):
        value = {"True": 1.0, "False": 0.0}.get(value, value)
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if abs(found) < 1e300 else None


def count(value: Any) -> int | None:
    """A whole number from 0 on; None for anything else."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
    return value if is_count else None


def scalars(value: Any) -> JsonObject:
    """The entries of an object that are texts, numbers, true or false; long texts are left out."""
    kinds = str | int | float | bool
    return {
        name[:MOST_NAME_CHARS]: entry
        for name, entry in table(value).items()
        if isinstance(name, str) and isinstance(entry, kinds) and len(str(entry)) <= MOST_NAME_CHARS
    }
