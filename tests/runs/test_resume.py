"""Nothing is lost: kill -9, Ctrl-C, SIGTERM, resuming, rescoring, other experiments."""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import Act, Answer, LoopbackServer, Refuse
from tests.support.suites import BENCHMARK, Suite, key_answer, kill_group, without_times
from tests.support.waiting import until


def _slow(body: dict[str, Any], attempt: int) -> Answer:
    return Answer(text=key_answer(body, attempt).text, delay_s=0.05)


@pytest.mark.parametrize("moment", range(2))
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_kill_and_run_again(suite: Suite, server: LoopbackServer, moment: int, workers: list[str]) -> None:
    """After kill -9 the same command ends with the summary of an undisturbed run and asks nothing twice."""
    suite.write_rows(200)
    server.script = _slow
    wanted = random.Random(moment).randrange(10, 190)
    arguments = suite.arguments(server.url, "--eval-in-flight", "8", *workers, run=False)
    with suite.start(*arguments) as process:
        until(lambda: len(server.seen.prompts) >= wanted)
        kill_group(process)
    until(lambda: server.seen.in_flight == 0)
    before = dict(server.seen.prompts)
    result = suite.command(*arguments)
    assert result.status == 0, result.out
    assert result.subset()["score"] == 0.75
    assert result.subset()["num"] == 200
    twice = [prompt for prompt, count in server.seen.prompts.items() if count > 1]
    # Those that were in flight when the process died.
    assert len(twice) <= 8
    assert len(before) < 200
    assert len(server.seen.prompts) == 200
    fresh = suite.run(server.url)
    assert without_times(fresh.summary) == without_times(result.summary)


def test_a_run_folder_elsewhere_is_taken_up(
    suite: Suite, server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same command resumes a run folder outside of the project, and finds the models.toml of the project."""
    suite.write_rows(5)
    (suite.path / "models.toml").write_text(f'[mine]\nurls = ["{server.url}"]\nserved_names = ["test-model"]\n')
    suite.run_dir = tmp_path_factory.mktemp("volume") / "run"
    arguments = ["--model", "mine", *suite.arguments(None)]
    assert suite.command(*arguments).status == 0
    again = suite.command(*arguments)
    assert again.status == 0, again.out + again.err
    assert set(server.seen.prompts.values()) == {1}


def test_a_torn_line_is_survived(suite: Suite, server: LoopbackServer) -> None:
    """A journal whose last line was cut loses that line and nothing else."""
    suite.write_rows(40)
    whole = suite.run(server.url)
    journal = suite.run_dir / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(index for index, line in enumerate(lines) if b'"type":"response"' in line)
    journal.write_bytes(b"".join(lines[:last]) + lines[last][:100])
    server.seen.prompts.clear()
    again = suite.run(server.url)
    assert again.status == 0, again.out
    assert len(server.seen.prompts) == 1
    assert without_times(again.summary) == without_times(whole.summary)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_keeps_the_answers(suite: Suite, server: LoopbackServer, number: int) -> None:
    """Ctrl-C and SIGTERM: status 2, summary written as incomplete, requests cancelled, nothing asked twice later."""
    suite.write_rows(100)
    server.script = lambda body, attempt: Answer(
        text=key_answer(body, attempt).text, delay_s=0.02 if len(server.seen.prompts) < 30 else 60.0
    )
    with suite.start(*suite.arguments(server.url, "--eval-in-flight", "8")) as process:
        until(lambda: server.seen.in_flight == 8 and len(server.seen.prompts) >= 30)
        until(lambda: (suite.run_dir / "journal.jsonl").read_bytes().count(b'"kind":"right"') > 10)
        kill_group(process, number)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 2, out + err
    summary = suite.summary()
    assert summary is not None
    assert summary["complete"] is False
    counts = summary["benchmarks"][0]["subsets"][0]["counts"]
    assert counts["not_run"] > 50
    assert counts["right"] > 10
    until(lambda: server.seen.in_flight == 0)
    asked = dict(server.seen.prompts)
    server.script = key_answer
    result = suite.run(server.url)
    assert result.status == 0, result.out
    assert result.subset()["score"] == 0.75
    twice = [prompt for prompt in asked if server.seen.prompts[prompt] > 1]
    assert len(twice) <= 8


def test_rescoring_asks_nothing_and_grades_anew(suite: Suite, server: LoopbackServer) -> None:
    """--eval-rescore reads the answers of a stored run and grades them with the benchmark as it is now."""
    suite.write_rows(40)
    suite.run(server.url)
    asked = server.seen.paths.copy()
    kinder = BENCHMARK.replace("grade=grade_choice", "grade=kind").replace(
        "def to_request",
        "from pytest_modeleval import Grade\ndef kind(s, r):\n    return Grade.right('x')\ndef to_request",
    )
    suite.write_benchmark(kinder.replace('version="1"', 'version="2"'))
    result = suite.command(
        "-p", "no:cacheprovider", "--eval-rescore", str(suite.run_dir), "--eval-data", "data", "test_quiz.py"
    )
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 1.0
    assert server.seen.paths == asked
    assert (suite.run_dir / "summary.1.json").exists()


def test_rescoring_without_the_data_names_the_benchmark_of_the_run_alone(suite: Suite, server: LoopbackServer) -> None:
    """Other benchmarks that live off the same option are not what the run needs."""
    rows = suite.path / "rows" / "general_mcq" / "quiz.jsonl"
    rows.parent.mkdir(parents=True)
    rows.write_text('{"question": "2 + 2?", "choices": ["3", "4"], "answer": "B"}\n')
    asked = ("-k", "general_mcq", "--model=test-model", f"--model-url={server.url}", f"--eval-run={suite.run_dir}")
    first = suite.command("-p", "no:cacheprovider", *asked, f"--eval-data={rows.parents[1]}")
    assert first.status == 0, first.out + first.err
    without = suite.command("-p", "no:cacheprovider", f"--eval-rescore={suite.run_dir}")
    assert without.status == 5, without.out + without.err
    lines = [line for line in (without.out + without.err).splitlines() if line.startswith("not collected: ")]
    assert len(lines) == 1
    assert lines[0].startswith(
        "not collected: general_mcq: its subsets are your files general_mcq/<subset>.jsonl; name"
    )


def _kinder(suite: Suite, first: str = "pass") -> None:
    """The benchmark as its version 2, whose grader finds everything right; `first` is what it does before that."""
    kinder = BENCHMARK.replace("grade=grade_choice", "grade=kind").replace(
        "def to_request",
        "import os\nfrom pytest_modeleval import Grade\n"
        f"def kind(s, r):\n    {first}\n    return Grade.right('x')\n"
        "def to_request",
    )
    suite.write_benchmark(kinder.replace('version="1"', 'version="2"'))


def test_a_part_is_not_graded_again_under_another_version(suite: Suite, server: LoopbackServer) -> None:
    """One score made of grades of two versions means nothing: status 4, and nothing is changed."""
    suite.write_rows(40)
    suite.run(server.url)
    _kinder(suite)
    before = _contents(suite.run_dir)
    rescore = ("-p", "no:cacheprovider", "--eval-rescore", str(suite.run_dir), "--eval-data", "data", "test_quiz.py")
    part = suite.command(*rescore, "--eval-only", "wrong")
    assert part.status == 4, part.out + part.err
    assert "30 of 40 grades would stay as they are" in " ".join(part.err.split())
    assert _contents(suite.run_dir) == before
    assert suite.command(*rescore).subset()["score"] == 1.0


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_grading_that_is_interrupted_leaves_the_summary(
    suite: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """Half of the grades new and half old make no score; graded to its end, the summary is the new one."""
    suite.write_rows(40)
    old = suite.run(server.url)
    _kinder(suite, "if '0020' in s.id and not os.path.exists('go'): os.kill(int(os.environ['RUN']), 2)")
    rescore = ("-p", "no:cacheprovider", "--eval-rescore", str(suite.run_dir), "--eval-data", "data", "test_quiz.py")
    stopper = "import os, sys, pytest; os.environ['RUN'] = str(os.getpid()); sys.exit(pytest.main(sys.argv[1:]))"
    result = suite.python("-c", stopper, *rescore, *workers)
    assert result.status == 2, result.out + result.err
    assert "grading was stopped: summary.json is as it was" in " ".join(result.out.split())
    assert without_times(result.summary) == without_times(old.summary)
    (suite.path / "go").touch()
    assert suite.command(*rescore, *workers).subset()["score"] == 1.0


def test_only_wrong_ones_are_graded_or_asked_again(suite: Suite, server: LoopbackServer) -> None:
    """--eval-only wrong takes just the samples that were wrong in the last run: rescored, or asked in a new run."""
    suite.write_rows(40)
    suite.run(server.url, run=False)
    first = next(suite.path.glob("modeleval-runs/*/*"))
    shown = suite.command(
        *("-p", "no:cacheprovider", "--eval-rescore", str(first), "--eval-only", "wrong", "-v"),
        *("--eval-data", "data", "test_quiz.py"),
    )
    assert shown.out.count("WRONG") == 10, shown.out
    assert shown.status == 0
    server.seen.prompts.clear()
    again = suite.run(server.url, "--eval-only", "wrong", run=False)
    assert again.status == 0, again.out
    assert len(server.seen.prompts) == 10
    assert len(list(suite.path.glob("modeleval-runs/*/*/run.json"))) == 2


def test_more_of_the_same_reuses_what_is_there(suite: Suite, server: LoopbackServer) -> None:
    """A run folder taken up with a higher limit and more repeats asks only what is new."""
    suite.write_rows(30)
    suite.run(server.url, "--eval-limit", "10")
    assert sum(server.seen.prompts.values()) == 10
    result = suite.run(server.url, "--eval-limit", "20", "--eval-repeats", "2")
    assert result.status == 0, result.out
    assert sum(server.seen.prompts.values()) == 40
    assert result.subset()["num"] == 20
    assert result.subset()["repeats"] == 2


def test_zero_is_zero_however_it_is_written(suite: Suite, server: LoopbackServer) -> None:
    """0 and 0.0, 1 and 1.0 are one parameter: nothing that was answered is asked again."""
    suite.write_rows(6)
    suite.run(server.url)
    for pair in (("temperature=0", "top_p=1"), ("temperature=0.0", "max_tokens=64.0")):
        result = suite.run(server.url, *(word for one in pair for word in ("--eval-param", one)))
        assert result.status == 0, result.out + result.err
        assert sum(server.seen.prompts.values()) == 6
    assert server.seen.bodies[0]["max_tokens"] == 64
    assert isinstance(server.seen.bodies[0]["max_tokens"], int)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (["--eval-param", "temperature=0.5"], "temperature 0.0 there, 0.5 here"),
        (["--rows"], "other rows in subset part"),
        (["--version"], "benchmark version 1 there, 2 here"),
    ],
)
def test_another_experiment_is_refused(suite: Suite, server: LoopbackServer, change: list[str], word: str) -> None:
    """Other parameters, data or benchmark version: status 4, the difference named, the folder untouched."""
    suite.write_rows(10)
    suite.run(server.url)
    if change == ["--rows"]:
        suite.write_rows(11)
        change = []
    if change == ["--version"]:
        suite.write_benchmark(BENCHMARK.replace('version="1"', 'version="2"'))
        change = []
    before = _contents(suite.run_dir)
    asked = sum(server.seen.prompts.values())
    result = suite.run(server.url, *change)
    assert result.status == 4
    assert word in result.err, result.err
    assert "--eval-run" in result.err
    assert _contents(suite.run_dir) == before
    assert sum(server.seen.prompts.values()) == asked


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("rows", "with quiz: other rows in subset part"),
        ("version", "with quiz: benchmark version 1 there, 2 here"),
    ],
)
def test_an_unfinished_other_experiment_does_not_block(
    suite: Suite, server: LoopbackServer, change: str, why: str, workers: list[str]
) -> None:
    """A folder that nobody named and that does not fit is left alone: one line says why, and a new folder is made."""
    suite.write_rows(12)
    server.script = lambda body, attempt: Refuse(400) if "Question 3 " in str(body) else key_answer(body, attempt)
    arguments = suite.arguments(server.url, "--eval-max-ungraded", "0", *workers, run=False)
    first = suite.command(*arguments)
    assert first.status == 6, first.out + first.err
    (left,) = suite.path.glob("modeleval-runs/*/*")
    before = _contents(left)
    if change == "rows":
        suite.write_rows(13)
    else:
        suite.write_benchmark(BENCHMARK.replace('version="1"', 'version="2"'))
    server.script = key_answer
    second = suite.command(*arguments)
    assert second.status == 0, second.out + second.err
    said = [line for line in second.out.splitlines() if "holds another experiment" in line]
    assert len(said) == 1, second.out
    assert f"{left.relative_to(suite.path)} holds another experiment {why}" in said[0]
    assert said[0].endswith("It is left alone, and a new run folder is made")
    assert "answers are there already" not in second.out
    assert _contents(left) == before
    folders = sorted(suite.path.glob("modeleval-runs/*/*"))
    assert len(folders) == 2
    assert second.subset()["num"] == (13 if change == "rows" else 12)
    assert json.loads((folders[-1] / "run.json").read_text())["complete"] is True
    # Files for the workers, and folders that were kept ready, are gone.
    assert not [path.name for path in folders[-1].iterdir() if path.name.startswith(("batches", "counts", "stop"))]


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_an_unfinished_run_of_the_same_experiment_is_taken_up(
    suite: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """No second folder is left, under xdist either."""
    suite.write_rows(2)
    server.script = lambda body, attempt: Refuse(400) if "Question 1 " in str(body) else key_answer(body, attempt)
    arguments = suite.arguments(server.url, *workers, run=False)
    assert suite.command(*arguments).status == 6
    server.script = key_answer
    again = suite.command(*arguments)
    assert again.status == 0, again.out + again.err
    assert "1 answer is there already" in again.out
    assert len(list(suite.path.glob("modeleval-runs/*/*"))) == 1


def test_an_unfinished_run_that_cannot_be_written_does_not_block(suite: Suite, server: LoopbackServer) -> None:
    """Its lock cannot be taken: it is left alone with the reason, and a new folder is made."""
    suite.write_rows(4)
    server.script = lambda body, attempt: Refuse(400)
    arguments = suite.arguments(server.url, run=False)
    assert suite.command(*arguments).status == 6
    (left,) = suite.path.glob("modeleval-runs/*/*")
    (left / "run.lock").unlink()
    (left / "run.lock").mkdir()
    server.script = key_answer
    again = suite.command(*arguments)
    assert again.status == 0, again.out + again.err
    assert "cannot write the run folder" in again.out
    assert "It is left alone, and a new run folder is made" in again.out


def test_two_runs_at_once_keep_apart(suite: Suite, server: LoopbackServer) -> None:
    """The same command started while it runs gets a folder of its own; a named folder in use is refused."""
    suite.write_rows(20)
    gate: dict[str, Act] = {}

    def held(body: dict[str, Any], attempt: int) -> Act:
        return gate.get("open") or Answer(delay_s=30.0)

    server.script = held
    arguments = suite.arguments(server.url)
    with suite.start(*arguments) as process:
        until(lambda: server.seen.in_flight == 20)
        result = suite.command(*arguments)
        assert result.status == 4
        assert "in use by another run" in result.err
        kill_group(process)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "run.lock"}
