"""Many samples that end for one reason: the reason once, a few samples, and whole counts."""

from __future__ import annotations

from types import SimpleNamespace

from pytest_modeleval.pytest_plugin.mass_failures import MOST_SHOWN, shorten_reports
from tests.support.loopback import LoopbackServer, Refuse
from tests.support.suites import Suite


def test_a_server_that_refuses_everything_is_one_line(suite: Suite, server: LoopbackServer) -> None:
    """40 samples without an answer: one line of the reason with first and last id, ten blocks, 40 in the count."""
    suite.write_rows(40)
    server.script = lambda _body, _attempt: Refuse(400)
    result = suite.run(server.url)
    assert result.status == 6, result.out
    assert "40 samples of quiz: server error (http_400), part-0000 to part-0039" in result.out
    assert result.out.count("\nERROR test_quiz.py") == MOST_SHOWN
    assert "40 errors" in result.out.splitlines()[-1]


def test_reports_of_other_tests_are_always_listed() -> None:
    """Only samples are left out of the list, whatever stands between them."""

    def sample(number: int, cause: str) -> SimpleNamespace:
        facts = {"benchmark": "quiz", "sample": f"q{number}", "kind": "timeout", "cause": cause}
        return SimpleNamespace(modeleval=facts)

    other = SimpleNamespace()
    reports = [*(sample(number, "idle") for number in range(30)), other, sample(30, "total")]
    kept, lines = shorten_reports(reports)
    assert other in kept
    assert len(kept) == MOST_SHOWN + 1
    assert lines[0] == "30 samples of quiz: timeout (idle), q0 to q29"
    assert lines[1] == "1 sample of quiz: timeout (total), q30"
    assert shorten_reports(reports[:5]) == (reports[:5], [])
