"""Shared memory of a killed server is removed; that of running programs is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_modeleval.server.shared_memory import remove_leftovers, segments

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/shm")


def test_only_new_unused_segments_of_known_names_are_removed(tmp_path: Path) -> None:
    """Older ones, other names and segments that a process has open stay."""
    for name in ("psm_00aa11bb", "notes.txt"):
        (tmp_path / name).write_bytes(b"old")
    before = segments(tmp_path)
    assert before == {"psm_00aa11bb"}
    for name in ("psm_deadbeef", "sem.mp-ab_cd", "sglang_loads_1.shm", "psm_not-hex", "other"):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "psm_0123abcd").write_bytes(b"in use")
    with (tmp_path / "psm_0123abcd").open("rb"):
        assert remove_leftovers(before, tmp_path) == 15
    assert {path.name for path in tmp_path.iterdir()} == {
        *("psm_00aa11bb", "notes.txt", "psm_not-hex", "other", "psm_0123abcd")
    }
    assert remove_leftovers(before, tmp_path) == 6


def test_without_the_folder_nothing_happens(tmp_path: Path) -> None:
    """Other systems have no /dev/shm."""
    assert segments(tmp_path / "no") == frozenset()
    assert remove_leftovers((), tmp_path / "no") == 0
