"""A judge's server that the run starts itself: watched, started again, and ended; a dead one loses nothing."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.runs.test_judge import lines_of, write
from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite
from tests.support.waiting import until

SERVE = Path(__file__).parents[1] / "support" / "serve_judge.py"
JUDGE = ("--judge", "referee", "--eval-in-flight", "4")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


def write_profile(suite: Suite, *, restart: int) -> None:
    """The judge as a profile that is launched."""
    (suite.path / "models.toml").write_text(
        f"""
[referee]
served_names = ["referee"]
restart = {restart}
in_flight = 4

[referee.launch]
argv = ["{sys.executable}", "{SERVE}", "{{port}}", "0.05"]
""",
        encoding="utf-8",
    )


def servers(suite: Suite) -> list[int]:
    """Processes of this test's judge: they run in this test's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                folder = str((entry / "cwd").readlink())
            except OSError:
                continue
            if b"serve_judge.py" in command and b"guard" not in command and folder == str(suite.path):
                found.append(int(entry.name))
    return found


def judgements(suite: Suite) -> int:
    """Replies of the judge so far."""
    return sum(line.get("role") == "judge" for line in lines_of(suite.run_dir, "response"))


def run_and_kill(suite: Suite, server: LoopbackServer, *more: str) -> tuple[int, str]:
    """(status, output) of a run whose judge is killed in the middle."""
    with suite.start(*suite.arguments(server.url, *JUDGE, *more)) as process:
        until(lambda: suite.run_dir.exists() and judgements(suite) > 8)
        for pid in servers(suite):
            os.kill(pid, signal.SIGKILL)
        out, err = process.communicate(timeout=100)
    return process.returncode, out + err


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["single", "xdist"])
def test_a_killed_judge_is_started_again(suite: Suite, server: LoopbackServer, workers: tuple[str, ...]) -> None:
    """With restart = 1 in its profile nothing is ungraded, and the restart is named with its role."""
    write(suite, 80)
    write_profile(suite, restart=1)
    status, output = run_and_kill(suite, server, *workers)
    assert status == 0, output
    summary = suite.summary()
    assert summary is not None
    assert summary["benchmarks"][0]["subsets"][0]["score"] == 0.75
    (restart,) = summary["run"]["restarts"]
    assert (restart["role"], restart["replica"]) == ("judge", 0)
    assert "SIGKILL" in restart["reason"]
    assert "The server of the judge was restarted once" in " ".join(output.split())
    assert judgements(suite) == 80
    assert not list(suite.run_dir.glob("server-*judge*"))
    until(lambda: not servers(suite), limit_s=10)


def test_a_dead_judge_loses_nothing(suite: Suite, server: LoopbackServer) -> None:
    """Without a restart: status 6, the cause, no wait until the end of time; the same command asks only the rest."""
    write(suite, 80)
    write_profile(suite, restart=0)
    status, output = run_and_kill(suite, server)
    assert status == 6, output
    causes = {line["cause"] for line in lines_of(suite.run_dir, "ungraded")}
    assert "judge_server_lost" in causes, causes
    assert not servers(suite)
    before, asked = judgements(suite), len(server.seen.bodies)
    whole = suite.command(*suite.arguments(server.url, *JUDGE))
    assert whole.status == 0, whole.out + whole.err
    assert whole.subset()["score"] == 0.75
    assert judgements(suite) == 80
    assert before > 8
    assert len(server.seen.bodies) - asked == 80 - asked
    until(lambda: not servers(suite), limit_s=10)
