"""What stands on the terminal while samples run, and what is left of it afterwards."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from typing import Any

import pyte
import pytest

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite, environment, key_answer


@pytest.mark.parametrize("fast_path", ["auto", "off"])
def test_samples_outside_of_the_rootdir_print_no_lines(suite: Suite, server: LoopbackServer, fast_path: str) -> None:
    """Shipped benchmarks are outside of the project: their path is printed for no sample, on either path."""
    suite.write_rows(20)
    (suite.path / "project").mkdir()
    result = suite.run(server.url, "--eval-fast-path", fast_path, f"--rootdir={suite.path / 'project'}")
    assert result.status == 0, result.out
    before, _, _ = result.out.partition("model evaluation")
    lines = [line for line in before.splitlines() if "%]" in line or ".py" in line]
    assert len(lines) <= 1, before


def on_terminal(suite: Suite, *arguments: str, columns: int) -> tuple[list[str], list[str]]:
    """Run pytest on a terminal: the lines that are left at the end, and every last line that stood there meanwhile."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(suite.path)
        env = environment(suite.path)
        del env["COLUMNS"]
        os.execve(sys.executable, [sys.executable, "-m", "pytest", *arguments], env)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 100, columns, 0, 0))
    screen = pyte.Screen(columns, 100)
    stream, last = pyte.ByteStream(screen), []
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            # The last process on the terminal ended.
            break
        if not data:
            break
        stream.feed(data)
        last.append(next((line.rstrip() for line in reversed(screen.display) if line.strip()), ""))
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, screen.display
    return [line.rstrip() for line in screen.display if line.strip()], last


def first_is_slow(body: dict[str, Any], attempt: int) -> Answer:
    """The first question takes long enough for all others to be answered, and for the terminal to say so."""
    return Answer(text=key_answer(body, attempt).text, delay_s=5.0 if "Question 0 " in str(body) else 0.0)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_the_live_line_counts_answers_and_leaves_nothing(
    suite: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """It counts while the first test waits; requests of all workers are in flight; no line of it stays, no [100%]."""
    suite.write_rows(30)
    server.script = first_is_slow
    arguments = suite.arguments(server.url, "--eval-in-flight", "4", *workers)
    left, last = on_terminal(suite, *arguments, columns=80)
    live = [line for line in last if re.match(r"quiz +\d+/30 ", line)]
    assert any(re.search(r" [1-4] in flight", line) for line in live), last
    # One is not answered for long: the count comes from answers, since reports come in order.
    assert any(int(line.split()[1].split("/")[0]) > 1 and "29/30" in line for line in live), last
    text = "\n".join(left)
    assert "in flight  " not in text
    assert "%]" not in text
    assert not [line for line in left if re.match(r"quiz +\d+/30 ", line)], text
    begin = next(line for line in left if "modeleval: 30 samples" in line)
    assert begin.startswith("modeleval: 30 samples"), text


def test_fifty_columns(suite: Suite, server: LoopbackServer) -> None:
    """The table fits a narrow terminal, with the model above it."""
    suite.write_rows(8)
    left, _ = on_terminal(suite, *suite.arguments(server.url), columns=51)
    assert "Model: test-model" in left or any(line.startswith("Model  ") for line in left)
    row = next(line for line in left if "0.7500" in line)
    assert re.fullmatch(r"(test-model +)?quiz +mean_acc +part +8 +0\.7500 +0\.\d{3}-0\.\d{3}", row), left


def test_own_tests_and_gates_print_no_percentage_of_their_own(suite: Suite, server: LoopbackServer) -> None:
    """A gate is judged after the last test: its report adds no second percentage."""
    suite.write_rows(8)
    (suite.path / "gates.toml").write_text('[[gate]]\nkind = "floor"\nbenchmark = "quiz"\nfloor = 0.1\n')
    (suite.path / "test_own.py").write_text("def test_own():\n    pass\n")
    result = suite.run(server.url, f"--eval-gates={suite.path / 'gates.toml'}", "test_own.py")
    assert result.out.count("%]") <= 2, result.out
    assert "[ 9" not in result.out
    alone = suite.run(server.url, f"--eval-gates={suite.path / 'gates.toml'}", f"--eval-run={suite.path / 'other'}")
    assert "%]" not in alone.out
