"""Vectors and relevance in whole runs against a scripted server: asked for once, kept, rescored, found out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support import vector_server as toy
from tests.support.likelihood_server import toy_model
from tests.support.suites import Result, Suite, kill_group
from tests.support.vector_server import DIMENSION, VectorServer
from tests.support.waiting import until

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
ROLES_PAGE = """
from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import local

LONG = " ".join(f"word{number}" for number in range(700))

def to_sample(row):
    return Sample(question=row.text("query"))

async def solve(sample, model):
    embedder, reranker = model.role("embedder"), model.role("reranker")
    rows = await embedder.embed([sample.question, "a passage", LONG], kind="query")
    corpus = await embedder.embed_corpus("long ones", lambda: [LONG, LONG + " end", "short"], 3)
    scores = await reranker.rerank(sample.question, ["nothing", sample.question, "a document"])
    return rows.shape, corpus.shape, scores, embedder.vector_marks()

def grade(sample, found):
    rows, corpus, scores, marks = found
    is_right = (rows, corpus) == ((3, 8), (3, 8)) and scores == [0.0, 1.0, 0.5]
    return Grade.right(marks=marks) if is_right else Grade.wrong(str(found))

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample, solve=solve,
           grade=grade, roles=["embedder", "reranker"])
def test_quiz(grade):
    assert grade, grade.explanation
"""
MODELS = """
[emb]
served_names = ["toy-embedder"]
urls = ["URL"]
params = { query_prefix = "query: ", document_prefix = "passage: ", dimensions = 8 }
[rer]
served_names = ["toy-embedder"]
urls = ["URL"]
"""
ROWS = [{"query": f"which document {number} speaks of topic{number}", "best": number} for number in range(8)]


def run(suite: Suite, server: VectorServer, *more: str) -> Result:
    """Run the page against the server."""
    return suite.command(*arguments(suite, server, *more))


def arguments(suite: Suite, server: VectorServer, *more: str) -> list[str]:
    """The command line."""
    return [argument.replace("test-model", toy.MODEL) for argument in suite.arguments(server.url, *more)]


def journal_lines(suite: Suite) -> list[dict[str, Any]]:
    """Of all processes."""
    return [json.loads(line) for line in journal_text(suite).splitlines()]


def journal_text(suite: Suite) -> str:
    """Of all processes."""
    return "".join(path.read_text() for path in sorted(suite.run_dir.glob("journal*.jsonl")))


@pytest.fixture
def quiz(suite: Suite) -> Suite:
    """A project whose benchmark searches a corpus of 102 texts, one of them empty and one double."""
    suite.write_benchmark(PAGE)
    suite.write_raw("".join(json.dumps(row) + "\n" for row in ROWS))
    return suite


def test_a_killed_run_goes_on_and_sends_no_text_twice(quiz: Suite) -> None:
    """Killed with one of two batches answered; two processes go on; rescored without a server, unlike a new corpus."""
    with toy_model("other", make=VectorServer) as server:
        server.stop_after = 1
        process = quiz.start(*arguments(quiz, server))
        until(lambda: server.waiting.is_set() and journal_text(quiz).count('"type":"vectors"') == 1)
        kill_group(process)
        process.communicate()
        server.stop_after = None
        server.released.set()
        result = run(quiz, server, "-n2")
        assert result.status == 0, result.out + result.err
        assert set(server.answered.values()) == {1}
        assert len(server.answered) == 108
        asked = [body for body in server.bodies if "document" in body["input"][0]]
        assert {body["encoding_format"] for body in asked} == {"base64"}
    lines = journal_lines(quiz)
    assert sum(line["texts"] for line in lines if line["type"] == "vectors") == 100
    assert '"embedding"' not in json.dumps(lines)
    rescored = quiz.run(None, f"--eval-rescore={quiz.run_dir}", run=False)
    assert rescored.status == 0, rescored.out
    assert rescored.subset()["score"] == 1.0
    quiz.write_benchmark(PAGE.replace("speaks of topic{", "tells of topic{", 1))
    changed = quiz.run(None, f"--eval-rescore={quiz.run_dir}", run=False)
    assert "no vector of text 0 of corpus tiny" in journal_text(quiz)
    assert changed.subset()["num"] == 0


def test_roles_give_vectors_and_relevance_and_count_cut_texts(quiz: Suite) -> None:
    """Prefixes and dimensions of the profile; texts that the server cut become marks; journaled as of the role."""
    quiz.write_benchmark(ROLES_PAGE)
    quiz.write_raw(json.dumps(ROWS[0]) + "\n")
    with toy_model("other", make=VectorServer) as server:
        server.cut_at, server.rerank = 600, "sglang"
        (quiz.path / "models.toml").write_text(MODELS.replace("URL", server.url))
        result = run(quiz, server, "--eval-role=embedder=emb", "--eval-role=reranker=rer")
        assert result.status == 0, result.out + result.err
        assert "emb cuts texts after 600 tokens without a word" in " ".join(result.out.split())
        sent = {text.partition(" word")[0] for text in server.answered}
        assert sent >= {f"query: {ROWS[0]['query']}", "query: a passage", "query:", "passage: short", "passage:"}
        assert all(body.get("dimensions") == 8 for body in server.bodies if "input" in body)
    lines = journal_lines(quiz)
    (grade,) = [line for line in lines if line["type"] == "grade"]
    assert set(grade["marks"]) == {
        "a query was cut before it was embedded",
        "2 of 3 texts of long ones were cut before they were embedded",
    }
    assert {line["role"] for line in lines if line["type"] in ("response", "vectors")} == {"embedder", "reranker"}
    rescored = quiz.run(None, f"--eval-rescore={quiz.run_dir}", run=False)
    assert rescored.status == 0, rescored.out


def test_a_text_that_is_too_long_is_named_and_cut_where_that_is_wanted(quiz: Suite) -> None:
    """Refused: the corpus has no vectors, and one line says which text it is. With cut_long_texts it is shortened."""
    quiz.write_benchmark(PAGE.replace('CORPUS += [""', 'CORPUS[50] += " x" * 300\nCORPUS += [""'))
    with toy_model("other", make=VectorServer) as server:
        server.most_words = 200
        refused = run(quiz, server)
        assert refused.status == 6
        assert "text 50 of corpus tiny ('document 50 speaks" in refused.out
        assert "--eval-param cut_long_texts=true" in refused.out
        cut = run(quiz, server, "--eval-param", "cut_long_texts=true", "--eval-run", str(quiz.path / "other"))
        assert cut.status == 0, cut.out + cut.err
        (shorter,) = [text for text in server.answered if text.startswith("document 50 ") and " x" in text]
        assert 150 < len(shorter.split()) <= 200


def test_faults_and_missing_endpoints_become_no_scores(quiz: Suite) -> None:
    """NaN in an answer leaves every sample ungraded, with its cause; a server without the endpoint is not asked."""
    with toy_model("other", "zero", make=VectorServer) as server:
        result = run(quiz, server, "--eval-param", f"dimensions={DIMENSION}")
    assert result.status == 6, result.out + result.err
    assert result.subset()["num"] == 0
    assert re.search(r"zero_vector|bad response", result.out)
    with toy_model("other", "absent", make=VectorServer) as server:
        absent = run(quiz, server, "--eval-run", str(quiz.path / "other"))
    assert absent.status == 5
    assert "not run: quiz: they need vectors from /v1/embeddings" in absent.out
