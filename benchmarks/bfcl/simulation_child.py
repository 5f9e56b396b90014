"""The processes that run BFCL's simulated APIs: `python -I -B simulation_child.py CONTROL_FD CODE_FOLDER`.

Standard library only, and of this package only simulation_classes, official_modules and import_stubs. The
first process compiles the official classes once and then waits; for every socket that it is handed it forks a process
that serves it. None of those has an environment, files to write or, where the kernel allows it, a network.

There are two kinds. One that is shared ("s") holds many conversations, each with classes, instances and state of its
own; it ends at once when a message takes more than SHARED_CPU_S of processor time or memory runs out, and the caller
takes the conversations elsewhere. One that is alone ("a") holds a single one and may take CPU_S altogether.

What arrives are JSON lines, each with the number of its conversation as "id"; they are worked on in order, and each but
"close" is answered with one line:

    {"op": "call", "calls": [[name, {...}], ...]}                               -> {"results": [text, ...]}
    {"op": "check", "turns": [[[call, ...] per step] per turn], "truth": [[[name, [...], {...}], ...] per turn]}
                                                                                -> {"cause", "turn", "explanation"}
    {"op": "memory"}                                                            -> {"text", "state"}
    {"op": "close"}

The first one of a conversation also has "open": {"classes": [...], "config": {...}, "long_context": false,
"earlier": [[call, ...], ...]}; earlier calls are made again, for a conversation that comes from elsewhere. An answer
{"error": text} means that the simulation itself failed.

The vector memory needs vectors, and has no network to get them: before an answer to any of these may come
{"embed": [text, ...]}, which wants {"vectors": [[number, ...], ...]} of length 1. Only a process that is alone can ask
so.

Calls are made by name and arguments: nothing is evaluated.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import socket
import sys
import types
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # The package's name without its __init__, which imports what these processes must not carry.
    __package__ = "bfcl"
    sys.modules[__package__] = types.ModuleType(__package__)
    sys.modules[__package__].__path__ = [str(Path(__file__).parent)]

from .import_stubs import Encoder, import_stubs
from .official_modules import MODULES
from .simulation_classes import GlobalState, Instances, OfficialCode, check, memory_of

CPU_S = 10
# Fifty times what the longest check takes; others wait meanwhile.
SHARED_CPU_S = 0.25
MEMORY_BYTES = 1 << 30
ALONE, SHARED = b"a", b"s"
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


class Conversation:
    """The classes, instances and surroundings of one conversation."""

    def __init__(self, code: OfficialCode, opened: dict[str, Any]) -> None:
        self._opened = opened
        self._surroundings = GlobalState()
        self._classes = code.classes(opened["classes"])
        self._live: Instances | None = None

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message."""
        return self._surroundings.run(lambda: self._answer(message))

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["op"] == "check":
            return check(self._classes, self._opened, message["turns"], message["truth"])
        if self._live is None:
            self._live = Instances(self._classes, self._opened)
            for calls in self._opened.get("earlier", ()):
                self._made(calls)
        return {"results": self._made(message["calls"])} if message["op"] == "call" else memory_of(self._live)

    def _made(self, calls: list[Any]) -> list[str]:
        assert self._live is not None
        return [self._live.call(name, [], keywords) for name, keywords in calls]


def serve(connection: socket.socket, code: OfficialCode, *, is_shared: bool) -> None:
    """Conversations, until the other side closes the socket."""
    conversations: dict[int, Conversation] = {}
    with connection.makefile("rb") as lines:
        Encoder.lines, Encoder.connection = lines, connection
        while line := lines.readline():
            message = json.loads(line)
            if message["op"] == "close":
                conversations.pop(message["id"], None)
                continue
            if is_shared:
                # Its signal ends the process.
                signal.setitimer(signal.ITIMER_PROF, SHARED_CPU_S)
            if "open" in message:
                message["open"]["is_shared"] = is_shared
            connection.sendall(json.dumps(_answered(conversations, message, code)).encode() + b"\n")
            if is_shared:
                signal.setitimer(signal.ITIMER_PROF, 0)


def _answered(conversations: dict[int, Conversation], message: dict[str, Any], code: OfficialCode) -> dict[str, Any]:
    try:
        if "open" in message:
            conversations[message["id"]] = Conversation(code, message["open"])
        return conversations[message["id"]].answer(message)
    except MemoryError:
        # The process ends: what the others have here can be made again elsewhere.
        raise
    except Exception as error:  # noqa: BLE001 - sent to the caller, which leaves the sample ungraded
        return {"error": f"{type(error).__name__}: {error}"}


def confine() -> None:
    """Limits of all conversations: memory, no written files, no network where the kernel allows that."""
    os.chdir("/")
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 - absent on some builds

        ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    _limit("RLIMIT_FSIZE", 0)
    _limit("RLIMIT_CORE", 0)
    if sys.platform != "darwin":
        _limit("RLIMIT_AS", MEMORY_BYTES)


def _limit(name: str, value: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(getattr(resource, name), (value, value))


def main() -> None:
    """Compile once, then fork for every socket that is handed over."""
    control = socket.socket(fileno=int(sys.argv[1]))
    import_stubs()
    code = OfficialCode(Path(sys.argv[2]))
    for name in MODULES:
        # One that is not there is missed by the conversation that needs it. What they import is loaded from here on.
        with contextlib.suppress(ImportError, AttributeError):
            code.classes([name])
    confine()
    # What is loaded now lives as long as the process: collecting it would only copy its pages into every child.
    # A process that is forked ends before its garbage matters.
    gc.collect()
    gc.freeze()
    gc.disable()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Ctrl-C reaches the whole terminal group; the parent decides when this ends, by closing the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        kind, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not kind:
            return
        if os.fork() == 0:
            control.close()
            try:
                if kind == ALONE:
                    _limit("RLIMIT_CPU", CPU_S)
                serve(socket.socket(fileno=fds[0]), code, is_shared=kind == SHARED)
            finally:
                os._exit(0)
        os.close(fds[0])


if __name__ == "__main__":
    main()
