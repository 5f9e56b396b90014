"""One GET to a server of this machine whose answer is looked at later, so that the caller never waits."""

from __future__ import annotations

import threading

from pytest_modeleval._support.side_requests import SideRequestError, http_get


class HttpProbe:
    """A request under way, in a thread of its own that ends at the deadline."""

    def __init__(self, port: int, path: str, *, timeout_s: float, host: str = "127.0.0.1") -> None:
        """Send it and return at once."""
        self._url = f"http://{host}:{port}{path}"
        self._timeout_s = timeout_s
        self._status: int | None = None
        self._thread = threading.Thread(target=self._ask, name="modeleval-probe", daemon=True)
        self._thread.start()

    @property
    def status(self) -> int | None:
        """The HTTP status; 0 if the connection was refused or broke, or the time was up; None before that."""
        return self._status

    def _ask(self) -> None:
        try:
            self._status = http_get(self._url, timeout_s=self._timeout_s, max_bytes=4096).status
        except SideRequestError:
            self._status = 0
