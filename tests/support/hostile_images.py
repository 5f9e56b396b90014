"""Pictures that attack: polyglots, bombs, lies about lengths and types, scripts, paths out of the folder, as data.

Each is the value of a row's field, with a word that has to be in the refusal, or with the media type that its bytes
have where it is a picture (with a script in its metadata, say): then it is sent as that type and shown as that type.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.support import pictures

SCRIPT = b"<script>window.hacked=1;document.title='hacked'</script>"
HANDLER = b"<img src=x onerror=window.hacked=1>"
_WHOLE: dict[str, Callable[..., bytes]] = {
    "image/png": pictures.png,
    "image/jpeg": pictures.jpeg,
    "image/gif": pictures.gif,
    "image/webp": pictures.webp,
    "image/bmp": pictures.bmp,
}
_SUFFIXES = {
    "html": b"<!doctype html><html>" + SCRIPT,
    "zip": b"PK\3\4" + bytes(26) + b"evil.sh",
    "pdf": b"%PDF-1.7 /JavaScript (app.alert(1))",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'></svg>",
    "php": b"<?php system($_GET['c']); ?>",
    "shell": b"\n#!/bin/sh\ntouch /tmp/hacked\n",
}
_SVGS = {
    "plain": b"<svg xmlns='http://www.w3.org/2000/svg'>%s</svg>",
    "with an XML head": b"<?xml version='1.0'?><svg>%s</svg>",
    "after a comment": b"<!-- a picture --><svg>%s</svg>",
    "with an entity bomb": b"<!DOCTYPE svg [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><svg>&b;%s</svg>",
    "with a foreign object": b"<svg><foreignObject><body>%s</body></foreignObject></svg>",
    "after a byte order mark": b"\xef\xbb\xbf<svg>%s</svg>",
    "after blanks": b" \n\t <svg onload='alert(1)'>%s</svg>",
    "in capitals": b"<SVG ONLOAD='alert(1)'>%s</SVG>",
}
_PATHS = (
    "../secret.png",
    "../../../../etc/passwd.png",
    "..\\..\\secret.png/../../../secret.png",
    "/etc/passwd",
    "/etc/./passwd",
    "/proc/self/environ.",
    "pictures/../../secret.png",
    "link.png",
    "linked-folder/secret.png",
    "./../secret.png",
    "pictures/./.././../secret.png",
    "//etc/hosts.png",
)
_ODD_PATHS = {
    "missing.png": "cannot be read",
    "pipe.png": "no file",
    "folder.png": "no file",
    "nul\0.png": "no path",
    "a" * 300 + ".png": "cannot be read",
    "a/" * 500 + "b.png": "cannot be read",
    "script.svg": "SVG",
    "page.png": "HTML",
    "empty.png": "no bytes",
    "locked/../missing.jpg": "cannot be read",
    "~/secret.png": "cannot be read",
    "$HOME/secret.png": "cannot be read",
}
_ADDRESSES = (
    "http://127.0.0.1:9/picture.png",
    "https://example.org/picture.png",
    "HTTP://EXAMPLE.ORG/picture.png",
    "http://169.254.169.254/latest/meta-data/",
    "http://user:password@example.org/a.png",
)
_SCHEMES = ("file:///etc/passwd", "ftp://example.org/a.png", "gopher://a/b", "blob://x", "javascript://%0aalert(1)")
_VALUES: tuple[Any, ...] = (
    None, 7, 1.5, True, [], [1, 2], (), {}, {"bytes": None}, {"bytes": None, "path": None}, {"path": 7}, {"bytes": 7},
    {"bytes": [137, 80, 78, 71]}, {"url": "https://example.org/a.png"}, {"bytes": {"bytes": b""}}, set(),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HostileImage:
    """A value of a field, and what becomes of it."""

    name: str
    value: Any
    word: str
    """In the refusal, or the media type of a picture that is sent."""

    @property
    def is_picture(self) -> bool:
        """Its bytes are those of a picture."""
        return self.word.startswith("image/")


def hostile_images() -> list[HostileImage]:
    """All of them."""
    families = (_polyglots, _metadata, _svgs, _bombs, _truncated, _lengths, _types, _texts, _paths, _values)
    return [made for family in families for made in family()]


def _polyglots() -> Iterator[HostileImage]:
    for media_type, make in _WHOLE.items():
        for name, suffix in _SUFFIXES.items():
            end = b"\xff\xd9" if media_type == "image/jpeg" else b""
            yield HostileImage(f"{media_type} that goes on as {name}", make() + suffix + end, media_type)
    for name, start in _SUFFIXES.items():
        word = {"html": "HTML", "zip": "ZIP", "pdf": "PDF", "svg": "SVG", "php": "HTML"}.get(name, "another format")
        yield HostileImage(f"{name} in front of a PNG", start + pictures.png(), word)


def _metadata() -> Iterator[HostileImage]:
    for name, text in {"script": SCRIPT, "handler": HANDLER, "php": _SUFFIXES["php"]}.items():
        exif = pictures.segment(0xE1, b"Exif\0\0" + text)
        comment = pictures.segment(0xFE, text)
        yield HostileImage(f"EXIF with {name}", pictures.jpeg(segments=[exif]), "image/jpeg")
        yield HostileImage(f"comment with {name}", pictures.jpeg(segments=[comment]), "image/jpeg")
        for kind in (b"tEXt", b"iTXt", b"eXIf", b"zTXt"):
            further = [pictures.chunk(kind, b"Title\0" + text)]
            yield HostileImage(f"{kind.decode()} with {name}", pictures.png(further=further), "image/png")
    profile = pictures.chunk(b"iCCP", b"p\0\0" + bytes(20))
    yield HostileImage("colour profile of nothing", pictures.png(further=[profile]), "image/png")
    xmp = pictures.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + SCRIPT)
    yield HostileImage("XMP with a script", pictures.jpeg(segments=[xmp] * 40), "image/jpeg")
    yield HostileImage("animated GIF", pictures.gif(frames=500), "image/gif")
    yield HostileImage("GIF with 20,000 frames", pictures.gif(1, 1, frames=20_000), "damaged")


def _svgs() -> Iterator[HostileImage]:
    for name, form in _SVGS.items():
        data = form.replace(b"%s", SCRIPT)
        yield HostileImage(f"SVG {name}", data, "SVG")
        yield HostileImage(f"SVG {name}, called a PNG", f"data:image/png;base64,{_text(data)}", "SVG")


def _bombs() -> Iterator[HostileImage]:
    sides = ((2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (65_535, 65_535), (1, 70_000), (30_000, 30_000), (0x7FFFFFFF, 1))
    for width, height in sides:
        data = pictures.PNG_START + pictures.png_header(width, height)
        data += pictures.chunk(b"IDAT", bytes(60)) + pictures.chunk(b"IEND", b"")
        yield HostileImage(f"PNG of {width} x {height}", data, "more than")
    for width, height in ((65_535, 65_535), (20_000, 5_000)):
        yield HostileImage(f"JPEG of {width} x {height}", pictures.jpeg(width, height), "more than")
        yield HostileImage(f"GIF of {width} x {height}", pictures.gif(width, height), "more than")
    wide = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + b"," + struct.pack("<HHHHB", 9, 9, 65_000, 65_000, 0)
    yield HostileImage("GIF whose frame leaves its screen", wide + b"\2\2\x4c\1\0;", "more than")
    yield HostileImage("WebP of 16 million at a side", pictures.webp(2**24, 2**24), "more than")
    header = struct.pack("<IiiHHIIiiII", 40, 2**31 - 1, -(2**31), 1, 32, 0, 0, 0, 0, 0, 0)
    yield HostileImage("BMP of 2^31 at a side", b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header, "more than")
    for media_type, make in _WHOLE.items():
        if media_type != "image/webp":
            yield HostileImage(f"{media_type} without a pixel", make(0, 3), "empty")
            yield HostileImage(f"{media_type} without a row", make(3, 0), "empty")


def _truncated() -> Iterator[HostileImage]:
    for media_type, make in _WHOLE.items():
        data = make()
        for share in (0.35, 0.6, 0.9):
            yield HostileImage(f"{share:.0%} of {media_type}", data[: int(len(data) * share)], "")
    for count in (1, 3, 9, 20):
        yield HostileImage(f"{count} bytes of a PNG", pictures.png()[:count], "")
    yield HostileImage("JPEG without an end", pictures.jpeg(end=b""), "truncated")
    yield HostileImage("GIF without an end", pictures.gif(end=b""), "truncated")
    yield HostileImage("no bytes", b"", "no bytes")
    yield HostileImage("PNG of a header only", pictures.PNG_START + pictures.png_header(9, 9), "truncated")


def _lengths() -> Iterator[HostileImage]:
    for length in (2**31, 2**32 - 1, 2**31 - 1, 2**24):
        body = pictures.PNG_START + pictures.png_header(9, 9) + pictures.chunk(b"tEXt", b"x", length=length)
        yield HostileImage(f"chunk that announces {length} bytes", body + pictures.chunk(b"IEND", b""), "truncated")
    header = pictures.chunk(b"IHDR", struct.pack(">II", 9, 9), length=2**31)
    yield HostileImage("header that announces 2^31 bytes", pictures.PNG_START + header, "header")
    many = pictures.chunk(b"tEXt", b"") * 120_000
    yield HostileImage("120,000 empty chunks", pictures.png(further=[many]), "damaged")
    yield HostileImage("JPEG with segments of no length", b"\xff\xd8" + b"\xff\xe0\0\0" * 20_000, "damaged")
    yield HostileImage("JPEG of fill bytes", b"\xff\xd8" + b"\xff" * 500_000, "damaged")
    riff = b"RIFF" + struct.pack("<I", 2**32 - 1) + b"WEBPVP8 " + bytes(30)
    yield HostileImage("RIFF that announces 2^32 bytes", riff, "truncated")
    start = pictures.bmp()
    yield HostileImage(
        "BMP whose pixels begin at 2^31", start[:10] + struct.pack("<I", 2**31) + start[14:], "truncated"
    )
    yield HostileImage("33 MB", pictures.png() + bytes(33 << 20), "more than")
    yield HostileImage("45 MB of base64", "A" * (45 << 20), "more than")


def _types() -> Iterator[HostileImage]:
    for declared in ("image/svg+xml", "text/html", "image/jpeg", "application/x-sh", "image/png;charset=utf-8"):
        yield HostileImage(f"PNG called {declared}", f"data:{declared};base64,{_text(pictures.png())}", "image/png")
    for name, data in {
        "TIFF": b"II*\0" + bytes(20), "TIFF ": b"MM\0*" + bytes(20), "PDF": b"%PDF-1.7", "AVIF": bytes(4) + b"ftypavif",
        "HEIF": bytes(4) + b"ftypheic", "icon": b"\0\0\1\0" + bytes(20), "JPEG XL": b"\xff\x0a" + bytes(9),
        "JPEG 2000": b"\0\0\0\x0cjP  \r\n", "program": b"\x7fELF" + bytes(60), "RIFF file": b"RIFF\4\0\0\0WAVEfmt ",
        "HTML": b"<!doctype html>" + SCRIPT, "another format": b"\0" * 64, "gzip": b"\x1f\x8b\x08" + bytes(20),
    }.items():  # fmt: skip
        yield HostileImage(f"bytes of {name.strip()}", data, name.strip())


def _texts() -> Iterator[HostileImage]:
    inner = f"data:image/png;base64,{_text(pictures.png())}"
    yield HostileImage("data URL in a data URL", f"data:image/png;base64,{_text(inner.encode())}", "inside of another")
    twice = _text(f"data:image/png;base64,{_text(inner.encode())}".encode())
    yield HostileImage("three data URLs in one another", f"data:image/png;base64,{twice}", "inside of another")
    yield HostileImage("data URL without base64", "data:image/svg+xml,<svg onload=alert(1)>", "no data URL")
    yield HostileImage("data URL of a page", "data:text/html,<script>alert(1)</script>", "no data URL")
    yield HostileImage("data URL without a comma", "data:image/png;base64", "no data URL")
    yield HostileImage("data URL of nothing", "data:image/png;base64,", "no bytes")
    yield HostileImage("data URL with a long type", f"data:image/png;{'a' * 5000};base64,AAAA", "no data URL")
    yield HostileImage("base64 that is cut", _text(pictures.png())[:41], "neither base64")
    yield HostileImage("base64 of another alphabet", "-_-_" * 20, "neither base64")
    yield HostileImage("hidden characters", "\u202egnp\u200b", "neither base64")
    yield HostileImage("an escape sequence", "\x1b]0;hacked\x07", "neither base64")
    yield HostileImage("a page", SCRIPT.decode(), "")
    for address in _ADDRESSES:
        yield HostileImage(f"address {address}", address, "address")
    for address in _SCHEMES:
        yield HostileImage(f"address {address}", address, "only http")


def _paths() -> Iterator[HostileImage]:
    for path in _PATHS:
        yield HostileImage(f"path {path}", path, "")
        yield HostileImage(f"path {path} in a struct", {"bytes": None, "path": path}, "")
    for path, word in _ODD_PATHS.items():
        yield HostileImage(f"path {path[:40]!r}", path, word)


def _values() -> Iterator[HostileImage]:
    for value in _VALUES:
        yield HostileImage(f"value {value!r:.40}", value, "")
    deep: Any = b"x"
    for _ in range(5000):
        deep = {"bytes": deep}
    yield HostileImage("nested 5,000 deep", deep, "")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
