"""Vectors and relevance in whole runs against a scripted server: asked for once, kept, rescored, found out."""

from __future__ import annotations

import json

import pytest

from tests.support import vector_server as toy
from tests.support.likelihood_server import toy_model
from tests.support.suites import Result, Suite
from tests.support.vector_server import VectorServer

PAGE = """
import numpy as np
from pytest_modeleval import Grade, Sample, benchmark
from pytest_modeleval.datasets import local

CORPUS = [f"document {number} speaks of topic{number % 40}" for number in range(100)]
CORPUS += ["", "document 3 speaks of topic3"]

def to_sample(row):
    return Sample(question=row.text("query"), target=row["best"])

async def solve(sample, model):
    corpus = await model.embed_corpus("tiny", lambda: iter(CORPUS), len(CORPUS))
    (query,) = await model.embed([sample.question], kind="query")
    assert corpus.shape == (102, 16) and not corpus.flags.writeable and not corpus[100].any()
    assert (corpus[101] == corpus[3]).all()
    return int(np.argmax(corpus @ query))

def grade(sample, best):
    return Grade.right(str(best)) if best == sample.target else Grade.wrong(str(best))

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample, solve=solve,
           grade=grade, needs_embeddings=True)
def test_quiz(grade):
    assert grade, grade.explanation
"""
ROWS = [{"query": f"which document {number} speaks of topic{number}", "best": number} for number in range(8)]


def run(suite: Suite, server: VectorServer, *more: str) -> Result:
    """Run the page against the server."""
    arguments = [argument.replace("test-model", toy.MODEL) for argument in suite.arguments(server.url, *more)]
    return suite.command(*arguments)


@pytest.fixture
def quiz(suite: Suite) -> Suite:
    """A project whose benchmark searches a corpus of 102 texts, one of them empty and one double."""
    suite.write_benchmark(PAGE)
    suite.write_raw("".join(json.dumps(row) + "\n" for row in ROWS))
    return suite


def test_a_corpus_is_embedded_once_and_rescored_without_a_server(quiz: Suite) -> None:
    """Every text is sent once over all items; the journal holds no vector; rescoring reads the files."""
    with toy_model("other", make=VectorServer) as server:
        result = run(quiz, server)
        assert result.status == 0, result.out + result.err
        assert set(server.answered.values()) == {1}
        assert len(server.answered) == 108
        assert all(body["encoding_format"] == "base64" for body in server.bodies[1:])
        resumed = run(quiz, server)
        assert resumed.status == 0
        assert set(server.answered.values()) == {1}
    journal = (quiz.run_dir / "journal.jsonl").read_text()
    assert '"type":"vectors"' in journal
    assert 'embedding"' not in journal
    rescored = quiz.run(None, f"--eval-rescore={quiz.run_dir}", run=False)
    assert rescored.status == 0, rescored.out
    assert rescored.subset()["score"] == 1.0
