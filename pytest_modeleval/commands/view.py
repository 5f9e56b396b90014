"""`modeleval view [DIR]`: all runs below a folder in the browser: list, samples, comparison, runs under way."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import RunFolderError, SettingsError

PORT = 7861
_EXTRA = ("starlette", "uvicorn")


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval view` to the parser of the command."""
    parser = commands.add_parser(
        "view",
        help="all runs below a folder in the browser: list, samples, comparison, runs under way",
        description="Serve the runs below a folder at http://127.0.0.1:7861/ until Ctrl-C: a list with changes and "
        "trends, every sample of a run, comparisons, and runs under way as they go on. Reads only. Needs the extra "
        "view: pip install 'pytest-modeleval[view]'.",
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="DIR", help="searched with all folders below (./modeleval-runs)"
    )
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"port; 0: any that is free ({PORT})")
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        help="listen on this address, such as 0.0.0.0, for other machines; the printed address then holds a token",
    )
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> list[str]:
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(f"modeleval view needs {' and '.join(missing)}: pip install 'pytest-modeleval[view]'")
    from pytest_modeleval.view.server import address, open_socket, serve  # noqa: PLC0415 - the extra `view`

    root = _root(given.folder)
    host = given.host or "127.0.0.1"
    token = secrets.token_urlsafe(24) if given.host else ""
    # Other commands end soon and leave their garbage; this one stays.
    gc.enable()
    with open_socket(host, given.port) as listening:
        found = address(host, listening.getsockname()[1], token)
        print(f"modeleval view: runs below {root} at {found} (Ctrl-C ends it)", flush=True)
        if token:
            print("Who has this address can read every run; the connection is not encrypted.", flush=True)
        with suppress(KeyboardInterrupt):
            serve(root, listening, host=host, token=token)
    return []


def _root(given: Path | None) -> Path:
    from pytest_modeleval.store.run_folder import RUNS  # noqa: PLC0415

    root = given or Path(RUNS)
    if not root.is_dir():
        advice = "" if given else "; name a folder: modeleval view DIR"
        raise RunFolderError(f"modeleval view: expected a folder with runs below it, found no folder {root}{advice}")
    return root
