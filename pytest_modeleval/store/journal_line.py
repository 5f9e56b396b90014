"""One line of a journal: JSON with a checksum at its end.

    {"type":"grade", ..., "crc":"1a2b3c4d"}

The checksum is the CRC-32 of the line without it. Lines of earlier versions have none and are read without a check.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

# A longer line is damage: a reply is at most 16 MB, a plan of a million samples about 30 MB.
MAX_LINE_BYTES = 64 << 20
# Decoded, an element takes up to 25 times its bytes. A plan of a million samples has a million commas.
MAX_ELEMENTS = 4_000_000
_LARGE_BYTES = 8 << 20
# A text; one that is not closed goes on to the end, so that the search is linear.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
# So many texts at a time, with all that stands between them.
_TEXTS = re.compile(rb'(?:[^"]*+"(?:[^"\\]++|\\.)*+"){1,20000}+', re.DOTALL)
_CHECKSUM = re.compile(rb',"crc":"([0-9a-f]{8})"\}\n?\Z')
_CHECKSUM_BYTES = len(b',"crc":"01234567"}\n')
_CHUNK_BYTES = 1 << 20


def encode_line(entry: Mapping[str, Any]) -> bytes:
    """The line of an entry, with its checksum and a line break."""
    data = orjson.dumps(entry)
    return b'%b,"crc":"%08x"}\n' % (data[:-1], zlib.crc32(data))


def is_intact(line: bytes) -> bool:
    """False where the checksum does not fit. A line without one counts as intact."""
    found = _CHECKSUM.search(line, max(0, len(line) - _CHECKSUM_BYTES))
    if found is None:
        return True
    content = zlib.crc32(memoryview(line)[: found.start()])
    return zlib.crc32(b"}", content) == int(found[1], 16)


def read_lines(path: Path, start: int) -> Iterator[tuple[int, int, bytes | None]]:
    """(offset, length, line) of every whole line from byte `start` on.

    None for a line beyond MAX_LINE_BYTES, and for one that would fill the memory when it is decoded.

    A last line without a line break is left for later: it may be written at this moment.
    """
    with path.open("rb") as file:
        file.seek(start)
        offset = start
        while line := file.readline(MAX_LINE_BYTES):
            length = len(line)
            found: bytes | None = line
            while not line.endswith(b"\n"):
                line = file.readline(_CHUNK_BYTES)
                if not line:
                    return
                found = None
                length += len(line)
            yield offset, length, found if found is None or not _is_dense(found) else None
            offset += length


def _is_dense(line: bytes) -> bool:
    """True for more than MAX_ELEMENTS commas and opening brackets outside of texts. Small lines are not looked at."""
    if len(line) < _LARGE_BYTES or _count_marks(line) <= MAX_ELEMENTS:
        return False
    count = end = 0
    while (piece := _TEXTS.match(line, end)) is not None:
        count += _count_marks(_TEXT.sub(b"", piece.group()))
        end = piece.end()
        if count > MAX_ELEMENTS:
            return True
    return count + _count_marks(_TEXT.sub(b"", line[end:])) > MAX_ELEMENTS


def _count_marks(line: bytes) -> int:
    return line.count(b",") + line.count(b"[") + line.count(b"{")
