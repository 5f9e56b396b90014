"""Advisory file locks: exclusion, waiting, release by death."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from pytest_modeleval._support.file_lock import file_lock, try_file_lock

WAIT_S = 30


def test_threads_never_overlap_and_each_waiter_reports_once(tmp_path: Path) -> None:
    """Blocks under one path exclude each other; `on_wait` is called once by each that has to wait."""
    inside, most, waited = 0, 0, []
    guard = threading.Lock()
    first_is_in, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        waited.append(1)
        go_on.set()

    def work() -> None:
        nonlocal inside, most
        with file_lock(tmp_path / "f.lock", wait):
            with guard:
                inside += 1
                most = max(most, inside)
            first_is_in.set()
            assert go_on.wait(WAIT_S)
            with guard:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    threads[0].start()
    assert first_is_in.wait(WAIT_S)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert most == 1
    assert 1 <= len(waited) <= 3


def test_a_lock_is_refused_while_held_and_given_after_release(tmp_path: Path) -> None:
    """None while another holder has it, a lock after its release; releasing twice is harmless; the file stays."""
    path = tmp_path / "f.lock"
    first = try_file_lock(path)
    assert first is not None
    assert try_file_lock(path) is None
    first.release()
    first.release()
    second = try_file_lock(path)
    assert second is not None
    second.release()
    assert path.is_file()


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    """The lock of a process that was killed is free at once."""
    path = tmp_path / "f.lock"
    program = (
        "import sys, pathlib; from pytest_modeleval._support.file_lock import try_file_lock;"
        "held = try_file_lock(pathlib.Path(sys.argv[1])); print(held is not None, flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "True\n"
        assert try_file_lock(path) is None
        child.kill()
        child.wait(WAIT_S)
    held = try_file_lock(path)
    assert held is not None
    held.release()


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """A folder in place of the lock file raises, rather than excluding nobody."""
    with pytest.raises(OSError, match="directory"), file_lock(tmp_path):
        pass


def test_a_file_system_without_locks_excludes_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOLCK from the system: the block runs, because work done twice is better than no work."""

    def refuse(_self: object, **_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with file_lock(tmp_path / "f.lock"):
        held = try_file_lock(tmp_path / "f.lock")
    assert held is not None
    held.release()
