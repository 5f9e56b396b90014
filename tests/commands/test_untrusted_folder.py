"""show and export of a run folder that somebody else made: nothing outside of it is read, and the memory is bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from pytest_modeleval.cli import main
from pytest_modeleval.records import ItemKey, Kind
from tests.support.run_folders import RUN, grade, plan, quiz_run, response, write_run

SECRET = "a line of another file"


def link(run: Path, name: str) -> None:
    """A file of the run is a link to one outside."""
    outside = run.parent / f"outside-{name}"
    (run / name).rename(outside)
    outside.write_bytes(outside.read_bytes() + SECRET.encode())
    (run / name).symlink_to(outside)


def pipe(run: Path, name: str) -> None:
    """A file of the run is a pipe without a writer."""
    (run / name).unlink()
    os.mkfifo(run / name)


@pytest.mark.parametrize("name", ["run.json", "journal.jsonl"])
@pytest.mark.parametrize("trap", [link, pipe], ids=["link", "pipe"])
def test_links_and_pipes_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], trap: Callable[[Path, str], None], name: str
) -> None:
    """One line, status 4, at once; and no word of the other file."""
    run = quiz_run(tmp_path / "run")
    trap(run, name)
    for arguments in (["show", str(run)], ["export", str(run), "--to", "csv", "--out", str(tmp_path / "a.csv")]):
        assert main(arguments) == 4
        found = capsys.readouterr()
        assert name in found.err
        assert SECRET not in found.out + found.err
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("trap", [link, pipe], ids=["link", "pipe"])
def test_gates_are_read_from_a_file_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], trap: Callable[[Path, str], None]
) -> None:
    """A summary.json that is none is passed over: the scores come from the journal."""
    run = quiz_run(tmp_path / "run")
    gate = {"name": "g", "verdict": "passed", "reason": SECRET}
    (run / "summary.json").write_bytes(orjson.dumps({"gates": [gate]}))
    assert main(["show", str(run)]) == 0
    assert SECRET in capsys.readouterr().out
    trap(run, "summary.json")
    assert main(["show", str(run)]) == 0
    assert SECRET not in capsys.readouterr().out


def test_values_of_any_type_break_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Deep JSON and values of another type, wherever a line may have them."""
    deep: object = []
    for _ in range(400):
        deep = [deep]
    values = [deep, None, 7, "text", {"a": deep}, [None], 1e308]
    lines = [plan({"part": [str(number) for number in range(len(values) * 4)]})]
    for number, value in enumerate(values):
        for at, name in enumerate(("messages", "tools", "request", "after")):
            key = ItemKey("quiz", "part", str(4 * number + at))
            line = response(key, "x")
            if name in ("request", "after"):
                line[name] = value
            else:
                line["request"][name] = value if name == "tools" else [{"role": value, "content": value}]
            lines += [line, grade(key, Kind.WRONG, prompt="")]
    run = write_run(tmp_path / "run", ())
    # By another encoder: ours refuses what is nested so deep.
    (run / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["show", str(run), "--kind", "wrong", "--full", "--limit", "99"]) == 0
    assert "28 samples" in capsys.readouterr().out
    for form in ("csv", "parquet", "markdown", "evalscope", "inspect"):
        assert main(["export", str(run), "--to", form, "--out", str(tmp_path / form)]) == 0


PROGRAM = """
import re, sys
from pytest_modeleval.cli import main
status = main(sys.argv[1:])
# Not ru_maxrss, which begins with the memory of the process that started this one.
print("peak", int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024, file=sys.stderr)
sys.exit(status)
"""


def test_a_line_of_a_gigabyte_costs_no_gigabyte(tmp_path: Path) -> None:
    """A sparse file, no byte of which is on the disk: the line is damaged, the rest of the run is shown."""
    run = quiz_run(tmp_path / "run")
    with (run / "journal-gw0.jsonl").open("wb") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
    command = [sys.executable, "-c", PROGRAM, "show", str(run), "--sample", "easy-0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "quiz easy easy-0" in done.stdout
    assert int(done.stderr.split()[-1]) < 400


def test_a_name_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Benchmarks, subsets and models named as paths: everything that is written lies below the target."""
    key = ItemKey("../../b", "/etc/x", "../s")
    lines = [plan({key.subset: [key.sample]}, benchmark=key.benchmark), response(key, "x"), grade(key, Kind.WRONG)]
    run = write_run(tmp_path / "in" / "run", lines, **{**RUN, "model": "../../m"})
    monkeypatch.chdir(tmp_path / "in")
    for form in ("evalscope", "inspect"):
        assert main(["export", str(run), "--to", form]) == 0
    written = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {("in", "run"), ("in", "run-evalscope"), ("in", "run-inspect")}
