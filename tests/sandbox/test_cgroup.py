"""Control groups of sandboxes: their files are read in both versions, and no folder remains."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_modeleval.sandbox import Sandbox, SandboxUnavailable, detect_isolation
from pytest_modeleval.sandbox.accounting import CgroupFiles
from pytest_modeleval.sandbox.cgroup import create_cgroup
from pytest_modeleval.sandbox.sandbox import memory_file

STAT = b"anon 4096\nfile 8192\ninactive_file 3000\nactive_file 2000\nshmem 100\n"


@pytest.mark.parametrize(
    ("content", "seconds"), [(b"usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n", 2.5), (b"2500000000\n", 2.5)]
)
def test_cpu_time_is_read_from_both_versions(content: bytes, seconds: float) -> None:
    """Version 2 counts microseconds under a name, version 1 nanoseconds alone."""
    fd = memory_file(content)
    assert CgroupFiles(cpu=fd).cpu_s() == seconds
    os.close(fd)


def test_cached_files_are_no_memory_of_a_program() -> None:
    """The page cache of files is left out, and read only where the total could pass the limit."""
    used, stat = memory_file(b"20000\n"), memory_file(STAT)
    files = CgroupFiles(memory=used, memory_stat=stat)
    assert files.memory_bytes() == 15_000
    assert files.memory_bytes(at_least=20_000) == 20_000
    for fd in (used, stat):
        os.close(fd)


def test_group_counts_a_process_that_joins_and_is_removed() -> None:
    """A process that writes to cgroup.procs is counted; after remove the folders are gone."""
    group = create_cgroup()
    if group.cpu_fd < 0:
        group.remove()
        pytest.skip("no control group can be created here")
    folders = list(group.folders)
    child = os.fork()
    if child == 0:
        for fd in group.join_fds:
            os.write(fd, b"0")
        sum(range(10**6))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert CgroupFiles(cpu=group.cpu_fd).cpu_s() > 0
    group.remove()
    assert folders
    assert not any(folder.exists() for folder in folders)


def test_closed_sandbox_leaves_no_group() -> None:
    """Closing a sandbox removes its control group, also with a program that left processes."""
    try:
        sandbox = Sandbox(detect_isolation()[0])
    except SandboxUnavailable as error:
        pytest.skip(str(error).split(". ")[0])
    sandbox.close()
    own = f"modeleval-{os.getpid()}-"
    left = [path for pattern in ("*", "*/*") for path in Path("/sys/fs/cgroup").glob(f"{pattern}/{own}*")]
    assert left == []


def test_a_group_that_is_not_wanted_is_not_created() -> None:
    """Without a group there are no files to pass on."""
    group = create_cgroup(is_wanted=False)
    assert (group.fds, group.folders) == ([], [])
