"""One item's requests for vectors and relevance scores, to the model under test or to one in a role."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from pytest_modeleval.client.body import request_key
from pytest_modeleval.embedding.rerank import FORMS, RerankForm, rerank_query, scores_of
from pytest_modeleval.embedding.vectors import FLOAT, Rows, VectorReader, sent_params, vector_query
from pytest_modeleval.errors import DeclarationError, Ungraded
from pytest_modeleval.evaluation.corpus import Corpus, CorpusTexts
from pytest_modeleval.evaluation.item_chat import pending_request
from pytest_modeleval.evaluation.vector_requests import VectorRequests
from pytest_modeleval.evaluation.vector_space import VectorSpace, encode_text
from pytest_modeleval.records import ItemKey, JsonObject, Kind
from pytest_modeleval.server_facts import ModelFacts
from pytest_modeleval.store.requests import compress_body
from pytest_modeleval.vectors.batches import Text, batched

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
        self.model = model
        self._given = params
        self.params = sent_params(params)
        self._role = role
        self.marks: dict[str, str] = {}
        """What was cut of the texts of this item: a sentence for queries, documents and each corpus."""

    @property
    def is_offline(self) -> bool:
        """No server may be asked."""
        return self._runner.make_dispatcher is None

    @property
    def space(self) -> VectorSpace:
        """Where the vectors are."""
        return self._runner.vector_space(self.model.identity, self.params)

    def prefix(self, kind: str, given: str | None) -> str:
        """What stands before each text. given: by the page; None for the one of the profile or --eval-param."""
        if kind not in KINDS:
            raise DeclarationError(f"expected kind 'query' or 'document', found {kind!r:.40}")
        return str(self._given.get(f"{kind}_prefix") or "") if given is None else given

    @property
    def limit(self) -> int | None:
        """The most tokens of a text that the server takes or reads; None where that is not known."""
        known = [tokens for tokens in (self.model.cut_at_tokens, self.model.context_tokens) if tokens]
        return min(known, default=None)

    @property
    def cuts_long_texts(self) -> bool:
        """Texts that the server refuses as too long are shortened."""
        return self._given.get("cut_long_texts") is True

    async def embed(self, texts: Sequence[str], *, kind: str, prefix: str | None) -> Rows:
        """The vectors of texts. Raises Ungraded."""
        prefix = self.prefix(kind, prefix)
        known: dict[bytes, Text] = {}
        keys = []
        for text in texts:
            if not text.strip():
                raise Ungraded("an empty text has no vector", kind=Kind.BAD_RESPONSE, cause="empty_text")
            keys.append(self._enter(prefix + text, known))
        store = self.space.texts
        while missing := [key for key in known if key not in store]:
            if self.is_offline:
                raise not_stored("vectors of these very texts")
            await self._ask_missing(missing, known)
        if any(map(store.is_cut, keys)):
            self.marks[kind] = f"a {kind} was cut before it was embedded"
        return store.rows(keys)

    def _enter(self, text: str, known: dict[bytes, Text]) -> bytes:
        sent, data = encode_text(text)
        key = hashlib.sha256(data).digest()
        known.setdefault(key, Text(key, sent, len(data)))
        return key

    async def _ask_missing(self, missing: Sequence[bytes], known: Mapping[bytes, Text]) -> None:
        """Ask for what no other item is asking for; otherwise wait for one of the others."""
        asked, store = self.space.asked, self.space.texts
        own = [key for key in missing if key not in asked]
        if not own:
            await asyncio.wait([asked[key] for key in missing], return_when=asyncio.FIRST_COMPLETED)
            return

        def keep(batch: Sequence[Text], rows: Rows, flags: Sequence[int]) -> None:
            store.add([text.key for text in batch], rows, flags=flags)

        requests = VectorRequests(self, keep, dimension=lambda: store.dimension)
        done = asyncio.get_running_loop().create_future()
        asked.update(dict.fromkeys(own, done))
        try:
            for batch in batched([known[key] for key in own], self.space.rate, limit=self.limit):
                await requests.ask(batch)
        finally:
            for key in own:
                del asked[key]
            done.set_result(None)

    async def embed_corpus(self, name: str, texts: CorpusTexts, count: int, *, prefix: str | None) -> Rows:
        """The vectors of a corpus, which is embedded once a run. Raises Ungraded."""
        corpus = Corpus(self, name, texts, count, self.prefix("document", prefix))
        known = self.space.corpora
        if corpus.file_name not in known:
            known[corpus.file_name] = asyncio.ensure_future(corpus.vectors())
        rows, cut = await asyncio.shield(known[corpus.file_name])
        if cut:
            self.marks[name] = f"{cut:,} of {count:,} texts of {name} were cut before they were embedded"
        return rows

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """The relevance of each document. Raises Ungraded."""
        if not query.strip() or not all(document.strip() for document in documents):
            raise Ungraded("an empty text has no relevance", kind=Kind.BAD_RESPONSE, cause="empty_text")
        form = FORMS.get(self.model.rerank_form, FORMS["jina"])
        query = encode_text(query)[0]
        sent = [encode_text(document)[0] for document in documents]
        at_once = form.most_documents or len(sent) or 1
        found: list[float] = []
        for start in range(0, len(sent), at_once):
            found += await self._rerank(form, query, sent[start : start + at_once])
        return found

    async def raw_vectors(self, texts: Sequence[str], *, encoding: str) -> tuple[Rows, int | None]:
        """The vectors of one request that neither looks up nor keeps any, and its prompt tokens. Raises Ungraded."""
        reader = VectorReader(len(texts))
        query = vector_query(
            texts, model=self.model.served, params=self.params, encoding=encoding or FLOAT, reader=reader
        )
        reply = await self._ask_raw(query)
        return reader.rows, (reply.get("usage") or {}).get("prompt_tokens")

    async def raw_scores(self, query: str, documents: Sequence[str]) -> list[float]:
        """The scores of one request that neither looks up nor keeps any. Raises Ungraded."""
        form = FORMS.get(self.model.rerank_form, FORMS["jina"])
        asked = rerank_query(form, query, documents, model=self.model.served, params=self.params)
        return scores_of(await self._ask_raw(asked), len(documents))

    async def _ask_raw(self, query: Query) -> JsonObject:
        body = orjson.dumps(query.body)
        key = hashlib.sha256(body).hexdigest()
        pending = pending_request(self._runner, self._key, key, body, None, prefix=None, route=query.route)
        return await self._runner.ask_unrecorded(pending, self._key)

    async def _rerank(self, form: RerankForm, query: str, documents: Sequence[str]) -> list[float]:
        # The same key whatever the form, so that a stored run is rescored without knowing it.
        canonical = orjson.dumps([query, documents, self.params], option=orjson.OPT_SORT_KEYS)
        journal_key = self.journal_key(hashlib.sha256(b"/rerank" + canonical).digest())
        reply = self._runner.checked_reply(journal_key, role=self._role)
        if reply is None:
            asked = rerank_query(form, query, documents, model=self.model.served, params=self.params)
            digests = [hashlib.sha256(document.encode()).hexdigest() for document in documents]
            request = {**self.params, "model": self.model.served, "query": query, "documents_sha256": digests}
            stored = {"path": asked.route.path, **compress_body(orjson.dumps(request))}
            reply = await self.send(asked, orjson.dumps(asked.body), journal_key, stored, None)
        return scores_of(reply, len(documents))

    def journal_key(self, digest: bytes) -> str:
        """The key of a request with this digest."""
        hashed = hashlib.sha256(digest)
        return request_key(hashed, repeat=self._key.repeat, occurrence=0, identity=self.model.identity)

    async def send(
        self,
        query: Query,
        body: bytes,
        journal_key: str,
        stored: JsonObject,
        on_reply: Callable[[JsonObject], None] | None,
    ) -> JsonObject:
        """The reply to a request, journaled as `stored`. Raises Ungraded."""
        pending = pending_request(self._runner, self._key, journal_key, body, None, prefix=None, route=query.route)
        if self._role is not None:
            stored = {"role": self._role.role, **stored}
        try:
            return await self._runner.ask(pending, self._key, stored, None, role=self._role, on_reply=on_reply)
        finally:
            pending.body = b""


def not_stored(what: str) -> Ungraded:
    """What rescoring raises where the run folder lacks something."""
    return Ungraded(f"the stored run has no {what}", kind=Kind.NOT_RUN, cause="not_stored")
