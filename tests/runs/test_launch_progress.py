"""How far a server's start has come: one passing line on a terminal, plain lines in a log, nothing under -q."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from tests.support.sglang_suites import arguments, write_profile
from tests.support.suites import Suite, environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
STEPS = ("devices connected", "loading weights 50 %", "weights loaded", "KV cache allocated", "CUDA graphs captured")
WORKERS = pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])


def on_a_terminal(suite: Suite, *more: str) -> tuple[int, str]:
    """Exit status, and everything that was written to a terminal of 80 columns, control sequences included."""
    ours, theirs = pty.openpty()
    env = environment(suite.path, {"TERM": "xterm", "LINES": "24"})
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments(suite, *more)],
        cwd=suite.path,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        pieces = []
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:
                # Linux says EIO when the last process that had the terminal is gone.
                break
            if not piece:
                break
            pieces.append(piece)
        os.close(ours)
        status = process.wait(300)
    return status, b"".join(pieces).decode(errors="replace")


def screen_of(raw: str) -> list[str]:
    """The lines that stay on the terminal, for the few control sequences that pytest and we use."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+", raw):
        if token == "\r":
            column = 0
        elif token == "\n":
            row += 1
            lines.extend([""] * (row + 1 - len(lines)))
        elif token.startswith("\x1b["):
            number, letter = token[2:-1], token[-1]
            if letter == "A":
                row = max(0, row - int(number or 1))
            elif letter == "C":
                column += int(number or 1)
            elif letter == "K":
                lines[row] = "" if number == "2" else lines[row][:column]
        else:
            lines[row] = lines[row].ljust(column)[:column] + token + lines[row][column + len(token) :]
            column += len(token)
    return lines


@WORKERS
def test_one_passing_line_on_a_terminal(suite: Suite, workers: list[str]) -> None:
    """Every step is shown with what is awaited, within the width, erased again; what stays is that it is ready."""
    suite.write_rows(8)
    write_profile(suite, pace_s=0.1)
    status, raw = on_a_terminal(suite, *workers)
    assert status == 0, raw
    shown = [piece for piece in re.split(r"\r|\n|\x1b\[2K|\x1b\[1A", raw) if piece.startswith("MiniMax-M2: ")]
    assert all(len(piece) < 80 for piece in shown if "ready after" not in piece)
    for step in STEPS:
        assert any(step in piece and "waiting for" in piece for piece in shown), step
    assert [step for step in STEPS if step in raw] == sorted(STEPS, key=raw.index)
    stays = "\n".join(screen_of(raw))
    assert "waiting for" not in stays
    assert stays.count("MiniMax-M2: ready after") == 1
    assert "model evaluation" in stays


def test_plain_lines_in_a_log(suite: Suite) -> None:
    """Each step once, in its order, without control characters; ready at an address."""
    suite.write_rows(8)
    write_profile(suite, pace_s=0.1)
    result = suite.command(*arguments(suite))
    assert result.status == 0, result.out + result.err
    told = [line for line in result.out.splitlines() if line.startswith("MiniMax-M2: ")]
    for step in STEPS:
        assert sum(f"{step} after" in line and "waiting for" in line for line in told) == 1, step
    assert "ready after" in told[-1]
    assert "http://127.0.0.1:" in told[-1]
    assert "\x1b" not in result.out
    assert "\r" not in result.out


def test_a_failed_start_leaves_no_passing_line(suite: Suite) -> None:
    """The error stands alone: status 4, its advice, nothing half written before it."""
    suite.write_rows(8)
    write_profile(suite, pace_s=0.1, fail="nccl", fail_after=6)
    status, raw = on_a_terminal(suite)
    assert status == 4, raw
    assert "weights loaded" in raw
    stays = screen_of(raw)
    assert not any("waiting for" in line for line in stays)
    assert any("likely cause: the GPUs could not talk to each other" in line for line in stays)


def test_quiet_means_no_passing_line(suite: Suite) -> None:
    """Under -q nothing moves on the terminal."""
    suite.write_rows(8)
    write_profile(suite, pace_s=0.05)
    status, raw = on_a_terminal(suite, "-q")
    assert status == 0, raw
    assert "\x1b[2K" not in raw
