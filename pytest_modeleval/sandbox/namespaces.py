"""Enters namespaces without bubblewrap and builds the same file system from this process. Linux; standard library only.

Runs as the sandbox's first stage (see bootstrap.py). As root it uses root's rights, which it then drops; as an ordinary
user it works inside a new user namespace. See mount(2), pivot_root(2), namespaces(7).
"""

# Paths here are arguments of system calls.
# ruff: noqa: PTH102, PTH103, PTH112, PTH114, PTH115, PTH120, PTH123, PTH211
from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
from typing import Any

from pytest_modeleval.sandbox import privileges
from pytest_modeleval.sandbox.privileges import check, libc

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
_APART = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWPID | NEWNET
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT = 1, 2, 4, 8, 32
_BIND, _REC, _PRIVATE = 4096, 16384, 1 << 18
_MNT_DETACH = 2
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_DEVICES = ("null", "zero", "full", "random", "urandom")
INSIDE_UID = 65534


def prepare_for_bubblewrap(config: dict[str, Any]) -> None:
    """As root: bind the interpreter to a path that an unprivileged user can reach, in a new mount namespace.

    bubblewrap resolves its sources with the rights of its user, and other users cannot enter root's home.
    """
    check(libc.unshare(NEWNS), "unshare(CLONE_NEWNS)")
    _mount(None, "/", None, _REC | _PRIVATE)
    # Opened after unshare: a bind mount cannot use a source from another mount namespace.
    sources = {path: os.open(path, os.O_PATH) for path, _ in config["shown"]}
    _mount("tmpfs", "/tmp", "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")  # noqa: S108
    for number, (path, fd) in enumerate(sources.items()):
        place = f"/tmp/{number}"  # noqa: S108
        os.mkdir(place)
        _mount(f"/proc/self/fd/{fd}", place, None, _BIND | _REC)
        os.close(fd)
        # bubblewrap.py marks these words with SOURCE:.
        config["argv"] = [place if word == f"SOURCE:{path}" else word for word in config["argv"]]


def enter(config: dict[str, Any]) -> None:
    """Become process 1 of new namespaces, without rights.

    config holds uid (the user to become, 0 for none), shown ([outside, inside] paths, visible read-only) and tmp_bytes.
    Raises an OSError that names the step which the machine refuses.
    """
    uid = _unshare(config["uid"])
    _mount(None, "/", None, _REC | _PRIVATE)
    shown = [("/usr", "/usr"), *config["shown"]]
    sources = [(inside, os.open(outside, os.O_PATH)) for outside, inside in shown]
    devices = [(f"/dev/{name}", os.open(f"/dev/{name}", os.O_PATH)) for name in _DEVICES]
    root = "/tmp"  # noqa: S108 - every host has it; its content is untouched
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    for path, fd in sources:
        _show(fd, root + path, read_only=True)
    _link_top(root)
    for path, fd in devices:
        _show(fd, root + path, read_only=False)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"{root}/dev/{name}")
    for place in ("/tmp", "/dev/shm"):  # noqa: S108
        os.makedirs(root + place, exist_ok=True)
        sizes = f"size={config['tmp_bytes']},nr_inodes=30000,mode=1777"
        _mount("tmpfs", root + place, "tmpfs", _NOSUID | _NODEV, sizes)
    os.mkdir(f"{root}/proc")
    _become_first()
    choices: tuple[str | None, ...] = ("subset=pid", None)
    for options in choices:
        # subset= needs Linux 5.8. Where a container masks /proc and it cannot be mounted at all, it stays empty.
        with contextlib.suppress(OSError):
            _mount("proc", f"{root}/proc", "proc", _NOSUID | _NODEV | _NOEXEC, options)
            break
    os.chdir(root)
    check(libc.syscall(_SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    check(libc.umount2(b".", _MNT_DETACH), "umount2")
    os.chdir("/")
    _mount(None, "/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir("/tmp")  # noqa: S108
    if uid:
        privileges.become_user(uid)
    privileges.drop_capabilities()
    # Set last, because a change of rights clears it: when the waiting parent dies, so does process 1, and all others.
    privileges.prctl(privileges.PR_SET_PDEATHSIG, signal.SIGKILL, what="prctl(PR_SET_PDEATHSIG)")


def _unshare(uid: int) -> int:
    """Enter new namespaces. Returns the uid still to become, 0 for none."""
    if os.geteuid() == 0:
        if libc.unshare(_APART) == 0:
            return uid
        # Root of a container without CAP_SYS_ADMIN: continue as an ordinary user.
        privileges.become_user(uid)
    me, group = os.getuid(), os.getgid()
    check(libc.unshare(NEWUSER | _APART), "unshare(CLONE_NEWUSER, ...)")
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{INSIDE_UID} {me} 1"),
        ("gid_map", f"{INSIDE_UID} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)
    return 0


def _become_first() -> None:
    """Fork into the new PID namespace; the parent waits for the child and exits with its code."""
    child = os.fork()
    if child:
        os.closerange(0, 4096)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _show(fd: int, place: str, *, read_only: bool) -> None:
    """Bind the file or folder of an open descriptor to a path, without set-uid and, if read-only, without devices."""
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.makedirs(place, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY))
    _mount(f"/proc/self/fd/{fd}", place, None, _BIND | _REC)
    os.close(fd)
    wanted = _NOSUID | (_RDONLY | _NODEV if read_only else _NOEXEC)
    # struct mount_attr: set, clear, propagation, user namespace. Recursive, unlike a remount.
    attributes = (ctypes.c_uint64 * 4)(wanted, 0, 0, 0)
    call = (_SYS_MOUNT_SETATTR, _AT_FDCWD, place.encode(), _AT_RECURSIVE, ctypes.byref(attributes), 32)
    check(libc.syscall(*call), "mount_setattr (Linux 5.12 or newer is needed)")


def _link_top(root: str) -> None:
    """Recreate /bin, /lib, /lib64 as on the host: as links into /usr, or as bind mounts of folders."""
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = f"/{name}"
        if os.path.islink(path):
            os.symlink(os.readlink(path), root + path)
        elif os.path.isdir(path):
            _show(os.open(path, os.O_PATH), root + path, read_only=True)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [word.encode() if word is not None else None for word in (source, target, kind, options)]
    result = libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])
    check(result, f"mount of {kind or source or 'flags'} at {target}")
