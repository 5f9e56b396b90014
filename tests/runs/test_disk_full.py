"""A journal that cannot be written, or that another program changes: status 6, one reason, the next run goes on."""

from __future__ import annotations

import os
from typing import Any

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite, key_answer

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


def test_a_journal_cut_by_another_program_ends_with_6(suite: Suite, server: LoopbackServer) -> None:
    """The run does not call itself complete. The server's listing holds what no file of the run can: it is read."""
    suite.write_rows(12)
    # A number above 64 bits, and half of a surrogate pair.
    server.card = {"max_model_len": 10**30, "root": "\ud800"}

    def cut(body: dict[str, Any], attempt: int) -> Answer:
        if len(server.seen.prompts) == 6:
            os.truncate(suite.run_dir / "journal.jsonl", 700)
        return key_answer(body, attempt)

    server.script = cut
    result = suite.run(server.url, "--eval-in-flight=1")
    assert result.status == 6, result.out + result.err
    assert "INTERNALERROR" not in result.out
    assert "stopped: another program changed the journal" in " ".join(result.out.split())
    server.script = key_answer
    again = suite.run(server.url)
    assert again.status == 0, again.out + again.err
    assert again.subset()["num"] == 12
