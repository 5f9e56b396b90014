"""Requests for vectors: a refused batch is asked for by halves, a refused text is cut where the user wants that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from pytest_modeleval.embedding.vectors import FLOAT, PATH, Rows, VectorReader, vector_query
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import JsonObject
from pytest_modeleval.store.requests import compress_body
from pytest_modeleval.vectors.batches import FEWER_TEXTS, Text, shortened
from pytest_modeleval.vectors.vector_file import CUT

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.embedder import Embedder

Keep = Callable[[Sequence[Text], Rows, Sequence[int]], None]
"""Stores vectors of texts with their flags."""
_REFUSALS = frozenset({"context_exceeded", "http_400", "http_413", "http_422"})
_TOO_LONG = frozenset({"context_exceeded", "http_413", "http_422"})
_LEAST_CHARS = 8


class VectorRequests:
    """Asks for batches. keep: called before anything else is sent. dimension: of the vectors that are known; or None.

    corpus: its name, for the journal; "" where the journal keeps the texts themselves.
    """

    def __init__(
        self, embedder: Embedder, keep: Keep, *, dimension: Callable[[], int | None], corpus: str = ""
    ) -> None:
        self._embedder = embedder
        self._keep = keep
        self._dimension = dimension
        self._corpus = corpus

    async def ask(self, batch: Sequence[Text]) -> None:
        """Ask for the vectors of a batch. Raises Ungraded."""
        try:
            await self._send(batch, is_cut=False)
        except Ungraded as refusal:
            if refusal.cause not in _REFUSALS:
                raise
            if len(batch) > 1:
                if len(batch) > FEWER_TEXTS:
                    self._embedder.space.rate.most_texts = FEWER_TEXTS
                middle = (len(batch) + 1) // 2
                for part in (batch[:middle], batch[middle:]):
                    await self.ask(part)
            elif self._embedder.cuts_long_texts and refusal.cause in _TOO_LONG:
                await self._ask_shortened(batch[0])
            else:
                raise self._explained(batch[0], refusal) from refusal

    async def _ask_shortened(self, text: Text) -> None:
        while True:
            text = replace(text, sent=shortened(text.sent))
            try:
                await self._send([text], is_cut=True)
            except Ungraded as refusal:
                if refusal.cause not in _TOO_LONG or len(text.sent) < _LEAST_CHARS:
                    raise self._explained(text, refusal) from refusal
            else:
                return

    def _explained(self, text: Text, refusal: Ungraded) -> Ungraded:
        where = f"text {text.place} of corpus {self._corpus}" if self._corpus else "a text"
        advice = ""
        if refusal.cause in _TOO_LONG and not self._embedder.cuts_long_texts:
            advice = "; --eval-param cut_long_texts=true cuts such texts, and says so"
        return Ungraded(f"{where} ({text.sent[:40]!r}...): {refusal}{advice}", kind=refusal.kind, cause=refusal.cause)

    async def _send(self, batch: Sequence[Text], *, is_cut: bool) -> None:
        embedder, texts = self._embedder, [text.sent for text in batch]
        reader = VectorReader(len(batch), self._dimension())
        query = vector_query(
            texts,
            model=embedder.model.served,
            params=embedder.params,
            encoding=embedder.model.embedding_encoding or FLOAT,
            reader=reader,
        )
        body = orjson.dumps(query.body)
        digest = hashlib.sha256(PATH.encode() + b"".join(text.key for text in batch)).digest()

        def on_reply(reply: JsonObject) -> None:
            tokens = (reply.get("usage") or {}).get("prompt_tokens")
            flags = CUT if is_cut or self._was_cut(batch, tokens) else 0
            self._keep(batch, reader.rows, [flags] * len(batch))
            if not flags:
                embedder.space.rate.add(tokens, sum(text.size for text in batch))

        stored = self._stored(batch, body)
        try:
            await embedder.send(query, body, embedder.journal_key(digest), stored, on_reply)
        finally:
            reader.forget()

    def _was_cut(self, batch: Sequence[Text], tokens: int | None) -> bool:
        """True for a lone text of which the server read fewer tokens than it has words, or as many as it takes."""
        if len(batch) != 1 or not tokens:
            return False
        limit = self._embedder.model.cut_at_tokens
        return (limit is not None and tokens >= limit) or tokens < len(batch[0].sent.split())

    def _stored(self, batch: Sequence[Text], body: bytes) -> JsonObject:
        """What the journal keeps of the request."""
        if not self._corpus:
            return {"path": PATH, **compress_body(body)}
        digest = hashlib.sha256(b"".join(text.key for text in batch)).hexdigest()
        whose: JsonObject = {"type": "vectors", "subset": "", "sample": "", "corpus": self._corpus}
        return {**whose, "texts": len(batch), "sha256": digest}
