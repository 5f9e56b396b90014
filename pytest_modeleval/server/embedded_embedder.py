"""The bundled small embedding model on the CPU: all-MiniLM-L6-v2 on llama.cpp's own HTTP server, as one command.

    python -m pytest_modeleval.server.embedded_embedder --port N

The profile `embedded-embedder` starts it like any other server. A text of more than 512 tokens is refused.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_modeleval.fetch import Progress
from pytest_modeleval.server.embedded import run_command, run_server
from pytest_modeleval.server.minilm import NAME, POSITIONS, gguf_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SLOTS = 8


def weights(*, print_line: Callable[[str], None]) -> Path:
    """The model file: fetched and converted once, then from the cache. print_line: prints a line of progress."""
    return gguf_file(progress=Progress(print_line=print_line))


def serve(model: Path, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises LaunchError if the server's package is not installed."""

    def fit(settings: Any) -> None:
        settings.embedding = True
        settings.n_parallel = SLOTS
        settings.n_ctx = SLOTS * POSITIONS
        # All tokens of a text look at each other, so they have to be in one batch.
        settings.n_batch = settings.n_ubatch = POSITIONS

    run_server(NAME, model, port, fit)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command."""
    return run_command(NAME, arguments, weights, serve)


if __name__ == "__main__":
    sys.exit(main())
