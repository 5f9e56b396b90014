"""Lines for a reader: through a pager on a terminal, plain elsewhere; one at a time, so that they may be many."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from typing import IO

from pytest_modeleval.reports.text_layout import visible

# less ends by itself where all fits on one screen (F), leaves the text on the screen (X), and may neither run programs
# nor open other files (LESSSECURE).
_LESS = {"LESS": "FX", "LESSSECURE": "1"}


def print_paged(lines: Iterable[str], *, is_paged: bool = True) -> None:
    """Print lines, hidden and terminal-driving characters made visible.

    is_paged: through $PAGER, else less, where the output is a terminal. A reader who ends the pager, or a closed pipe,
    ends the printing.
    """
    command = _pager() if is_paged and sys.stdout.isatty() else []
    if not command:
        _write(lines, sys.stdout)
        return
    environment = {**os.environ, **{name: os.environ.get(name, value) for name, value in _LESS.items()}}
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, errors="replace", env=environment) as pager:
        assert pager.stdin is not None
        # Ctrl-C belongs to the pager; it is left with q, which closes the pipe.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            _write(lines, pager.stdin)
            pager.communicate()
        finally:
            signal.signal(signal.SIGINT, before)


def _write(lines: Iterable[str], file: IO[str]) -> None:
    try:
        for line in lines:
            file.write(visible(line) + "\n")
        file.flush()
    except BrokenPipeError:
        # The reader has seen enough. Closing would try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def _pager() -> list[str]:
    """The command of the pager; empty if there is none."""
    wanted = shlex.split(os.environ.get("PAGER", "less"))
    return wanted if wanted and shutil.which(wanted[0]) else []
