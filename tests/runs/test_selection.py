"""What selects samples is named: the right option, the run that --eval-only looks at, paths of shipped benchmarks."""

from __future__ import annotations

import json

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.suites import BENCHMARK, Suite

PARTIAL = BENCHMARK.replace("grade=grade_choice", "grade=third").replace(
    "def to_request", "def third(sample, reply):\n    return Grade.partial(1 / 3, 'x')\n\ndef to_request"
)


def test_a_marker_that_selects_nothing(suite: Suite, server: LoopbackServer) -> None:
    """The option that selected nothing is named, and no other."""
    suite.write_rows(3)
    result = suite.run(server.url, "-m", "slow")
    assert result.status == 5
    assert "-m 'slow' selects nothing of quiz" in result.out
    both = suite.run(server.url, "-k", "quiz", "-m", "slow")
    assert "-k 'quiz' and -m 'slow' select nothing of quiz" in both.out


def test_a_keyword_that_is_no_expression_reads_no_data(suite: Suite, server: LoopbackServer) -> None:
    """Pytest's own error, although the benchmark's data is missing."""
    (suite.path / "data").mkdir()
    result = suite.run(server.url, "-k", "quiz and")
    assert result.status == 4
    assert "Wrong expression passed to '-k'" in result.err
    assert "no data file" not in result.out + result.err


def test_a_shipped_benchmark_by_its_name_or_a_printed_id(suite: Suite, server: LoopbackServer) -> None:
    """`pytest wiring`, and an id as pytest prints it, mean the shipped page where the project has no such path."""
    for arg in ("wiring", "wiring/test_wiring.py::test_wiring"):
        result = suite.command("--model", "test-model", "--model-url", server.url, "--collect-only", "-q", arg)
        assert result.status == 0, result.out + result.err
        assert "::test_wiring[knowledge-10]" in result.out
    result = suite.command("--model", "test-model", "--model-url", server.url, "nowhere")
    assert "not found" in result.err


NAMED = BENCHMARK.replace("grade=grade_choice", 'sample_id=lambda row: row.text("id"), grade=grade_choice')


@pytest.mark.parametrize(
    ("keyword", "selected"),
    [
        ("id1", {"id1", "id10"}),
        ("id1 and not id10", {"id1"}),
        ("quiz and id2", {"id2"}),
        ("Quiz-3", {"quiz-3"}),
        ("ID2 or quiz-3", {"id2", "quiz-3"}),
        ("nothing_like_it", set()),
    ],
)
def test_a_keyword_may_be_an_id_of_the_data(
    suite: Suite, server: LoopbackServer, keyword: str, selected: set[str]
) -> None:
    """F41: -k by the name that is printed, as for any test."""
    suite.write_benchmark(NAMED)
    names = ["id1", "id2", "id10", "quiz-3"]
    rows = [{"id": name, "question": f"{name} [[A]]", "choices": ["a", "b"], "answer": "A"} for name in names]
    suite.write_raw("".join(json.dumps(row) + "\n" for row in rows))
    result = suite.run(server.url, "-k", keyword)
    assert result.status == (0 if selected else 5), result.out + result.err
    assert {str(prompt).split(" ")[0] for prompt in server.seen.prompts} == selected


def test_partial_credit_is_shown(suite: Suite, server: LoopbackServer) -> None:
    """-v says how much of a wrong answer counted."""
    suite.write_rows(1)
    suite.write_benchmark(PARTIAL.replace("import Request", "import Grade, Request"))
    result = suite.run(server.url, "-v")
    assert "credit 0.33" in result.out, result.out


def test_only_names_the_run_that_it_looks_at(suite: Suite, server: LoopbackServer) -> None:
    """The model's last run, whatever it was about, and how many samples were taken; they are not called suspicious."""
    suite.write_rows(12)
    first = suite.run(server.url, run=False)
    assert first.status == 0, first.out + first.err
    (folder,) = suite.path.glob("modeleval-runs/*/*")
    again = suite.run(server.url, "--eval-only", "wrong", run=False)
    assert f"--eval-only wrong: 3 samples of {folder.relative_to(suite.path)}" in again.out, again.out
    assert again.subset()["score"] == 0.0
    assert "suspicious:" not in again.out
    assert again.subset()["suspicious"] is False
