"""Reading files of others: regular ones only, and no more than a bound."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_modeleval._support.bounded_file import read_bounded


def test_a_file_up_to_its_bound_is_read(tmp_path: Path) -> None:
    """Exactly the bound is read; one byte more is refused with the bound."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    assert read_bounded(file, 1000) == b"x" * 1000
    with pytest.raises(OSError, match="larger than 999 bytes"):
        read_bounded(file, 999)


def test_a_link_is_followed_unless_it_is_refused(tmp_path: Path) -> None:
    """A link of the user's is read; where nobody makes links, one is refused by name."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_bounded(tmp_path / "link", 10) == b"x"
    with pytest.raises(OSError, match="it is a link"):
        read_bounded(tmp_path / "link", 10, follows_link=False)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe without a writer, an endless device and a folder raise instead of waiting or filling the memory."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=r"no regular file|directory"):
            read_bounded(path, 1000)
