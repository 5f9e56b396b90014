"""Atomic writes (_support.atomic_file)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_modeleval._support.atomic_file import atomic_file, atomic_write, atomic_write_json


def test_content_replaces_the_old(tmp_path: Path) -> None:
    """The target has the new content, and no draft stays."""
    path = tmp_path / "f.json"
    atomic_write(path, b"old")
    atomic_write_json(path, {"a": 1})
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_the_old_content(tmp_path: Path) -> None:
    """Where the block raises, the target keeps its content and the draft is removed."""
    path = tmp_path / "f"
    atomic_write(path, b"old")
    with pytest.raises(FileNotFoundError), atomic_file(path) as draft:
        draft.with_name("missing").read_bytes()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_share_a_draft(tmp_path: Path) -> None:
    """Two drafts of one target in one process have different names; the last to end wins."""
    path = tmp_path / ("long" * 60)
    with atomic_file(path) as one:
        with atomic_file(path) as other:
            assert one != other
            other.write_bytes(b"other")
        one.write_bytes(b"one")
    assert path.read_bytes() == b"one"


def test_a_folder_that_is_missing_raises_oserror(tmp_path: Path) -> None:
    """Callers translate OSError into their own exception."""
    with pytest.raises(OSError, match="No such file"):
        atomic_write(tmp_path / "none" / "f", b"")
