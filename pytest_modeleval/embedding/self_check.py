"""Which forms of embeddings and rerank a server has, tried on two sentences before the first sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_modeleval.client.route import Ask
from pytest_modeleval.errors import AttemptFailed, ModelEvalError

from .rerank import FORMS, rerank_query
from .vectors import BASE64, FLOAT, Rows, VectorReader, vector_query

TEXTS = ("The cat sleeps on the warm roof.", "Prices of copper rose in spring.")
LEAST_WORDS, MOST_WORDS = 600, 9_000
"""Of the text that a server may cut."""
QUERY = "Where does the cat sleep?"
CLOSE = 0.01
"""Of the length of a vector: how far the same text's vectors of two requests may be apart. They come from other
batches, in 16 bits; base64 of another type or order of bytes is far beyond it."""
_ABSENT = frozenset({"http_400", "http_403", "http_404", "http_405", "http_422", "http_500", "http_501"})


class NoEndpoint(ModelEvalError):
    """The server has no such endpoint, or not for this model."""


async def find_encoding(ask: Ask, model: str, params: Mapping[str, Any]) -> str:
    """BASE64 where the server knows it and it gives the vectors of FLOAT, else FLOAT.

    Raises NoEndpoint, or AttemptFailed where there are no valid vectors.
    """
    try:
        floats = await _vectors(ask, model, params, FLOAT)
    except AttemptFailed as failure:
        if failure.cause in _ABSENT:
            raise NoEndpoint(str(failure)) from failure
        raise
    try:
        packed = await _vectors(ask, model, params, BASE64)
    except AttemptFailed:
        return FLOAT
    return BASE64 if are_close(floats, packed) else FLOAT


async def find_cut(ask: Ask, model: str, params: Mapping[str, Any], context_tokens: int | None) -> int | None:
    """The tokens after which the server cuts a text without a word; None where it was not seen to do so.

    One text of more words than the context has tokens is sent; a server that refuses it cuts nothing.
    """
    words = max(LEAST_WORDS, 2 * (context_tokens or MOST_WORDS))
    if context_tokens and context_tokens >= MOST_WORDS:
        return None
    text = " ".join(["word"] * min(words, MOST_WORDS))
    reader = VectorReader(1)
    try:
        reply = await ask(vector_query([text], model=model, params=params, encoding=FLOAT, reader=reader))
    except AttemptFailed:
        return None
    tokens = (reply.get("usage") or {}).get("prompt_tokens")
    return tokens if tokens and tokens < min(words, MOST_WORDS) else None


def are_close(one: Rows, other: Rows) -> bool:
    """Whether each row is that of the other, but for the noise of batches."""
    if one.shape != other.shape:
        return False
    apart = np.linalg.norm(one - other, axis=1)
    return bool((apart <= CLOSE * np.linalg.norm(one, axis=1)).all())


async def find_rerank_form(ask: Ask, model: str, params: Mapping[str, Any]) -> str:
    """A name of FORMS. Raises NoEndpoint, or AttemptFailed where the server cannot be asked or its scores are wrong."""
    refusals = []
    for name, form in FORMS.items():
        try:
            await ask(rerank_query(form, QUERY, TEXTS, model=model, params=params))
        except AttemptFailed as failure:
            if failure.cause not in _ABSENT:
                raise
            refusals.append(f"{'' if form.is_at_root else '/v1'}{form.path} with `{form.documents}`: {failure}")
        else:
            return name
    raise NoEndpoint("; ".join(refusals))


async def _vectors(ask: Ask, model: str, params: Mapping[str, Any], encoding: str) -> Rows:
    reader = VectorReader(len(TEXTS))
    await ask(vector_query(TEXTS, model=model, params=params, encoding=encoding, reader=reader))
    return reader.rows
