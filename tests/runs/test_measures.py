"""Measures that a page declares: rows of the table and of summary.json, the same after resuming and rescoring."""

from __future__ import annotations

import json

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.suites import BENCHMARK, Suite

MEASURED = BENCHMARK.replace(
    "from pytest_modeleval.graders import grade_choice",
    """from pytest_modeleval import Grade
from pytest_modeleval.metrics import f_score, mean, ratio

def grade_choice(sample, response):
    right = response.text.strip()[-1] == sample.target
    values = {"length": float(len(response.text)), "steps": (int(right), 2), "all": (right, 1), "tried": (right, 1)}
    return Grade.right(measures=values) if right else Grade.wrong(measures=values)
""",
).replace(
    "defaults=",
    """metric=METRIC, measures=[ratio("steps"), mean("length", high=None), f_score("f", of=("all", "tried"))],
           defaults=""",
)


def write(suite: Suite, metric: str = "mean_acc") -> None:
    """Eight questions, of which six are answered correctly."""
    suite.write_benchmark(MEASURED.replace("METRIC", repr(metric)))
    suite.write_rows(8)


def rows_of(suite: Suite) -> dict[str, dict[str, float]]:
    """Measure -> its entry in summary.json."""
    summary = json.loads((suite.run_dir / "summary.json").read_text())
    return {entry["name"]: entry for entry in summary["benchmarks"][0]["measures"]}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_each_measure_is_a_row_with_an_interval(suite: Suite, server: LoopbackServer, workers: tuple[str, ...]) -> None:
    """In the table and in summary.json; the score stays that of the grades."""
    write(suite)
    result = suite.run(server.url, *workers)
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.75
    found = rows_of(suite)
    assert found["steps"]["score"] == pytest.approx(6 / 16)
    assert found["f"]["score"] == pytest.approx(0.75)
    assert found["length"]["score"] == pytest.approx(9.0)
    assert found["steps"]["low"] < 6 / 16 < found["steps"]["high"]
    for name in ("steps", "length", "f"):
        assert name in result.out


def test_a_measure_is_the_same_after_rescoring(suite: Suite, server: LoopbackServer) -> None:
    """From the journal alone; and the run goes on without asking again."""
    write(suite)
    suite.run(server.url)
    before, asked = rows_of(suite), len(server.seen.prompts)
    again = suite.run(server.url)
    assert again.status == 0, again.out + again.err
    assert (rows_of(suite), len(server.seen.prompts)) == (before, asked)
    rescored = suite.run(None, f"--eval-rescore={suite.run_dir}", run=False)
    assert rescored.status == 0, rescored.out + rescored.err
    assert rows_of(suite) == before


def test_a_measure_may_be_the_primary_figure(suite: Suite, server: LoopbackServer) -> None:
    """The row of the subset then shows it, and no second row repeats it."""
    write(suite, "f")
    result = suite.run(server.url)
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    assert result.summary["benchmarks"][0]["metric"] == "f"
    assert result.subset()["score"] == pytest.approx(0.75)
    assert "f" not in rows_of(suite)


def test_a_measure_that_is_no_number_is_a_grader_error(suite: Suite, server: LoopbackServer) -> None:
    """Never a score."""
    write(suite)
    text = (suite.path / "test_quiz.py").read_text().replace("float(len(response.text))", "float('nan')")
    suite.write_benchmark(text)
    result = suite.run(server.url)
    assert result.status == 6, result.out + result.err
    assert result.subset()["counts"]["grader_error"] == 8
