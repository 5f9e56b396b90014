"""Small pictures, drawn byte by byte: what tests send, without a library of pictures."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence

PNG_START = b"\x89PNG\r\n\x1a\n"
Colour = tuple[int, int, int]


def chunk(name: bytes, content: bytes, *, length: int | None = None) -> bytes:
    """A chunk of a PNG file. length: the one that it announces, where that is a lie."""
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content) if length is None else length) + name + content + struct.pack(">I", checksum)


def png(width: int = 4, height: int = 3, colour: Colour = (200, 30, 30), *, further: Sequence[bytes] = ()) -> bytes:
    """A PNG file of one colour. further: chunks in front of the pixels."""
    rows = (b"\0" + bytes(colour) * width) * height
    return b"".join(
        [PNG_START, png_header(width, height), *further, chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b"")]
    )


def png_header(width: int, height: int) -> bytes:
    """The chunk with the size."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width & 0xFFFFFFFF, height & 0xFFFFFFFF, 8, 2, 0, 0, 0))


def noise_png(size_bytes: int, seed: int = 0) -> bytes:
    """A square PNG file of about this size that compresses no further; another one for each seed."""
    side = max(1, int((size_bytes / 3) ** 0.5))
    noise = random.Random(seed).randbytes(side * side * 3)
    rows = b"".join(b"\0" + noise[3 * side * row : 3 * side * (row + 1)] for row in range(side))
    pixels = chunk(b"IDAT", zlib.compress(rows, 0))
    return b"".join([PNG_START, png_header(side, side), pixels, chunk(b"IEND", b"")])


def jpeg(width: int = 4, height: int = 3, *, segments: Sequence[bytes] = (), end: bytes = b"\xff\xd9") -> bytes:
    """The frame of a JPEG file: its segments are whole, its pixels are not. segments: in front of the size."""
    size = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    scan = segment(0xDA, b"\1\1\0\0\x3f\0")
    return b"\xff\xd8" + b"".join(segments) + segment(0xC0, size) + scan + b"\x12\x34\x56" + end


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG file."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def gif(width: int = 4, height: int = 3, *, frames: int = 1, end: bytes = b";") -> bytes:
    """A GIF file whose frames hold nothing."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2\x4c\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame * frames + end


def webp(width: int = 4, height: int = 3, *, kind: bytes = b"VP8X") -> bytes:
    """The beginning of a WebP file of one of its three kinds."""
    if kind == b"VP8 ":
        content = b"\x30\1\0\x9d\1\x2a" + struct.pack("<HH", width, height)
    elif kind == b"VP8L":
        content = b"\x2f" + struct.pack("<I", width - 1 | (height - 1) << 14)
    else:
        sides = b"".join(struct.pack("<I", side - 1)[:3] for side in (width, height))
        content = bytes(4) + sides
    body = b"WEBP" + kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width: int = 4, height: int = 3) -> bytes:
    """A BMP file of one colour."""
    rows = (bytes([30, 30, 200]) * width).ljust((width * 24 + 31) // 32 * 4, b"\0") * abs(height)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + head + rows
