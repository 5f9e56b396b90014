"""Gates through the whole program: exit status, reports, baselines."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.support.loopback import Answer, LoopbackServer, Refuse
from tests.support.suites import BENCHMARK, Suite, key_answer

GATES = """
[[gate]]
name = "floor"
kind = "floor"
benchmark = "quiz"
floor = {floor}

[[gate]]
name = "no regression"
kind = "regression"
benchmark = "quiz"
"""
WORKERS = pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])


def _worse(body: dict[str, Any], attempt: int) -> Answer:
    number = int(str(body["messages"][-1]["content"]).split()[1])
    return Answer(text="ANSWER: D") if number % 4 == 1 else key_answer(body, attempt)


def _verdicts(suite: Suite) -> dict[str, str]:
    summary = suite.summary()
    assert summary is not None
    return {gate["name"]: gate["verdict"] for gate in summary["gates"]}


@WORKERS
def test_a_planted_regression_fails_and_a_rerun_passes(
    suite: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """Blessed, asked again: green. A quarter of the answers worse: status 1, one failed gate in JUnit."""
    suite.write_rows(100)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.6), encoding="utf-8")
    judge = ["--eval-gates", "gates.toml", "--eval-baseline", "base.json"]
    first = suite.run(server.url, "--eval-bless", "base.json", *workers)
    assert first.status == 0, first.out
    assert "blessed" in first.out
    suite.run_dir = suite.path / "again"
    again = suite.run(server.url, *judge, *workers)
    assert again.status == 0, again.out
    assert _verdicts(suite) == {"floor": "passed", "no regression": "passed"}
    suite.run_dir = suite.path / "worse"
    server.script = _worse
    worse = suite.run(server.url, *judge, "--junitxml", "j.xml", *workers)
    assert worse.status == 1, worse.out
    assert _verdicts(suite)["no regression"] == "failed"
    assert "newly wrong" in worse.out
    failed = ET.parse(suite.path / "j.xml").getroot().findall(".//testcase/failure/..")
    assert "gate[no regression]" in [case.get("name") for case in failed]


@WORKERS
def test_without_a_baseline_nothing_is_judged(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """A missing baseline: status 6, and what to do."""
    suite.write_rows(40)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.5), encoding="utf-8")
    result = suite.run(server.url, "--eval-gates", "gates.toml", "--eval-baseline", "none.json", *workers)
    assert result.status == 6, result.out
    assert _verdicts(suite)["no regression"] == "cannot judge"
    assert "--eval-bless" in result.out


@WORKERS
def test_a_first_baseline_is_green(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Blessing the file that is to be compared with: the regression gate has nothing yet, and the status is 0."""
    suite.write_rows(40)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.5), encoding="utf-8")
    judge = ["--eval-gates", "gates.toml", "--eval-baseline", "base.json"]
    first = suite.run(server.url, *judge, "--eval-bless", "base.json", *workers)
    assert first.status == 0, first.out
    assert _verdicts(suite) == {"floor": "passed", "no regression": "cannot judge"}
    assert "gate 'no regression': there is no baseline yet: this run becomes the first one" in first.out
    assert "warning: gate" not in first.out
    suite.run_dir = suite.path / "again"
    again = suite.run(server.url, *judge, *workers)
    assert again.status == 0, again.out
    assert _verdicts(suite)["no regression"] == "passed"


def test_a_missing_baseline_is_not_green_because_another_file_is_blessed(suite: Suite, server: LoopbackServer) -> None:
    """What was to be compared is another file than the one that is written: nothing was compared, status 6."""
    suite.write_rows(40)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.5), encoding="utf-8")
    judge = ["--eval-gates", "gates.toml", "--eval-baseline", "old.json"]
    result = suite.run(server.url, *judge, "--eval-bless", "new.json")
    assert result.status == 6, result.out
    assert (suite.path / "new.json").exists()


def test_a_first_baseline_that_is_refused_is_not_green(suite: Suite, server: LoopbackServer) -> None:
    """A run that cannot be blessed leaves the gate without a baseline: status 6."""
    suite.write_rows(40)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.5), encoding="utf-8")
    server.script = lambda body, attempt: (
        Refuse(400) if " 3 " in f"{body['messages'][-1]['content']} " else key_answer(body, attempt)
    )
    judge = ["--eval-gates", "gates.toml", "--eval-bless", "base.json"]
    result = suite.run(server.url, *judge, "--eval-max-ungraded", "5")
    assert result.status == 6, result.out
    assert not (suite.path / "base.json").exists()


@WORKERS
def test_a_gate_that_cannot_be_judged_is_named_before_the_first_request(
    suite: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """Too few questions, no baseline: each a line before anything is asked, and the run still ends with status 6."""
    suite.write_rows(3)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.2), encoding="utf-8")
    result = suite.run(server.url, "--eval-gates", "gates.toml", *workers)
    assert result.status == 6, result.out
    lines = result.out.splitlines()
    begun = next(number for number, line in enumerate(lines) if "modeleval: 3 samples for" in line)
    assert all("cannot be judged in this run" in line for line in lines[begun + 1 : begun + 3])
    assert "3 questions prove nothing at alpha 0.01" in result.out
    assert "there is no baseline; make one with --eval-bless" in result.out


def test_an_incomparable_baseline_is_not_compared(suite: Suite, server: LoopbackServer) -> None:
    """Other parameters than the baseline's: cannot judge, the difference named, status 6."""
    suite.write_rows(40)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.5), encoding="utf-8")
    suite.run(server.url, "--eval-bless", "base.json")
    suite.run_dir = suite.path / "hot"
    result = suite.run(
        server.url, "--eval-gates", "gates.toml", "--eval-baseline", "base.json", "--eval-param", "temperature=0.7"
    )
    assert result.status == 6, result.out
    assert "temperature" in result.out


def test_a_changed_prompt_is_not_compared(suite: Suite, server: LoopbackServer) -> None:
    """One word more in every prompt: cannot judge, status 6, named; fewer samples with the same prompts compare."""
    suite.write_rows(40)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.5), encoding="utf-8")
    suite.run(server.url, "--eval-bless", "base.json")
    judge = ["--eval-gates", "gates.toml", "--eval-baseline", "base.json"]
    suite.run_dir = suite.path / "fewer"
    fewer = suite.run(server.url, *judge, "--eval-limit", "25")
    assert fewer.status == 0, fewer.out
    suite.write_benchmark(BENCHMARK.replace('"content": sample.question', '"content": "Think. " + sample.question'))
    suite.run_dir = suite.path / "other"
    other = suite.run(server.url, *judge)
    assert other.status == 6, other.out
    assert "the prompts of 40 of 40 questions in both, such as part-0000" in " ".join(other.out.split())
    assert _verdicts(suite) == {"floor": "passed", "no regression": "cannot judge"}


@WORKERS
def test_a_baseline_without_gates_is_no_comparison(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Somebody who forgot the gates would take status 0 for "no regression"; the run says that nothing was compared."""
    suite.write_rows(20)
    assert suite.run(server.url, "--eval-bless", "base.json").status == 0
    result = suite.run(server.url, "--eval-baseline", "base.json", *workers)
    assert result.status == 0, result.out
    assert "warning: nothing is compared with the baseline" in " ".join(result.out.split())


def test_all_may_be_ungraded(suite: Suite, server: LoopbackServer) -> None:
    """--eval-max-ungraded 1.0 is every item, for gates as for the run, and not one."""
    from tests.support.loopback import Refuse

    suite.write_rows(60)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.5).partition('\n\n[[gate]]\nname = "no')[0])
    server.script = lambda body, attempt: (
        Refuse(400) if " 3" in body["messages"][-1]["content"] else key_answer(body, attempt)
    )
    result = suite.run(server.url, "--eval-gates", "gates.toml", "--eval-max-ungraded", "1.0")
    assert result.status == 0, result.out
    assert _verdicts(suite) == {"floor": "passed"}


def test_a_run_with_ungraded_items_is_not_blessed(suite: Suite, server: LoopbackServer) -> None:
    """Allowed or not, items without a grade leave holes: the old baseline stays, the status is 6."""
    from tests.support.loopback import Refuse

    suite.write_rows(20)
    (suite.path / "base.json").write_text("as it was", encoding="utf-8")
    server.script = lambda body, attempt: (
        Refuse(400) if "Question 3 " in body["messages"][-1]["content"] else key_answer(body, attempt)
    )
    result = suite.run(server.url, "--eval-bless", "base.json", "--eval-max-ungraded", "2")
    assert result.status == 6, result.out
    assert "not blessed: 1 item without a grade" in result.out
    assert (suite.path / "base.json").read_text() == "as it was"


def test_an_incomplete_run_is_neither_blessed_nor_judged(suite: Suite, server: LoopbackServer) -> None:
    """Ungraded samples above the limit: no baseline is written, no gate fails."""
    from tests.support.loopback import Refuse

    suite.write_rows(20)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.99), encoding="utf-8")
    server.script = lambda body, attempt: (
        Refuse(400) if "Question 3 " in body["messages"][-1]["content"] else key_answer(body, attempt)
    )
    result = suite.run(server.url, "--eval-bless", "base.json", "--eval-gates", "gates.toml")
    assert result.status == 6, result.out
    assert not (suite.path / "base.json").exists()
    assert set(_verdicts(suite).values()) == {"cannot judge"}


@WORKERS
def test_a_part_is_not_blessed(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Some samples of a subset, however they were selected: status 4 before the first request, the number named."""
    suite.write_rows(20)
    (suite.path / "base.json").write_text("as it was", encoding="utf-8")
    result = suite.run(server.url, "--eval-bless", "base.json", "-k", "0003 or 0004", *workers)
    assert result.status == 4, result.out + result.err
    assert "--eval-bless: expected every sample of what becomes a baseline, found 2 of 20 samples of quiz" in result.err
    assert not server.seen.prompts
    assert (suite.path / "base.json").read_text() == "as it was"


def test_failed_ones_again_are_not_blessed(suite: Suite, server: LoopbackServer) -> None:
    """--lf selects what failed last time; as a baseline it would be read as the whole benchmark."""
    suite.write_rows(20)
    # Without the "-p no:cacheprovider" that they begin with: --lf needs the cache.
    assert suite.command(*suite.arguments(server.url, "--eval-strict")[2:]).status == 1
    suite.run_dir = suite.path / "again"
    result = suite.command(*suite.arguments(server.url, "--lf", "--eval-bless", "base.json")[2:])
    assert result.status == 4, result.out + result.err
    assert "found 5 of 20 samples of quiz" in result.err
    assert not (suite.path / "base.json").exists()


def test_what_is_whole_is_blessed(suite: Suite, server: LoopbackServer) -> None:
    """A limit, a whole subset, and a folder that holds the rest from before: all samples are there."""
    suite.write_benchmark(subsets=("part", "more"))
    suite.write_rows(12)
    suite.write_rows(8, subset="more")
    bless = ["--eval-bless", "base.json"]
    assert suite.run(server.url, "--eval-limit", "5", *bless, run=False).status == 0
    assert suite.run(server.url, "-k", "more", *bless, run=False).status == 0
    assert suite.run(server.url).status == 0
    # Everything is there, whatever this command would have taken by itself.
    assert "of each subset" not in suite.run(server.url, "--eval-limit", "3").out
    again = suite.run(server.url, "-k", "part-0001", *bless)
    assert again.status == 0, again.out + again.err
    assert "were selected" not in again.out


def test_a_part_says_that_it_is_one(suite: Suite, server: LoopbackServer) -> None:
    """Scores of selected samples are not shown as those of the benchmark; nor are they blessed when graded again."""
    suite.write_rows(20)
    part = suite.run(server.url, "-k", "0003 or 0004")
    assert part.status == 0, part.out
    assert "Only 2 of 20 samples of quiz were selected" in " ".join(part.out.split())
    assert part.summary is not None
    assert part.summary["run"]["selected"] == {"quiz": [2, 20]}
    whole = suite.run(server.url)
    assert "were selected" not in whole.out
    suite.run_dir = suite.path / "part"
    suite.run(server.url, "-k", "0003 or 0004")
    graded = suite.command(
        *suite.arguments(None, "--eval-rescore", str(suite.run_dir), "--eval-bless", "base.json", run=False)
    )
    assert graded.status == 4, graded.out + graded.err
    assert "found 2 of 20 samples of quiz" in graded.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[gate]]\nkind = 'flor'\nbenchmark = 'quiz'\n", ["gates.toml:2", "flor"]),
        ("[[gate]\n", ["gates.toml:1"]),
        ("[[gate]]\nkind = 'floor'\nbenchmark = 'quix'\nfloor = 0.5\n", ["quix", "quiz"]),
    ],
)
def test_mistakes_in_the_gates_are_reported_first(
    suite: Suite, server: LoopbackServer, text: str, words: list[str]
) -> None:
    """File and line, status 4, nothing asked."""
    suite.write_rows(5)
    (suite.path / "gates.toml").write_text(text, encoding="utf-8")
    result = suite.run(server.url, "--eval-gates", "gates.toml")
    assert result.status == 4, result.out
    for word in words:
        assert word in result.err
    assert not server.seen.prompts


def test_the_step_summary_of_github(suite: Suite, server: LoopbackServer) -> None:
    """A table for people, one annotation for the failed gate, none for samples."""
    suite.write_rows(100)
    (suite.path / "gates.toml").write_text(GATES.format(floor=0.99).partition('\n\n[[gate]]\nname = "no')[0])
    target = suite.path / "step.md"
    result = suite.command(
        *suite.arguments(server.url, "--eval-gates", "gates.toml"),
        env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(target)},
    )
    assert result.status == 1, result.out
    assert "0.7500" in target.read_text(encoding="utf-8")
    assert result.out.count("::error") == 1
