"""Starts a sandbox's process: which isolation, which interpreter, which user. The plugin's side."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from enum import StrEnum
from importlib import resources
from pathlib import Path

from pytest_modeleval.sandbox.bubblewrap import INSIDE_ENVIRONMENT, bubblewrap_argv
from pytest_modeleval.sandbox.cgroup import Cgroup

# In the order of their imports.
_SENT_MODULES = (
    "seccomp",
    "privileges",
    "descriptors",
    "namespaces",
    "ipc",
    "exit_codes",
    "values",
    "link",
    "judge_builtins",
    "recursion_limit",
    "run_modes",
    "accounting",
    "scratch",
    "supervisor",
    "bootstrap",
)
_FIRST_UID = 1_900_000_000
_count = itertools.count()

# Runs with -c; its argument is JSON: {"sources": {name: text}, "config": {...}}.
_BOOT = """
import json, sys, types
sent = json.loads(sys.argv[1])
room = "pytest_modeleval.sandbox"
for name in ("pytest_modeleval", room):
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = []
for name, source in sent["sources"].items():
    module = sys.modules[room + "." + name] = types.ModuleType(room + "." + name)
    setattr(sys.modules[room], name, module)
    exec(compile(source, name + ".py", "exec"), module.__dict__)
sys.modules[room + ".bootstrap"].main(sent)
"""


class Isolation(StrEnum):
    """How a program is isolated from the machine."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    """The same namespaces and file system, built by the sandbox itself."""
    NONE = "none"
    """Limits and the system call filter only, with the user's own rights."""


def detect_isolation() -> tuple[Isolation, ...]:
    """The kinds of isolation to try on this machine, best first."""
    return (Isolation.BUBBLEWRAP, Isolation.NAMESPACES) if shutil.which("bwrap") else (Isolation.NAMESPACES,)


def advice(isolation: Isolation) -> str:
    """What to enable where this isolation cannot be built, in one line."""
    if isolation is Isolation.NONE:
        return "Check that its Python starts with -S -P"
    return (
        "Allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1 (Debian), "
        "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces above 0 (RHEL); in a "
        "container --security-opt seccomp=unconfined --security-opt systempaths=unconfined, or --cap-add SYS_ADMIN"
    )


def launch(
    isolation: Isolation, channel: int, packages: Sequence[str], tmp_bytes: int, cgroup: Cgroup
) -> subprocess.Popen[bytes]:
    """Start the process that becomes the sandbox. Its first message on the channel holds its facts, or a failure."""
    python = _interpreter()
    shown = [(path, path) for path in _prefixes(python)]
    at = ""
    if packages and isolation is Isolation.NONE:
        at = sysconfig.get_paths()["platlib"]
    elif packages:
        at = "/packages"
        shown += [(str(path), f"/packages/{path.name}") for path in _package_paths(packages)]
    uid = _unprivileged_uid() if os.geteuid() == 0 else 0
    stage = {Isolation.BUBBLEWRAP: "inside", Isolation.NAMESPACES: "namespaces", Isolation.NONE: "open"}[isolation]
    inner = {
        "stage": stage,
        "shown": shown,
        "tmp_bytes": tmp_bytes,
        "packages_at": at,
        "packages": list(packages),
        "uid": uid,
    }
    command = [python, "-S", "-s", "-B", "-P", "-c", _BOOT, "SENT"]
    is_bubblewrap = isolation is Isolation.BUBBLEWRAP
    argv = command
    if is_bubblewrap:
        bwrap = shutil.which("bwrap") or "/usr/bin/bwrap"
        argv = bubblewrap_argv(bwrap, command, shown=shown, tmp_bytes=tmp_bytes)
    config = {
        "stage": "launch",
        "fds": [channel, cgroup.cpu_fd, cgroup.memory_fd, cgroup.memory_stat_fd],
        "join_fds": cgroup.join_fds,
        "is_bubblewrap": is_bubblewrap,
        "shown": shown,
        "uid": uid,
        "argv": argv,
        # Empty, because /proc shows the environment with which bwrap was started.
        "environment": {} if is_bubblewrap else INSIDE_ENVIRONMENT,
        "inner": inner,
    }
    room = resources.files("pytest_modeleval.sandbox")
    sources = {name: (room / f"{name}.py").read_text(encoding="utf-8") for name in _SENT_MODULES}
    return subprocess.Popen(
        [*command[:-1], json.dumps({"sources": sources, "config": config})],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(channel, *cgroup.fds),
        env={},
        cwd="/",
        start_new_session=True,
    )


def _interpreter() -> str:
    """The interpreter behind this one, outside any virtual environment."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (Path(sys.base_prefix) / "bin" / version, Path(getattr(sys, "_base_executable", sys.executable))):
        if candidate.exists():
            return os.path.realpath(candidate)
    return os.path.realpath(sys.executable)


def _prefixes(python: str) -> list[str]:
    """Folders that the interpreter needs in addition to /usr and /lib."""
    wanted = {os.path.realpath(sys.base_prefix), os.path.realpath(sys.base_exec_prefix)}
    wanted.add(str(Path(python).parent.parent))
    if Path("/nix/store").is_dir():
        wanted.add("/nix/store")
    wanted = {path for path in wanted if path != "/usr" and not path.startswith("/usr/")}
    return sorted(path for path in wanted if not any(path.startswith(f"{other}/") for other in wanted))


def _package_paths(packages: Sequence[str]) -> list[Path]:
    """The folders (or files) of importable packages, and the shared libraries that wheels install next to them."""
    found = []
    for name in packages:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.origin:
            continue
        origin = Path(spec.origin)
        place = origin.parent if origin.name == "__init__.py" else origin
        found += [path for path in (place, place.with_name(f"{name}.libs")) if path.exists()]
    return found


def _unprivileged_uid() -> int:
    """A user id without other processes: the kernel counts processes per user, across containers too."""
    number = (os.getpid() * 64 + next(_count) % 64) % 100_000_000
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:  # noqa: PTH123 - not a file of the disk
            ranges = [tuple(int(word) for word in line.split()) for line in file]
    except OSError:
        return 65534
    first, _, count = max(ranges, key=lambda entry: entry[2])
    if count > _FIRST_UID + number:
        return _FIRST_UID + number
    # A container with few ids: take one from the top, below 65534.
    return first + max(1, min(count, 65534) - 1 - number % 1000)
