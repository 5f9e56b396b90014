"""The stages of a sandbox's process before the supervisor serves. Standard library only.

    plugin ─► python (stage "launch": limits, root gives up its user) ─► bwrap ─► python (stage "inside")
                                                     or, without bwrap,      ─► python (stage "namespaces")

No code is read from disk in the sandbox: the plugin sends it as an argument (isolation.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
from typing import Any

from pytest_modeleval.sandbox import ipc, namespaces, privileges
from pytest_modeleval.sandbox.accounting import CgroupFiles
from pytest_modeleval.sandbox.descriptors import keep_only
from pytest_modeleval.sandbox.supervisor import Supervisor, warm_up

STACK_BYTES = 512 * 2**20
_FIRST_FD = 3


def main(sent: dict[str, Any]) -> None:
    """Do the stage that the configuration names.

    config["fds"] holds the descriptors of the socket to the plugin and of the control group's cpu, memory and
    memory_stat files (-1 where there is none). No other descriptor above 2 stays open.
    """
    config = sent["config"]
    if config["stage"] == "launch" and not _join_cgroup(config["join_fds"]):
        config["fds"] = [config["fds"][0], -1, -1, -1]
    fds = _packed(config["fds"])
    channel = socket.socket(fileno=fds[0])
    try:
        if config["stage"] == "launch":
            _launch(sent, fds)
        if config["stage"] == "namespaces":
            namespaces.enter(config)
        if config["stage"] == "open":
            privileges.prctl(privileges.PR_SET_CHILD_SUBREAPER, 1, what="prctl(PR_SET_CHILD_SUBREAPER)")
            # While its own files can still be read.
            warm_up(config["packages_at"], config["packages"])
            if config["uid"]:
                privileges.become_user(config["uid"])
    except OSError as error:
        ipc.send(channel, {"failed": str(error), "errno": error.errno})
        return
    warm_up(config["packages_at"])
    Supervisor(channel, CgroupFiles(*fds[1:])).serve()


def _join_cgroup(join_fds: list[int]) -> bool:
    """Move this process, and so all that it starts, into the control group; False where the kernel refuses."""
    with contextlib.suppress(OSError):
        for fd in join_fds:
            os.write(fd, b"0")
        return True
    return False


def _packed(fds: list[int]) -> list[int]:
    """Move the descriptors to 3, 4, ... and close all others; the new numbers, -1 for -1."""
    held = [fd for fd in fds if fd >= 0]
    keep_only(held, first=_FIRST_FD)
    return [_FIRST_FD + held.index(fd) if fd >= 0 else -1 for fd in fds]


def _launch(sent: dict[str, Any], fds: list[int]) -> None:
    """Set what takes effect with an exec, and become the next stage. Returns only by raising OSError."""
    config = sent["config"]
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if hard == resource.RLIM_INFINITY or hard >= STACK_BYTES:
        # Room for deep recursion in C code, as contests give it; the memory limit counts what is used of it.
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, hard))
    os.chdir("/")
    if config["is_bubblewrap"] and config["uid"]:
        if config["shown"]:
            namespaces.prepare_for_bubblewrap(config)
        privileges.become_user(config["uid"])
    inner = json.dumps({"sources": sent["sources"], "config": {**config["inner"], "fds": fds}})
    argv = [inner if word == "SENT" else word.removeprefix("SOURCE:") for word in config["argv"]]
    os.execve(argv[0], argv, config["environment"])  # noqa: S606 - started without a shell on purpose
