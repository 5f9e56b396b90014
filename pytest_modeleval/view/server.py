"""Serves the application on one address until Ctrl-C."""

from __future__ import annotations

import socket
from pathlib import Path

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.view.access import LOOPBACK, GuardedApp, access_for
from pytest_modeleval.view.app import make_app

# Connections at the same time; further ones are answered with 503.
_MOST_CONNECTIONS = 128
_LAST_PORT = 65_535


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on an address. Raises SettingsError where that is not possible."""
    if not 0 <= port <= _LAST_PORT:
        raise SettingsError(f"modeleval view: --port: expected 0 to {_LAST_PORT}, found {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"modeleval view: cannot listen on {host}, port {port}: {error.strerror}; name another with --port, or 0 "
            "for a free one"
        ) from error


def address(host: str, port: int, token: str) -> str:
    """The address to open."""
    name = LOOPBACK if host == "localhost" else socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")


def serve(root: Path, listening: socket.socket, *, host: str, token: str) -> None:
    """Answer requests until the process is interrupted. token: "" for a server on the loopback address."""
    import uvicorn  # noqa: PLC0415 - the extra `view`

    app = GuardedApp(make_app(root), access_for(host, listening.getsockname()[1], token))
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        # The access log would hold the token.
        access_log=False,
        log_level="warning",
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        # Streams of events end only with their page.
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening])
