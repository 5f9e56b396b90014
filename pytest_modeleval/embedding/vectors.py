"""POST /v1/embeddings, as OpenAI, vLLM, SGLang, llama.cpp, TEI and Infinity have it: texts become vectors.

Request: {model, input: texts, encoding_format: "float" or "base64", dimensions?}. Answer: data[{index, embedding}] in
any order, embedding a list of numbers or base64 of little-endian float32; usage.prompt_tokens of all texts together.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_modeleval.client.failures import bad_response_error, raise_for_error
from pytest_modeleval.client.reply import plain_reply
from pytest_modeleval.client.route import Query, Route
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import JsonObject

try:
    from pybase64 import b64decode as _b64decode
except ImportError:
    # Of the extra [embeddings]; Python's own takes twenty times as long.
    decode_base64 = partial(binascii.a2b_base64, strict_mode=True)
else:
    decode_base64 = partial(_b64decode, validate=True)

PATH = "/embeddings"
FLOAT, BASE64 = "float", "base64"
MAX_DIMENSION = 65_536
Rows = NDArray[np.float32]
# Parameters of generation, which an endpoint of embeddings does not know, and ours that never leave this program.
_NOT_SENT = frozenset(
    {
        *("temperature", "top_p", "top_k", "min_p", "typical_p", "max_tokens", "max_completion_tokens", "min_tokens"),
        *("max_new_tokens", "seed", "stop", "stop_token_ids", "stream", "stream_options", "n", "logprobs"),
        *("top_logprobs", "presence_penalty", "frequency_penalty", "repetition_penalty", "ignore_eos"),
        *("skip_special_tokens", "separate_reasoning", "reasoning_effort", "chat_template_kwargs", "logit_bias"),
        *("query_prefix", "document_prefix", "cut_long_texts"),
    }
)


def sent_params(params: Mapping[str, Any]) -> JsonObject:
    """Those parameters of a run that go into requests for vectors and scores, such as `dimensions`."""
    return {name: params[name] for name in sorted(params) if name not in _NOT_SENT}


class VectorReader:
    """Reads the answer to one request for the vectors of `count` texts.

    dimension: numbers in each vector; None if any will do, which must be the same for all.
    """

    def __init__(self, count: int, dimension: int | None = None) -> None:
        self._count = count
        self._dimension = dimension
        self.rows: Rows = np.empty((0, 0), np.float32)
        """The vectors in the order of the texts, once `read` has returned."""

    def read(self, found: Mapping[str, Any]) -> JsonObject:
        """The Reply, without the vectors, which are in `rows`. Raises AttemptFailed for an answer with a fault."""
        raise_for_error(found)
        entries = found.get("data")
        if not isinstance(entries, list):
            raise _wrong("a list of vectors in `data`", "none", "no_vectors")
        values = in_order([_entry(entry, "embedding") for entry in entries], self._count, "vector")
        self.rows = _checked(_rows(values, self._dimension))
        return plain_reply(found)

    def forget(self) -> None:
        """Let go of the vectors: the objects of an exchange wait for the garbage collector."""
        self.rows = np.empty((0, 0), np.float32)


def vector_query(
    texts: Sequence[str], *, model: str, params: Mapping[str, Any], encoding: str, reader: VectorReader
) -> Query:
    """A request for the vectors of texts. params: of sent_params."""
    body = {**params, "model": model, "input": list(texts), "encoding_format": encoding}
    # SGLang wants a list of ids for a list of texts.
    return Query(Route(PATH, reader.read, is_strict=True), body)


def in_order(entries: Sequence[tuple[object, Any]], count: int, what: str) -> list[Any]:
    """The values of (index, value) pairs by index. Raises AttemptFailed unless each index from 0 is there once."""
    places: dict[int, Any] = {}
    for index, value in entries:
        if type(index) is not int or not 0 <= index < count:
            cause = "missing_index" if index is None else "wrong_index"
            raise _wrong(f"an index from 0 to {count - 1} with each {what}", f"{str(index)[:20]}", cause)
        if index in places:
            raise _wrong(f"each index once among the {what}s", f"index {index} twice", "doubled_index")
        places[index] = value
    if len(places) != count:
        raise _wrong(f"{count} {what}s", f"{len(places)}", "wrong_count")
    return [places[index] for index in range(count)]


def check_dimension(rows: Rows, dimension: int) -> None:
    """Raise AttemptFailed for vectors of another length than those that came before."""
    if rows.shape[1] != dimension:
        raise _wrong(f"{dimension} numbers in each vector", f"{rows.shape[1]}", "other_length")


def _entry(entry: Any, name: str) -> tuple[object, Any]:
    if not isinstance(entry, dict):
        raise _wrong(f"objects with index and {name}", f"{str(entry)[:40]}", "no_vectors")
    return entry.get("index"), entry.get(name)


def _rows(values: Sequence[Any], dimension: int | None) -> Rows:
    """The vectors, of the given dimension or all of that of the first."""
    if joined := _decode_joined(values, dimension):
        return np.frombuffer(joined, "<f4").reshape(len(values), -1)
    first = _row(values[0], 0)
    dimension = dimension or len(first)
    rows = np.empty((len(values), dimension), np.float32)
    for place, value in enumerate(values):
        row = _row(value, place) if place else first
        if len(row) != dimension:
            raise _wrong(f"{dimension} numbers in each vector", f"{len(row)} in vector {place}", "other_length")
        rows[place] = row
    return rows


def _decode_joined(values: Sequence[Any], dimension: int | None) -> bytes:
    """The bytes of all vectors, if they are base64 of the same length without padding; b"" if not: one by one then."""
    length = len(values[0]) if isinstance(values[0], str) else 0
    if not length or length % 16 or length > MAX_DIMENSION or (dimension and length * 3 != dimension * 16):
        return b""
    if not all(isinstance(value, str) and len(value) == length for value in values):
        return b""
    try:
        return decode_base64("".join(values))
    except ValueError:
        return b""


def _row(value: Any, place: int) -> Rows:
    """One vector."""
    if isinstance(value, str):
        return _decode(value, place)
    # TEI and llama.cpp without pooling nest the vectors of all tokens.
    if not isinstance(value, list) or not 0 < len(value) <= MAX_DIMENSION:
        raise _wrong("a list of numbers or base64 as each embedding", f"{str(value)[:40]} at {place}", "no_vectors")
    if None in value:
        # NaN as many servers write it in JSON.
        raise _wrong("numbers", f"null (NaN) in vector {place}", "not_finite")
    try:
        row = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        row = np.empty((0, 0))
    if row.ndim != 1 or any(isinstance(number, str | bool) for number in value):
        raise _wrong("numbers in each vector", f"other values in vector {place}", "no_vectors")
    with np.errstate(over="ignore"):
        return row.astype(np.float32)


def _decode(text: str, place: int) -> Rows:
    try:
        data = decode_base64(text)
    except ValueError as error:
        raise _wrong("base64", f"{text[:20]!r} as vector {place} ({error})", "no_vectors") from error
    if not data or len(data) % 4 or len(data) > 4 * MAX_DIMENSION:
        raise _wrong("base64 of float32 numbers", f"{len(data)} bytes as vector {place}", "no_vectors")
    return np.frombuffer(data, "<f4")


def _checked(rows: Rows) -> Rows:
    """The rows, if each can be a vector. Raises AttemptFailed."""
    if not np.isfinite(rows).all():
        (place, *_) = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        raise _wrong("finite numbers", f"NaN or infinity in vector {place}", "not_finite")
    for place in np.flatnonzero(~rows.any(axis=1)):
        raise _wrong("a vector with a direction", f"zeros only in vector {place}", "zero_vector")
    return rows


def _wrong(expected: str, found: str, cause: str) -> AttemptFailed:
    # A model that overflows for a text does so again.
    is_retryable = cause not in ("not_finite", "zero_vector")
    return bad_response_error(f"embeddings: expected {expected}, found {found}", cause, is_retryable=is_retryable)
