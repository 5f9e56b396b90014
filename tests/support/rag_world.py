"""Cranfield as a world for RAG with a planted truth: documents assert facts, a BM25 pipeline retrieves and answers.

The pipeline's answer repeats the facts of its first two documents, and asserts one that stands nowhere in every third
question. So each judged measure has a true value, which a judge without errors gives.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pytest_modeleval.metrics import figures, judged_mean
from pytest_modeleval.rag.grading import JUDGED, RagQuestion, grade_rag
from pytest_modeleval.rag.reading import read_answer
from pytest_modeleval.records import ItemKey, Outcome, Request, Response
from pytest_modeleval.retrieval.bm25 import BM25
from tests.support.no_vectors import NoVectors
from tests.support.rag_judge import RagJudge, draw

CONFTEST = """
import json
from pathlib import Path
import pytest

@pytest.fixture(scope="session")
def rag():
    return json.loads(Path(__file__).with_name("answers.json").read_text(encoding="utf-8")).__getitem__
"""
CONTEXTS = 5


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def facts(document: str) -> list[str]:
    """What a document asserts."""
    return [f"fact-{document}{number} holds." for number in (1, 2)]


class World:
    """`count` questions of Cranfield, what the pipeline answers to each, and the true measures."""

    def __init__(self, cranfield: Path, count: int) -> None:
        corpus = read_lines(cranfield / "corpus.jsonl")
        self.ids = [str(entry["_id"]) for entry in corpus]
        self.texts = {
            name: f"{entry['text'][:600]} {' '.join(facts(name))}" for name, entry in zip(self.ids, corpus, strict=True)
        }
        self._index = BM25(entry["text"] for entry in corpus)
        relevant: dict[str, list[str]] = {}
        for line in read_lines(cranfield / "qrels.jsonl"):
            if line["raw"] in (2, 3, 4) and line["corpus-id"] in self.texts:
                relevant.setdefault(str(line["query-id"]), []).append(str(line["corpus-id"]))
        queries = [entry for entry in read_lines(cranfield / "queries.jsonl") if entry["_id"] in relevant]
        self.rows = [self._row(entry["text"], relevant[entry["_id"]]) for entry in queries[:count]]
        self.answers = {row["question"]: self._answer(number, row) for number, row in enumerate(self.rows)}

    def _row(self, query: str, relevant: list[str]) -> dict[str, Any]:
        stated = [fact for document in relevant[:2] for fact in facts(document)]
        return {"question": query, "reference": " ".join(stated), "relevant": relevant}

    def _answer(self, number: int, row: dict[str, Any]) -> dict[str, Any]:
        found = [name for name, _ in self._index.top_k(row["question"], CONTEXTS, self.ids)]
        said = [fact for document in found[:2] for fact in facts(document)]
        invented = [f"fact-99{number} holds."] if number % 3 == 0 else []
        return {
            "contexts": [{"id": name, "text": self.texts[name]} for name in found],
            "answer": " ".join([*said, *invented]),
        }

    def write(self, folder: Path) -> None:
        """Pipeline, questions, and labelled statements to measure the judge by."""
        (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
        (folder / "answers.json").write_text(json.dumps(self.answers), encoding="utf-8")
        _write_lines(folder / "data" / "rag" / "cranfield.jsonl", self.rows)
        _write_lines(folder / "data" / "judge_statements" / "own.jsonl", labelled())

    def truth(self) -> dict[str, float]:
        """Measure -> the figure that a judge without errors gives."""
        outcomes = []
        for number, row in enumerate(self.rows):
            question = RagQuestion(text=row["question"], reference=row["reference"])
            found = read_answer(self.answers[row["question"]])
            grade = asyncio.run(grade_rag(question, found, _Perfect(), k=10, repeats=1))
            outcomes.append(Outcome(ItemKey("rag", "s", str(number)), grade.kind, measures=grade.measures))
        values = {name: figures.figure_of(judged_mean(name), outcomes).value for name in JUDGED}
        return {name: value for name, value in values.items() if value is not None}


class _Perfect(NoVectors):
    """A judge in this process that knows the truth."""

    name = "perfect"
    supports_json_schema = False
    script = RagJudge()

    async def ask(self, request: Request) -> Response:
        return Response(self.script({"messages": request.messages}, 1).text)


def labelled(each: int = 20) -> list[dict[str, Any]]:
    """Rows of judge_statements: `each` for every task, of four things, about half of them true."""
    rows = []
    for number in range(each):
        known = [f"fact-77{number}{place} holds." for place in range(4)]
        truths = [draw("label", number, place) < 0.5 for place in range(4)]
        shown = " ".join(text for text, truth in zip(known, truths, strict=True) if truth)
        rows.append({"task": "support", "contexts": [shown], "statements": known, "labels": truths})
        rows.append(
            {"task": "stated", "question": "q", "statements": known, "answer": shown or "nothing", "labels": truths}
        )
        pairs = zip(known, truths, strict=True)
        passages = [text if truth else f"other-{number} {place}" for place, (text, truth) in enumerate(pairs)]
        reference = shown or "nothing"
        rows.append(
            {"task": "relevance", "question": "q", "reference": reference, "contexts": passages, "labels": truths}
        )
    return rows


def _write_lines(file: Path, rows: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
