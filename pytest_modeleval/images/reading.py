"""The bytes of a picture in any form of a row: bounded, inside the folder of the data, no address unless allowed."""

from __future__ import annotations

import binascii
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_modeleval._support.shorten import printable, shorten_repr
from pytest_modeleval.errors import DataError
from pytest_modeleval.images.headers import Header, NotAnImage, read_header

MAX_BYTES = 32 * 1024 * 1024
"""Of one picture. A request of more is refused by proxies and servers."""
_MAX_BASE64 = MAX_BYTES * 4 // 3 + 100_000
_MAX_PATH = 1024
_BLANKS = " \t\r\n"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FORMS = 'bytes, {"bytes": ...}, {"bytes_base64": ...}, a data URL, base64 or a path inside the folder of the data'


def read_bytes(value: Any, *, folder: Path | None, where: str, is_remote_allowed: bool) -> tuple[bytes, Header]:
    """The bytes of an image and their header. Raises DataError, see Image.read."""
    try:
        data = _find_bytes(value, folder, is_remote_allowed)
        if len(data) > MAX_BYTES:
            raise NotAnImage(f"found {len(data):,} bytes, which is more than {MAX_BYTES:,}")
        return data, read_header(data)
    except NotAnImage as error:
        place = f", in {where}" if where else ""
        raise DataError(f"expected an image, {error}{place}; correct or leave out the row") from None


def _find_bytes(value: Any, folder: Path | None, is_remote_allowed: bool) -> bytes:
    if isinstance(value, Mapping):
        return _of_struct(value, folder, is_remote_allowed)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value) if len(value) <= MAX_BYTES else _too_long(len(value))
    if isinstance(value, str):
        return _of_text(value, folder, is_remote_allowed)
    raise NotAnImage(f"found {shorten_repr(value, 60)}; an image is {_FORMS}")


def _of_struct(value: Mapping[str, Any], folder: Path | None, is_remote_allowed: bool) -> bytes:
    """Of a struct as the hubs have it; a path counts where there are no bytes."""
    for name in ("bytes", "bytes_base64"):
        found = value.get(name)
        if isinstance(found, bytes | bytearray | memoryview):
            return _find_bytes(found, folder, is_remote_allowed)
        if isinstance(found, str):
            return _of_base64(found)
    path = value.get("path")
    if isinstance(path, str):
        return _of_text(path, folder, is_remote_allowed)
    names = ", ".join(map(repr, list(value)[:8])) or "no field"
    raise NotAnImage(f"found an object with {printable(names, 120)}; an image is {_FORMS}")


def _of_text(text: str, folder: Path | None, is_remote_allowed: bool) -> bytes:
    if text[:5].lower() == "data:":
        return _of_data_url(text)
    if _SCHEME.match(text):
        return _of_address(text, is_remote_allowed)
    if _is_like_path(text):
        return _of_path(text, folder)
    try:
        return _of_base64(text)
    except NotAnImage:
        if len(text) > _MAX_PATH or folder is None or "\0" in text or not os.path.lexists(folder / text):
            raise
    return _of_path(text, folder)


def _is_like_path(text: str) -> bool:
    """Base64 has no dot; a path has one before its ending."""
    return len(text) <= _MAX_PATH and "." in text


def _of_data_url(text: str) -> bytes:
    head, comma, content = text[:200].partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise NotAnImage(f"found {printable(text, 40)!r}, which is no data URL in base64")
    # The type that it names counts for nothing: the bytes say what they are.
    return _of_base64(content + text[200:])


def _of_base64(text: str) -> bytes:
    if len(text) > _MAX_BASE64:
        return _too_long(len(text) * 3 // 4)
    try:
        return binascii.a2b_base64(_without_blanks(text), strict_mode=True)
    except (binascii.Error, ValueError):
        raise NotAnImage(
            f"found {printable(text, 40)!r}, which is neither base64 nor a path; an image is {_FORMS}"
        ) from None


def _without_blanks(text: str) -> str:
    # Looking for each is 200 times as fast as a regular expression.
    for blank in _BLANKS:
        if blank in text:
            text = text.replace(blank, "")
    return text


def _too_long(length: int) -> bytes:
    raise NotAnImage(f"found {length:,} bytes, which is more than {MAX_BYTES:,}")


def _of_address(text: str, is_remote_allowed: bool) -> bytes:
    shown = printable(text, 80)
    if not text.lower().startswith(("http://", "https://")):
        raise NotAnImage(f"found {shown!r}; only http and https addresses can be fetched")
    if not is_remote_allowed:
        raise NotAnImage(
            f"found the address {shown!r}; addresses are fetched only with --eval-option BENCHMARK.image_urls=true, "
            "if the benchmark has this option"
        )
    from pytest_modeleval.images.remote import fetch  # noqa: PLC0415 - few rows name addresses

    return fetch(text, MAX_BYTES)


def _of_path(text: str, folder: Path | None) -> bytes:
    shown = printable(text, 80)
    if folder is None:
        raise NotAnImage(f"found the path {shown!r}, and no folder that it is in")
    if "\0" in text:
        raise NotAnImage(f"found {shown!r}, which is no path")
    inside = folder.resolve()
    path = Path(os.path.realpath(inside / text))
    if not path.is_relative_to(inside):
        raise NotAnImage(f"found the path {shown!r}, which leads out of the folder of the data")
    return _of_file(path, shown)


def _of_file(path: Path, shown: str) -> bytes:
    """A pipe or a device is not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotAnImage(f"found the path {shown!r}, which cannot be read ({reason})") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotAnImage(f"found the path {shown!r}, which is no file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
