"""The file of an operating point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.store.load_file import copy_points, load_file, read_timings, stored_result, write_timings
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.stress.timing import Arrival, Timing

NAME = "chat-512~0.5-128+prefix0.5@rate4"
TIMINGS = [Timing(number=number, sent_s=0.5, ended_s=1.5, arrivals=(Arrival(1.0, 3),)) for number in range(3)]


def _measure(timings: Iterator[Timing]) -> PointResult:
    num = len(list(timings))
    counts = {"seconds": 1.0, "steady_s": 1.0, "sent": num, "complete": num}
    return PointResult(point=NAME, workload="chat", load="rate4", rate=4.0, **counts)  # type: ignore[arg-type]


def test_timings_and_result_come_back(tmp_path: Path) -> None:
    """As they were written; the result only under the key it was measured for."""
    written = write_timings(tmp_path, NAME, iter(TIMINGS), _measure, key="k")
    assert list(read_timings(tmp_path, NAME)) == TIMINGS
    assert stored_result(tmp_path, NAME, key="k") == written
    assert stored_result(tmp_path, NAME, key="other") is None
    assert list(read_timings(tmp_path, "another@c1")) == []


def test_a_measurement_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    """The file appears when it is whole."""

    def broken() -> Iterator[Timing]:
        yield TIMINGS[0]
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - the one above
        write_timings(tmp_path, NAME, broken(), _measure, key="k")
    assert list((tmp_path / "stress").iterdir()) == []


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    """With the file and its number; a result that is cut is none."""
    write_timings(tmp_path, NAME, iter(TIMINGS), _measure, key="k")
    path = load_file(tmp_path, NAME)
    path.write_bytes(path.read_bytes()[:-40].replace(b'"number":1', b'"number:1'))
    with pytest.raises(RunFolderError, match="line 2"):
        list(read_timings(tmp_path, NAME))
    assert stored_result(tmp_path, NAME, key="k") is None


def test_points_of_shards_come_together(tmp_path: Path) -> None:
    """A merged run has the files of all of them; one that it has already stays."""
    one, other, target = tmp_path / "one", tmp_path / "other", tmp_path / "target"
    for folder in (one, other, target):
        folder.mkdir()
    write_timings(one, NAME, iter(TIMINGS), _measure, key="k")
    write_timings(other, NAME, iter(TIMINGS[:1]), _measure, key="k")
    write_timings(other, "chat@c1", iter(TIMINGS[:2]), _measure, key="k")
    copy_points(target, [one, other])
    assert len(list(read_timings(target, NAME))) == 3
    assert len(list(read_timings(target, "chat@c1"))) == 2
