"""`modeleval arena` in whole runs: three models, a judge that is killed with its run, unequal prompts, gates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval import cli
from pytest_modeleval.commands.arena import check_judge, pytest_command
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.records import ItemKey, Kind
from tests.support.loopback import Act, Answer, LoopbackServer
from tests.support.run_folders import grade, plan, response, write_run
from tests.support.suites import Suite, kill_group
from tests.support.waiting import until

COUNT = 12
# Model -> quality of its answer to question n; the judge prefers the higher one.
QUALITY = {"good": [1 if number % 4 == 0 else 3 for number in range(COUNT)], "plain": [2] * COUNT, "empty": [0] * COUNT}
TEXTS = {3: "quality 3", 2: "quality 2", 1: "quality 1", 0: " \n" * 5_000}


def stored_run(folder: Path, model: str, *, unequal: Iterable[int] = ()) -> Path:
    """A finished run of a model; questions in `unequal` were asked in other words."""
    keys = [ItemKey("quiz", "part", f"q{number:02}") for number in range(COUNT)]
    lines: list[dict[str, Any]] = [plan({"part": [key.sample for key in keys]})]
    for number, key in enumerate(keys):
        question = f"Question {number}" + (", please" if number in unequal else "")
        lines += [response(key, TEXTS[QUALITY[model][number]], question=question), grade(key, Kind.RIGHT)]
    return write_run(folder, lines, model=model, served=model)


def judgement(body: dict[str, Any], attempt: int) -> Act:
    """The better answer, much better where the qualities are 2 apart."""
    prompt = str(body["messages"][-1]["content"])
    first, second = map(int, re.findall(r"^quality (\d)$", prompt, re.MULTILINE))
    label = {2: "A>>B", 1: "A>B", 0: "A=B", -1: "B>A", -2: "B>>A"}[first - second]
    return Answer(text=f"Clear.\nVERDICT: {label}", delay_s=0.02)


def arena(
    suite: Suite, server: LoopbackServer, runs: Sequence[str], *more: str, judge: str = "test-model"
) -> list[str]:
    """The arguments of `modeleval arena`."""
    at = ("--judge", judge, "--judge-url", server.url, f"--eval-run={suite.run_dir}")
    return ["arena", *(str(suite.path / run) for run in runs), *at, "-p", "no:cacheprovider", *more]


def figures(suite: Suite) -> dict[str, dict[str, Any]]:
    """Measure -> its entry in summary.json."""
    summary = json.loads((suite.run_dir / "summary.json").read_text())
    return {entry["name"]: entry for entry in summary["benchmarks"][0]["measures"]}


def test_three_models_killed_and_resumed(suite: Suite, server: LoopbackServer) -> None:
    """No pair is judged twice; unequal prompts are named and left out; the empty model loses unasked; gates judge."""
    server.script = judgement
    stored_run(suite.path / "good", "good", unequal=(11,))
    stored_run(suite.path / "plain", "plain")
    stored_run(suite.path / "empty", "empty")
    gates = suite.path / "gates.toml"
    gates.write_text(
        '[[gate]]\nbenchmark = "arena"\nmeasure = "good over plain"\nkind = "floor"\nfloor = 0.1\n'
        '[[gate]]\nbenchmark = "arena"\nmeasure = "empty"\nkind = "floor"\nfloor = 0.5\ntest = "point"\n'
    )
    given = arena(suite, server, tuple(QUALITY), f"--eval-gates={gates}", "--eval-in-flight=1")
    parsed, more = cli._parser().parse_known_args(given)
    with suite.start(*pytest_command(parsed, more)[3:]) as process:
        until(lambda: len(server.seen.bodies) >= 6, limit_s=60)
        kill_group(process)
        process.communicate(timeout=60)
    result = suite.python("-m", "pytest_modeleval.cli", *given)
    assert result.status == 1, result.out + result.err
    # 11 equal prompts of good and plain, each judged twice, one request may have been lost with the run.
    assert 2 * 11 <= len(server.seen.bodies) <= 2 * 11 + 1
    out = " ".join(result.out.split())
    assert "good and plain: unequal prompts are left out: 1 (q11)" in out
    found = figures(suite)
    assert found["empty"]["score"] == pytest.approx(0.0, abs=1e-3)
    assert found["good over plain"]["score"] == pytest.approx(8 / 11)
    assert found["good over plain"]["num"] == 11
    assert found["first_place"]["score"] == pytest.approx(0.5)
    assert found["good"]["score"] > found["plain"]["score"] > 0.5
    assert found["good"]["low"] < found["good"]["score"] <= found["good"]["high"]
    assert "an answer says nothing: it loses without a judge in 23 of 34 items" in out
    report = (suite.run_dir / "report.html").read_text()
    assert "good over plain" in report


def test_a_judge_of_a_models_family_is_refused(suite: Suite) -> None:
    """Before pytest starts, with the way to allow it."""
    stored_run(suite.path / "good", "good")
    file = stored_run(suite.path / "plain", "plain") / "run.json"
    file.write_text(file.read_text().replace('"plain"', '"Qwen3-8B"'))
    with pytest.raises(SettingsError, match="Qwen3-235B is, or is of the family of, Qwen3-8B"):
        check_judge("org/Qwen3-235B", [suite.path / "good", suite.path / "plain"], is_allowed=False)
    assert "may favour" in check_judge("Qwen3-235B", [suite.path / "plain"], is_allowed=True)
    assert not check_judge("gpt-oss-120b", [suite.path / "good", suite.path / "plain"], is_allowed=False)
