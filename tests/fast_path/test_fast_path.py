"""The fast path (fast_path.fast_path): a run looks the same with it and without it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.loopback import LoopbackServer, Refuse
from tests.support.suites import BENCHMARK, Suite, key_answer

NOTES = """
import json
import pytest

def pytest_runtest_logreport(report):
    if report.when == "call":
        seen = [report.nodeid, report.outcome, list(report.location), sorted(report.keywords), str(report.longrepr),
                report.user_properties, getattr(report, "wasxfail", None)]
        with open("seen.jsonl", "a") as file:
            file.write(json.dumps(seen) + "\\n")
"""
GIVES_MARKS = """
def pytest_configure(config):
    config.addinivalue_line("markers", "few: of the function")
    config.addinivalue_line("markers", "slow: of single samples")

def pytest_collection_modifyitems(items):
    for index in (0, 5):
        items[index].add_marker("slow")
"""
WRAPPER = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    with open("seen.jsonl", "a") as file:
        file.write('"begin"\\n"%s"\\n' % item.name)
    result = yield
    with open("seen.jsonl", "a") as file:
        file.write('"end"\\n')
    return result
"""
WARNS = BENCHMARK.replace("    assert grade", '    import warnings; warnings.warn("careful")\n    assert grade')


def _seen(suite: Suite) -> list[Any]:
    file = suite.path / "seen.jsonl"
    found = [json.loads(line) for line in file.read_text().splitlines()]
    file.unlink()
    return found


def test_both_ways_give_the_same_reports(suite: Suite, server: LoopbackServer) -> None:
    """Ids, places, keywords, outcomes and properties, for right and wrong samples; log_cli asks for the long way."""
    suite.write_rows(40)
    (suite.path / "conftest.py").write_text(NOTES)
    assert suite.run(server.url).status == 0
    short = _seen(suite)
    assert suite.run(server.url, "-o", "log_cli=true", "--eval-run", "other", run=False).status == 0
    assert short == _seen(suite)
    assert {report[1] for report in short} == {"passed", "skipped"}
    assert len({report[0] for report in short}) == len(short) == 40


def test_keywords_are_those_of_the_item(suite: Suite, server: LoopbackServer) -> None:
    """Marks of the function are all samples' own, marks that a project gives to single samples only theirs."""
    suite.write_rows(12)
    suite.write_benchmark("import pytest\n" + BENCHMARK.replace("def test_quiz", "@pytest.mark.few\ndef test_quiz"))
    (suite.path / "conftest.py").write_text(NOTES + GIVES_MARKS)
    assert suite.run(server.url).status == 0
    short = _seen(suite)
    assert suite.run(server.url, "-o", "log_cli=true", "--eval-run", "other", run=False).status == 0
    assert short == _seen(suite)
    assert [index for index, report in enumerate(short) if "slow" in report[3]] == [0, 5]
    assert all("few" in report[3] and report[0].rpartition("::")[2] in report[3] for report in short)


def test_a_plugin_around_items_sees_one_at_a_time(suite: Suite, server: LoopbackServer) -> None:
    """Who wraps the protocol of an item (a timer, say) gets each item in a call of its own, in order."""
    suite.write_rows(40)
    (suite.path / "conftest.py").write_text(WRAPPER)
    assert suite.run(server.url).status == 0
    assert _seen(suite) == [word for index in range(40) for word in ("begin", f"test_quiz[part-{index:04d}]", "end")]


def test_filters_of_warnings_hold_for_every_sample(suite: Suite, server: LoopbackServer) -> None:
    """A warning is shown at the end, or is an error of each sample where the user wants it so."""
    suite.write_rows(40)
    suite.write_benchmark(WARNS)
    shown = suite.run(server.url)
    assert shown.status == 0, shown.out
    assert "UserWarning: careful" in shown.out
    suite.run_dir = suite.path / "other"
    strict = suite.run(server.url, "-W", "error::UserWarning")
    assert strict.status == 6, strict.out
    assert strict.subset()["counts"]["grader_error"] == 40


@pytest.mark.parametrize("most", [1, 3])
def test_maxfail_ends_among_samples_that_are_answered(suite: Suite, server: LoopbackServer, most: int) -> None:
    """Wrong answers under --eval-strict: exactly so many failures, whatever else is answered already."""
    suite.write_rows(40)
    result = suite.run(server.url, "--eval-strict", f"--maxfail={most}")
    assert result.status == 1, result.out
    assert f"{most} failed" in result.out


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_items_that_go_the_ordinary_way_in_several_modules(
    suite: Suite, server: LoopbackServer, workers: tuple[str, ...]
) -> None:
    """An error in one module, then samples on the short way, then an error in the next: each error is only its own."""
    rows = suite.write_rows(12).read_text()
    source = (suite.path / "test_quiz.py").read_text()
    for name in ("second", "third"):
        (suite.path / f"test_{name}.py").write_text(source.replace("quiz", name))
        (suite.path / "data" / name).mkdir()
        (suite.path / "data" / name / "part.jsonl").write_text(rows)
    server.script = lambda body, attempt: (
        Refuse(400) if "Question 5 " in str(body["messages"][-1]["content"]) else key_answer(body, attempt)
    )
    arguments = suite.arguments(server.url, *workers)[:-1]
    result = suite.command(*arguments, "test_quiz.py", "test_second.py", "test_third.py")
    assert result.status == 6, result.out + result.err
    assert "24 passed, 3 errors, 9 wrong" in result.out
    assert result.summary is not None
    for entry in result.summary["benchmarks"]:
        counts = {kind: count for kind, count in entry["subsets"][0]["counts"].items() if count}
        assert counts == {"right": 8, "wrong": 3, "server_error": 1}
