"""An image is its bytes: read from every form of a row, known by its header, sent as it came."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval import Image
from pytest_modeleval.datasets.rows import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.images import byte_store
from pytest_modeleval.images.byte_store import ByteStore
from pytest_modeleval.images.headers import MAX_PIXELS, NotAnImage, read_header
from pytest_modeleval.prompts import user
from tests.support import pictures

SIDES = st.integers(1, 4000)


@given(SIDES, SIDES)
def test_sizes_are_those_of_the_header(width: int, height: int) -> None:
    """Every format that is sent says its width and height before any pixel."""
    head = pictures.PNG_START + pictures.png_header(width, height)
    png = head + pictures.chunk(b"IDAT", b"") + pictures.chunk(b"IEND", b"")
    made = {
        "image/png": [png],
        "image/jpeg": [pictures.jpeg(width, height)],
        "image/gif": [pictures.gif(width, height)],
        "image/webp": [pictures.webp(width, height, kind=kind) for kind in (b"VP8 ", b"VP8L", b"VP8X")],
    }
    for media_type, files in made.items():
        for data in files:
            expected = width * height <= MAX_PIXELS
            assert read_header(data) == (media_type, width, height) if expected else True


@pytest.mark.parametrize("height", [5, -5])
def test_a_bitmap_may_stand_on_its_head(height: int) -> None:
    """A negative height is the order of the rows."""
    assert read_header(pictures.bmp(3, height)) == ("image/bmp", 3, 5)


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF", b"BM"])
)
def test_any_bytes_are_a_picture_or_refused(data: bytes, start: bytes) -> None:
    """No other exception, whatever the bytes."""
    try:
        found = read_header(start + data)
    except NotAnImage:
        return
    assert min(found.width, found.height) >= 1
    assert found.width * found.height <= MAX_PIXELS


def test_every_form_of_a_row_gives_the_same_image(tmp_path: Path) -> None:
    """Parquet's struct, base64, data URLs with a wrong type, bytes, paths: the same bytes are the same image."""
    data = pictures.png(5, 4)
    text = base64.b64encode(data).decode()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(data)
    (tmp_path / "pictures" / "without-ending").write_bytes(data)
    forms: list[Any] = [
        data, bytearray(data), memoryview(data), text, f"{text[:60]}\n{text[60:]}\n", f"data:image/jpeg;base64,{text}",
        f"DATA:;base64,{text}", {"bytes": data, "path": "b.png"}, {"bytes_base64": text},
        {"bytes": None, "path": "pictures/a.jpg"}, "pictures/a.jpg", "./pictures/a.jpg", "pictures/without-ending",
    ]  # fmt: skip
    found = {Image.read(form, folder=tmp_path) for form in forms}
    assert len(found) == 1
    (image,) = found
    assert (image.media_type, image.width, image.height, image.size_bytes) == ("image/png", 5, 4, len(data))
    assert image.data == data
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert image.file_name == f"{image.sha256}.png"
    assert image.url == f"data:image/png;base64,{text}"
    assert len(repr(image)) < 200


def test_a_path_needs_a_folder() -> None:
    """Rows made by code have no folder: a path is refused."""
    with pytest.raises(DataError, match="no folder that it is in"):
        Image.read("a.png")


def test_a_row_names_its_place_and_reads_from_its_folder(tmp_path: Path) -> None:
    """row.image: the field, the file and the line are in the refusal; addresses need the option."""
    (tmp_path / "a.png").write_bytes(pictures.png())

    def row(value: Any, **options: Any) -> Row:
        return Row({"image": value}, subset="s", index=0, file="rows.jsonl", line=3, folder=tmp_path, options=options)

    assert row("a.png").image("image").width == 4
    with pytest.raises(DataError, match=r"found TIFF.*, in rows.jsonl, line 3, field 'image'"):
        row(b"II*\0").image("image")
    with pytest.raises(DataError, match="only with --eval-option"):
        row("http://127.0.0.1:9/a.png").image("image")
    with pytest.raises(DataError, match="out of reach"):
        row("http://127.0.0.1:9/a.png", image_urls=True).image("image")


def test_parts_keep_their_order_and_one_text_stays_a_text() -> None:
    """user(): texts and images as given; empty texts between images are left out; a struct of a row is refused."""
    first, second = Image.read(pictures.png(1, 1)), Image.read(pictures.jpeg(2, 2))
    assert user("hi") == [{"role": "user", "content": "hi"}]
    (message,) = user("before", first, "", second, "after")
    assert [part["type"] for part in message["content"]] == ["text", "image_url", "image_url", "text"]
    assert message["content"][1]["image_url"] == {"url": first.url}
    assert message["content"][2]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert user(first, system="s")[0] == {"role": "system", "content": "s"}
    with pytest.raises(TypeError, match="without an image"):
        user("text", "system")
    with pytest.raises(TypeError, match=r"row\.image"):
        user(first, {"bytes": b""})  # type: ignore[arg-type]


def test_many_images_wait_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the memory's share bytes come back from a file without a name; equal bytes are kept once."""
    monkeypatch.setattr(byte_store, "SMALL_BYTES", 10)
    store = ByteStore(memory_bytes=100)
    pieces = {str(number): os.urandom(60) for number in range(20)}
    for _ in range(2):
        for name, piece in pieces.items():
            store.keep(name, piece)
    assert all(store.get(name) == piece for name, piece in pieces.items())
    assert store._end == 19 * 60
    with pytest.raises(KeyError):
        store.get("unknown")
