"""embedding_check and rerank_check against a scripted server: right, and wired wrongly in every way they look for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import vector_server as toy
from tests.support.likelihood_server import toy_model
from tests.support.suites import Suite
from tests.support.vector_server import VectorServer


class Broken(VectorServer):
    """Shifts the index, makes every answer a little different, hides cuts, loses prefixes, packs other numbers."""

    def _embeddings(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.cut_at = 600
        texts = [text.removeprefix("query: ") for text in body["input"]]
        status, found = super()._embeddings(body | {"input": texts, "encoding_format": "float"})
        count = len(texts)
        for entry in found["data"]:
            entry["index"] = (entry["index"] + 1) % count if count == 5 else entry["index"]
            if count == 3 or len(texts[-1].split()) > 100:
                entry["embedding"] = [value + 0.01 * self.asked["/v1/embeddings"] for value in entry["embedding"]]
            if len(texts[0].split()) > 100:
                entry["embedding"] = [1.0] * len(entry["embedding"])
            if body["encoding_format"] == "base64":
                entry["embedding"] = toy._packed([value * 1.001 for value in entry["embedding"]])
        found["usage"]["prompt_tokens"] = sum(len(text.split()) for text in texts)
        return status, found

    def _rerank(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, found = super()._rerank(path, body)
        for result in found["results"] if status == 200 else ():
            result["relevance_score"] = -result["relevance_score"] + 0.1 * self.asked[path]
        return status, found


@pytest.mark.parametrize(
    ("make", "causes"),
    [
        (VectorServer, {}),
        (
            Broken,
            {
                "order": "wrong_order",
                "repeat": "same_text_differs",
                "batch": "batch_changes_vector",
                "truncation": "cut_unseen",
                "base64": "base64_differs",
                "prefix": "prefix_lost",
                "rerank order": "wrong_order",
                "rerank repeat": "same_pair_differs",
                "relevance": "irrelevant_first",
            },
        ),
    ],
)
def test_the_checks_find_what_is_wrong(suite: Suite, make: type[VectorServer], causes: dict[str, str]) -> None:
    """Eleven right on a right server, with marks; on a broken one each fault has its cause. No vector is journaled."""
    with toy_model("other", make=make) as server:
        at = ["--model", toy.MODEL, "--model-url", server.url, f"--eval-run={suite.run_dir}"]
        result = suite.command("-p", "no:cacheprovider", *at, "-k", "embedding_check or rerank_check")
    lines = [json.loads(line) for line in (suite.run_dir / "journal.jsonl").read_text().splitlines()]
    grades = [line for line in lines if line["type"] == "grade"]
    assert len(grades) == 11, result.out + result.err
    found = {
        ("rerank " if line["subset"] == "rerank" and line["sample"] in ("order", "repeat") else "") + line["sample"]: (
            line["cause"]
        )
        for line in grades
        if line["kind"] == "wrong"
    }
    assert found == causes, result.out
    marks = {mark for line in grades for mark in line.get("marks", ())}
    assert "vectors of 16 numbers have length 1" in marks or make is Broken
    assert '"embedding"' not in json.dumps(lines)
