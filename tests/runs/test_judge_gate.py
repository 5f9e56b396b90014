"""A judge gate in whole runs: the judge is measured and blessed, then its verdicts count; another judge's do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.gates import parse_gates
from pytest_modeleval.runs.judge_records import read_records
from tests.runs.test_judge import judge, judged, write
from tests.support.loopback import Act, Answer, LoopbackServer
from tests.support.serve_judge import truthful
from tests.support.suites import Suite

__all__ = ["judge"]
GATES = """
[[gate]]
kind = "floor"
benchmark = "quiz"
floor = 0.5

[[gate]]
kind = "judge"
judged = "quiz"
min = 0.6
record = "judge.json"
"""
NAME = "judge_check agreement of the judge of quiz"


def test_gates_judge_where_the_judge_is_known_to_be_good(
    suite: Suite, server: LoopbackServer, judge: LoopbackServer
) -> None:
    """Blessed as the model of judge_check, it is known by its identity as the judge; a second judge is not."""
    write(suite, 40)
    file = suite.path / "data" / "judge" / "own.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"input": f"Say {n}.", "output_1": f"good {n}", "output_2": f"bad {n}", "label": 1} for n in range(40)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    record = suite.path / "judge.json"

    def both(body: dict[str, Any], attempt: int) -> Act:
        prompt = str(body["messages"][-1]["content"])
        if "\ngood " not in prompt:
            return truthful(body, attempt)
        return Answer(text=f"VERDICT: {'FIRST' if prompt.index('good ') < prompt.index('bad ') else 'SECOND'}")

    judge.script = both
    measured = suite.command(
        *("--model", "referee", "--model-url", judge.url, f"--eval-data={suite.path / 'data'}"),
        *("--eval-subset=judge_check=own", f"--eval-run={suite.path / 'judge-run'}", f"--eval-bless={record}"),
    )
    assert measured.status == 0, measured.out + measured.err
    gates = suite.path / "gates.toml"
    gates.write_text(GATES)
    passed = suite.run(server.url, *judged(judge, f"--eval-gates={gates}"))
    assert passed.status == 0, passed.out + passed.err
    verdicts = {gate["name"]: gate for gate in (passed.summary or {})["gates"]}
    assert verdicts[NAME]["verdict"] == verdicts["quiz floor"]["verdict"] == "passed"
    assert "is above 0.6 (one-sided p" in verdicts[NAME]["reason"]
    other = LoopbackServer(truthful, models=("umpire",))
    other.start()
    try:
        found = suite.run(server.url, *judged(other, f"--eval-gates={gates}")[2:], "--judge", "umpire", run=False)
    finally:
        other.stop()
    assert found.status == 6, found.out + found.err
    assert f"warning: gate '{NAME}' cannot be judged in this run" in found.out
    assert "the judge of this run is umpire" in found.out
    assert "quiz: the judge is not trusted" in found.out


def test_a_record_that_is_of_no_use_is_refused_before_the_run(tmp_path: Path) -> None:
    """A file that is not there, or one that holds no run of judge_check; the line of the gate is named."""
    gates = parse_gates(GATES, "gates.toml")
    with pytest.raises(SettingsError, match=rf"gates.toml:7: gate '{NAME}': record: expected a baseline at"):
        read_records(gates, tmp_path)
    content = {"schema": 1, "model": "m", "made_utc": "", "benchmarks": []}
    (tmp_path / "judge.json").write_text(json.dumps(content))
    with pytest.raises(SettingsError, match=r"expected a run of judge_check in .*judge.json, found none; make it with"):
        read_records(gates, tmp_path)
