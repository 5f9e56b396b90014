"""HTML to text, in a process that is ended when it takes too much (see html_text_child).

Modes as upstream's tool has them. Its "markdown" is that of html2text (GPL); ours is that of markdownify, so the same
page reads a little differently.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

from pytest_modeleval._support.child_env import child_environment
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import Kind
from pytest_modeleval.web_search import html_text_child
from pytest_modeleval.web_search.provider import provider_error

MODES = ("raw", "markdown", "truncate")
# Far above the limit of processor time: only a machine that stands still takes so long.
WALL_S = 240.0
_TOO_MUCH = (html_text_child.TOO_MUCH, -signal.SIGXCPU, -signal.SIGKILL)


async def text_of_html(html: str, mode: str) -> str | None:
    """The text; None if the page is too much to be read. Raises Ungraded (grader_error) if the reader itself fails."""
    if mode == "raw":
        return html
    return await asyncio.to_thread(_converted, html, mode)


def _converted(html: str, mode: str) -> str | None:
    # -P: the folder of the script holds modules that must not hide others of the same name.
    command = [sys.executable, "-P", html_text_child.__file__, mode]
    try:
        done = subprocess.run(
            command,
            input=html.encode("utf-8", errors="replace"),
            capture_output=True,
            env=child_environment(os.environ),
            timeout=WALL_S,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _broken(type(error).__name__) from error
    if done.returncode in _TOO_MUCH:
        return None
    if done.returncode:
        last = done.stderr.decode("utf-8", errors="replace").strip().splitlines()[-1:]
        raise _broken(last[0][:200] if last else f"exit status {done.returncode}")
    return done.stdout.decode("utf-8", errors="replace")


def _broken(why: str) -> Ungraded:
    return provider_error(f"the reader of HTML pages failed: {why}", cause="page_reader_died", kind=Kind.GRADER_ERROR)
