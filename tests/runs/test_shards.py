"""--eval-shard and modeleval merge: parts of a run, run apart, are the run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import Answer, LoopbackServer, Refuse
from tests.support.suites import Suite, environment, key_answer, without_times

SUBSETS = ("one", "part", "tiny")
GATES = """
[[gate]]
name = "floor"
kind = "floor"
benchmark = "quiz"
floor = {floor}
"""


@pytest.fixture
def parted(suite: Suite) -> Suite:
    """A benchmark with two subsets of rows and one of a single row."""
    suite.write_benchmark(subsets=SUBSETS)
    suite.write_rows(41, subset="one")
    suite.write_rows(20, subset="part")
    suite.write_rows(1, subset="tiny")
    return suite


def _run_shards(suite: Suite, url: str, numbers: Sequence[int], *more: str, of: int = 3) -> list[Path]:
    """Run these shards, each into a folder of its own."""
    folders = []
    for number in numbers:
        suite.run_dir = suite.path / f"shard-{number}"
        result = suite.run(url, "--eval-shard", f"{number}/{of}", *more)
        assert result.status == 0, result.out + result.err
        folders.append(suite.run_dir)
    return folders


def _merge(suite: Suite, *arguments: str | Path) -> tuple[int, str, str]:
    """Status, output and errors of `modeleval merge`; the merged run is suite.path / "merged"."""
    command = [sys.executable, "-m", "pytest_modeleval.cli", "merge", *map(str, arguments), "--into", "merged"]
    done = subprocess.run(
        command, cwd=suite.path, env=environment(suite.path), capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout, done.stderr


def _summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def _items(folder: Path) -> list[str]:
    """What the runs of a folder asked, repeats included."""
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    return [f"{line['sample']}-r{line['repeat']}" for line in lines if line["type"] == "grade"]


def test_shards_with_different_system_prompts_are_not_merged(parted: Suite, server: LoopbackServer) -> None:
    """Half of a score with one prompt and half with another is none: status 4, both named."""
    (parted.path / "system.txt").write_text("Be brief.")
    first = _run_shards(parted, server.url, [1], "--eval-system=system.txt", of=2)
    second = _run_shards(parted, server.url, [2], of=2)
    status, _, err = _merge(parted, *first, *second)
    assert status == 4, err
    assert "system prompt 'Be brief.' there, none here (--eval-system)" in " ".join(err.split())


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_merged_shards_are_the_run(parted: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """The merged summary is that of one run, to the letter; every prompt was asked once; the status is 0."""
    folders = _run_shards(parted, server.url, (1, 2, 3), *workers)
    assert set(server.seen.prompts.values()) == {1}
    assert len(server.seen.prompts) == 62
    status, out, err = _merge(parted, *folders)
    assert status == 0, out + err
    parted.run_dir = parted.path / "whole"
    whole = parted.run(server.url)
    assert whole.summary is not None
    assert without_times(_summary(parted.path / "merged")) == without_times(whole.summary)
    assert "incomplete" not in out
    assert (parted.path / "merged" / "report.html").exists()


def test_shards_are_balanced_and_keep_repeats_together(parted: Suite, server: LoopbackServer) -> None:
    """Within a subset shards differ by one sample at most; all repeats of a sample are in one shard."""
    folders = _run_shards(parted, server.url, (1, 2, 3), "--eval-repeats", "2")
    by_shard = [_items(folder) for folder in folders]
    for subset, rows in (("one", 41), ("part", 20), ("tiny", 1)):
        sizes = [len({item.rsplit("-r")[0] for item in items if item.startswith(subset)}) for items in by_shard]
        assert sum(sizes) == rows
        assert max(sizes) - min(sizes) <= 1
    for items in by_shard:
        assert {item for item in items if item.endswith("-r0")} == {
            item.replace("-r1", "-r0") for item in items if item.endswith("-r1")
        }
    assert _merge(parted, *folders)[0] == 0
    assert _summary(parted.path / "merged")["benchmarks"][0]["subsets"][0]["repeats"] == 2


def test_a_shard_says_that_it_is_one(parted: Suite, server: LoopbackServer) -> None:
    """In the table's notes, in summary.json and run.json, and in the name that its folder gets by itself."""
    result = parted.run(server.url, "--eval-shard", "2/3", run=False)
    assert result.status == 0, result.out
    assert "shard 2/3" in result.out
    assert result.summary is not None
    assert result.summary["run"]["shard"] == "2/3"
    (folder,) = parted.path.glob("modeleval-runs/test-model/*Z-shard-2-of-3")
    assert json.loads((folder / "run.json").read_text())["shard"] == "2/3"


def test_a_shard_is_resumed(parted: Suite, server: LoopbackServer) -> None:
    """The same command goes on with its own shard's unfinished folder, and with no other shard's."""

    def refusing(body: dict[str, Any], attempt: int) -> Answer | Refuse:
        return Refuse(400) if "Question 3 " in body["messages"][-1]["content"] else key_answer(body, attempt)

    server.script = refusing
    statuses = [parted.run(server.url, "--eval-shard", f"{number}/2", run=False).status for number in (1, 2)]
    assert 6 in statuses
    server.script = key_answer
    server.seen.prompts.clear()
    again = [parted.run(server.url, "--eval-shard", f"{number}/2", run=False).status for number in (1, 2)]
    assert again == [0, 0]
    assert all("Question 3 " in prompt for prompt in server.seen.prompts if statuses == [6, 6])
    newest = sorted(parted.path.glob("modeleval-runs/test-model/*-shard-1-of-2"))[-1]
    other = sorted(parted.path.glob("modeleval-runs/test-model/*-shard-2-of-2"))[-1]
    status, out, err = _merge(parted, newest, other)
    assert status == 0, out + err


def test_a_missing_shard_is_named_and_can_come_late(parted: Suite, server: LoopbackServer) -> None:
    """Status 6 and the shard's number; merged into the same folder later, the run is whole and nothing counts twice."""
    folders = _run_shards(parted, server.url, (1, 3))
    status, out, _ = _merge(parted, *folders)
    assert status == 6
    assert "Shard 2/3 is missing" in out
    partial = _summary(parted.path / "merged")
    assert partial["complete"] is False
    assert sum(part["counts"]["not_run"] for part in partial["benchmarks"][0]["subsets"]) > 0
    late = _run_shards(parted, server.url, (2,))
    status, out, err = _merge(parted, *late)
    assert status == 0, out + err
    parted.run_dir = parted.path / "whole"
    assert without_times(_summary(parted.path / "merged")) == without_times(parted.run(server.url).summary)


def test_a_missing_shard_may_be_asked_in_the_merged_folder(parted: Suite, server: LoopbackServer) -> None:
    """--eval-run MERGED without a shard asks exactly what is missing."""
    folders = _run_shards(parted, server.url, (1, 3))
    _merge(parted, *folders)
    asked = set(server.seen.prompts)
    server.seen.prompts.clear()
    parted.run_dir = parted.path / "merged"
    result = parted.run(server.url)
    assert result.status == 0, result.out
    assert len(server.seen.prompts) == 62 - len(asked)
    assert not asked & set(server.seen.prompts)


def test_overlapping_shards_count_once(parted: Suite, server: LoopbackServer) -> None:
    """A shard that was run twice, with other answers the second time, counts with its latest answers, once."""
    folders = _run_shards(parted, server.url, (1, 2))
    server.script = lambda body, attempt: Answer("ANSWER: D")
    parted.run_dir = parted.path / "again"
    again = parted.run(server.url, "--eval-shard", "1/2")
    assert again.status == 0
    status, out, err = _merge(parted, parted.run_dir, *folders, "shard-1")
    assert status == 6, out + err
    server.script = key_answer
    folders = _run_shards(parted, server.url, (3,))
    status, out, err = _merge(parted, *folders)
    assert status == 0, out + err
    merged = _summary(parted.path / "merged")["benchmarks"][0]["subsets"]
    assert [part["num"] for part in merged] == [41, 20, 1]
    assert sum(part["counts"]["right"] for part in merged) < 62 * 0.75
    # Grading again grades the answers that counted.
    parted.run_dir = parted.path / "merged"
    rescored = parted.command(*parted.arguments(None, "--eval-rescore", "merged", run=False))
    assert rescored.status == 0, rescored.out + rescored.err
    assert _summary(parted.path / "merged") == _summary_numbered(parted.path / "merged")


def _summary_numbered(folder: Path) -> dict[str, Any]:
    """The summary that rescoring replaced."""
    found: dict[str, Any] = json.loads((folder / "summary.1.json").read_text())
    return found


def test_a_failure_takes_no_answer_away(parted: Suite, server: LoopbackServer) -> None:
    """Where one folder has a verdict and a later one only failures, the verdict counts."""
    folders = _run_shards(parted, server.url, (1, 2, 3))
    server.script = lambda body, attempt: Refuse(400)
    parted.run_dir = parted.path / "failed"
    assert parted.run(server.url, "--eval-shard", "1/3").status == 6
    status, out, err = _merge(parted, parted.run_dir, *folders)
    assert status == 0, out + err


def test_an_unfinished_shard_is_named(parted: Suite, server: LoopbackServer) -> None:
    """Samples without a grade in one folder: status 6, the folder and the count; --max-ungraded allows them."""
    server.script = lambda body, attempt: (
        Refuse(400) if "Question 7 of one " in body["messages"][-1]["content"] else key_answer(body, attempt)
    )
    folders = []
    for number in (1, 2):
        parted.run_dir = parted.path / f"shard-{number}"
        parted.run(server.url, "--eval-shard", f"{number}/2")
        folders.append(parted.run_dir)
    status, out, _ = _merge(parted, *folders)
    assert status == 6
    assert "is not finished: 1 of" in out
    assert _merge(parted, *folders, "--max-ungraded", "1")[0] == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("param", "temperature 0.0 there, 0.5 here"),
        ("rows", "other rows in subset part"),
        ("version", "benchmark version 1 there, 2 here"),
        ("model", "model"),
    ],
)
def test_other_experiments_are_refused(suite: Suite, server: LoopbackServer, change: str, word: str) -> None:
    """Status 4, the difference named, nothing written."""
    suite.write_rows(6)
    folders = _run_shards(suite, server.url, (1,), of=2)
    more: list[str] = []
    if change == "param":
        more = ["--eval-param", "temperature=0.5"]
    elif change == "rows":
        suite.write_rows(7)
    elif change == "version":
        file = suite.path / "test_quiz.py"
        file.write_text(file.read_text().replace('version="1"', 'version="2"'))
    else:
        server.models = ("other-model",)
    suite.run_dir = suite.path / "shard-2"
    arguments = suite.arguments(server.url, "--eval-shard", "2/2", *more)
    if change == "model":
        arguments[arguments.index("test-model")] = "other-model"
    result = suite.command(*arguments)
    assert result.status == 0, result.out + result.err
    status, out, err = _merge(suite, *folders, suite.run_dir)
    assert status == 4, out
    assert word in err
    assert "Traceback" not in err
    assert not (suite.path / "merged").exists()


@pytest.mark.parametrize(("floor", "status"), [(0.5, 0), (0.99, 1)])
def test_gates_are_judged_on_the_merged_run(parted: Suite, server: LoopbackServer, floor: float, status: int) -> None:
    """--gates judges all samples together; the verdict stands in summary.json; --bless makes the baseline."""
    folders = _run_shards(parted, server.url, (1, 2, 3))
    (parted.path / "gates.toml").write_text(GATES.format(floor=floor))
    found, out, err = _merge(parted, *folders, "--gates", "gates.toml", "--bless", "base.json")
    assert found == status, out + err
    assert _summary(parted.path / "merged")["gates"][0]["verdict"] == ("failed" if status else "passed")
    assert json.loads((parted.path / "base.json").read_text())["benchmarks"][0]["subsets"][0]["num"] == 41
    found, out, err = _merge(parted, *folders, "--gates", "gates.toml", "--baseline", "base.json")
    assert found == status, out + err
    (parted.path / "compare.toml").write_text('[[gate]]\nkind = "regression"\nbenchmark = "quiz"\n')
    compared = ["--gates", "compare.toml", "--baseline", "first.json"]
    assert _merge(parted, *folders, *compared)[0] == 6
    found, out, err = _merge(parted, *folders, *compared, "--bless", "first.json")
    assert found == 0, out + err
    assert "this run becomes the first one" in " ".join(out.split())


def test_a_missing_shard_leaves_gates_unjudged(parted: Suite, server: LoopbackServer) -> None:
    """A floor that no answer could reach does not fail while a third of the samples is missing; no baseline is made."""
    folders = _run_shards(parted, server.url, (1, 2))[:1]
    (parted.path / "gates.toml").write_text(GATES.format(floor=0.99))
    status, out, err = _merge(parted, *folders, "--gates", "gates.toml", "--bless", "base.json")
    assert status == 6, out + err
    assert _summary(parted.path / "merged")["gates"][0]["verdict"] == "cannot judge"
    assert not (parted.path / "base.json").exists()


def test_a_refused_blessing_is_seen_in_the_status(parted: Suite, server: LoopbackServer) -> None:
    """Items without a grade are allowed, but make no baseline: status 6, as in pytest."""
    server.script = lambda body, attempt: (
        Refuse(400) if "Question 3 of part " in body["messages"][-1]["content"] else key_answer(body, attempt)
    )
    folders = _run_shards(parted, server.url, (1, 2, 3), "--eval-max-ungraded", "1")
    assert _merge(parted, *folders, "--max-ungraded", "1")[0] == 0
    status, out, err = _merge(parted, *folders, "--max-ungraded", "1", "--bless", "base.json")
    assert status == 6, out + err
    assert "not blessed: 1 item without a grade" in out
    assert not (parted.path / "base.json").exists()


def test_merged_parts_are_not_blessed(parted: Suite, server: LoopbackServer) -> None:
    """Shards of a selection make a selection, and no baseline."""
    folders = []
    for number in (1, 2):
        parted.run_dir = parted.path / f"shard-{number}"
        parted.run(server.url, "--eval-shard", f"{number}/2", "-k", "part-000")
        folders.append(parted.run_dir)
    status, out, err = _merge(parted, *folders, "--bless", "base.json")
    assert status == 6, out + err
    assert "not blessed: the run holds 10 of 20 samples of quiz" in out
    assert "Only 10 of 20 samples of quiz were selected" in " ".join(out.split())


def test_a_missing_shard_passes_no_ceiling_of_ungraded_items(parted: Suite, server: LoopbackServer) -> None:
    """What was never asked is neither lost nor answered: a ceiling over ungraded items cannot be judged without it."""
    folders = _run_shards(parted, server.url, (1, 2))[:1]
    (parted.path / "gates.toml").write_text(
        '[[gate]]\nname = "lost"\nkind = "ceiling"\nbenchmark = "quiz"\nof = "ungraded"\nceiling = 0.1\n'
    )
    status, out, err = _merge(parted, *folders, "--gates", "gates.toml")
    assert status == 6, out + err
    assert _summary(parted.path / "merged")["gates"][0]["verdict"] == "cannot judge"


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "1/0", "-1/3", "1.5/3"])
def test_what_is_no_shard(suite: Suite, server: LoopbackServer, text: str) -> None:
    """Status 4 and the accepted form, before anything is asked."""
    suite.write_rows(3)
    result = suite.run(server.url, f"--eval-shard={text}")
    assert result.status == 4
    assert "--eval-shard: expected I/N" in result.err
    assert not server.seen.prompts


@pytest.mark.parametrize(
    "more", [["--eval-gates", "gates.toml"], ["--eval-bless", "base.json"], ["--eval-only", "wrong"]]
)
def test_a_shard_is_not_judged_alone(suite: Suite, server: LoopbackServer, more: list[str]) -> None:
    """What has a meaning for a whole run only is refused, and the message says where it is done."""
    suite.write_rows(3)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.5))
    result = suite.run(server.url, "--eval-shard", "1/2", *more)
    assert result.status == 4
    assert more[0] in result.err
    assert not server.seen.prompts


def test_a_shard_with_nothing_to_do(suite: Suite, server: LoopbackServer) -> None:
    """More shards than samples: one that has none says so, ends with status 5, and the merged run does not miss it."""
    suite.write_rows(2)
    statuses, folders = [], []
    for number in (1, 2, 3):
        suite.run_dir = suite.path / f"shard-{number}"
        result = suite.run(server.url, "--eval-shard", f"{number}/3")
        statuses.append(result.status)
        if result.status == 5:
            assert f"shard {number}/3 has none of the 2 selected items" in result.out
        else:
            folders.append(suite.run_dir)
    assert sorted(statuses) == [0, 0, 5]
    assert _merge(suite, *folders)[0] == 0


def test_mistakes_of_merging(suite: Suite, server: LoopbackServer) -> None:
    """No run folder, a target that holds something else, a gate on a subset that is not there: one line, status 4."""
    suite.write_rows(3)
    suite.run(server.url)
    (suite.path / "empty").mkdir()
    status, _, err = _merge(suite, "empty")
    assert (status, "expected a run folder" in err) == (4, True)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.5) + 'subset = "prat"\n')
    status, _, err = _merge(suite, "run", "--gates", "gates.toml")
    assert (status, "did you mean 'part'" in err) == (4, True)
    assert not (suite.path / "merged").exists()
    (suite.path / "merged").mkdir()
    (suite.path / "merged" / "thesis.txt").write_text("mine")
    status, _, err = _merge(suite, "run")
    assert (status, "--into" in err) == (4, True)
