"""A judge in a run, whole program: two servers, its replies in the journal, resuming, rescoring, gates, workers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.store.journal import journal_lines
from tests.support.loopback import Act, Answer, Drop, LoopbackServer
from tests.support.serve_judge import truthful
from tests.support.suites import Suite, kill_group
from tests.support.waiting import until

JUDGED = """
from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.judging import fenced, verdict
from pytest_modeleval.metrics import ratio

def to_sample(row):
    return Sample(question=row.text("question"), target=row.text("answer"))

def to_request(sample):
    return Request(messages=[{"role": "user", "content": sample.question}])

async def grade(sample, response, *, judge):
    shown = f"{sample.question}: is it {sample.target}?\\n" + fenced("answer", response.text)
    found = await verdict(judge, Request([{"role": "user", "content": shown}]), ("yes", "no"), repeats=REPEATS)
    if found.label == "yes":
        return Grade.right(response.text, measures=found.measures)
    return Grade.wrong(response.text, measures=found.measures)

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample,
           request=to_request, grade=grade, roles=("judge",), measures=[ratio("judge_agreement")])
def test_quiz(grade):
    assert grade, grade.explanation
"""
KEY = "judge-secret-0123456789"


@pytest.fixture
def judge() -> Iterator[LoopbackServer]:
    """The judge's server."""
    served = LoopbackServer(truthful, models=("referee",))
    served.start()
    yield served
    served.stop()


def write(suite: Suite, count: int = 8, repeats: int = 1) -> None:
    """`count` questions, of which three in four are answered correctly."""
    suite.write_benchmark(JUDGED.replace("REPEATS", str(repeats)))
    suite.write_rows(count)


def judged(judge: LoopbackServer, *more: str) -> tuple[str, ...]:
    """The options that name the judge."""
    return ("--judge", "referee", "--judge-url", judge.url, *more)


def lines_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The journal lines of one type."""
    return [entry for line in journal_lines(folder) if (entry := json.loads(line))["type"] == kind]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_judge_grades_and_its_replies_are_journaled(
    suite: Suite, server: LoopbackServer, judge: LoopbackServer, workers: tuple[str, ...]
) -> None:
    """Each under the role and a key of its own; the plan and run.json name the judge."""
    write(suite)
    result = suite.run(server.url, *judged(judge), *workers)
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.75
    replies = lines_of(suite.run_dir, "response")
    assert len(replies) == 16
    assert sum(line.get("role") == "judge" for line in replies) == 8
    (plan,) = lines_of(suite.run_dir, "plan")[:1]
    assert plan["roles"]["judge"]["served"] == "referee"
    run = json.loads((suite.run_dir / "run.json").read_text())
    assert run["roles"]["judge"]["model"]["name"] == "referee"


def test_without_a_judge_nothing_is_collected(suite: Suite, server: LoopbackServer) -> None:
    """One line says what to give."""
    write(suite)
    result = suite.run(server.url)
    assert "not collected: quiz part: it needs a further model as judge: give --judge NAME" in result.out
    named = suite.run(server.url, "-k", "quiz and not other")
    assert named.status == 5
    assert "selects only what is not collected: it needs a further model as judge: give --judge NAME" in named.out
    assert "selects nothing of" not in named.out
    assert "-k '0001-other' selects nothing of quiz" in suite.run(server.url, "-k", "0001-other").out
    assert not server.seen.bodies


def test_resuming_asks_neither_model_again(suite: Suite, server: LoopbackServer, judge: LoopbackServer) -> None:
    """The same command finds everything in the journal; rescoring needs no server and no option."""
    write(suite)
    suite.run(server.url, *judged(judge))
    asked = len(server.seen.bodies), len(judge.seen.bodies)
    again = suite.run(server.url, *judged(judge))
    assert again.status == 0
    assert (len(server.seen.bodies), len(judge.seen.bodies)) == asked
    rescored = suite.run(None, f"--eval-rescore={suite.run_dir}", run=False)
    assert rescored.status == 0, rescored.out + rescored.err
    assert rescored.subset()["score"] == 0.75
    assert rescored.subset()["num"] == 8
    assert (len(server.seen.bodies), len(judge.seen.bodies)) == asked


def test_a_judge_that_dies_leaves_samples_ungraded(suite: Suite, server: LoopbackServer, judge: LoopbackServer) -> None:
    """Exit 6, no score out of it, nothing lost; the same command goes on and asks only the judge."""
    write(suite, 4)
    suite.shorten_waits()

    def dies(body: dict[str, Any], attempt: int) -> Act:
        return truthful(body, attempt) if len(judge.seen.bodies) <= 3 else Drop()

    judge.script = dies
    broken = suite.run(server.url, *judged(judge, "--eval-in-flight", "1"))
    assert broken.status == 6, broken.out + broken.err
    assert broken.subset()["num"] == 3
    causes = {line["cause"] for line in lines_of(suite.run_dir, "ungraded")}
    assert causes
    assert all(cause.startswith("judge_") for cause in causes)
    judge.script = truthful
    asked = len(server.seen.bodies)
    whole = suite.run(server.url, *judged(judge, "--eval-in-flight", "1"))
    assert whole.status == 0, whole.out + whole.err
    assert whole.subset()["score"] == 0.75
    assert len(server.seen.bodies) == asked


def test_a_killed_run_keeps_its_judgements(suite: Suite, server: LoopbackServer, judge: LoopbackServer) -> None:
    """Kill -9 while the judge works: what it said is not asked again."""
    write(suite, 24)
    judge.script = lambda body, attempt: Answer(text=truthful(body, attempt).text, delay_s=0.05)  # type: ignore[union-attr]
    process = suite.start(*suite.arguments(server.url, *judged(judge, "--eval-in-flight", "2")))
    until(lambda: len(judge.seen.bodies) >= 4)
    kill_group(process)
    process.communicate()
    stored = sum(line.get("role") == "judge" for line in lines_of(suite.run_dir, "response"))
    before = len(judge.seen.bodies)
    result = suite.run(server.url, *judged(judge, "--eval-in-flight", "2"))
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.75
    assert len(judge.seen.bodies) - before == 24 - stored


def test_another_judge_is_another_experiment(suite: Suite, server: LoopbackServer, judge: LoopbackServer) -> None:
    """A folder that the user named is refused; nothing is asked."""
    write(suite)
    suite.run(server.url, *judged(judge))
    other = LoopbackServer(truthful, models=("umpire",))
    other.start()
    try:
        result = suite.run(server.url, "--judge", "umpire", "--judge-url", other.url)
    finally:
        other.stop()
    assert result.status == 4
    assert "with another judge: model 'referee' there, 'umpire' here" in result.err + result.out
    assert not other.seen.bodies


def test_the_model_under_test_is_no_judge_of_itself(suite: Suite, server: LoopbackServer) -> None:
    """Refused with status 4, unless an option allows it, which is printed."""
    write(suite)
    arguments = ("--judge", "test-model", "--judge-url", server.url)
    refused = suite.run(server.url, *arguments)
    assert refused.status == 4
    assert "test-model is the model under test" in refused.out + refused.err
    assert not server.seen.bodies
    server.script = lambda body, attempt: Answer(text="ANSWER: A\nVERDICT: no")
    allowed = suite.run(server.url, *arguments, "--judge-same-family")
    assert allowed.status == 0, allowed.out + allowed.err
    assert "(--judge-same-family): its verdicts may favour the model" in allowed.out
    assert len(server.seen.bodies) == 16


def test_an_unreadable_verdict_is_asked_for_once_more(
    suite: Suite, server: LoopbackServer, judge: LoopbackServer
) -> None:
    """Then the sample is ungraded; it is no 0 and no default."""
    write(suite, 4)
    judge.script = lambda body, attempt: Answer(text="It depends.")
    result = suite.run(server.url, *judged(judge))
    assert result.status == 6, result.out + result.err
    assert {line["cause"] for line in lines_of(suite.run_dir, "ungraded")} == {"judge_unparseable"}
    assert result.subset()["score"] is None
    assert len(judge.seen.bodies) == 8
    seeds = [body["seed"] for body in judge.seen.bodies]
    assert len(set(seeds)) == 8


def test_the_judge_s_key_is_sent_and_written_nowhere(suite: Suite, server: LoopbackServer) -> None:
    """Only the judge gets it."""
    write(suite)
    keyed = LoopbackServer(truthful, models=("referee",), key=KEY)
    keyed.start()
    try:
        arguments = suite.arguments(server.url, *judged(keyed, "--judge-key-env", "JUDGE_KEY"))
        result = suite.command(*arguments, env={"JUDGE_KEY": KEY})
    finally:
        keyed.stop()
    assert result.status == 0, result.out + result.err
    assert not any("authorization" in headers for headers in server.seen.headers)
    written = "".join(path.read_text(errors="replace") for path in suite.run_dir.rglob("*") if path.is_file())
    assert KEY not in written + result.out + result.err


def test_judgements_are_repeated_and_their_agreement_is_a_measure(
    suite: Suite, server: LoopbackServer, judge: LoopbackServer
) -> None:
    """Three judgements with three seeds; the majority counts."""
    write(suite, 4, repeats=3)
    judge.script = lambda body, attempt: Answer(text=f"VERDICT: {'no' if attempt == 2 else 'yes'}")
    result = suite.run(server.url, *judged(judge))
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 1.0
    assert result.summary is not None
    (measure,) = result.summary["benchmarks"][0]["measures"]
    assert measure["score"] == pytest.approx(2 / 3)
    rescored = suite.run(None, f"--eval-rescore={suite.run_dir}", run=False)
    assert rescored.summary is not None
    assert rescored.summary["benchmarks"][0]["measures"] == result.summary["benchmarks"][0]["measures"]


def test_shards_are_merged_and_rescored(suite: Suite, server: LoopbackServer, judge: LoopbackServer) -> None:
    """The merged folder holds the judgements and names the judge."""
    write(suite)
    for number in (1, 2):
        part = suite.path / f"part{number}"
        done = suite.run(server.url, *judged(judge, f"--eval-shard={number}/2", f"--eval-run={part}"), run=False)
        assert done.status == 0, done.out + done.err
    merged = suite.python("-m", "pytest_modeleval.cli", "merge", "part1", "part2", "--into", str(suite.run_dir))
    assert merged.status == 0, merged.out + merged.err
    assert merged.subset()["score"] == 0.75
    rescored = suite.run(None, f"--eval-rescore={suite.run_dir}", run=False)
    assert rescored.status == 0, rescored.out + rescored.err
    assert rescored.subset()["num"] == 8
