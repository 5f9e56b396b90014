"""A loopback HTTP server that answers each path as a test scripts it, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Answer = tuple[int, Any] | tuple[int, Any, "Mapping[str, str]"]


@dataclass
class Scripted:
    """What is served. asked: (path, headers) in order.

    routes: path -> (status, JSON value or bytes) and perhaps headers, or a function giving that.
    """

    url: str = ""
    routes: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The paths that were asked, in order."""
        return [path for path, _ in self.asked]


@contextlib.contextmanager
def scripted(routes: Mapping[str, Answer | Callable[[], Answer]]) -> Iterator[Scripted]:
    """Serve routes on a free port; every other path is 404."""
    script = Scripted(routes=dict(routes))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script.asked.append((self.path, dict(self.headers)))
            route = script.routes.get(self.path, (404, {"error": "not found"}))
            status, body, *more = route() if callable(route) else route
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            for name, value in (more[0] if more else {}).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(raw)

        do_POST = do_GET  # noqa: N815 (http.server's own name)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def models(*ids: str, **more: Any) -> Answer:
    """The answer of /v1/models that lists these ids."""
    return 200, {"object": "list", "data": [{"id": name, "object": "model", **more} for name in ids]}
