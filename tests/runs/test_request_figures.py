"""Times, rates and tokens of the requests, in summary.json, in the terminal and in GitHub's summary."""

from __future__ import annotations

from typing import Any

from tests.support.loopback import Act, LoopbackServer, Refuse
from tests.support.suites import Suite, key_answer, without_times


def _one_fails_once(body: dict[str, Any], attempt: int) -> Act:
    fails = attempt == 1 and "Question 3 " in body["messages"][-1]["content"]
    return Refuse(503, retry_after="0") if fails else key_answer(body, attempt)


def test_a_run_states_times_tokens_and_repeated_requests(suite: Suite, server: LoopbackServer) -> None:
    """Sums are those of the replies; a repeated request is counted with its cause; rescoring states the same again."""
    suite.write_rows(20)
    server.script = _one_fails_once
    result = suite.run(server.url, "-v")
    assert result.status == 0, result.out
    assert result.summary is not None
    (found,) = result.summary["requests"]
    assert (found["benchmark"], found["count"], found["repeated"]) == ("quiz", 20, 1)
    assert found["failed_attempts"] == {"http_503": 1}
    assert found["tokens"] == {"in": 140, "out": 100, "thinking": None, "cached": None}
    for name in ("first_token_s", "total_s", "tokens_per_s"):
        assert 0 < found[name]["p50"] <= found[name]["p95"]
    assert found["first_token_s"]["p50"] <= found["total_s"]["p50"]
    said = " ".join(result.out.split())
    assert "quiz: 20 requests, 1 repeated (failed attempts: 1 http_503); first token p50 " in said
    assert "tokens 140 in, 100 out." in said
    suite.run_dir.joinpath("summary.json").unlink()
    again = suite.run(None, f"--eval-rescore={suite.run_dir}", run=False)
    assert again.summary is not None
    assert again.summary["requests"] == [found], again.out
    assert "20 requests" not in again.out
    assert without_times(again.summary) == without_times(result.summary)
