"""Messages between the plugin and the supervisor, with file descriptors attached.

JSON over a SOCK_SEQPACKET socket. Runs on both sides; standard library only.
"""

from __future__ import annotations

import array
import json
import os
import socket
from typing import Any

MESSAGE_BYTES = 65_536
_MAX_FDS = 8


def send(channel: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Send one message. Raises OSError if the peer is gone."""
    payload = json.dumps(message).encode()
    if len(payload) > MESSAGE_BYTES:
        raise ValueError(f"a message of {len(payload)} bytes: expected at most {MESSAGE_BYTES}")
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    channel.sendmsg([payload], ancillary)


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive one message and its descriptors. Raises EOFError if the peer is gone."""
    fds = array.array("i")
    payload, ancillary, _, _ = channel.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(_MAX_FDS * fds.itemsize))
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    if not payload:
        for fd in fds:
            os.close(fd)
        raise EOFError("the peer closed the sandbox's socket")
    return json.loads(payload), list(fds)
