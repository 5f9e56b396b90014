"""The first and second stage of a sandbox's process, before the supervisor serves. Standard library only.

    plugin ─► python (stage "launch": limits, root gives up its user) ─► bwrap ─► python (stage "inside")
                                                     or, without bwrap,      ─► python (stage "namespaces")

The code is not read from disk in there: the plugin sends it as an argument (launch.py).
"""

from __future__ import annotations

import json
import os
import resource
import socket
from typing import Any

from pytest_modeleval.sandbox import ipc, namespaces, privileges, supervisor

STACK_BYTES = 512 * 2**20


def main(sent: dict[str, Any]) -> None:
    """Do the stage that the configuration names. The socket to the plugin is descriptor config["channel"]."""
    config = sent["config"]
    channel = socket.socket(fileno=config["channel"])
    try:
        if config["stage"] == "launch":
            _launch(sent)
        if config["stage"] == "namespaces":
            namespaces.enter(config)
        if config["stage"] == "open":
            privileges.prctl(privileges.PR_SET_CHILD_SUBREAPER, 1, what="prctl(PR_SET_CHILD_SUBREAPER)")
            # While its own files can still be read.
            supervisor.warm_up(config["packages_at"], config["packages"])
            if config["uid"]:
                privileges.become_user(config["uid"])
    except OSError as error:
        ipc.send(channel, {"failed": str(error), "errno": error.errno})
        return
    supervisor.warm_up(config["packages_at"])
    supervisor.serve(channel, is_first=os.getpid() == 1)


def _launch(sent: dict[str, Any]) -> None:
    """Set what only an exec puts into force, and become the next stage. Returns only by raising OSError."""
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
    inner = json.dumps({"sources": sent["sources"], "config": config["inner"]})
    argv = [inner if word == "SENT" else word.removeprefix("SOURCE:") for word in config["argv"]]
    os.execve(argv[0], argv, config["environment"])  # noqa: S606 - no shell is what is wanted
