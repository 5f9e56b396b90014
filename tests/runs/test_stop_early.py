"""--eval-stop-early through the whole program: asks no more than the gates need, and says so everywhere."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from pytest_modeleval.cli import main as modeleval
from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite, key_answer

GATES = '[[gate]]\nname = "drop"\nkind = "regression"\nbenchmark = "quiz"\nmargin = 0.05\n'
EARLY = ["--eval-gates", "gates.toml", "--eval-baseline", "base.json", "--eval-stop-early"]
ROWS = 400
IN_FLIGHT = 8


def _worse(body: dict[str, Any], attempt: int) -> Answer:
    number = int(str(body["messages"][-1]["content"]).split()[1])
    return Answer(text="ANSWER: D") if number % 2 == 1 else key_answer(body, attempt)


@pytest.fixture
def blessed(suite: Suite, server: LoopbackServer) -> Suite:
    """A suite with a baseline, and a server that has become worse since."""
    suite.write_rows(ROWS)
    (suite.path / "gates.toml").write_text(GATES, encoding="utf-8")
    made = suite.run(server.url, "--eval-bless", "base.json")
    assert made.status == 0, made.out
    suite.run_dir = suite.path / "now"
    server.script = _worse
    server.seen.prompts.clear()
    return suite


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_a_large_drop_is_certain_after_a_part(blessed: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Status 1 after a part of the samples; the rest is skipped and in no count; the run is complete, and tells."""
    found = blessed.run(server.url, *EARLY, "--eval-in-flight", str(IN_FLIGHT), "--junitxml", "j.xml", *workers)
    assert found.status == 1, found.out + found.err
    summary = found.summary
    assert summary is not None
    part, saved = found.subset(), summary["saved"]
    assert summary["complete"] is True
    assert summary["gates"][0]["verdict"] == "failed"
    # A request that was in flight when the run stopped was sent and has no response.
    assert saved["asked"] <= sum(server.seen.prompts.values()) <= saved["asked"] + IN_FLIGHT
    assert saved["asked"] < ROWS / 2
    assert (saved["of"], saved["because"]) == (ROWS, "stopped early")
    assert part["num"] == part["planned"] == sum(part["counts"].values())
    assert part["num"] + part["spared"] == ROWS
    assert part["counts"]["not_run"] == 0
    assert f"{saved['asked']} of {ROWS} items were asked" in " ".join(found.out.split())
    cases = ET.parse(blessed.path / "j.xml").getroot().findall(".//testcase/skipped/..")
    # Answers that are wrong count as skipped there too.
    wrong = part["counts"]["wrong"]
    stopped = [case for case in cases if "stopped early" in str(case.find("skipped").get("message"))]  # type: ignore[union-attr]
    # A worker may report items that it held when the controller stopped; the summary leaves them out.
    slack = IN_FLIGHT if workers else 0
    assert part["spared"] - slack <= len(stopped) <= part["spared"]
    assert part["spared"] + wrong - slack <= len(cases) <= part["spared"] + wrong + slack


def test_a_stopped_run_is_graded_again_and_gone_on_with(
    blessed: Suite, server: LoopbackServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command asks nothing more; rescoring finds the same verdict; without the option the rest is asked."""
    first = blessed.run(server.url, *EARLY, "--eval-in-flight", str(IN_FLIGHT))
    assert first.summary is not None
    asked = first.summary["saved"]["asked"]
    again = blessed.run(server.url, *EARLY, "--eval-in-flight", str(IN_FLIGHT))
    assert again.status == 1, again.out
    assert again.summary is not None
    assert again.summary["gates"] == first.summary["gates"]
    assert again.summary["benchmarks"] == first.summary["benchmarks"]
    sent = dict(server.seen.prompts)
    assert asked <= sum(sent.values()) <= asked + IN_FLIGHT
    rescored = blessed.command(*blessed.arguments(None, "--eval-rescore", str(blessed.run_dir), *EARLY[:-1], run=False))
    assert rescored.status == 1, rescored.out
    assert rescored.summary is not None
    assert rescored.summary["gates"] == first.summary["gates"]
    assert rescored.summary["complete"] is True
    assert modeleval(["merge", str(blessed.run_dir), "--into", str(blessed.path / "merged")]) == 4
    assert "asked only what its gates needed" in capsys.readouterr().err
    whole = blessed.run(server.url, *EARLY[:-1])
    assert whole.subset()["num"] == ROWS
    # Only requests without a response are sent again.
    assert sum(server.seen.prompts.values()) <= ROWS + IN_FLIGHT
    assert max(server.seen.prompts.values()) <= 2
    assert len(server.seen.prompts) == ROWS


def test_what_no_gate_looks_at_is_asked_as_ever(blessed: Suite, server: LoopbackServer) -> None:
    """A subset without a gate gets its whole score, though every verdict was certain long before."""
    blessed.write_rows(30, subset="free")
    blessed.write_benchmark(subsets=("part", "free"))
    (blessed.path / "gates.toml").write_text(
        '[[gate]]\nkind = "floor"\nbenchmark = "quiz"\nsubset = "part"\nfloor = 0.95\n', encoding="utf-8"
    )
    early = ("--eval-gates", "gates.toml", "--eval-stop-early", "--eval-in-flight", str(IN_FLIGHT))
    found = blessed.run(server.url, *early)
    assert found.status == 1, found.out
    assert found.subset("free")["num"] == 30
    assert 0 < found.subset("part")["num"] < ROWS / 2


def test_a_gate_that_no_answer_can_judge_costs_nothing(blessed: Suite, server: LoopbackServer) -> None:
    """Without a baseline nothing is asked: status 6 at once, and what to do."""
    (blessed.path / "base.json").unlink()
    found = blessed.run(server.url, *EARLY)
    assert found.status == 6, found.out
    assert "--eval-bless" in found.out
    assert not server.seen.prompts


def test_a_run_that_stops_at_a_failure_is_not_judged(blessed: Suite, server: LoopbackServer) -> None:
    """-x ends at the first wrong answer: nothing is certain then, and the run is not complete."""
    found = blessed.run(server.url, *EARLY, "-x", "--eval-strict")
    assert found.status == 1, found.out
    assert found.summary is not None
    assert found.summary["complete"] is False
    assert found.summary["gates"][0]["verdict"] == "cannot judge"
    gone_on = blessed.run(server.url, *EARLY)
    assert gone_on.summary is not None
    assert gone_on.summary["gates"][0]["verdict"] == "failed"


def test_a_debugger_does_not_stop_at_what_is_not_needed(blessed: Suite, server: LoopbackServer) -> None:
    """Under --pdb (no short way, and a debugger that would end the run) the rest is skipped all the same."""
    found = blessed.run(server.url, *EARLY, "--eval-in-flight", str(IN_FLIGHT), "--pdb")
    assert found.status == 1, found.out
    assert found.summary is not None
    assert found.summary["saved"]["asked"] < ROWS / 2
    assert found.summary["complete"] is True


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--eval-stop-early"], ["--eval-stop-early", "--eval-gates"]),
        ([*EARLY, "--eval-bless", "new.json"], ["--eval-bless", "--eval-stop-early"]),
        ([*EARLY, "--eval-repeat-until-decided", "3"], ["--eval-stop-early", "--eval-repeat-until-decided"]),
        (["--eval-gates", "gates.toml", "--eval-repeat-until-decided", "1"], ["at least 2"]),
        (["--eval-gates", "gates.toml", "--eval-repeat-until-decided", "3", "-n", "2"], ["-n"]),
        (["--eval-bless", "new.json", "--eval-only", "wrong"], ["--eval-bless", "--eval-only"]),
    ],
    ids=["no gates", "bless", "both", "one repeat", "xdist", "bless a part"],
)
def test_options_that_exclude_each_other_are_refused(
    suite: Suite, server: LoopbackServer, options: list[str], words: list[str]
) -> None:
    """Status 4 and a sentence, before anything is asked."""
    suite.write_rows(5)
    (suite.path / "gates.toml").write_text(GATES, encoding="utf-8")
    found = suite.run(server.url, *options, run="--eval-only" not in options)
    assert found.status == 4, found.out
    for word in words:
        assert word in found.err
    assert not server.seen.prompts
