"""Hostile pictures are refused with one clear sentence, or are pictures by their bytes; nothing of them runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pytest_modeleval import Image
from pytest_modeleval.errors import DataError
from tests.support import pictures
from tests.support.hostile_images import SCRIPT, hostile_images


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the data, with a secret next to it and traps inside."""
    base = tmp_path_factory.mktemp("hostile")
    (base / "secret.png").write_bytes(pictures.png(7, 7))
    data = base / "data"
    (data / "pictures").mkdir(parents=True)
    (data / "folder.png").mkdir()
    (data / "link.png").symlink_to(base / "secret.png")
    (data / "linked-folder").symlink_to(base)
    os.mkfifo(data / "pipe.png")
    (data / "script.svg").write_bytes(b"<svg>" + SCRIPT + b"</svg>")
    (data / "page.png").write_bytes(b"<html>" + SCRIPT)
    (data / "empty.png").touch()
    return data


def test_every_hostile_image_has_one_clear_word(folder: Path) -> None:
    """At least 200: each is refused in one printable line that names the row, or is sent as the type of its bytes."""
    cases = hostile_images()
    assert len(cases) >= 200
    for case in cases:
        started_s = time.process_time()
        try:
            found = Image.read(case.value, folder=folder, where="rows.jsonl, line 7, field 'image'")
        except DataError as error:
            sentence = str(error)
            assert not case.is_picture, (case.name, sentence)
            assert case.word in sentence, (case.name, sentence)
            assert sentence.startswith("expected an image, found "), (case.name, sentence)
            assert "in rows.jsonl, line 7, field 'image'; " in sentence, (case.name, sentence)
            assert sentence.isprintable(), (case.name, sentence)
            assert len(sentence) < 600, (case.name, sentence)
        else:
            assert found.media_type == case.word, (case.name, found)
        assert time.process_time() - started_s < 3.0, case.name


def test_a_secret_next_to_the_folder_is_never_read(folder: Path) -> None:
    """No path, link or folder of links leads to it, while a picture inside is read."""
    secret = Image.read((folder.parent / "secret.png").read_bytes())
    for case in hostile_images():
        if "path" in case.name:
            with pytest.raises(DataError):
                assert Image.read(case.value, folder=folder) == secret, case.name
    (folder / "pictures" / "a.png").write_bytes(pictures.png())
    assert Image.read("pictures/a.png", folder=folder).media_type == "image/png"
