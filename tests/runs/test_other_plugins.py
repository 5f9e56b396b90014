"""Plugins that many projects have: each with a run of its own, in its newest release."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import BENCHMARK, Result, Suite, key_answer, without_plugins

WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])


def run_with(suite: Suite, plugin: str, url: str, *options: str, run: str = "run") -> Result:
    """A run in which this plugin takes part."""
    module = {"randomly": "pytest_randomly", "rerunfailures": "pytest_rerunfailures", "timeout": "pytest_timeout"}
    if importlib.util.find_spec(module.get(plugin, plugin)) is None:
        pytest.skip(f"{module.get(plugin, plugin)} is not installed")
    suite.run_dir = suite.path / run
    return suite.command(*suite.arguments(url, *options), env={"PYTEST_ADDOPTS": without_plugins(plugin)})


@WORKERS
@pytest.mark.parametrize("option", ["--reruns", "--force-reruns"])
def test_reruns_are_refused_before_anything_is_asked(
    suite: Suite, server: LoopbackServer, option: str, workers: tuple[str, ...]
) -> None:
    """Asking until it is right is no score: status 4 and the reason, no request."""
    suite.write_rows(4)
    result = run_with(suite, "rerunfailures", server.url, option, "2", *workers)
    assert result.status == 4, result.out + result.err
    assert f"{option} 2 (pytest-rerunfailures) is not for samples" in result.err
    assert "best of several answers, which is no score" in result.err
    assert not server.seen.prompts
    assert "Traceback" not in result.err


def test_reruns_by_ini_key_or_mark_are_refused_and_can_be_switched_off(suite: Suite, server: LoopbackServer) -> None:
    """The ini key names its file and the way out, --reruns 0; a mark on the benchmark is refused as well."""
    suite.write_rows(4)
    suite.pytester.makeini("[pytest]\nreruns = 3\n")
    result = run_with(suite, "rerunfailures", server.url)
    assert result.status == 4, result.out + result.err
    assert "reruns = 3 in" in result.err
    assert "Add --reruns 0 to this command" in result.err
    assert run_with(suite, "rerunfailures", server.url, "--reruns", "0").status == 0
    assert sum(server.seen.prompts.values()) == 4
    (suite.path / "tox.ini").unlink()
    suite.write_benchmark(BENCHMARK.replace("@benchmark", "import pytest\n@pytest.mark.flaky(reruns=2)\n@benchmark"))
    marked = run_with(suite, "rerunfailures", server.url, run="other")
    assert marked.status == 4, marked.out + marked.err
    assert "has the mark flaky" in marked.err
    assert sum(server.seen.prompts.values()) == 4


@WORKERS
def test_rerunfailures_that_is_only_installed_changes_nothing(
    suite: Suite, server: LoopbackServer, workers: tuple[str, ...]
) -> None:
    """The same outcomes as without it."""
    suite.write_rows(12)
    result = run_with(suite, "rerunfailures", server.url, *workers)
    assert result.status == 0, result.out + result.err
    assert "9 passed, 3 wrong" in result.out
    assert "rerun" not in result.out.partition("model evaluation")[2]


@WORKERS
def test_timeout_does_not_count_the_waiting_for_an_answer(
    suite: Suite, server: LoopbackServer, workers: tuple[str, ...]
) -> None:
    """A server that takes longer than the limit spoils nothing: the limit is for the test, not for the model."""
    suite.write_rows(4)
    server.script = lambda body, attempt: Answer(text=key_answer(body, attempt).text, delay_s=1.5)
    result = run_with(suite, "timeout", server.url, "--timeout", "1", *workers)
    assert result.status == 0, result.out + result.err
    assert "3 passed, 1 wrong" in result.out


SLOW = """
    import threading
    if "Question 1 " in sample.question:
        threading.Event().wait(60)
    assert grade, grade.explanation
"""


@WORKERS
def test_a_test_body_that_hits_the_limit_is_no_wrong_answer(
    suite: Suite, server: LoopbackServer, workers: tuple[str, ...]
) -> None:
    """What pytest-timeout ends has no verdict: an error of the grader, outside of the score, status 6."""
    suite.write_rows(4)
    suite.write_benchmark(
        BENCHMARK.replace("def test_quiz(grade)", "def test_quiz(grade, sample)").replace(
            "\n    assert grade, grade.explanation\n", SLOW
        )
    )
    result = run_with(suite, "timeout", server.url, "--timeout", "1", *workers)
    assert result.status == 6, result.out + result.err
    counts = result.subset()["counts"]
    assert {kind: count for kind, count in counts.items() if count} == {"right": 2, "wrong": 1, "grader_error": 1}


def test_an_answer_cannot_pretend_to_be_a_timeout(suite: Suite, server: LoopbackServer) -> None:
    """A body that fails with pytest-timeout's own words is a wrong answer all the same."""
    suite.write_rows(4)
    suite.write_benchmark(
        BENCHMARK.replace(
            "    assert grade, grade.explanation",
            "    import pytest\n    pytest.fail('Timeout (>1.0s) from pytest-timeout.')",
        )
    )
    result = run_with(suite, "timeout", server.url)
    assert result.subset()["counts"]["wrong"] == 4


@WORKERS
def test_random_order_asks_the_same_and_scores_the_same(
    suite: Suite, server: LoopbackServer, workers: tuple[str, ...]
) -> None:
    """Whatever the order, every request has the body it would have had, its seed included, and the summary is equal."""

    def asked() -> set[str]:
        bodies = {json.dumps(body, sort_keys=True) for body in server.seen.bodies}
        assert len(bodies) == len(server.seen.bodies) == 40
        server.seen.bodies.clear()
        return bodies

    suite.write_rows(20)
    plain = suite.run(server.url, "--eval-repeats", "2")
    in_order = asked()
    summaries: list[dict[str, Any] | None] = [plain.summary]
    for seed in ("1", "2"):
        shuffled = run_with(
            suite, "randomly", server.url, "--eval-repeats", "2", "--randomly-seed", seed, *workers, run=seed
        )
        assert shuffled.status == 0, shuffled.out + shuffled.err
        assert asked() == in_order
        summaries.append(shuffled.summary)
    assert summaries[0] is not None
    assert all(found is not None and found["benchmarks"] == summaries[0]["benchmarks"] for found in summaries)


@WORKERS
def test_coverage_sees_the_benchmark(suite: Suite, server: LoopbackServer, workers: tuple[str, ...]) -> None:
    """pytest-cov measures the test body and what the asking thread calls, and changes no outcome."""
    suite.write_rows(8)
    result = run_with(
        suite, "pytest_cov", server.url, "--cov", ".", "--cov-report", "json:cov.json", "--cov-report", "", *workers
    )
    assert result.status == 0, result.out + result.err
    assert "6 passed, 2 wrong" in result.out
    found = json.loads((suite.path / "cov.json").read_text())["files"]["test_quiz.py"]
    assert found["missing_lines"] == []
    assert found["summary"]["covered_lines"] > 5
