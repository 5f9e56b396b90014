"""A process that has imported what a run of pytest imports, and forks for each run.

Half of a small run's time is the start of an interpreter and its imports, which many hundred runs of the whole-program
tests would repeat. A forked run is a process of its own with its own session, environment, working folder and output
files; what is not preloaded here it imports itself. Runs that need a fresh interpreter, that are killed, or that are
read while they go on are started as usual (`Suite.start`).

Protocol, a JSON line each way: {"arguments", "cwd", "env", "out", "err"} (the last two are paths of files) and the
exit status, negative for a signal as in subprocess.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import random
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, NoReturn

# What every run uses; a module that is missing in this list costs its import time in each run, and nothing else.
_PRELOADED = (
    *("encodings.idna", "filelock", "httptools", "httpx", "jinja2", "numpy", "orjson", "pdb", "scipy.special"),
    "uvloop",
    *(
        f"pytest_modeleval.{name}"
        for name in (
            *("client.chat", "collection.collect", "dispatch.dispatcher", "evaluation.evaluation"),
            *("evaluation.summary", "fast_path.fast_path", "graders", "prompts", "pytest_plugin.arrived_answers"),
            *("pytest_plugin.collection_plugin", "pytest_plugin.fixtures", "pytest_plugin.item_plugin"),
            *("pytest_plugin.local", "pytest_plugin.mass_failures", "pytest_plugin.preparation"),
            *("pytest_plugin.rag_pipelines", "pytest_plugin.run_controller", "registration", "reports.sample_text"),
            *("reports.terminal", "runs.report_files", "runs.dry_run", "server.connect", "server.identify"),
        )
    ),
)
_TIMEOUT_S = 600


class ForkServer:
    """The caller's side. One run at a time; the server starts with the first one."""

    def __init__(self, env: dict[str, str]) -> None:
        """env: of the server itself, when it imports."""
        self._env = env
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: list[str], *, cwd: Path, env: dict[str, str]) -> tuple[int, str, str]:
        """Run `python -m pytest` with these arguments: exit status, standard output, standard error."""
        with tempfile.TemporaryDirectory() as folder:
            files = [f"{folder}/{name}" for name in ("out", "err")]
            request = {"arguments": arguments, "cwd": str(cwd), "env": env, "out": files[0], "err": files[1]}
            process = self._process = self._process or self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            assert select.select([process.stdout], [], [], _TIMEOUT_S)[0], f"no end after {_TIMEOUT_S} s: {arguments}"
            answer = process.stdout.readline()
            assert answer, f"the fork server ended with status {process.wait()}"
            out, err = (Path(file).read_text(encoding="utf-8", errors="replace") for file in files)
            return int(answer), out, err

    def close(self) -> None:
        """End the server, which is between two runs."""
        if self._process is not None:
            with self._process as process:
                assert process.stdin is not None
                process.stdin.close()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            cwd=Path(__file__).parents[2],
            # Threads of a numerics library would not survive the fork.
            env=self._env | {"OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )


def _serve(requests: IO[str], answers: IO[str]) -> int:
    """Fork for each request. Returns in every child, with the status of its run, and at the end of the requests."""
    for line in requests:
        pid = os.fork()
        if pid == 0:
            return _run_forked(json.loads(line))
        _, status = os.waitpid(pid, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()
    return 0


def _run_forked(request: dict[str, Any]) -> int:
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    # As `python -m` does it.
    sys.path[0] = request["cwd"]
    sys.argv[:] = ["pytest", *request["arguments"]]
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, request["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    # Every process has random numbers of its own.
    random.seed()
    import pytest

    return int(pytest.main(request["arguments"]))


def _preload() -> None:
    import pytest

    # pytest must import the plugins itself: it warns of those that were imported before it could rewrite them.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main(["--version", "--version"])
    for name in _PRELOADED:
        importlib.import_module(name)
    # The template of the report is compiled once in a process.
    importlib.import_module("pytest_modeleval.reports.page.document")._template()
    gc.collect()
    gc.freeze()


def main() -> NoReturn:
    """Serve standard input and output."""
    # Runs write to 1 and 2; the pipes of this protocol move out of their way and are not inherited by their children.
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8", buffering=1)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    _preload()
    sys.exit(_serve(requests, answers))


if __name__ == "__main__":
    main()
