"""A control group for one sandbox, so that CPU and memory of everything in it are counted exactly. The plugin's side.

Version 2 and version 1, each controller on its own: CPU needs a folder that can be created in the group of this
process, memory in version 2 also a parent that delegates the controller. Root in a container with a writable
/sys/fs/cgroup has both, an ordinary user only below a service that systemd delegated; most containers have none. All
of it is optional: without a group the sandbox sums up its processes itself (accounting.py).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

_PREFIX = "modeleval-"
_REMOVAL_S = 1.0
_count = itertools.count()


@dataclass(slots=True)
class Cgroup:
    """The folders of one sandbox, one per hierarchy, and their open files."""

    folders: list[Path] = field(default_factory=list)
    join_fds: list[int] = field(default_factory=list)
    """cgroup.procs of each folder: a process that writes "0" to one moves itself into the group."""
    cpu_fd: int = -1
    memory_fd: int = -1
    memory_stat_fd: int = -1

    @property
    def fds(self) -> list[int]:
        """Every open file."""
        return [fd for fd in (*self.join_fds, self.cpu_fd, self.memory_fd, self.memory_stat_fd) if fd >= 0]

    def close_files(self) -> None:
        """Close the plugin's copies; the sandbox has its own."""
        for fd in self.fds:
            os.close(fd)
        self.join_fds, self.cpu_fd, self.memory_fd, self.memory_stat_fd = [], -1, -1, -1

    def remove(self) -> None:
        """Remove the folders, once the last process has ended."""
        self.close_files()
        end = time.monotonic() + _REMOVAL_S
        for folder in self.folders:
            while folder.exists() and not _removed(folder) and time.monotonic() < end:
                # The kernel reaps the last processes a moment after the sandbox's process is gone.
                time.sleep(0.005)
        self.folders = []


def create_cgroup(*, is_wanted: bool = True) -> Cgroup:
    """A group for a sandbox that starts now; without any file where this machine offers none."""
    group = Cgroup()
    if not is_wanted:
        return group
    with contextlib.suppress(OSError, ValueError, IndexError):
        hierarchies = _own_folders()
        name = f"{_PREFIX}{os.getpid()}-{next(_count)}"
        if unified := hierarchies.get(""):
            _add(group, _delegating(unified) / name)
        if group.cpu_fd < 0 and "cpuacct" in hierarchies:
            _add(group, hierarchies["cpuacct"][0] / name)
        if group.memory_fd < 0 and "memory" in hierarchies:
            _add(group, hierarchies["memory"][0] / name)
    return group


def _add(group: Cgroup, folder: Path) -> None:
    """Create one folder and open what is counted in it."""
    if not os.access(folder.parent, os.W_OK):
        return
    _remove_stale(folder.parent)
    folder.mkdir()
    group.folders.append(folder)
    group.join_fds.append(os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
    for name in ("cpu.stat", "cpuacct.usage"):
        if group.cpu_fd < 0:
            group.cpu_fd = _opened(folder / name)
    for name in ("memory.current", "memory.usage_in_bytes"):
        if group.memory_fd < 0:
            group.memory_fd = _opened(folder / name)
    if group.memory_fd >= 0 and group.memory_stat_fd < 0:
        group.memory_stat_fd = _opened(folder / "memory.stat")


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _own_folders() -> dict[str, list[Path]]:
    """Controller ("" for version 2) to the folder of this process's group, its parents behind it."""
    mounts: dict[str, tuple[str, str]] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split()[:3]
        root, mountpoint = before.split()[3:5]
        if kind == "cgroup2":
            mounts[""] = (root, mountpoint)
        elif kind == "cgroup":
            mounts.update(dict.fromkeys(options.split(","), (root, mountpoint)))
    found: dict[str, list[Path]] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller in mounts:
                root, mountpoint = mounts[controller]
                top = Path(mountpoint)
                own = top / os.path.relpath(path, root)
                found[controller] = [own, *(parent for parent in own.parents if parent.is_relative_to(top))]
    return found


def _delegating(folders: list[Path]) -> Path:
    """The nearest folder that gives its children the memory controller; else the first, where CPU is counted anyway."""
    for folder in folders:
        with contextlib.suppress(OSError):
            enabled = (folder / "cgroup.subtree_control").read_text().split()
            if "memory" in enabled and os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK):
                return folder
    return folders[0]


def _remove_stale(parent: Path) -> None:
    """Remove groups that a killed process left."""
    for folder in parent.glob(f"{_PREFIX}*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdigit() and not Path(f"/proc/{process}").exists():
            _removed(folder)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
