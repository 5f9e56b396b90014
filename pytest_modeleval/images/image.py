"""The picture of a question, and the content part of a message that carries it."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_modeleval.images.byte_store import ByteStore
from pytest_modeleval.images.reading import read_bytes

EXTENSIONS: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
}
"""Media type -> ending of a file. There is no other type: SVG, which can hold scripts, is refused when it is read."""
_bytes = ByteStore()


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, by its bytes as they came: nothing is decoded, scaled or encoded anew.

    Two images are equal where their bytes are. The bytes of many pictures wait in a temporary file, so that samples
    may hold them.
    """

    sha256: str
    """Of the bytes, 64 hex digits."""
    media_type: str
    """By the bytes, whatever a file name or a data URL says: "image/png", "image/jpeg", "image/gif", "image/webp" or
    "image/bmp"."""
    width: int
    """In pixels, as the header says; of a picture with several frames, what all of them cover."""
    height: int
    size_bytes: int

    @classmethod
    def read(cls, value: Any, *, folder: Path | None = None, where: str = "", is_remote_allowed: bool = False) -> Image:
        """The image in a field of a row.

        value: bytes; {"bytes": ..., "path": ...} as Parquet files of the hubs have it; {"bytes_base64": ...}; a data
        URL; a text in base64; or a path inside `folder`. An http address is fetched only with is_remote_allowed.
        where: the row and its field, for messages.
        Raises DataError for everything else: other formats (TIFF, SVG), truncated files, more than 32 MiB or 89
        million pixels, paths that lead out of the folder.
        """
        data, header = read_bytes(value, folder=folder, where=where, is_remote_allowed=is_remote_allowed)
        digest = hashlib.sha256(data).hexdigest()
        _bytes.keep(digest, data)
        return cls(digest, header.media_type, header.width, header.height, len(data))

    @property
    def data(self) -> bytes:
        """The bytes as they came."""
        return _bytes.get(self.sha256)

    @property
    def url(self) -> DataURL:
        """The data URL of the bytes, made anew each time."""
        return DataURL.of(self)

    @property
    def file_name(self) -> str:
        """By content: "<sha256>.png"."""
        return f"{self.sha256}.{EXTENSIONS[self.media_type]}"


class DataURL(str):
    """A data URL that knows its image, so that a journal keeps the hash in its place."""

    __slots__ = ("image",)
    image: Image

    @classmethod
    def of(cls, image: Image) -> DataURL:
        """The data URL of an image."""
        text = binascii.b2a_base64(image.data, newline=False).decode("ascii")
        made = cls(f"data:{image.media_type};base64,{text}")
        made.image = image
        return made


def image_part(image: Image, **further: Any) -> dict[str, Any]:
    """The content part of a chat message that shows an image. further: fields next to its url (detail="high")."""
    return {"type": "image_url", "image_url": {"url": image.url, **further}}
