"""Files of vectors survive a cut at any byte, damage and other programs' files; batches keep their bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.vectors.batches import MOST_TEXTS, MOST_TOKENS, Text, TokenRate, batched, shortened
from pytest_modeleval.vectors.copying import copy_vectors
from pytest_modeleval.vectors.text_vectors import TextVectors
from pytest_modeleval.vectors.vector_file import CUT, create, open_vectors

KEYS = [bytes([number]) * 32 for number in range(1, 8)]
ROWS = np.arange(21, dtype=np.float32).reshape(7, 3) + 1
RECORD = 32 + 4 + 3 * 4 + 4


def test_a_torn_tail_is_dropped_and_written_over(tmp_path: Path) -> None:
    """Cut at every byte of the last record, the others are whole and the next write takes its place."""
    path = tmp_path / "v.vec"
    for lost in range(1, RECORD):
        store = TextVectors(tmp_path, "s", "journal")
        store.add(KEYS[:3], ROWS[:3], flags=[0, CUT, 0])
        store.close()
        path = tmp_path / "s-texts-journal.vec"
        path.write_bytes(path.read_bytes()[:-lost])
        again = TextVectors(tmp_path, "s", "journal")
        assert [key in again for key in KEYS[:3]] == [True, True, False]
        assert again.is_cut(KEYS[1])
        again.add([KEYS[2]], ROWS[6:], flags=[0])
        assert np.array_equal(again.rows([KEYS[2], KEYS[0]]), ROWS[[6, 0]])
        again.close()
        assert path.stat().st_size == 16 + 3 * RECORD
        path.unlink()


def test_holes_and_damaged_records_do_not_count(tmp_path: Path) -> None:
    """Places that were never written, and one with a changed byte; the rest is read, and mapped without a copy."""
    path = tmp_path / "v.vec"
    file = create(path, 3)
    file.write(1, KEYS[:2], ROWS[:2])
    file.write(5, KEYS[2:3], ROWS[2:3])
    file.copy(1, 6)
    file.extend(9)
    file.close()
    raw = bytearray(path.read_bytes())
    raw[16 + 2 * RECORD + 40] ^= 1
    path.write_bytes(raw)
    again = open_vectors(path)
    assert again is not None
    assert [(place, key) for place, key, _ in again.entries()] == [(1, KEYS[0]), (5, KEYS[2]), (6, KEYS[0])]
    view = again.view(9)
    assert view.shape == (9, 3)
    assert not view.flags.writeable
    assert np.array_equal(view[[0, 1, 5, 6]], [[0, 0, 0], ROWS[0], ROWS[2], ROWS[0]])
    again.close()


def test_other_processes_files_are_read(tmp_path: Path) -> None:
    """A worker finds at its start what another one stored."""
    first = TextVectors(tmp_path, "s", "journal-gw0")
    first.add(KEYS[:1], ROWS[:1], flags=[0])
    second = TextVectors(tmp_path, "s", "journal-gw1")
    assert KEYS[0] in second
    assert KEYS[1] not in second
    first.close()
    second.close()


def test_a_merged_run_has_the_vectors_of_its_parts(tmp_path: Path) -> None:
    """Single texts of every part, though their files have one name; a corpus once; no link is followed."""
    for part in range(2):
        (tmp_path / f"part{part}").mkdir()
        store = TextVectors(tmp_path / f"part{part}" / "vectors", "s", "journal")
        store.add(KEYS[part : part + 1], ROWS[part : part + 1], flags=[0])
        store.close()
        corpus = create(tmp_path / f"part{part}" / "vectors" / "s-corpus-c.vec", 3)
        corpus.write(0, KEYS[:2], ROWS[:2])
        corpus.close()
    (tmp_path / "part0" / "vectors" / "s-texts-link.vec").symlink_to("/etc/hostname")
    merged = tmp_path / "merged"
    merged.mkdir()
    copy_vectors(merged, [tmp_path / "part0", tmp_path / "part1"])
    found = TextVectors(merged / "vectors", "s", "journal")
    assert np.array_equal(found.rows(KEYS[:2]), ROWS[:2])
    assert len(list((merged / "vectors").iterdir())) == 3
    found.close()


@pytest.mark.parametrize("content", [b"x" * 40, b"MEVECTOR" + bytes(40)])
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes) -> None:
    """Neither overwritten nor read."""
    path = tmp_path / "v.vec"
    path.write_bytes(content)
    with pytest.raises(RunFolderError, match="expected a file of vectors"):
        open_vectors(path)
    (tmp_path / "link.vec").symlink_to(path)
    with pytest.raises(RunFolderError, match="expected a file of vectors"):
        open_vectors(tmp_path / "link.vec")
    assert path.read_bytes() == content


@given(st.lists(st.one_of(st.none(), st.integers(1, 60_000)), max_size=200), st.sampled_from([None, 512, 9000]))
def test_batches_keep_bounds(sizes: list[int | None], limit: int | None) -> None:
    """Nothing is lost or doubled; a batch keeps its bounds; a text that may reach the limit is alone."""
    rate = TokenRate(tokens=1, size=3)
    texts = [None if size is None else Text(b"", "", size, place) for place, size in enumerate(sizes)]
    found = list(batched(texts, rate, limit=limit))
    assert sorted(text.place for batch in found for text in batch) == [text.place for text in texts if text is not None]
    for batch in found:
        tokens = [rate.estimate(text.size) for text in batch]
        assert len(batch) <= MOST_TEXTS
        assert len(batch) <= 1 or (sum(tokens) <= MOST_TOKENS and max(tokens) < (limit or MOST_TOKENS) * 0.75)


@given(st.text(min_size=8))
def test_a_shortened_text_is_shorter(text: str) -> None:
    """So that a text that is refused again and again comes to an end."""
    assert len(shortened(text)) < len(text)
