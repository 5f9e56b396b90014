"""Media type, width and height of a picture by its bytes: headers are read, pixels are never decoded. Pure.

A picture that ends before its format says so is refused (a truncated download would be asked as a grey picture), and
so is one whose header promises more pixels than a server's decoder takes. Every loop is bounded by the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

MAX_PIXELS = 89_478_485
"""Beyond it Pillow, which vLLM and SGLang decode with, speaks of a decompression bomb."""
MAX_SIDE = 65_535
"""The most that JPEG and GIF can say."""
# Of a PNG; an ordinary one has one for each 8 to 64 KB of pixels.
_MAX_CHUNKS = 100_000
_MAX_SEGMENTS = 10_000
_MAX_FRAMES = 10_000


class Header(NamedTuple):
    """What the first bytes of a picture say."""

    media_type: str
    width: int
    """In pixels."""
    height: int


class NotAnImage(ValueError):
    """The bytes are no picture that can be sent. Its text says what was found: "found SVG, which ..."."""


def read_header(data: bytes) -> Header:
    """The header of a PNG, JPEG, GIF, WebP or BMP file. Raises NotAnImage."""
    if not data:
        raise NotAnImage("found no bytes")
    for start, name, read in _FORMATS:
        if data.startswith(start):
            try:
                found = read(data)
            except (IndexError, struct.error):
                raise NotAnImage(f"found a truncated {name} file of {len(data):,} bytes") from None
            return _checked(found)
    raise NotAnImage(f"found {_other_format(data)}")


def _checked(found: Header) -> Header:
    name, width, height = found
    size = f"{width:,} x {height:,} pixels"
    if width < 1 or height < 1:
        raise NotAnImage(f"found an empty picture of {size}")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise NotAnImage(
            f"found {name} of {size}, which is more than {MAX_PIXELS:,} in all or {MAX_SIDE:,} at one side"
        )
    return found


def _png(data: bytes) -> Header:
    length, name, width, height = struct.unpack_from(">I4sII", data, 8)
    if name != b"IHDR" or length != 13:
        raise NotAnImage("found a PNG file that does not begin with its header")
    place, has_pixels = 33, False
    for _ in range(_MAX_CHUNKS):
        length, name = struct.unpack_from(">I4s", data, place)
        place += 12 + length
        if place > len(data):
            break
        if name == b"IEND" and has_pixels:
            return Header("image/png", width, height)
        has_pixels |= name == b"IDAT"
    raise NotAnImage(f"found a truncated or damaged PNG file of {len(data):,} bytes")


# Markers with the size of the picture: SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC).
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _END = 0xDA, b"\xff\xd9"


def _jpeg(data: bytes) -> Header:
    place, found = 2, None
    for _ in range(_MAX_SEGMENTS):
        if data[place] != 0xFF:
            raise NotAnImage("found a damaged JPEG file")
        marker = data[place + 1]
        if marker == 0xFF:
            # Fill bytes.
            place += 1
            continue
        if marker == _SCAN and found:
            return _whole_jpeg(data, place, found)
        (length,) = struct.unpack_from(">H", data, place + 2)
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            found = Header("image/jpeg", width, height)
        place += 2 + max(2, length)
    raise NotAnImage("found a damaged JPEG file")


def _whole_jpeg(data: bytes, scan: int, found: Header) -> Header:
    if data.rfind(_END) < scan:
        raise NotAnImage(f"found a truncated JPEG file of {len(data):,} bytes")
    return found


def _gif(data: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    place, frames = 13 + _colours(flags), 0
    for _ in range(_MAX_FRAMES):
        kind = data[place]
        if kind == 0x3B and frames:
            return Header("image/gif", width, height)
        if kind == 0x2C:
            left, top, across, down, flags = struct.unpack_from("<HHHHB", data, place + 1)
            # A frame may reach beyond the screen that the file announces.
            width, height, frames = max(width, left + across), max(height, top + down), frames + 1
            place = _after_blocks(data, place + 11 + _colours(flags))
        elif kind == 0x21:
            place = _after_blocks(data, place + 2)
        else:
            break
    raise NotAnImage("found a damaged GIF file")


def _colours(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, place: int) -> int:
    """Where a chain of blocks, each with its length in front, ends."""
    while length := data[place]:
        place += 1 + length
    return place + 1


def _webp(data: bytes) -> Header:
    size, form, chunk = struct.unpack_from("<I4s4s", data, 4)
    if form != b"WEBP":
        raise NotAnImage("found a RIFF file that is no WebP picture")
    if size + 8 > len(data):
        raise NotAnImage(f"found a truncated WebP file of {len(data):,} bytes")
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("image/webp", width & 0x3FFF, height & 0x3FFF)
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if chunk == b"VP8X":
        sides = struct.unpack_from("<HBHB", data, 24)
        return Header("image/webp", sides[0] + (sides[1] << 16) + 1, sides[2] + (sides[3] << 16) + 1)
    raise NotAnImage("found a damaged WebP file")


def _bmp(data: bytes) -> Header:
    start, header = struct.unpack_from("<II", data, 10)
    if header < 40:
        if header != 12:
            raise NotAnImage("found a damaged BMP file")
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        packing = 0
    else:
        width, height, _, bits, packing = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)
    needed = start + (width * bits + 31) // 32 * 4 * height if packing == 0 else start + 1
    # A size beyond the bounds is reported as such, not as a missing piece.
    if needed > len(data) and 0 < width <= MAX_SIDE and width * height <= MAX_PIXELS:
        raise NotAnImage(f"found a truncated BMP file of {len(data):,} bytes")
    return Header("image/bmp", width, height)


_FORMATS: tuple[tuple[bytes, str, Callable[[bytes], Header]], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG", _png),
    (b"\xff\xd8\xff", "JPEG", _jpeg),
    (b"GIF87a", "GIF", _gif),
    (b"GIF89a", "GIF", _gif),
    (b"RIFF", "WebP", _webp),
    (b"BM", "BMP", _bmp),
)
_SENT = "PNG, JPEG, GIF, WebP and BMP are sent"
# What else people and attackers have; named so that the sentence says what to do.
_OTHERS = (
    (b"II*\0", "TIFF, which no server decodes reliably; save it as PNG"),
    (b"MM\0*", "TIFF, which no server decodes reliably; save it as PNG"),
    (b"II+\0", "TIFF, which no server decodes reliably; save it as PNG"),
    (b"MM\0+", "TIFF, which no server decodes reliably; save it as PNG"),
    (b"%PDF", "PDF, which is a document; save its pages as PNG"),
    (b"\0\0\1\0", "an icon; save it as PNG"),
    (b"\xff\x0a", "JPEG XL; save it as PNG"),
    (b"\0\0\0\x0cJXL ", "JPEG XL; save it as PNG"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000; save it as PNG"),
    (b"8BPS", "a Photoshop file; save it as PNG"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
)


def _other_format(data: bytes) -> str:
    for start, name in _OTHERS:
        if data.startswith(start):
            return name
    if data[4:8] == b"ftyp":
        return f"{'AVIF' if data[8:11] == b'avi' else 'HEIF'}; save it as PNG"
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in head:
        return "SVG, which is a text that can hold scripts; save it as PNG"
    if head.startswith(b"<"):
        return "HTML or XML"
    if head.startswith(b"data:"):
        return "a data URL inside of another one"
    return f"{len(data):,} bytes of another format; {_SENT}"
