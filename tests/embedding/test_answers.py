"""Answers of embedding and rerank endpoints: in every form, shuffled, and with every fault."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from pytest_modeleval.client.route import Ask, Query
from pytest_modeleval.embedding.rerank import FORMS, rerank_query, scores_of
from pytest_modeleval.embedding.self_check import NoEndpoint, find_encoding, find_rerank_form
from pytest_modeleval.embedding.vectors import VectorReader, sent_params, vector_query
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject, Kind
from tests.support.vector_server import DIMENSION, VectorServer, relevance, vector_of

TEXTS = ["a red fox", "a blue whale swims", "copper-free text"]
QUERY = "which fox is red"


def asked(server: VectorServer) -> Ask:
    """Queries to a scripted server, without HTTP; its answers as bytes, as they come over the wire."""

    async def ask(query: Query) -> JsonObject:
        status, found = server.answer(query.route.url("/v1").replace("//", "/"), query.body)
        if status != 200:
            raise AttemptFailed(str(found), kind=Kind.SERVER_ERROR, cause=f"http_{status}")
        return query.route.reply(json.dumps(found).encode())

    return ask


def answer(server: VectorServer, query: Query) -> JsonObject:
    """The Reply to a query."""

    async def wait() -> JsonObject:
        return await asked(server)(query)

    return asyncio.run(wait())


def embed(server: VectorServer, encoding: str, texts: list[str], dimension: int | None = None) -> Any:
    """The vectors of texts."""
    reader = VectorReader(len(texts), dimension)
    query = vector_query(texts, model="m", params={}, encoding=encoding, reader=reader)
    answer(server, query)
    return reader.rows


@pytest.mark.parametrize("encoding", ["float", "base64"])
@pytest.mark.parametrize("has_base64", [True, False])
def test_vectors_come_in_the_order_of_the_texts(encoding: str, has_base64: bool) -> None:
    """The server answers in reverse order, and may ignore the encoding; the reader goes by index."""
    server = VectorServer()
    server.has_base64 = has_base64
    texts = ["one fish", "two birds fly", "red"]
    assert np.array_equal(embed(server, encoding, texts), np.array([vector_of(text) for text in texts], np.float32))


@pytest.mark.parametrize("encoding", ["float", "base64"])
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("missing_index", "missing_index"),
        ("doubled_index", "doubled_index"),
        ("wrong_index", "wrong_index"),
        ("too_few", "wrong_count"),
        ("too_many", "wrong_index"),
        ("nan", "not_finite"),
        ("infinite", "not_finite"),
        ("zero", "zero_vector"),
        ("shorter", "other_length"),
        ("text", "no_vectors"),
        ("null", "no_vectors"),
    ],
)
def test_a_fault_in_an_answer_of_vectors_has_a_cause(fault: str, cause: str, encoding: str) -> None:
    """No fault becomes a vector."""
    server = VectorServer(fault=fault)
    server.has_base64 = fault in ("nan", "zero", "shorter")
    with pytest.raises(AttemptFailed) as caught:
        embed(server, encoding, ["one fish", "two birds"])
    assert caught.value.cause == cause
    assert caught.value.kind is Kind.BAD_RESPONSE


def test_a_vector_of_another_length_than_before_is_refused() -> None:
    """The length of the first vectors holds for the run."""
    with pytest.raises(AttemptFailed, match="expected 8 numbers"):
        embed(VectorServer(), "float", ["one fish"], dimension=DIMENSION // 2)


@pytest.mark.parametrize(
    "embedding", [[1, "2"], [[0.5, 0.5]], [], {"a": 1}, 3, "A===", "", [True, False], [1e400, 10**400], [0.1, None]]
)
def test_what_is_no_vector_is_refused(embedding: Any) -> None:
    """Any JSON value in place of a list of numbers."""
    with pytest.raises(AttemptFailed):
        VectorReader(1).read({"data": [{"index": 0, "embedding": embedding}]})


@pytest.mark.parametrize("form", ["jina", "sglang", "tei", "root"])
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("", ""),
        ("missing_index", "missing_index"),
        ("doubled_index", "doubled_index"),
        ("wrong_index", "wrong_index"),
        ("too_few", "wrong_count"),
        ("too_many", "wrong_index"),
        ("nan", "not_finite"),
        ("infinite", "not_finite"),
        ("text", "no_scores"),
        ("null", "not_finite"),
    ],
)
def test_scores_of_every_rerank_form_are_right_or_refused(form: str, fault: str, cause: str) -> None:
    """The form is found out; answers sorted by score come back in the order of the documents; faults have a cause."""
    server = VectorServer(fault=fault, rerank=form)
    found = asyncio.run(find_rerank_form(asked(server), "m", {}))
    assert found == ("jina" if form == "sglang" else form)
    query = rerank_query(FORMS[found], QUERY, TEXTS[:2], model="m", params={})
    if not fault:
        assert scores_of(answer(server, query), 2) == [relevance(QUERY, text) for text in TEXTS[:2]]
        return
    with pytest.raises(AttemptFailed) as caught:
        answer(server, query)
    assert caught.value.cause == cause


def test_base64_is_used_only_where_it_gives_the_same_vectors() -> None:
    """A server that ignores the encoding answers with floats: the vectors are right, and base64 may be asked for."""
    assert asyncio.run(find_encoding(asked(VectorServer()), "m", {})) == "base64"

    class Doubles(VectorServer):
        """Packs float64."""

        def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
            """With other bytes in base64."""
            status, found = super().answer(path, body)
            if body.get("encoding_format") == "base64":
                for entry in found["data"]:
                    entry["embedding"] = entry["embedding"][:32] + entry["embedding"][:32] * 2
            return status, found

    assert asyncio.run(find_encoding(asked(Doubles()), "m", {})) == "float"


def test_a_server_without_the_endpoints_is_found_out() -> None:
    """Status 404 everywhere."""
    server = VectorServer(fault="absent", rerank="")
    with pytest.raises(NoEndpoint):
        asyncio.run(find_encoding(asked(server), "m", {}))
    with pytest.raises(NoEndpoint, match="/rerank with `texts`"):
        asyncio.run(find_rerank_form(asked(server), "m", {}))


def test_parameters_of_generation_stay_at_home() -> None:
    """Only what an endpoint of embeddings may know is sent."""
    params = {"temperature": 0.0, "max_tokens": 5, "stream": True, "query_prefix": "q: ", "dimensions": 256}
    assert sent_params(params) == {"dimensions": 256}
