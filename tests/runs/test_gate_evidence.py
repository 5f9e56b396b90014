"""What a failed gate shows of the questions behind it, in every report of a whole run."""

from __future__ import annotations

import shlex
import xml.etree.ElementTree as ET
from typing import Any

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite, key_answer

GATES = """
[[gate]]
name = "no regression"
kind = "regression"
benchmark = "quiz"

[[gate]]
name = "floor"
kind = "floor"
benchmark = "quiz"
floor = 0.7
test = "point"
"""


def _worse(body: dict[str, Any], attempt: int) -> Answer:
    number = int(str(body["messages"][-1]["content"]).split()[1])
    return Answer(text="ANSWER: D", delay_s=0.02) if number % 4 == 1 else key_answer(body, attempt)


def test_a_failed_gate_names_what_became_wrong(suite: Suite, server: LoopbackServer) -> None:
    """Terminal, summary.json, step summary, JUnit and pytest-html name the newly wrong; the command runs as it is."""
    suite.write_rows(60)
    (suite.path / "gates.toml").write_text(GATES, encoding="utf-8")
    assert suite.run(server.url, "--eval-bless", "base.json").status == 0
    server.script = _worse
    suite.run_dir = suite.path / "a worse run"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(suite.path / "step.md")}
    options = ["--eval-gates=gates.toml", "--eval-baseline=base.json", "--junitxml=j.xml", "--html=p.html"]
    result = suite.command(*suite.arguments(server.url, *options, "--self-contained-html"), env=env)
    assert result.status == 1, result.out + result.err
    assert result.summary is not None
    regression, floor = result.summary["gates"]
    found = regression["evidence"]
    assert len(found["newly_wrong"]) == regression["newly_wrong"] == 15
    assert found["newly_wrong"][0] == {
        "benchmark": "quiz",
        "subset": "part",
        "id": "part-0001",
        "old": "right 'B'",
        "new": "wrong 'D'",
    }
    assert found["compare"] == "modeleval compare base.json 'a worse run'"
    assert floor["evidence"]["newly_wrong"] == []
    line = "part-0001: right 'B' -> wrong 'D'"
    assert "  newly wrong, the first 10 of 15:\n" in result.out
    # Once: the section of the failure has the sentence only.
    assert result.out.count(line) == 1
    assert f"\n  both sides: {found['compare']}\n" in result.out
    assert f"\n  replies: {found['show']}\n" in result.out
    assert f"\n  replies: {floor['evidence']['show']}\n" in result.out
    assert "| part-0001 | right 'B' | wrong 'D' |" in (suite.path / "step.md").read_text()
    cases = {str(case.get("name")): case for case in ET.parse(suite.path / "j.xml").getroot().iter("testcase")}
    failure = cases["gate[no regression]"].find("failure")
    assert failure is not None
    assert line in str(failure.text)
    assert failure.get("message") == regression["reason"]
    assert float(cases["test_quiz[part-0001]"].get("time", "0")) >= 0.02
    page = (suite.path / "p.html").read_text()
    assert "part-0001: right &#x27;B&#x27; -&gt; wrong &#x27;D&#x27;" in page

    compared = suite.python("-m", "pytest_modeleval.cli", *shlex.split(found["compare"])[1:])
    assert compared.status == 0, compared.err
    assert f"      {line}\n" in compared.out
    for command, kind in ((found["show"], "part-0001"), (floor["evidence"]["show"], "part-0001")):
        shown = suite.python("-m", "pytest_modeleval.cli", *shlex.split(command)[1:])
        assert shown.status == 0, shown.err
        assert kind in shown.out
