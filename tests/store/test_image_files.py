"""The pictures of a run folder: each once, within a bound, and nothing outside of the folder is read or written."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from pytest_modeleval import Image
from pytest_modeleval.client.body import encode_body, prompt_digest
from pytest_modeleval.images.references import images_in, parse_reference, reference_of, with_references
from pytest_modeleval.prompts import user
from pytest_modeleval.records import Request
from pytest_modeleval.store.image_files import ImageFiles, copy_images, read_image
from pytest_modeleval.store.requests import compress_request
from pytest_modeleval.store.run_folder import lock_run_folder
from tests.support import pictures

FACTS = {"identity": "i", "model": "m", "served": "m"}
FIRST, SECOND = Image.read(pictures.png(3, 3)), Image.read(pictures.jpeg(5, 5))


def test_a_picture_is_kept_once_and_within_the_bound(tmp_path: Path) -> None:
    """A second process finds those of the first; what the bound leaves out is missing and no error."""
    files = ImageFiles(tmp_path, max_bytes=FIRST.size_bytes)
    for _ in range(2):
        files.keep(FIRST)
        files.keep(SECOND)
    assert [path.name for path in (tmp_path / "images").iterdir()] == [FIRST.file_name]
    assert read_image(tmp_path, FIRST.file_name) == FIRST.data
    assert read_image(tmp_path, SECOND.file_name) is None
    again = ImageFiles(tmp_path, max_bytes=FIRST.size_bytes)
    again.keep(SECOND)
    assert read_image(tmp_path, SECOND.file_name) is None


def test_nothing_but_pictures_of_the_folder_is_read_or_copied(tmp_path: Path) -> None:
    """No name leads out, no link is followed, no pipe is waited for; drafts of a killed run are removed."""
    source, target = tmp_path / "source", tmp_path / "target"
    opened = lock_run_folder(source, facts=FACTS, command=[], project_dir=tmp_path)
    opened.save()
    opened.close()
    ImageFiles(source).keep(FIRST)
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (source / "images" / SECOND.file_name).symlink_to(secret)
    os.mkfifo(source / "images" / ("0" * 64 + ".png"))
    (source / "images" / "evil.svg").write_bytes(b"<svg>")
    (source / "images" / f".{FIRST.file_name[:40]}.77.0123abcd.tmp").touch()
    for name in (SECOND.file_name, "0" * 64 + ".png", "evil.svg", "../secret", f"../images/{FIRST.file_name}", ""):
        assert read_image(source, name) is None, name
    copy_images(_made(target), [source])
    assert [path.name for path in (target / "images").iterdir()] == [FIRST.file_name]
    lock_run_folder(source, facts=FACTS, command=[], project_dir=tmp_path).close()
    assert not list((source / "images").glob("*.tmp"))
    linked = _made(tmp_path / "linked")
    (linked / "images").symlink_to(source / "images")
    assert read_image(linked, FIRST.file_name) is None
    with pytest.raises(OSError, match="a link"):
        ImageFiles(linked).keep(SECOND)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_requests_with_pictures_are_kept_by_reference() -> None:
    """One url is one picture; parts written by hand count too; addresses and other data URLs stay; bytes decide."""
    by_hand = {"type": "image_url", "image_url": {"url": str(SECOND.url), "detail": "high"}}
    others = [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,PHN2Zz4="}},
        {"type": "image_url", "image_url": {"url": "data:text/plain;base64,eA=="}},
        {"type": "image_url"},
        {"type": "image_url", "image_url": 7},
        "text",
    ]
    (message,) = user("a", FIRST, "b", FIRST)
    request = Request([message, {"role": "user", "content": [by_hand, *others]}, {"role": "user", "content": None}])
    carried = images_in(request.messages)
    assert [found.image for found in carried] == [FIRST, SECOND]
    kept = with_references(request.messages, carried)
    assert [part["image_url"]["url"] for part in kept[0]["content"][1::2]] == [reference_of(FIRST)] * 2
    assert kept[1]["content"] == [
        {"type": "image_url", "image_url": {"url": reference_of(SECOND), "detail": "high"}}, *others,
    ]  # fmt: skip
    assert parse_reference(reference_of(SECOND)) == (SECOND.sha256, "image/jpeg")
    assert parse_reference(reference_of(SECOND) + "/..") is None

    first, second = (prompt_digest(Request(user("a", image))) for image in (FIRST, SECOND))
    assert first != second
    assert first == prompt_digest(Request([{"role": "user", "content": [
        {"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": str(FIRST.url)}},
    ]}]))  # fmt: skip


def test_pictures_of_one_beginning_are_kept_apart() -> None:
    """Two pictures that begin alike, one of which ends where the other goes on, and the same one twice."""
    long = Image.read(pictures.png(90, 90) + bytes(900))
    longer = Image.read(pictures.png(90, 90) + bytes(903))
    request = Request(user("a", long, "b", longer, "c", long))
    body = encode_body(request, model="m", params={}, seed=0)
    kept = orjson.loads(orjson.dumps(compress_request(request, body, None, images_in(request.messages))))["request"]
    urls = [part["image_url"]["url"] for part in kept["messages"][0]["content"][1::2]]
    assert urls == [reference_of(long), reference_of(longer), reference_of(long)]


def test_a_conversation_keeps_the_added_pictures_by_reference() -> None:
    """A request that continues another one names all its pictures and holds the bytes of none."""
    first = Request(user("a", FIRST))
    second = Request([*first.messages, {"role": "assistant", "content": "yes"}, *user("b", SECOND)])
    kept = compress_request(second, b"{}", (first, "key"), images_in(second.messages))
    assert kept["after"] == "key"
    assert [entry["file"] for entry in kept["images"]] == [reference_of(FIRST), reference_of(SECOND)]
    assert kept["request"]["messages"][1]["content"][1]["image_url"]["url"] == reference_of(SECOND)
