"""retrieval, reranking and sts in whole runs against a scripted server: the figures are those of the vectors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks.ranking.first_stage import with_candidates
from benchmarks.retrieval import test_retrieval as retrieval
from benchmarks.sts import test_sts as sts
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.retrieval.beir import BeirReader
from pytest_modeleval.retrieval.bm25 import BM25
from pytest_modeleval.retrieval.metrics import average_precision, ndcg, ranked, recall
from tests.support.likelihood_server import toy_model
from tests.support.suites import Result, Suite
from tests.support.vector_server import MODEL, VectorServer, relevance, vector_of

WORDS = [
    *("wing", "drag", "lift", "plate", "heat", "shock", "cone", "jet", "flow"),
    *("wave", "mach", "wall", "tube", "fin", "nose", "skin", "duct", "vane"),
]
DOCUMENTS = {
    f"d{number}": f"on {WORDS[number % 18]} {WORDS[number * 5 % 18]} {WORDS[number * 7 % 17]} {number}"
    for number in range(40)
}
QUERIES = {f"q{number}": f"what {WORDS[number]} of a {WORDS[number * 5 % 18]}" for number in range(12)}
GAINS = {query: {f"d{number}": 1 + number % 2, f"d{number + 18}": 1, "d3": 0} for number, query in enumerate(QUERIES)}
PAIRS = [(f"{WORDS[n]} {WORDS[n + 1]} a", f"{WORDS[n]} {WORDS[n + 1 + n % 3]} b", 5 - n % 3) for n in range(14)]


def lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """As JSONL."""
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def tiny(suite: Suite) -> Suite:
    """A project with a collection of 41 documents, one of them empty, and pairs of sentences."""
    folder = suite.path / "data" / "tiny"
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": name, "title": "", "text": text} for name, text in DOCUMENTS.items()]
    (folder / "corpus.jsonl").write_text(lines([*documents, {"_id": "empty", "title": "", "text": " "}]))
    asked = {**QUERIES, "q98": "nothing is relevant to this", "q99": "of another split"}
    (folder / "queries.jsonl").write_text(lines({"_id": name, "text": text} for name, text in asked.items()))
    judged = {**GAINS, "q98": {"d1": 0}}
    rows = [f"{query}\t{document}\t{gain}" for query, gains in judged.items() for document, gain in gains.items()]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n")
    (suite.path / "data" / "sts").mkdir()
    pairs = [{"sentence1": first, "sentence2": second, "score": score} for first, second, score in PAIRS]
    (suite.path / "data" / "sts" / "pairs.jsonl").write_text(lines(pairs))
    return suite


def run(suite: Suite, server: VectorServer, names: str, *more: str, folder: str = "run") -> Result:
    """Run shipped benchmarks against the server."""
    suite.run_dir = suite.path / folder
    data, where = f"--eval-data={suite.path / 'data'}", f"--eval-run={suite.run_dir}"
    at = ("-p", "no:cacheprovider", f"--model={MODEL}", f"--model-url={server.url}", data, where)
    return suite.command(*at, "-k", names, *more)


def figures(result: Result) -> dict[str, dict[str, float]]:
    """Benchmark -> measure -> figure, of its only subset."""
    assert result.summary is not None, result.out + result.err
    return {
        entry["benchmark"]: {found["name"]: found["score"] for found in entry["measures"]}
        | {entry["metric"]: entry["subsets"][0]["score"]}
        for entry in result.summary["benchmarks"]
    }


def mean_of(rankings: Mapping[str, list[str]], measure: Any) -> float:
    """Over the queries that have a relevant document."""
    return float(np.mean([measure(rankings[query], gains) for query, gains in GAINS.items()]))


def by_vectors(candidates: Iterable[str], query: str, prefix: str = "") -> list[str]:
    """Documents by the cosine of their vectors; a prefix stands before the document."""
    vector = np.array(vector_of(query))
    return ranked({name: float(vector @ np.array(vector_of(prefix + DOCUMENTS[name]))) for name in candidates})


def test_figures_are_those_of_the_vectors_and_gated_by_queries(tiny: Suite) -> None:
    """All measures of the four benchmarks, what cannot be asked is named; a worse embedder is a regression."""
    baseline, gates = tiny.path / "baseline.json", tiny.path / "gates.toml"
    with toy_model("other", make=VectorServer) as server:
        result = run(tiny, server, "retrieval or reranking or sts", f"--eval-bless={baseline}")
        # The corpus is embedded once, and candidates once more by themselves.
        assert {count for text, count in server.answered.items() if text in DOCUMENTS.values()} <= {1, 2}
        assert {server.answered[text] for text in QUERIES.values()} == {1}
        assert result.status == 0, result.out + result.err
        check_figures(figures(result))
        said = " ".join(result.out.split())
        assert "none of its judged documents is relevant (tiny-q98)" in said
        assert "q99" not in said
        command = ("-m", "pytest_modeleval.cli", "show", str(tiny.run_dir), "--kind", "wrong", "--limit", "40")
        shown = " ".join(tiny.python(*command).out.split())
        assert "request to /embeddings what" in shown
        assert "relevant documents found, at the ranks" in shown
        server.cut_at = 1
        gates.write_text('[[gate]]\nkind = "regression"\nbenchmark = "retrieval"\nmeasure = "recall@10"\nalpha = 0.1\n')
        judged = (f"--eval-gates={gates}", f"--eval-baseline={baseline}")
        worse = run(tiny, server, "retrieval", *judged, folder="worse")
    assert worse.status == 1
    gate = (worse.summary or {})["gates"][0]
    assert (gate["name"], gate["verdict"]) == ("retrieval recall@10 regression", "failed"), worse.out


def check_figures(found: Mapping[str, Mapping[str, float]]) -> None:
    """Of every benchmark, computed from the vectors."""
    dense = {query: by_vectors(DOCUMENTS, text) for query, text in QUERIES.items()}
    assert found["retrieval"]["ndcg@10"] == pytest.approx(mean_of(dense, lambda r, g: ndcg(r, g, 10)), abs=1e-9)
    assert found["retrieval"]["map"] == pytest.approx(mean_of(dense, average_precision), abs=1e-9)
    assert found["retrieval"]["recall@10"] == pytest.approx(mean_of(dense, lambda r, g: recall(r, g, 10)), abs=1e-9)
    index = BM25(DOCUMENTS.values())
    first = {query: [name for name, _ in index.top_k(text, 100, list(DOCUMENTS))] for query, text in QUERIES.items()}
    again = {
        query: ranked({name: relevance(QUERIES[query], DOCUMENTS[name]) for name in names})
        for query, names in first.items()
    }
    embedded = {query: by_vectors(names, QUERIES[query]) for query, names in first.items()}
    for benchmark, rankings in (("reranking", again), ("reranking_by_embedding", embedded)):
        assert found[benchmark]["map"] == pytest.approx(mean_of(rankings, average_precision), abs=1e-9)
        assert found[benchmark]["first_ndcg@10"] == pytest.approx(mean_of(first, lambda r, g: ndcg(r, g, 10)), abs=1e-9)
        assert found[benchmark]["candidates_recall"] == pytest.approx(mean_of(first, recall), abs=1e-9)
    similar = np.array([np.array(vector_of(a)) @ np.array(vector_of(b)) for a, b, _ in PAIRS])
    people = np.array([score for _, _, score in PAIRS], np.float64)
    rank = float(stats.spearmanr(similar.astype(np.float32), people).statistic)
    assert found["sts"]["spearman"] == pytest.approx(max(0.0, rank), abs=1e-6)
    assert found["sts"]["pearson"] == pytest.approx(float(stats.pearsonr(similar, people).statistic), abs=1e-5)


def test_options_prefixes_and_other_first_stages(tiny: Suite) -> None:
    """Candidates of a file and of a second model; prefixes and a cut that are sent; documents that were cut counted."""
    names = {query: ["d20", "d1", "empty", f"d{number}", "d5"] for number, query in enumerate(QUERIES)}
    rows = [{"query-id": query, "corpus-ids": found} for query, found in {**names, "q98": ["d1"]}.items()]
    (tiny.path / "data" / "tiny" / "candidates.jsonl").write_text(lines(rows))
    profiles = tiny.path / "models.toml"
    options = (
        *("retrieval.query_prefix=q ", "retrieval.document_prefix=p ", "retrieval.document_characters=9"),
        *("retrieval.similarity=dot", "retrieval.drop_own_id=true", "reranking.candidates=file", "reranking.depth=3"),
        "reranking_by_embedding.retriever=retriever",
    )
    with toy_model("other", make=VectorServer) as server:
        profiles.write_text(f'[second]\nurls = ["{server.url}"]\nserved_names = ["{MODEL}"]\n')
        given = [f"--eval-option={option}" for option in options]
        result = run(tiny, server, "retrieval or reranking", *given, "--eval-role=retriever=second")
        sent = set(server.answered)
    assert result.status == 0, result.out + result.err
    assert {f"q {QUERIES['q0']}", f"p {DOCUMENTS['d1'][:9]}"} <= sent
    assert "longer than 9 characters and was cut in 12 of 12 items" in " ".join(result.out.split())
    found = figures(result)
    first = {query: [name for name in dict.fromkeys(ids) if name != "empty"][:3] for query, ids in names.items()}
    assert found["reranking"]["candidates_recall"] == pytest.approx(mean_of(first, recall), abs=1e-9)
    dense = {query: by_vectors(DOCUMENTS, text) for query, text in QUERIES.items()}
    expected = mean_of(dense, lambda r, g: ndcg(r, g, 10))
    assert found["reranking_by_embedding"]["first_ndcg@10"] == pytest.approx(expected, abs=1e-9)


def test_data_that_does_not_fit_ends_before_the_first_request(tiny: Suite) -> None:
    """Status 4, with expected, found, where and what to do."""
    qrels = tiny.path / "data" / "tiny" / "qrels" / "test.tsv"
    qrels.write_text(qrels.read_text() + "q1\td99\t1\n")
    with toy_model("other", make=VectorServer) as server:
        result = run(tiny, server, "retrieval")
    assert not server.answered
    assert result.status == 4
    assert "expected every judged document in tiny/corpus.jsonl" in " ".join((result.out + result.err).split())


def test_a_folder_outside_of_the_benchmark_s_own_has_to_be_named(tiny: Suite) -> None:
    """A run of everything takes data/retrieval/own, and not data/tiny, which may be meant for something else."""
    own = tiny.path / "data" / "retrieval" / "own"
    shutil.copytree(tiny.path / "data" / "tiny", own)
    (own / "queries.jsonl").write_text(lines([{"_id": "q0", "text": "what"}]))
    page = Path(retrieval.__file__)
    with toy_model("other", make=VectorServer) as server:
        at = (f"--model={MODEL}", f"--model-url={server.url}", f"--eval-data={tiny.path / 'data'}")
        result = tiny.command("-p", "no:cacheprovider", *at, "--collect-only", "-q", str(page))
    assert "test_retrieval[own-q0]" in result.out
    assert "tiny-q0" not in result.out


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("q1", ["d1"])], "expected candidates for query 'q0'.*candidates=bm25"),
        ([("q0", ["d1", "d77"])], r"found 'd77', in tiny/candidates.jsonl, line 1; correct"),
        ([("q0", ["empty"])], "found none that has a text"),
    ],
)
def test_candidates_that_do_not_fit_are_named(tiny: Suite, rows: list[tuple[str, list[str]]], message: str) -> None:
    """A query without candidates, and a candidate that the corpus lacks."""
    folder = tiny.path / "data" / "tiny"
    (folder / "candidates.jsonl").write_text(lines({"query-id": query, "corpus-ids": ids} for query, ids in rows))
    options = {"candidates": "file", "retriever": "", "depth": 3}
    fields = BeirReader().read(folder, "tiny", options).rows[0]
    with pytest.raises(DataError, match=message):
        with_candidates(Row(fields, subset="tiny", index=0, file="tiny/queries", line=1, options=options))


@pytest.mark.parametrize(("field", "value"), [("sentence1", " "), ("score", "high"), ("score", "nan"), ("score", [1])])
def test_pairs_that_do_not_fit_are_named(field: str, value: Any) -> None:
    """An empty sentence, and a score that is no number."""
    row = {"sentence1": "a", "sentence2": "b", "score": "1.5", field: value}
    with pytest.raises(DataError, match=f"in field '{field}', found .*, in sts/x.jsonl, line 3"):
        sts.to_sample(Row(row, subset="x", index=2, file="sts/x.jsonl", line=3))
