"""One item's requests for vectors and relevance scores, to the model under test or to one in a role."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from pytest_modeleval.client.body import request_key
from pytest_modeleval.embedding.rerank import FORMS, RerankForm, rerank_query, scores_of
from pytest_modeleval.embedding.vectors import FLOAT, PATH, Rows, VectorReader, sent_params, vector_query
from pytest_modeleval.errors import DeclarationError, Ungraded
from pytest_modeleval.evaluation.corpus import Corpus, CorpusTexts
from pytest_modeleval.evaluation.item_chat import pending_request
from pytest_modeleval.evaluation.vector_space import VectorSpace, encode_text
from pytest_modeleval.records import ItemKey, JsonObject, Kind
from pytest_modeleval.server_facts import ModelFacts
from pytest_modeleval.store.requests import compress_body
from pytest_modeleval.vectors.batches import batched

if TYPE_CHECKING:
    from pytest_modeleval.client.route import Query
    from pytest_modeleval.evaluation.item_runner import ItemRunner
    from pytest_modeleval.evaluation.role_handle import RoleServer

KINDS = ("query", "document")


class Embedder:
    """Requests of one item. params: of the run, which hold `dimensions` and the prefixes. role: None for the model."""

    def __init__(
        self,
        runner: ItemRunner,
        key: ItemKey,
        model: ModelFacts,
        params: Mapping[str, Any],
        *,
        role: RoleServer | None = None,
    ) -> None:
        self._runner = runner
        self._key = key
        self._model = model
        self._given = params
        self._params = sent_params(params)
        self._role = role

    @property
    def is_offline(self) -> bool:
        """No server may be asked."""
        return self._runner.make_dispatcher is None

    @property
    def space(self) -> VectorSpace:
        """Where the vectors are."""
        return self._runner.vector_space(self._model.identity, self._params)

    def prefix(self, kind: str, given: str | None) -> str:
        """What stands before each text. given: by the page; None for the one of the profile or --eval-param."""
        if kind not in KINDS:
            raise DeclarationError(f"expected kind 'query' or 'document', found {kind!r:.40}")
        return str(self._given.get(f"{kind}_prefix") or "") if given is None else given

    async def embed(self, texts: Sequence[str], *, kind: str, prefix: str | None) -> Rows:
        """The vectors of texts. Raises Ungraded."""
        prefix = self.prefix(kind, prefix)
        known: dict[bytes, tuple[str, int]] = {}
        keys = []
        for text in texts:
            if not text.strip():
                raise Ungraded("an empty text has no vector", kind=Kind.BAD_RESPONSE, cause="empty_text")
            sent, data = encode_text(prefix + text)
            keys.append(hashlib.sha256(data).digest())
            known[keys[-1]] = sent, len(data)
        while missing := [key for key in known if key not in self.space.texts]:
            if self.is_offline:
                raise not_stored("vectors of these very texts")
            await self._ask_missing(missing, known)
        return self.space.texts.rows(keys)

    async def _ask_missing(self, missing: Sequence[bytes], known: Mapping[bytes, tuple[str, int]]) -> None:
        """Ask for what no other item is asking for; otherwise wait for one of the others."""
        asked = self.space.asked
        own = [key for key in missing if key not in asked]
        if not own:
            await asyncio.wait([asked[key] for key in missing], return_when=asyncio.FIRST_COMPLETED)
            return
        done = asyncio.get_running_loop().create_future()
        asked.update(dict.fromkeys(own, done))
        try:
            for batch in batched([((key, known[key][0]), known[key][1]) for key in own], self.space.rate):
                await self._ask_texts([key for key, _ in batch], [text for _, text in batch])
        finally:
            for key in own:
                del asked[key]
            done.set_result(None)

    async def _ask_texts(self, keys: Sequence[bytes], texts: Sequence[str]) -> None:
        store = self.space.texts

        def keep(rows: Rows, reply: JsonObject) -> None:
            store.add(keys, rows, flags=[0] * len(keys))

        await self.ask_vectors(texts, keys, keep, dimension=store.dimension)

    async def ask_vectors(
        self,
        texts: Sequence[str],
        keys: Sequence[bytes],
        keep: Callable[[Rows, JsonObject], None],
        *,
        dimension: int | None,
        corpus: JsonObject | None = None,
    ) -> None:
        """Send one request and store its vectors before anything else is sent. Raises Ungraded.

        keep: stores the vectors, given the Reply. dimension: None if it is not known yet. corpus: what the journal
        says of texts of a corpus; None where it keeps the texts themselves.
        """
        reader = VectorReader(len(texts), dimension)
        query = vector_query(
            texts,
            model=self._model.served,
            params=self._params,
            encoding=self._model.embedding_encoding or FLOAT,
            reader=reader,
        )
        body = orjson.dumps(query.body)
        hashed = hashlib.sha256(PATH.encode() + b"".join(keys))
        stored = {"path": PATH, **compress_body(body)} if corpus is None else corpus
        length = sum(map(len, texts))

        def on_reply(reply: JsonObject) -> None:
            keep(reader.rows, reply)
            self.space.rate.add((reply.get("usage") or {}).get("prompt_tokens"), length)

        await self._send(query, body, self._journal_key(hashed.digest()), stored, on_reply)

    async def embed_corpus(self, name: str, texts: CorpusTexts, count: int, *, prefix: str | None) -> Rows:
        """The vectors of a corpus, which is embedded once a run. Raises Ungraded."""
        corpus = Corpus(self, name, texts, count, self.prefix("document", prefix))
        known = self.space.corpora
        if corpus.file_name not in known:
            known[corpus.file_name] = asyncio.ensure_future(corpus.vectors())
        return await asyncio.shield(known[corpus.file_name])

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """The relevance of each document. Raises Ungraded."""
        if not query.strip() or not all(document.strip() for document in documents):
            raise Ungraded("an empty text has no relevance", kind=Kind.BAD_RESPONSE, cause="empty_text")
        form = FORMS.get(self._model.rerank_form, FORMS["jina"])
        query = encode_text(query)[0]
        sent = [encode_text(document)[0] for document in documents]
        at_once = form.most_documents or len(sent) or 1
        found: list[float] = []
        for start in range(0, len(sent), at_once):
            found += await self._rerank(form, query, sent[start : start + at_once])
        return found

    async def _rerank(self, form: RerankForm, query: str, documents: Sequence[str]) -> list[float]:
        # The same key whatever the form, so that a stored run is rescored without knowing it.
        canonical = orjson.dumps([query, documents, self._params], option=orjson.OPT_SORT_KEYS)
        journal_key = self._journal_key(hashlib.sha256(b"/rerank" + canonical).digest())
        reply = self._runner.checked_reply(journal_key, role=self._role)
        if reply is None:
            asked = rerank_query(form, query, documents, model=self._model.served, params=self._params)
            digests = [hashlib.sha256(document.encode()).hexdigest() for document in documents]
            request = {**self._params, "model": self._model.served, "query": query, "documents_sha256": digests}
            stored = {"path": asked.route.path, **compress_body(orjson.dumps(request))}
            reply = await self._send(asked, orjson.dumps(asked.body), journal_key, stored, None)
        return scores_of(reply, len(documents))

    def _journal_key(self, digest: bytes) -> str:
        hashed = hashlib.sha256(digest)
        return request_key(hashed, repeat=self._key.repeat, occurrence=0, identity=self._model.identity)

    async def _send(
        self,
        query: Query,
        body: bytes,
        journal_key: str,
        stored: JsonObject,
        on_reply: Callable[[JsonObject], None] | None,
    ) -> JsonObject:
        pending = pending_request(self._runner, self._key, journal_key, body, None, prefix=None, route=query.route)
        if self._role is not None:
            stored = {"role": self._role.role, **stored}
        return await self._runner.ask(pending, self._key, stored, None, role=self._role, on_reply=on_reply)


def not_stored(what: str) -> Ungraded:
    """What rescoring raises where the run folder lacks something."""
    return Ungraded(f"the stored run has no {what}", kind=Kind.NOT_RUN, cause="not_stored")
