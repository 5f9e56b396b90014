"""What a run says of lost samples: the command that shows them, and question and reply with -vv and --eval-strict."""

from __future__ import annotations

import re
import shlex

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite

REPLY = "I think\x1b[31m so.\nANSWER: B"


def test_lost_samples_are_shown_with_question_and_reply(suite: Suite, server: LoopbackServer) -> None:
    """The hint's command works without data and server; -vv prints both below the line, a strict failure in its block.

    Under xdist and by the short protocol too; a right sample has neither.
    """
    suite.write_rows(8)
    server.script = lambda body, attempt: Answer(text=REPLY)
    verbose = suite.run(server.url, "-vv")
    lines = verbose.out.splitlines()
    at = next(number for number, line in enumerate(lines) if "part-0000" in line and "WRONG" in line)
    assert lines[at + 1 : at + 4] == [
        "    question  Question 0 of part [[D]]",
        "    reply     I think\\x1b[31m so.",
        "              ANSWER: B",
    ]
    assert verbose.out.count("    reply     I think") == verbose.subset()["counts"]["wrong"] == 5
    hint = re.search(r"show the wrong ones: modeleval (show .*)", verbose.out)
    assert hint is not None
    command = shlex.split(hint[1])
    suite.write_raw("")
    shown = suite.python("-m", "pytest_modeleval.cli", *command)
    assert shown.status == 0, shown.err
    assert "question\n  Question 0 of part [[D]]\nreply\n  I think\\x1b[31m so.\n  ANSWER: B\n" in shown.out
    suite.write_rows(8)
    for number, more in enumerate(([], ["-n", "1"])):
        suite.run_dir = suite.path / f"strict{number}"
        strict = suite.run(server.url, "--eval-strict", *more)
        assert strict.status == 1
        assert len(re.findall(r"-+ question -+\nQuestion 0 of part", strict.out)) == 1
        assert len(re.findall(r"-+ reply -+\nI think\\x1b\[31m so.\nANSWER: B", strict.out)) == 5
