"""`modeleval` on damaged and foreign run folders: one sentence and a status, never a traceback or a wrong score."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.cli import main
from pytest_modeleval.plan import Plan, PlannedSubset
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.store.journal import outcome_line
from pytest_modeleval.store.journal_line import encode_line

RUN: dict[str, Any] = {
    "schema": 1,
    "model": "m",
    "served": "m",
    "identity": "i",
    "resume_key": "",
    "urls": [],
    "server": {"kind": "openai-compatible", "version": "1"},
    "context_tokens": 4096,
    "tool_calls": "native",
    "profile_params": {},
    "user_params": {},
    "limit": None,
    "repeats": 1,
    "order_seed": None,
    "until_decided": None,
    "shard": None,
    "benchmarks": {},
    "invocations": [{"time": "2026-11-24T08:04:05.625Z", "command": ["pytest"]}],
    "started": "2026-11-24T08:04:05.625Z",
    "complete": True,
}
PLAN = Plan(
    benchmark="quiz",
    version="1",
    metric="mean_acc",
    subsets=(PlannedSubset("s", is_optional=False),),
    data={"s": {"rows": 3, "sha256": "x"}},
    items={"s": ["a", "b", "c"]},
)
VALUES: list[Any] = [None, 7, -1, 1.5, True, "x", "", [], [1], {}, {"x": 1}, [{}], [[]], 10**18]


def folder(
    path: Path, *, run: object = RUN, plan: dict[str, Any] | None = None, values: tuple[float, ...] = ()
) -> Path:
    """A run folder: run.json, one plan, a grade of each sample."""
    path.mkdir(exist_ok=True)
    (path / "run.json").write_text(json.dumps(run))
    lines = [plan if plan is not None else PLAN.to_json()]
    for sample, value in zip("abc", values or (1.0, 0.0, 1.0), strict=True):
        outcome = Outcome(ItemKey("quiz", "s", sample), Kind.RIGHT if value else Kind.WRONG, value, cause="")
        lines.append(outcome_line(outcome, version="1", invocation=1))
    (path / "journal.jsonl").write_bytes(b"".join(encode_line(line) for line in lines))
    return path


def ends_well(path: Path, good: Path, into: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """compare, noise and merge end with a status of their own, and an error is one line."""
    for command in (["compare", path, good], ["noise", path, good], ["merge", path, "--into", into]):
        status = main([str(word) for word in command])
        out, err = capsys.readouterr()
        assert status in (0, 4, 6), err
        assert "Traceback" not in err
        assert not err or (err.startswith("ERROR: ") and len(err.splitlines()) == 1)
        assert out or err


@pytest.mark.parametrize("field", [*RUN, "merged", "finished"])
def test_a_run_file_of_other_types_ends_with_a_sentence(
    tmp_path: Path, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a field of run.json holds, and where it is missing."""
    good = folder(tmp_path / "good")
    for number, value in enumerate(VALUES):
        ends_well(folder(tmp_path / "bad", run={**RUN, field: value}), good, tmp_path / f"into-{number}", capsys)
    missing = {name: value for name, value in RUN.items() if name != field}
    ends_well(folder(tmp_path / "bad", run=missing), good, tmp_path / "into", capsys)


@pytest.mark.parametrize("field", [name for name in PLAN.to_json() if name != "type"])
def test_a_plan_of_other_types_ends_with_a_sentence(
    tmp_path: Path, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a field of a plan line holds, and where it is missing."""
    good = folder(tmp_path / "good")
    for number, value in enumerate(VALUES):
        bad = folder(tmp_path / "bad", plan={**PLAN.to_json(), field: value})
        ends_well(bad, good, tmp_path / f"into-{number}", capsys)
    missing = {name: value for name, value in PLAN.to_json().items() if name != field}
    ends_well(folder(tmp_path / "bad", plan=missing), good, tmp_path / "into", capsys)


def test_a_credit_above_one_is_no_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A grade of 1000 is damage: named, not used, and the merged run is incomplete instead of scoring 125."""
    bad = folder(tmp_path / "bad", values=(1000.0, 0.0, 1.0))
    assert main(["merge", str(bad), "--into", str(tmp_path / "into")]) == 6
    out, _ = capsys.readouterr()
    summary = json.loads((tmp_path / "into" / "summary.json").read_text())
    assert summary["complete"] is False
    assert summary["benchmarks"][0]["subsets"][0]["score"] == 0.5
    assert "a damaged line is not used: journal.jsonl line 2" in out


def test_a_lost_plan_is_no_smaller_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the plan of its items a folder has no score, whatever grades it holds."""
    bad, good = folder(tmp_path / "bad"), folder(tmp_path / "good")
    journal = bad / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"mean_acc"', b'"mean_abc"', 1))
    assert main(["compare", str(bad), str(good)]) == 4
    _, err = capsys.readouterr()
    assert "found no plan of 3 items that have an outcome" in err


@pytest.mark.parametrize("change", ["flipped", "cut", "zeroed"])
def test_a_damaged_byte_is_no_silent_score(tmp_path: Path, change: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each byte of a journal in turn in compare (cut and zeroed at every 4th), every 16th in merge, which is slow.

    The figures are those of the whole journal, or the damage is named, or the status says that something is missing.
    """
    good, bad = folder(tmp_path / "good", values=(1.0, 1.0, 0.0)), folder(tmp_path / "bad")
    whole = (bad / "journal.jsonl").read_bytes()

    def run(*words: object) -> tuple[int, str]:
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert status in (0, 4, 6), err
        return status, out + err

    clean = run("compare", good, bad)
    told = ("damaged line", "without a verdict", "n=0")
    for at in range(0, len(whole), 1 if change == "flipped" else 4):
        mutant = {
            "flipped": whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :],
            "cut": whole[:at],
            "zeroed": whole[:at] + bytes(min(16, len(whole) - at)) + whole[at + 16 :],
        }[change]
        (bad / "journal.jsonl").write_bytes(mutant)
        found = run("compare", good, bad)
        assert found == clean or any(word in found[1] for word in told) or found[0] == 4, at
        if at % 16:
            continue
        status, said = run("merge", bad, "--into", tmp_path / f"into-{at}")
        if status == 4:
            continue
        part = json.loads((tmp_path / f"into-{at}" / "summary.json").read_text())["benchmarks"][0]["subsets"][0]
        assert part["num"] + part["counts"]["not_run"] == 3
        if part["num"] == 3:
            assert part["score"] == pytest.approx(2 / 3)
        else:
            assert status == 6
            assert change == "cut" or "damaged line" in said or mutant[-1:] != b"\n"


@pytest.mark.parametrize("name", ["run.json", "journal.jsonl"])
def test_pipes_and_links_to_devices_are_not_read(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe is not waited for, and /dev/zero is not read to its end."""
    good, bad = folder(tmp_path / "good"), folder(tmp_path / "bad")
    (bad / name).unlink()
    os.mkfifo(bad / name)
    ends_well(bad, good, tmp_path / "into", capsys)
    (bad / name).unlink()
    (bad / name).symlink_to("/dev/zero")
    ends_well(bad, good, tmp_path / "into", capsys)


def test_a_baseline_that_never_ends_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """/dev/zero and a pipe in the place of a baseline file."""
    good = folder(tmp_path / "good")
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        assert main(["compare", str(good), str(path)]) == 4
        assert "no regular file" in capsys.readouterr().err
