"""One GET to a server of this machine that nobody waits for: sent, and looked at now and then, without a thread."""

from __future__ import annotations

import contextlib
import errno
import re
import select
import socket

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_MOST_BYTES = 4096


class HttpProbe:
    """A request under way."""

    def __init__(self, port: int, path: str, *, host: str = "127.0.0.1") -> None:
        """Send it and return at once."""
        self._unsent = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
        self._got = b""
        self._status: int | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        if self._socket.connect_ex((host, port)) not in (0, errno.EINPROGRESS):
            self._status = 0

    def answer(self) -> int | None:
        """The status; 0 if the connection was refused or broke; None as long as nothing came. Never waits."""
        if self._status is None:
            try:
                self._go_on()
            except OSError:
                self._status = 0
        return self._status

    def close(self) -> None:
        """Wait for it no more. May be called again."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def _go_on(self) -> None:
        # poll, since select cannot look at file numbers above 1023.
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        if not poll.poll(0):
            return
        if self._unsent:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
            return
        piece = self._socket.recv(_MOST_BYTES)
        self._got += piece
        found = _STATUS.match(self._got)
        if found:
            self._status = int(found[1])
        elif not piece or len(self._got) >= _MOST_BYTES:
            self._status = 0
