"""Benchmarks that need likelihoods, in whole runs: over three kinds of servers, resumed, rescored, refused."""

from __future__ import annotations

import json
import re

import pytest

from tests.support import likelihood_server as toy
from tests.support.likelihood_server import ToyModel, expected, toy_model
from tests.support.loopback import LoopbackServer
from tests.support.suites import BENCHMARK, Result, Suite

PAGE = """
from pytest_modeleval import Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders import grade_likelihood
from pytest_modeleval.metrics import mean

def to_sample(row):
    return Sample(question=row.text("question"), choices=row.texts("choices"), target=row.text("answer"))

async def solve(sample, model):
    found = await model.likelihood(sample.question, [f" {choice}" for choice in sample.choices])
    with open("found.txt", "a") as file:
        print(sample.id, [(round(one.logprob, 6), one.tokens, one.is_greedy) for one in found], file=file)
    return found

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample, solve=solve,
           grade=grade_likelihood, needs_likelihood=True, metric="acc_norm", measures=[mean("acc_norm"), mean("acc")])
def test_quiz(grade):
    assert grade, grade.explanation
"""
KINDS = ("vllm", "sglang", "llama.cpp")
ROWS = [
    {"question": "The capital of France is", "choices": ["Paris", "banana", "the Moon itself"], "answer": "A"},
    {"question": "One and", "choices": ["two are three", "Paris"], "answer": "A"},
]


@pytest.fixture
def scoring(suite: Suite) -> Suite:
    """A project whose benchmark scores texts: one of two rows is right."""
    suite.write_benchmark(PAGE)
    suite.write_raw("".join(json.dumps(row) + "\n" for row in ROWS))
    return suite


def run(suite: Suite, server: ToyModel, *more: str) -> Result:
    """Run it against a toy model."""
    arguments = [argument.replace("test-model", toy.MODEL) for argument in suite.arguments(server.url, *more)]
    return suite.command(*arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_server_gives_the_same_sums(scoring: Suite, kind: str) -> None:
    """BOS and the context do not count; tokens and greedy choices are right."""
    with toy_model(kind) as server:
        result = run(scoring, server)
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.5
    # They generate nothing, so no warning about room for an answer is in place.
    assert "max_tokens" not in result.out
    found = dict(line.split(" ", 1) for line in (scoring.path / "found.txt").read_text().splitlines())
    for index, row in enumerate(ROWS):
        question, choices = str(row["question"]), list(row["choices"])
        wanted = [round(expected(question, f" {choice}"), 6) for choice in choices]
        scored = json.loads(re.sub(r"\(|\)", "", found[f"part-000{index}"]).replace("True", "1").replace("False", "0"))
        assert scored[::3] == wanted
    assert "[(-0.7, 1, True)" in found["part-0000"]


def test_a_refused_request_is_sent_again(scoring: Suite) -> None:
    """Before the first sample and after it; each failed attempt is in the journal, and the scores are the same."""
    with toy_model("llama.cpp", toy.FLAKY) as server:
        result = run(scoring, server)
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.5
    attempts = [json.loads(line) for line in (scoring.run_dir / "journal.jsonl").read_text().splitlines()]
    assert {line["cause"] for line in attempts if line["type"] == "attempt"} == {"http_503"}


def test_workers_score_what_one_process_scores(scoring: Suite) -> None:
    """Each worker tries the server once, and the journals hold every score."""
    with toy_model("sglang") as server:
        result = run(scoring, server, "-n", "2")
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_graded_again_without_a_server(scoring: Suite, kind: str) -> None:
    """Rescoring reads every score from the journal; so does resuming, which asks for nothing of a sample again."""
    with toy_model(kind) as server:
        first = run(scoring, server)
        path = {"vllm": "/v1/completions", "sglang": "/generate", "llama.cpp": "/completion"}[kind]
        asked = server.asked[path]
        again = run(scoring, server)
        # The check before the first sample asks anew.
        assert 0 < server.asked[path] - asked < asked
    assert first.status == again.status == 0
    found = (scoring.path / "found.txt").read_text().splitlines()
    rescored = scoring.command(
        "-p",
        "no:cacheprovider",
        f"--eval-data={scoring.path / 'data'}",
        f"--eval-rescore={scoring.run_dir}",
        "test_quiz.py",
    )
    assert rescored.status == 0, rescored.out + rescored.err
    assert rescored.subset()["score"] == 0.5
    assert set((scoring.path / "found.txt").read_text().splitlines()) == set(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", [toy.DROPPED, toy.EQUAL, toy.SHIFTED, toy.ZERO, toy.REVERSED])
def test_wrong_log_probabilities_are_refused_before_the_first_sample(scoring: Suite, kind: str, fault: str) -> None:
    """Status 4 and the reason; nothing is scored."""
    with toy_model(kind, fault) as server:
        result = run(scoring, server)
    assert result.status == 4, result.out + result.err
    assert "cannot be right" in result.err
    assert result.summary is None
    assert not (scoring.path / "found.txt").exists()


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
@pytest.mark.parametrize(("kind", "fault"), [("someone", ""), ("vllm", toy.NO_ROUTE)])
def test_a_server_that_cannot_score_texts_runs_nothing(
    scoring: Suite, kind: str, fault: str, workers: tuple[str, ...]
) -> None:
    """One line says what is needed, and a run of nothing else is not green."""
    with toy_model(kind, fault) as server:
        result = run(scoring, server, *workers)
    assert result.status == 5, result.out + result.err
    assert "not run: quiz: they need log-probabilities of given texts" in result.out
    assert result.summary is None


def test_other_benchmarks_run_where_texts_cannot_be_scored(scoring: Suite, server: LoopbackServer) -> None:
    """One line about the one that is left out; a gate about it cannot be judged, so the run is not green."""
    (scoring.path / "test_other.py").write_text(
        BENCHMARK.replace("SUBSETS", "['part']").replace("quiz", "other"), encoding="utf-8"
    )
    rows = {"question": "[[A]]", "choices": ["a", "b"], "answer": "A"}
    (scoring.path / "data" / "other").mkdir()
    (scoring.path / "data" / "other" / "part.jsonl").write_text(json.dumps(rows) + "\n", encoding="utf-8")
    result = scoring.run(server.url, "test_other.py")
    assert result.status == 0, result.out + result.err
    assert "not run: quiz: they need" in result.out
    assert result.summary is not None
    assert [entry["benchmark"] for entry in result.summary["benchmarks"]] == ["other"]
    gates = scoring.path / "gates.toml"
    gates.write_text('[[gate]]\nname = "quiz"\nbenchmark = "quiz"\nsubset = "part"\nkind = "floor"\nfloor = 0.5\n')
    judged = scoring.run(server.url, "test_other.py", f"--eval-gates={gates}")
    assert judged.status == 6, judged.out + judged.err


def test_a_text_beyond_the_context_is_ungraded(scoring: Suite) -> None:
    """It is not cut, and no score is made up for it."""
    scoring.write_raw(json.dumps({**ROWS[0], "question": "word " * 60}) + "\n" + json.dumps(ROWS[0]) + "\n")
    with toy_model("vllm") as server:
        server.context = 50
        result = run(scoring, server)
    assert result.status == 6, result.out + result.err
    assert result.subset()["num"] == 1
    assert "context_exceeded" in (scoring.run_dir / "journal.jsonl").read_text()
