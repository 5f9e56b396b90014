"""`--log-cli-level=INFO` shows what happened to requests."""

from __future__ import annotations

from typing import Any

from tests.support.loopback import Act, LoopbackServer, Refuse
from tests.support.suites import Suite, key_answer


def test_retries_are_shown_on_demand(suite: Suite, server: LoopbackServer) -> None:
    """One line for each, with item, cause and delay, and nothing of what the server said; none unless asked for."""

    def script(body: dict[str, Any], attempt: int) -> Act:
        is_refused = attempt == 1 and "Question 3 " in str(body)
        return Refuse(503, retry_after="0", text="sk-CANARY") if is_refused else key_answer(body, attempt)

    suite.write_rows(6)
    server.script = script
    shown = suite.run(server.url, "--log-cli-level=INFO")
    assert shown.status == 0, shown.out
    lines = [line for line in shown.out.splitlines() if "attempt 1 failed (http_503); next one in" in line]
    assert len(lines) == 1
    assert "quiz/part/" in lines[0]
    assert "limit lowered from" in shown.out
    assert "CANARY" not in shown.out
    server.seen.prompts.clear()
    silent = suite.run(server.url, f"--eval-run={suite.path / 'other'}", run=False)
    assert "attempt 1" not in silent.out
