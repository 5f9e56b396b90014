"""The command line of bubblewrap (bwrap) that builds the sandbox. Pure; standard library only."""

# Paths here are arguments of system calls.
# ruff: noqa: PTH112, PTH114, PTH115
from __future__ import annotations

import os
from collections.abc import Sequence

DEVICES = ("null", "zero", "full", "random", "urandom")


def bubblewrap_argv(bwrap: str, inner: Sequence[str], *, shown: Sequence[tuple[str, str]], tmp_bytes: int) -> list[str]:
    """The whole argv: bwrap, its options, and the command that runs inside as process 1.

    shown holds (outside, inside) paths that are visible read-only in addition to /usr. The outside paths are marked
    SOURCE:, because root replaces them by paths that an unprivileged user can reach.
    """
    argv = [bwrap, "--unshare-user", "--unshare-all", "--disable-userns", "--cap-drop", "ALL", "--clearenv"]
    argv += ["--as-pid-1", "--die-with-parent", "--new-session", "--uid", "65534", "--gid", "65534"]
    argv += ["--hostname", "sandbox", "--setenv", "PATH", "/usr/bin"]
    for name, value in INSIDE_ENVIRONMENT.items():
        argv += ["--setenv", name, value]
    argv += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = f"/{name}"
        if os.path.islink(path):
            argv += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            argv += ["--ro-bind", path, path]
    for outside, inside in shown:
        argv += ["--ro-bind", f"SOURCE:{outside}", inside]
    argv += ["--proc", "/proc", "--tmpfs", "/dev"]
    for name in DEVICES:
        argv += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        argv += ["--symlink", f"/proc/self/{target}", f"/dev/{name}"]
    for place in ("/tmp", "/dev/shm"):  # noqa: S108 - inside the sandbox
        argv += ["--size", str(tmp_bytes), "--perms", "1777", "--tmpfs", place]
    argv += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"]  # noqa: S108
    return [*argv, *inner]


# The hash seed is fixed: the same program gives the same output on every run.
INSIDE_ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONHASHSEED": "0",
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
