"""The user's own RAG pipeline, whole program: fixture and endpoint, resuming, rescoring, workers, mistakes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_modeleval.store.journal import journal_lines
from tests.support.loopback import LoopbackServer
from tests.support.suites import Result, Suite

PAGE = """
from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import local

def to_sample(row):
    return Sample(question=row.text("question"))

async def solve(sample, model):
    return await model.rag(sample.question)

async def grade(sample, found, *, judge):
    assert judge is None
    return Grade.right(found.answer) if found.contexts[0].id == "d1" else Grade.wrong(found.answer)

@benchmark(name="piped", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample, solve=solve,
           grade=grade, needs_rag=True, optional_roles=("judge",))
def test_piped(grade):
    assert grade, grade.explanation

@benchmark(name="asked", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample,
           request=lambda sample: Request([]), grade=lambda sample, response: Grade.right())
def test_asked(grade):
    assert grade
"""
CONFTEST = """
import os
from pathlib import Path
import pytest

CALLS = Path(__file__).with_name("calls.txt")

@pytest.fixture(scope="session")
def suffix():
    return "!"

@pytest.fixture(scope="session")
def rag(suffix, tmp_path_factory):
    def ask(question):
        with CALLS.open("a") as file:
            file.write(question + "\\n")
        if question in os.environ.get("FAILS", ""):
            raise RuntimeError("the index is lost")
        return {"contexts": [{"id": "d1", "text": "a passage"}], "answer": question + suffix}
    yield ask
    CALLS.with_name("torn-down.txt").write_text("yes")
"""
FIXTURE = ("--model", "my-rag", "--model-set", "rag.fixture=rag")


@pytest.fixture
def project(suite: Suite) -> Suite:
    """Four questions and a pipeline that is a fixture."""
    suite.write_benchmark(PAGE)
    (suite.path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    suite.write_raw("".join(json.dumps({"question": f"q{number}"}) + "\n" for number in range(4)))
    return suite


def run(suite: Suite, *more: str, env: dict[str, str] | None = None) -> Result:
    """A run with these options in place of a served model's."""
    return suite.command(*suite.arguments(None, *more), env=env)


def calls(suite: Suite) -> list[str]:
    """The questions that the pipeline was asked."""
    file = suite.path / "calls.txt"
    return sorted(file.read_text().split()) if file.exists() else []


def results(suite: Suite) -> list[Any]:
    """What the journal keeps of the pipeline."""
    lines = map(json.loads, journal_lines(suite.run_dir))
    return [line["result"] for line in lines if line["type"] == "tool"]


def test_a_fixture_is_the_pipeline_and_is_called_once_for_each_question(project: Suite) -> None:
    """A failure is ungraded, status 6; the same command, with a worker, asks only for it; rescoring calls nothing."""
    broken = run(project, *FIXTURE, env={"FAILS": "q2"})
    assert broken.status == 6, broken.out + broken.err
    assert broken.subset()["num"] == 3
    assert "the pipeline failed: RuntimeError: the index is lost" in broken.out
    assert "(RAG pipeline: rag)" in broken.out
    assert "not run: asked: my-rag is a RAG pipeline, which answers no chat requests" in broken.out
    assert (project.path / "torn-down.txt").exists()
    assert calls(project) == ["q0", "q1", "q2", "q3"]
    whole = run(project, *FIXTURE, "-n", "1")
    assert whole.status == 0, whole.out + whole.err
    assert whole.subset()["score"] == 1.0
    assert calls(project) == ["q0", "q1", "q2", "q2", "q3"]
    assert {"contexts": [{"id": "d1", "text": "a passage"}], "answer": "q2!"} in results(project)
    (project.path / "conftest.py").unlink()
    rescored = project.command(*project.arguments(None, f"--eval-rescore={project.run_dir}", run=False))
    assert rescored.status == 0, rescored.out + rescored.err
    assert rescored.subset()["num"] == 4
    assert len(calls(project)) == 5


def test_a_served_model_is_evaluated_with_its_pipeline(project: Suite, server: LoopbackServer) -> None:
    """A fixture named rag needs no entry; without one the benchmark is not run, and one line says what is needed."""
    result = run(project, "--model", "test-model", "--model-url", server.url, "-k", "piped")
    assert result.status == 0, result.out + result.err
    (project.path / "conftest.py").unlink()
    absent = run(project, "--model", "test-model", "--model-url", server.url, "-k", "piped")
    assert absent.status == 5
    assert "not run: piped: it needs your RAG pipeline, a fixture 'rag' or [test-model.rag]" in absent.out


@pytest.mark.parametrize(
    ("conftest", "message"),
    [
        ("", "expected a session fixture 'rag', which the profile names as the RAG pipeline, found none"),
        (CONFTEST.replace('(scope="session")', ""), "conftest.py:12: expected the fixture rag to have scope='session'"),
        (CONFTEST.replace('return "!"', "raise OSError('no disk')"), "conftest.py:12: the fixture rag failed: OSError"),
        (CONFTEST.replace("yield ask", "yield 3"), "expected the fixture rag to return a function of one question"),
    ],
    ids=["missing", "scope", "raises", "no function"],
)
def test_mistakes_are_named_before_the_first_question(project: Suite, conftest: str, message: str) -> None:
    """Status 4, one clear error, and no run folder."""
    (project.path / "conftest.py").write_text(conftest, encoding="utf-8")
    arguments = project.arguments(None, *FIXTURE, "-k", "piped")
    result = project.pytester.runpytest_inprocess(*arguments, "-p", "no:randomly")
    assert result.ret == 4
    assert message in " ".join("\n".join([*result.outlines, *result.errlines]).split())
    assert not calls(project)
    assert not (project.run_dir / "journal.jsonl").exists()
