"""Draws PNG files of plain shapes, for checks of a server: the same bytes every time, without a library of pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

Colour = tuple[int, int, int]
# Seven segments of a digit: top, upper left, upper right, middle, lower left, lower right, bottom.
_SEGMENTS = (
    "1110111",
    "0010010",
    "1011101",
    "1011011",
    "0111010",
    "1101011",
    "1101111",
    "1010010",
    "1111111",
    "1111011",
)


class Canvas:
    """A picture to be drawn on. Places and sizes are in pixels, from the upper left corner."""

    def __init__(self, width: int, height: int, colour: Colour = (255, 255, 255)) -> None:
        self.width = width
        self.height = height
        self._rows = [bytearray(bytes(colour) * width) for _ in range(height)]

    def rectangle(self, left: int, top: int, width: int, height: int, colour: Colour) -> None:
        """Fill a rectangle; what leaves the picture is cut."""
        left, right = max(0, left), min(self.width, left + width)
        for row in self._rows[max(0, top) : max(0, top + height)]:
            row[3 * left : 3 * right] = bytes(colour) * max(0, right - left)

    def disc(self, left: int, top: int, size: int, colour: Colour) -> None:
        """Fill a circle of this diameter, inside the square at this place."""
        for line in range(size):
            across = size / 2 - line - 0.5
            half = round((size * size / 4 - across * across) ** 0.5)
            self.rectangle(left + size // 2 - half, top + line, 2 * half, 1, colour)

    def digits(self, left: int, top: int, text: str, size: int, colour: Colour) -> None:
        """Draw digits of seven segments; size: height of one."""
        across, thick = size // 2, max(2, size // 8)
        for place, digit in enumerate(text):
            at = left + place * (across + 2 * thick)
            low, middle, tall = top + size - thick, top + (size - thick) // 2, size // 2
            bars = (
                (at, top, across, thick), (at, top, thick, tall), (at + across - thick, top, thick, tall),
                (at, middle, across, thick), (at, middle, thick, size - tall + thick // 2),
                (at + across - thick, middle, thick, size - tall + thick // 2), (at, low, across, thick),
            )  # fmt: skip
            for bar, is_drawn in zip(bars, _SEGMENTS[int(digit)], strict=True):
                if is_drawn == "1":
                    self.rectangle(*bar, colour)

    def png(self) -> bytes:
        """The picture as a PNG file."""
        return png_file(self.width, self.height, self._rows)


def png_file(width: int, height: int, rows: Sequence[bytes | bytearray], *, level: int = 9) -> bytes:
    """A PNG file of rows of red, green and blue bytes. level: of compression, 0 to 9."""
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), level)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
