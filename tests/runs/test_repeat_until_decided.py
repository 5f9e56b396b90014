"""--eval-repeat-until-decided through the whole program: repeats only where a gate cannot judge yet."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite, key_answer

ROWS = 40
GATE = """
[[gate]]
name = "drop"
kind = "regression"
benchmark = "quiz"
subset = "part"
detect = {detect}
alpha = 0.05
"""


def _flipping(body: dict[str, Any], attempt: int) -> Answer:
    """Some answers differ from one seed, and so from one repeat, to the next."""
    number = int(str(body["messages"][-1]["content"]).split()[1])
    is_other = number % 5 == 0 and (body["seed"] + number) % 2 == 0
    return Answer(text="ANSWER: D") if is_other else key_answer(body, attempt)


@pytest.fixture
def blessed(suite: Suite, server: LoopbackServer) -> Suite:
    """A suite of two subsets, with a baseline of four repeats."""
    suite.write_benchmark(subsets=("part", "free"))
    suite.write_rows(ROWS)
    suite.write_rows(10, subset="free")
    server.script = _flipping
    made = suite.run(server.url, "--eval-bless", "base.json", "--eval-repeats", "4")
    assert made.status == 0, made.out
    suite.run_dir = suite.path / "now"
    server.seen.prompts.clear()
    return suite


def _asked(server: LoopbackServer, subset: str) -> set[int]:
    """How often the questions of a subset were asked."""
    return {count for prompt, count in server.seen.prompts.items() if f" of {subset} " in prompt}


def test_repeats_end_as_soon_as_the_gate_can_judge(blessed: Suite, server: LoopbackServer) -> None:
    """One look is enough: nothing is repeated, the repeats are skipped, the run is complete, the alpha is a third."""
    (blessed.path / "gates.toml").write_text(GATE.format(detect=0.9), encoding="utf-8")
    options = ["--eval-gates", "gates.toml", "--eval-baseline", "base.json", "--eval-repeat-until-decided", "3"]
    found = blessed.run(server.url, *options)
    assert found.status == 0, found.out
    assert _asked(server, "part") == _asked(server, "free") == {1}
    assert found.summary is not None
    assert found.summary["saved"] == {"asked": ROWS + 10, "of": 3 * (ROWS + 10), "because": "decided"}
    assert (found.subset()["repeats"], found.subset()["spared"]) == (1, 2 * ROWS)
    gate = found.summary["gates"][0]
    assert (gate["verdict"], gate["alpha"]) == ("passed", pytest.approx(0.05 / 3))
    assert "3 looks" in gate["reason"]


def test_only_samples_of_undecided_gates_are_repeated(blessed: Suite, server: LoopbackServer) -> None:
    """A gate that one answer each cannot decide is asked again, and no other subset; rescoring finds the same."""
    (blessed.path / "gates.toml").write_text(GATE.format(detect=0.001), encoding="utf-8")
    options = ["--eval-gates", "gates.toml", "--eval-baseline", "base.json", "--eval-repeat-until-decided", "3"]
    found = blessed.run(server.url, *options)
    assert found.status == 6, found.out
    assert _asked(server, "part") == {3}
    assert _asked(server, "free") == {1}
    assert found.summary is not None
    assert found.summary["complete"] is True
    assert found.summary["gates"][0]["verdict"] == "cannot judge"
    assert found.summary["saved"]["asked"] == 3 * ROWS + 10
    assert found.subset()["repeats"] == 3
    assert "asked again, 2 of up to 3 times" in found.out
    again = blessed.command(*blessed.arguments(None, "--eval-rescore", str(blessed.run_dir), *options[:4], run=False))
    assert again.summary is not None
    assert again.summary["gates"] == found.summary["gates"]
    assert again.summary["benchmarks"] == found.summary["benchmarks"]


def test_what_failed_at_the_first_look_stays_failed(blessed: Suite, server: LoopbackServer) -> None:
    """Another gate's repeats take no failure back, however well they go: never the best of several."""
    fails = '[[gate]]\nname = "floor"\nkind = "floor"\nbenchmark = "quiz"\nsubset = "part"\nfloor = 0.6\nalpha = 0.05\n'
    (blessed.path / "gates.toml").write_text(GATE.format(detect=0.001) + fails, encoding="utf-8")
    firsts: dict[str, int] = {}

    def improving(body: dict[str, Any], attempt: int) -> Answer:
        first = firsts.setdefault(body["messages"][-1]["content"], body["seed"])
        return Answer(text="ANSWER: D") if body["seed"] == first else key_answer(body, attempt)

    server.script = improving
    options = ["--eval-gates", "gates.toml", "--eval-baseline", "base.json", "--eval-repeat-until-decided", "3"]
    found = blessed.run(server.url, *options)
    assert found.status == 1, found.out
    assert found.summary is not None
    assert {gate["name"]: gate["verdict"] for gate in found.summary["gates"]}["floor"] == "failed"
    assert json.loads((blessed.run_dir / "run.json").read_text())["until_decided"] == 3
