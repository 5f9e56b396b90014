"""A disk that fills up in mid-run: status 6, one reason, and the next run loses nothing."""

from __future__ import annotations

from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite

LIMITED = """
import resource
import sys

# CPython 3.11 does not notice a byte code file that is cut short.
sys.dont_write_bytecode = True

def pytest_configure():
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
"""


def test_a_full_disk_ends_with_6_and_the_next_run_goes_on(suite: Suite, server: LoopbackServer) -> None:
    """The reason is named once, without a traceback; once there is room, only what is missing is asked."""
    suite.write_rows(60)
    suite.pytester.makeconftest(LIMITED)
    full = suite.run(server.url)
    assert full.status == 6, full.out
    assert "INTERNALERROR" not in full.out
    assert "stopped: cannot write the journal" in " ".join(full.out.split())
    answered = set(server.seen.prompts)
    assert len(answered) > 0
    (suite.path / "conftest.py").unlink()
    again = suite.run(server.url)
    assert again.status == 0, again.out + again.err
    assert again.subset()["num"] == 60
