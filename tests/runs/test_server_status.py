"""The states of servers as processes tell each other, in files of the run folder."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_modeleval.runs.item_filter import StopFlagReader, publish_stopped
from pytest_modeleval.runs.server_status import ServerStatus, ServerStatusReader, state_file


def test_what_a_killed_run_left_says_nothing_of_this_one(tmp_path: Path) -> None:
    """A run that is killed while its server is down leaves the file; the next run's server is another one."""
    state_file(tmp_path).write_text('["the server was ended by SIGKILL"]')
    states = ServerStatus(1, tmp_path)
    worker = ServerStatusReader(1, tmp_path)
    assert worker.states() == ("up",)
    states.set(0, "restarting")
    assert worker.states() == ("restarting",)


def test_two_changes_in_one_tick_of_the_clock_are_both_seen(tmp_path: Path) -> None:
    """File systems keep times in steps of milliseconds: the newer file is another one, not only a younger one."""
    states, worker = ServerStatus(2, tmp_path), ServerStatusReader(2, tmp_path)
    states.set(0, "restarting")
    first = state_file(tmp_path).stat()
    assert worker.states() == ("restarting", "up")
    states.set(1, "gone")
    os.utime(state_file(tmp_path), ns=(first.st_atime_ns, first.st_mtime_ns))
    assert worker.states() == ("restarting", "gone")


def test_two_closings_in_one_tick_are_both_seen(tmp_path: Path) -> None:
    """The same for what need not be asked any more."""
    from pytest_modeleval.records import ItemKey

    told = StopFlagReader(tmp_path)
    publish_stopped(tmp_path, [("a", "s")])
    first = (tmp_path / "stopped-early.json").stat()
    assert told.skip_reason(ItemKey("a", "s", "q"))
    publish_stopped(tmp_path, [("a", "s"), ("b", "s")])
    os.utime(tmp_path / "stopped-early.json", ns=(first.st_atime_ns, first.st_mtime_ns))
    assert told.skip_reason(ItemKey("b", "s", "q"))
