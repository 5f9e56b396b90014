"""The benchmark `wiring`, run as a whole against a server that always says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.loopback import Answer, LoopbackServer, Refuse
from tests.support.suites import Suite

WIRING = Path(__file__).parents[2] / "benchmarks" / "wiring"


def test_a_server_with_one_reply_for_everything_is_found_out(suite: Suite, server: LoopbackServer) -> None:
    """A stuck server fails what it must fail, each failing subset brings its advice, and the run is complete."""
    server.script = lambda body, attempt: Answer(text="Hello there.", tokens=3)
    result = suite.command(
        *["-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url],
        *["--eval-run", str(suite.run_dir), "--rootdir", str(suite.path), "-c", "/dev/null", str(WIRING)],
    )
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    assert result.summary["complete"]
    scores = {part["subset"]: part["score"] for part in result.summary["benchmarks"][0]["subsets"]}
    assert scores["json_schema"] == scores["long_context"] == scores["max_tokens"] == scores["cross_talk"] == 0
    assert scores["tool_call"] < 1
    assert scores["reasoning"] == scores["streaming"] == scores["seed"] == 1
    assert "--tool-call-parser" in result.out
    assert server.seen.prompts["Add 17 and 25 with the tool."] == 4


def test_a_refused_tool_is_a_verdict(suite: Suite, server: LoopbackServer) -> None:
    """A server that refuses tools with 400 gets a wrong with that cause, not an incomplete run."""
    server.script = lambda body, attempt: Refuse(400, text="no tool parser") if "tools" in body else Answer()
    result = suite.command(
        *["-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url, "-k", "tool_call"],
        *["--eval-run", str(suite.run_dir), "--rootdir", str(suite.path), "-c", "/dev/null", str(WIRING)],
    )
    assert result.status == 0, result.out + result.err
    assert result.subset("tool_call")["counts"]["wrong"] == 6
    journal = "".join(path.read_text(encoding="utf-8") for path in suite.run_dir.glob("journal*.jsonl"))
    assert journal.count('"cause":"refused_http_400"') == 6


@pytest.mark.parametrize("word", ["stop", "seed", "knowledge"])
def test_a_subset_is_selected_by_name(suite: Suite, server: LoopbackServer, word: str) -> None:
    """-k with a subset's name asks that subset only."""
    result = suite.command(
        *["-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url, "-k", word],
        *["--eval-run", str(suite.run_dir), "--rootdir", str(suite.path), "-c", "/dev/null", str(WIRING)],
    )
    assert result.summary is not None, result.out + result.err
    assert [part["subset"] for part in result.summary["benchmarks"][0]["subsets"]] == [word]


def test_rescoring_grades_every_check_again(suite: Suite, server: LoopbackServer) -> None:
    """Checks of several requests find all their stored replies: the same counts, and no server is asked."""
    server.script = lambda body, attempt: Answer(text="Hello there.", tokens=3)
    common = ["-p", "no:cacheprovider", "--rootdir", str(suite.path), "-c", "/dev/null", str(WIRING)]
    first = suite.command(*common, "--model", "test-model", "--model-url", server.url, "--eval-run", str(suite.run_dir))
    asked = len(server.seen.bodies)
    again = suite.command(*common, "--eval-rescore", str(suite.run_dir))
    assert first.summary is not None, first.out + first.err
    assert again.summary is not None, again.out + again.err
    assert again.status == 0, again.out
    assert len(server.seen.bodies) == asked > 200
    kept = ("subset", "num", "score", "counts")
    before, after = (
        [{name: part[name] for name in kept} for part in result.summary["benchmarks"][0]["subsets"]]
        for result in (first, again)
        if result.summary is not None
    )
    assert before == after
