"""What pytest users expect: selection, -x, --lf, --pdb, --collect-only, reports, every verbosity, no terminal."""

from __future__ import annotations

import os
import pty
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.support.loopback import Act, Answer, LoopbackServer, Refuse
from tests.support.suites import Suite, environment, key_answer, without_times
from tests.support.waiting import until


def test_keyword_selects_before_anything_is_loaded(suite: Suite, server: LoopbackServer) -> None:
    """-k that excludes a benchmark never touches its rows: broken ones do not matter."""
    suite.write_rows(5)
    suite.write_benchmark(subsets=("part", "broken"))
    suite.write_raw("no json\n", subset="broken")
    result = suite.run(server.url, "-k", "part")
    assert result.status == 0, result.out + result.err
    assert result.subset()["num"] == 5
    one = suite.run(server.url, "-k", "part-0003", "--eval-run", "other", run=False)
    assert one.status == 0, one.out
    assert "1 passed" in one.out
    none = suite.run(server.url, "-k", "mmlu", "--eval-run", "third", run=False)
    assert none.status == 5, none.out
    assert not (suite.path / "third").exists()


def test_marker_selects(suite: Suite, server: LoopbackServer) -> None:
    """Marks of the test function work as on any test."""
    suite.write_rows(4)
    source = (
        (suite.path / "test_quiz.py").read_text().replace("@benchmark", "import pytest\n@pytest.mark.slow\n@benchmark")
    )
    suite.write_benchmark(source)
    suite.pytester.makeini("[pytest]\nmarkers =\n    slow: takes long\n")
    assert suite.run(server.url, "-m", "not slow").status == 5
    assert suite.run(server.url, "-m", "slow").status == 0


def test_collect_only_starts_nothing(suite: Suite, server: LoopbackServer) -> None:
    """--collect-only lists the samples, asks no server and makes no folder."""
    suite.write_rows(3)
    result = suite.run(server.url, "--collect-only", "-q")
    assert result.status == 0
    assert "test_quiz.py::test_quiz[part-0002]" in result.out
    assert not server.seen.paths
    assert not suite.run_dir.exists()
    assert not (suite.path / "modeleval-runs").exists()


def test_repeats_have_ids_and_seeds_of_their_own(suite: Suite, server: LoopbackServer) -> None:
    """-r2 names the third repeat; each repeat is a request with another seed, the same in every run."""
    suite.write_rows(2)
    result = suite.run(server.url, "--eval-repeats", "3", "-v")
    assert "test_quiz[part-0001-r2] PASSED" in result.out
    seeds = {body["seed"] for body in server.seen.bodies}
    assert len(server.seen.bodies) == len(seeds) == 6
    server.seen.bodies.clear()
    suite.run(server.url, "--eval-repeats", "3", "--eval-run", "other", run=False)
    assert {body["seed"] for body in server.seen.bodies} == seeds


def _one_refused(body: dict[str, Any], attempt: int) -> Act:
    refused = "Question 3 " in body["messages"][-1]["content"]
    return Refuse(400) if refused else key_answer(body, attempt)


@pytest.mark.parametrize("option", [["-x"], ["--maxfail=1"]])
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_first_error_ends_the_run(suite: Suite, server: LoopbackServer, option: list[str], workers: list[str]) -> None:
    """-x stops at the first sample without a grade; wrong answers do not stop it; the rest is not run."""
    suite.write_rows(300)
    slow = Answer(delay_s=300.0)
    server.script = lambda body, attempt: (
        _one_refused(body, attempt) if int(body["messages"][-1]["content"].split()[1]) < 40 else slow
    )
    with suite.start(*suite.arguments(server.url, *option, *workers)) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode in ((6,) if not workers else (2, 6)), out + err
    summary = suite.summary()
    assert summary is not None
    assert summary["complete"] is False
    counts = summary["benchmarks"][0]["subsets"][0]["counts"]
    assert counts["server_error"] == 1
    assert counts["not_run"] >= 250
    assert "INTERNALERROR" not in out


def test_strict_and_last_failed(suite: Suite, server: LoopbackServer) -> None:
    """--eval-strict with --lf runs the wrong ones again, from the journal; without strict, errors only."""
    suite.write_rows(8)
    arguments = [arg for arg in suite.arguments(server.url, "--eval-strict") if arg not in ("-p", "no:cacheprovider")]
    first = suite.command(*arguments)
    assert first.status == 1
    again = suite.command(*arguments, "--lf")
    assert "2 failed" in again.out, again.out
    assert "6 passed" not in again.out
    assert sum(server.seen.prompts.values()) == 8


def test_debugger_stops_at_an_error_and_quits(suite: Suite, server: LoopbackServer) -> None:
    """--pdb enters the debugger for a strict failure, and q leaves promptly with what was answered kept."""
    suite.write_rows(40)
    arguments = suite.arguments(server.url, "--eval-strict", "--pdb")
    out = _on_a_terminal(suite, arguments, expect=b"(Pdb)", send=b"q\n")
    assert "(Pdb)" in out
    assert "Exiting pytest" in out or "Quitting debugger" in out
    summary = suite.summary()
    assert summary is not None
    assert summary["complete"] is False


def test_wrong_answers_do_not_enter_the_debugger(suite: Suite, server: LoopbackServer) -> None:
    """Without strict a wrong answer is no failure, so --pdb passes it by."""
    suite.write_rows(8)
    assert suite.run(server.url, "--pdb").status == 0


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_junit_has_one_case_for_each_sample(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Counts agree with the elements; kind and grade are properties; no warning is raised."""
    suite.write_rows(20)
    server.script = _one_refused
    result = suite.run(server.url, "--junitxml", "j.xml", "-W", "error", *workers)
    assert result.status == 6, result.out
    root = ET.parse(suite.path / "j.xml").getroot()[0]
    cases = root.findall("testcase")
    names = [case.get("name") for case in cases]
    assert len(names) == len(set(names)) == 20
    assert (root.get("tests"), root.get("errors"), root.get("failures"), root.get("skipped")) == ("20", "1", "0", "5")
    assert len(root.findall("testcase/error")) == 1
    assert len(root.findall("testcase/skipped")) == 5
    kinds = [prop.get("value") for prop in root.iter("property") if prop.get("name") == "kind"]
    assert sorted(map(str, kinds)) == ["right"] * 14 + ["server_error"] + ["wrong"] * 5


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_html_shows_kind_grade_and_the_table(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """pytest-html: every row has kind and credit, the table of scores stands above the results."""
    suite.write_rows(8)
    result = suite.run(server.url, "--html", "r.html", "--self-contained-html", *workers)
    assert result.status == 0, result.out + result.err
    page = (suite.path / "r.html").read_text(encoding="utf-8")
    assert page.index("0.7500") < page.index('id="results-table"')
    assert "Kind" in page
    assert page.count("wrong") >= 2


@pytest.mark.parametrize("options", [["-q"], ["-qq"], ["-v"], ["-vv"], ["--tb=short"], ["--tb=no"], ["-rA"], ["-s"]])
def test_the_table_survives_every_verbosity(suite: Suite, server: LoopbackServer, options: list[str]) -> None:
    """The score table is printed whatever the verbosity; a wrong answer costs one line, never a traceback."""
    suite.write_rows(8)
    result = suite.run(server.url, *options)
    assert result.status == 0, result.out
    assert "0.7500" in result.out
    assert "Traceback" not in result.out
    assert "AssertionError" not in result.out
    if "v" in options[0]:
        assert result.out.count("WRONG") == 2


@pytest.mark.parametrize("plugin", ["terminal", "logging"])
def test_without_a_plugin_of_pytest_the_files_are_written(suite: Suite, server: LoopbackServer, plugin: str) -> None:
    """-p no:terminal, -p no:logging: status and summary as ever."""
    suite.write_rows(8)
    result = suite.run(server.url, "-p", f"no:{plugin}")
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.75


def test_live_line_on_a_terminal(suite: Suite, server: LoopbackServer) -> None:
    """On a terminal a line moves while samples run, and nothing of it is left behind."""
    suite.write_rows(40)
    server.script = lambda body, attempt: Answer(text=key_answer(body, attempt).text, delay_s=0.1)
    out = _on_a_terminal(suite, suite.arguments(server.url, "--eval-in-flight", "4"))
    assert re.search(r"quiz +\d+/40", out), out
    assert "\x1b[2K" in out
    assert "0.7500" in out


def test_other_test_modules_are_left_alone(suite: Suite, server: LoopbackServer) -> None:
    """Without paths on the command line, an evaluation in any folder collects benchmarks only."""
    suite.write_rows(4)
    (suite.path / "test_unit.py").write_text("raise RuntimeError('not for you')\n", encoding="utf-8")
    arguments = [argument for argument in suite.arguments(server.url, "-k", "test_quiz") if argument != "test_quiz.py"]
    result = suite.command(*arguments)
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.75


def test_without_a_model_benchmarks_are_skipped(suite: Suite) -> None:
    """Plain pytest skips a benchmark with a word on how to run it, and makes nothing."""
    suite.write_rows(3)
    result = suite.command("-p", "no:cacheprovider", "-rs")
    assert result.status == 0
    assert "--model NAME" in result.out
    assert not (suite.path / "modeleval-runs").exists()


def test_unused_plugin_changes_nothing(suite: Suite) -> None:
    """A project without benchmarks sees no line, no folder, no fixture and no marker of ours."""
    (suite.path / "test_quiz.py").unlink()
    (suite.path / "test_plain.py").write_text("def test_a():\n    assert True\n", encoding="utf-8")
    with_us = suite.command("-p", "no:cacheprovider", "-p", "no:pytester")
    without = suite.command("-p", "no:cacheprovider", "-p", "no:pytester", "-p", "no:modeleval")
    strip = re.compile(r"in \d+\.\d+s|modeleval-[\d.]+(, )?|=+")
    assert strip.sub("", with_us.out).split() == strip.sub("", without.out).split()
    assert sorted(path.name for path in suite.path.iterdir() if path.name != "__pycache__") == ["test_plain.py"]
    fixtures = suite.command("--fixtures", "-p", "no:cacheprovider")
    assert "modeleval" not in fixtures.out.replace("plugins:", "").split("\n", 4)[-1]


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_same_summary_whatever_the_processes(suite: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """One process and two give the same summary."""
    suite.write_benchmark(subsets=("part", "other"))
    suite.write_rows(50)
    suite.write_rows(30, subset="other")
    plain = suite.run(server.url, "--eval-repeats", "2")
    other = suite.run(server.url, "--eval-repeats", "2", "--eval-run", "second", *workers, run=False)
    assert other.status == 0, other.out
    suite.run_dir = suite.path / "second"
    assert without_times(suite.summary()) == without_times(plain.summary)


def test_in_flight_is_over_all_workers(suite: Suite, server: LoopbackServer) -> None:
    """--eval-in-flight bounds the whole run, also under -n."""
    suite.write_rows(60)
    server.script = lambda body, attempt: Answer(text=key_answer(body, attempt).text, delay_s=0.05)
    assert suite.run(server.url, "--eval-in-flight", "6", "-n", "2").status == 0
    assert 4 <= server.seen.most_in_flight <= 6


def _on_a_terminal(suite: Suite, arguments: list[str], *, expect: bytes = b"", send: bytes = b"") -> str:
    """Run pytest on a pseudo terminal; once `expect` was printed, type `send`."""
    import subprocess
    import sys

    ours, theirs = pty.openpty()
    env = {**environment(suite.path), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=suite.path,
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    try:
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
            if expect and expect in seen:
                os.write(ours, send)
                expect = b""
        until(lambda: process.poll() is not None)
    finally:
        os.close(ours)
    return seen.decode("utf-8", "replace")


@pytest.mark.parametrize("distribution", ["loadscope", "loadfile", "each"])
def test_other_distributions_of_xdist_run_every_item(suite: Suite, server: LoopbackServer, distribution: str) -> None:
    """F40: the run is complete whatever --dist says."""
    suite.write_rows(12)
    result = suite.run(server.url, "-n", "2", "--dist", distribution)
    assert result.status == 0, result.out + result.err
    assert result.subset()["num"] == 12
