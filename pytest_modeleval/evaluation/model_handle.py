"""What an item sees of the model: chats, likelihoods and tools, each looked up in the journal before it is asked."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from pytest_modeleval.client.body import request_key
from pytest_modeleval.client.route import Ask, Query
from pytest_modeleval.dispatch.balance import prefix_key
from pytest_modeleval.errors import DeclarationError, Ungraded
from pytest_modeleval.evaluation.item_chat import ItemChat, pending_request
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.evaluation.role_handle import RoleHandle
from pytest_modeleval.likelihood.backend import Backend
from pytest_modeleval.likelihood.backends import find_backend
from pytest_modeleval.likelihood.decisions import decision, decision_query
from pytest_modeleval.likelihood.labels import label_query, label_scores
from pytest_modeleval.likelihood.rolling import score_text
from pytest_modeleval.likelihood.scoring import score_continuations
from pytest_modeleval.likelihood_result import LabelScores, Likelihood
from pytest_modeleval.rag.reading import answer_as_json, read_answer
from pytest_modeleval.rag_answer import RagAnswer
from pytest_modeleval.records import ItemKey, JsonObject, Request, Response
from pytest_modeleval.store.requests import compress_body

if TYPE_CHECKING:
    from pytest_modeleval.embedding.vectors import Rows
    from pytest_modeleval.evaluation.embedder import Embedder
    from pytest_modeleval.evaluation.item_runner import ItemRunner
    from pytest_modeleval.stress.plan import PointPlan
    from pytest_modeleval.stress.point import PointResult

# Answers of a proxy that passes chats only.
NO_TOKENIZER = frozenset({"http_401", "http_403", "http_404", "http_405", "http_501"})
T = TypeVar("T")


class ModelHandle:
    """One item's access to the model: for `solve`, and for a single request."""

    def __init__(self, runner: ItemRunner, item: PlannedItem) -> None:
        self._runner = runner
        self._item = item
        self._tool_occurrences: dict[bytes, int] = {}
        self._chat: ItemChat | None = None
        self._roles: dict[str, RoleHandle] = {}
        self.last: Response | None = None
        self.last_key = ""

    @property
    def name(self) -> str:
        """The model, as the user names it."""
        return self._runner.model.name

    @property
    def context_tokens(self) -> int | None:
        return self._runner.model.context_tokens

    @property
    def tool_calls(self) -> str:
        return self._runner.model.tool_calls

    def role(self, name: str) -> RoleHandle:
        benchmark = self._item.plan.benchmark
        if name not in (*benchmark.all_roles, *benchmark.roles_under(self._item.plan.options)):
            raise DeclarationError(
                f"benchmark {benchmark.name}: expected a role of its declaration, found {name!r}; add roles=({name!r},)"
            )
        return self._roles.setdefault(name, RoleHandle(self._runner, self._item.key, name))

    def shared(self, make: Callable[[], T]) -> T:
        if make not in self._runner.shared:
            self._runner.shared[make] = make()
        found: T = self._runner.shared[make]
        return found

    @property
    def prompt_tokens(self) -> int | None:
        context, answer = self._runner.model.context_tokens, self._item.plan.params.get("max_tokens")
        return max(0, context - answer) if context and isinstance(answer, int) else None

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        call = orjson.dumps([name, arguments], option=orjson.OPT_SORT_KEYS)
        suffix = b""
        if not is_of_run:
            occurrence = self._tool_occurrences.get(call, 0)
            self._tool_occurrences[call] = occurrence + 1
            suffix = orjson.dumps([item_fields(self._item.key), occurrence])
        key = hashlib.sha256(call + suffix).hexdigest()
        return await self._runner.use_tool(key, self._item.key, name, arguments, run)

    async def ask(self, request: Request) -> Response:
        """One response, from the journal if it is stored there. Raises Ungraded if none comes."""
        if self._chat is None:
            self._chat = ItemChat(self._runner, self._item.key, self._runner.model, self._item.plan.params)
        response = await self._chat.ask(with_system(request, self._runner.system))
        self.last, self.last_key = response, self._chat.last_key
        return response

    async def count_tokens(self, text: str) -> int | None:
        """The tokens of a text by the server's tokenizer; None where it has none, or keeps it behind a proxy."""
        model = self._runner.model
        backend = find_backend(model.kind, model.served)
        if backend is None:
            return None

        async def count() -> int | None:
            try:
                return len(await backend.tokenize(self._query_unrecorded, text))
            except Ungraded as failure:
                if failure.cause in NO_TOKENIZER:
                    return None
                raise

        arguments = {"sha256": hashlib.sha256(text.encode(errors="replace")).hexdigest()}
        found: int | None = await self.use_tool("count_tokens", arguments, count, is_of_run=True)
        return found

    async def likelihood(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """The likelihood of each continuation. Raises Ungraded where one is missing, see likelihood.scoring."""
        backend, ask = self._scoring("likelihood", context)
        limit = self._runner.model.context_tokens
        return await score_continuations(backend, ask, context, continuations, context_tokens=limit)

    async def text_likelihood(self, text: str, *, prefix: str = "") -> Likelihood:
        """The likelihood of a whole text. Raises Ungraded where it is missing, see likelihood.rolling."""
        backend, ask = self._scoring("text_likelihood", text)
        return await score_text(backend, ask, text, prefix=prefix, context_tokens=self._runner.model.context_tokens)

    def _scoring(self, method: str, text: str) -> tuple[Backend, Ask]:
        """How this server scores texts, and how it is asked. text: the texts of one prefix share a cache."""
        model, benchmark = self._runner.model, self._item.plan.benchmark
        backend = find_backend(model.kind, model.served)
        if not benchmark.needs_likelihood or backend is None:
            raise DeclarationError(
                f"benchmark {benchmark.name}: model.{method} is used without needs_likelihood=True in its declaration"
            )
        prefix = zlib.crc32(text.encode(errors="replace")) if len(model.urls) > 1 else None

        async def ask(query: Query) -> JsonObject:
            return await self._query(query, prefix)

        return backend, ask

    async def label_scores(self, request: Request, labels: Sequence[str]) -> LabelScores:
        """The probabilities of labels as the first token of the reply. Raises Ungraded where one is not listed."""
        runner, plan = self._runner, self._item.plan
        if not plan.benchmark.needs_labels:
            raise DeclarationError(
                f"benchmark {plan.benchmark.name}: model.label_scores needs needs_labels=True in its declaration"
            )
        request = with_system(request, runner.system)
        prefix = prefix_key(request.messages, ()) if len(runner.model.urls) > 1 else None
        return label_scores(await self._query(label_query(request, runner.model.served, plan.params), prefix), labels)

    async def decide(self, text: str, question: str, options: Mapping[str, str]) -> LabelScores:
        """The probabilities of options by the server's own prompt. Raises Ungraded where it gives none."""
        model, plan = self._runner.model, self._item.plan
        if not plan.benchmark.needs_decisions:
            raise DeclarationError(
                f"benchmark {plan.benchmark.name}: model.decide needs needs_decisions=True in its declaration"
            )
        prefix = zlib.crc32(text.encode(errors="replace")) if len(model.urls) > 1 else None
        query = decision_query(model, text, question, options, plan.params)
        return decision(await self._query(query, prefix), options)

    async def rag(self, question: str) -> RagAnswer:
        """The answer of the user's pipeline, from the journal if it is stored there. Raises Ungraded."""
        benchmark = self._item.plan.benchmark
        if not benchmark.needs_rag:
            raise DeclarationError(f"benchmark {benchmark.name}: model.rag needs needs_rag=True in its declaration")

        async def run() -> JsonObject:
            return answer_as_json(await self._runner.pipelines[benchmark.name].ask(question))

        question = question.encode("utf-8", "backslashreplace").decode()
        arguments = {"question": question, "pipeline": self._runner.model.identity}
        return read_answer(await self.use_tool("rag", arguments, run))

    async def embed(self, texts: Sequence[str], *, kind: str = "document", prefix: str | None = None) -> Rows:
        self._check_needs("embed", "needs_embeddings")
        return await self._embedder.embed(texts, kind=kind, prefix=prefix)

    async def embed_corpus(
        self, name: str, texts: Callable[[], Iterable[str]], count: int, *, prefix: str | None = None
    ) -> Rows:
        self._check_needs("embed_corpus", "needs_embeddings")
        return await self._embedder.embed_corpus(name, texts, count, prefix=prefix)

    async def raw_vectors(self, texts: Sequence[str], *, encoding: str = "") -> tuple[Rows, int | None]:
        self._check_needs("raw_vectors", "needs_embeddings")
        return await self._embedder.raw_vectors(texts, encoding=encoding)

    async def raw_scores(self, query: str, documents: Sequence[str]) -> list[float]:
        self._check_needs("raw_scores", "needs_rerank")
        return await self._embedder.raw_scores(query, documents)

    def vector_marks(self) -> tuple[str, ...]:
        return tuple(self._embedder.marks.values())

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        self._check_needs("rerank", "needs_rerank")
        return await self._embedder.rerank(query, documents)

    def _check_needs(self, method: str, declared: str) -> None:
        benchmark = self._item.plan.benchmark
        if not getattr(benchmark, declared):
            raise DeclarationError(
                f"benchmark {benchmark.name}: model.{method} needs {declared}=True in its declaration"
            )

    @cached_property
    def _embedder(self) -> Embedder:
        from pytest_modeleval.evaluation.embedder import Embedder  # noqa: PLC0415 - numpy

        return Embedder(self._runner, self._item.key, self._runner.model, self._item.plan.params)

    async def run_load(self, plan: PointPlan) -> PointResult:
        """The result of an operating point. Raises Ungraded where nothing can be judged."""
        self._check_exclusive("run_load")
        from pytest_modeleval.evaluation.load_point import run_point  # noqa: PLC0415 - few runs measure load

        return await run_point(self._runner, self._item, plan)

    async def search_rate(self, plan: PointPlan, share: float) -> PointResult:
        """The highest rate that keeps the plan's objective. Raises Ungraded where nothing can be judged."""
        self._check_exclusive("search_rate")
        from pytest_modeleval.evaluation.load_point import run_search  # noqa: PLC0415 - few runs measure load

        return await run_search(self._runner, self._item, plan, share)

    def _check_exclusive(self, method: str) -> None:
        benchmark = self._item.plan.benchmark
        if not benchmark.is_exclusive:
            raise DeclarationError(
                f"benchmark {benchmark.name}: model.{method} needs is_exclusive=True in its declaration"
            )

    async def _query(self, query: Query, prefix: int | None) -> JsonObject:
        """The reply to a request that is no chat; the same query has the same reply within the item."""
        runner, key, path = self._runner, self._item.key, query.route.path
        body = orjson.dumps(query.body, option=orjson.OPT_SORT_KEYS)
        hashed = hashlib.sha256(path.encode() + b"\x00" + body)
        journal_key = request_key(hashed, repeat=key.repeat, occurrence=0, identity=runner.model.identity)
        reply = runner.checked_reply(journal_key)
        if reply is None:
            stored_request = {"path": path, **compress_body(body)}
            pending = pending_request(runner, key, journal_key, body, 1, prefix=prefix, route=query.route)
            reply = await runner.ask(pending, key, stored_request, 1)
        self.last_key = journal_key
        return reply

    async def _query_unrecorded(self, query: Query) -> JsonObject:
        """The reply to a request that is no chat; the journal keeps only what is made of it."""
        body = orjson.dumps(query.body)
        key, digest = self._item.key, hashlib.sha256(body).hexdigest()
        pending = pending_request(self._runner, key, digest, body, 1, prefix=None, route=query.route)
        return await self._runner.ask_unrecorded(pending, key)


def with_system(request: Request, system: str) -> Request:
    """The request with a system message in front; the same request if it has one, or system is ""."""
    if not system or any(message.get("role") in ("system", "developer") for message in request.messages):
        return request
    return replace(request, messages=[_system_message(system), *request.messages])


@lru_cache(maxsize=1)
def _system_message(system: str) -> JsonObject:
    """One object for all requests, so that the journal recognises the history of a conversation by identity."""
    return {"role": "system", "content": system}


def item_fields(key: ItemKey) -> JsonObject:
    """The fields of a journal line that name its item."""
    return {"benchmark": key.benchmark, "subset": key.subset, "sample": key.sample, "repeat": key.repeat}
