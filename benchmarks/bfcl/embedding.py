"""What turns texts into vectors for BFCL's vector memory: an endpoint of OpenAI's format, or a small model here.

    MODELEVAL_EMBEDDING          embedded (all-MiniLM-L6-v2 on this CPU, upstream's model), or an address: http://host/v1
    MODELEVAL_EMBEDDING_MODEL    the model that the endpoint is asked for (all-MiniLM-L6-v2)
    MODELEVAL_EMBEDDING_KEY_ENV  the variable that holds its key, if it wants one

Nothing is a default: a score depends on the model, and the embedded one has to be fetched (85 MB).
"""

from __future__ import annotations

import asyncio
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from pytest_modeleval._support.retry import RetryLater, retry_async
from pytest_modeleval.errors import DataError, SettingsError, Ungraded
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Kind

if TYPE_CHECKING:
    import httpx

EMBEDDING = "MODELEVAL_EMBEDDING"
EMBEDDING_MODEL, EMBEDDING_KEY_ENV = "MODELEVAL_EMBEDDING_MODEL", "MODELEVAL_EMBEDDING_KEY_ENV"
DEFAULT_MODEL = "all-MiniLM-L6-v2"
MISSING = f"no embedding model is set; set {EMBEDDING} to embedded, or to an address such as http://localhost:8000/v1"
TIMEOUT_S = 60.0
# Waits between the attempts for one text, seconds.
WAITS_S = (0.5, 2.0, 8.0)
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EmbeddingConfig:
    """What is set. url: "" for the embedded model. model: whose vectors they are. missing: what has to be set."""

    url: str = ""
    model: str = DEFAULT_MODEL
    key: str = ""
    missing: str = ""

    def __repr__(self) -> str:
        return f"EmbeddingConfig({self.url or 'embedded'!r}, {self.model!r})"

    @property
    def variant(self) -> str:
        """With what the subset is asked, for the plan: another model's vectors are another experiment."""
        return "" if self.missing else self.model


def read_embedding_config(environ: Mapping[str, str] | None = None) -> EmbeddingConfig:
    """The choice that the environment makes. Raises SettingsError for a value that is none."""
    given = os.environ if environ is None else environ
    chosen = given.get(EMBEDDING, "").strip()
    model = given.get(EMBEDDING_MODEL, "").strip()
    key_env = given.get(EMBEDDING_KEY_ENV, "").strip()
    if not chosen:
        return EmbeddingConfig(missing=MISSING)
    if chosen == "embedded":
        if model not in ("", DEFAULT_MODEL):
            raise SettingsError(
                f"{EMBEDDING_MODEL}: expected {DEFAULT_MODEL} or nothing with the embedded model, found {model!r}"
            )
        return EmbeddingConfig()
    if not _is_web_url(chosen):
        raise SettingsError(
            f"{EMBEDDING}: expected embedded or an address such as http://localhost:8000/v1, found {chosen!r}"
        )
    return EmbeddingConfig(chosen.rstrip("/"), model or DEFAULT_MODEL, _read_key(given, key_env) if key_env else "")


def _read_key(given: Mapping[str, str], key_env: str) -> str:
    """The key in the variable that key_env names. Raises SettingsError where it is not set."""
    key = given.get(key_env, "").strip()
    if not key:
        raise SettingsError(f"{EMBEDDING_KEY_ENV}: expected a variable that holds the key, but {key_env} is not set")
    return key


class Embedder:
    """Gives vectors of length 1, each text's once per run, and journaled, so that rescoring needs no model."""

    def __init__(self) -> None:
        self._choice = read_embedding_config()
        self._known: dict[str, list[float]] = {}
        self._client: httpx.Client | None = None

    async def vectors(self, texts: Sequence[str], model: Model) -> list[list[float]]:
        """One vector for each text, in order. Raises Ungraded if the endpoint does not return them."""
        for text in dict.fromkeys(texts):
            if text not in self._known:
                given = {"model": self._choice.model, "text": text}

                async def fetch(text: str = text) -> list[float]:
                    return await self._fetch(text)

                self._known[text] = await model.use_tool("embedding", given, fetch, is_of_run=True)
        return [self._known[text] for text in texts]

    def close(self) -> None:
        """Give the connections back."""
        if self._client is not None:
            self._client.close()

    async def _fetch(self, text: str) -> list[float]:
        if self._choice.missing:
            raise _failed(self._choice.missing)
        if not self._choice.url:
            from .minilm import embed  # noqa: PLC0415 - scipy, 91 MB of weights

            try:
                return (await asyncio.to_thread(embed, [text]))[0]
            except DataError as error:
                raise _failed(str(error)) from error
        try:
            return await retry_async(lambda: asyncio.to_thread(self._post, text), WAITS_S)
        except RetryLater as last:
            raise _failed(f"{last} ({len(WAITS_S) + 1} attempts)") from last

    def _post(self, text: str) -> list[float]:
        import httpx  # noqa: PLC0415 - only where an endpoint is asked

        if self._client is None:
            self._client = httpx.Client(timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/json"}
        if self._choice.key:
            headers["Authorization"] = f"Bearer {self._choice.key}"
        body = orjson.dumps({"model": self._choice.model, "input": [text], "encoding_format": "float"})
        try:
            with self._client.stream("POST", f"{self._choice.url}/embeddings", content=body, headers=headers) as answer:
                raw = self._read(answer)
                status = answer.status_code
        except httpx.HTTPError as error:
            raise RetryLater(f"{self._choice.url} does not answer: {type(error).__name__}") from error
        if status == 429 or status >= 500:
            raise RetryLater(f"{self._choice.url} answers with status {status}")
        if status != 200:
            raise _failed(f"{self._choice.url} answers with status {status}: {raw[:200].decode('utf-8', 'replace')}")
        return unit_vector(_first_vector(raw))

    def _read(self, answer: httpx.Response) -> bytes:
        """The body. Raises Ungraded where it is longer than MOST_BYTES."""
        raw = b""
        for piece in answer.iter_bytes():
            raw += piece
            if len(raw) > MOST_BYTES:
                raise _failed(f"{self._choice.url} sent more than {MOST_BYTES} bytes")
        return raw


def _first_vector(raw: bytes) -> list[float]:
    try:
        vector = orjson.loads(raw)["data"][0]["embedding"]
        return [float(number) for number in vector]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise _failed(f"expected data[0].embedding, a list of numbers, found {raw[:200]!r}") from error


def unit_vector(vector: Sequence[float]) -> list[float]:
    """The vector with length 1. Raises Ungraded if it has no direction."""
    length = sum(number * number for number in vector) ** 0.5
    if not 0 < length < float("inf"):
        raise _failed(f"expected a vector that is not 0, found one of {len(vector)} numbers and length {length}")
    return [number / length for number in vector]


def _failed(why: str) -> Ungraded:
    return Ungraded(f"the vector memory has no embeddings: {why}", kind=Kind.SERVER_ERROR, cause="embedding_failed")


def _is_web_url(text: str) -> bool:
    try:
        parts: Any = urllib.parse.urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
