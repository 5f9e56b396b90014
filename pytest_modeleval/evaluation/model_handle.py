"""What an item sees of the model: chats, likelihoods and tools, each looked up in the journal before it is asked."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from pytest_modeleval.client.body import encode_body, request_key, seed_of
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.client.route import CHAT, Query, Route
from pytest_modeleval.dispatch.attempt import PendingRequest
from pytest_modeleval.dispatch.balance import prefix_key
from pytest_modeleval.dispatch.idle_timeout import sample_limit_s
from pytest_modeleval.errors import DeclarationError
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.evaluation.role_handle import RoleHandle
from pytest_modeleval.likelihood.backends import find_backend
from pytest_modeleval.likelihood.scoring import score_continuations
from pytest_modeleval.likelihood_result import Likelihood
from pytest_modeleval.records import ItemKey, JsonObject, Request, Response
from pytest_modeleval.store.requests import compress_body, compress_request

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.item_runner import ItemRunner

THREAD_FROM_CHARS = 256 * 1024
T = TypeVar("T")


class ModelHandle:
    """One item's access to the model: for `solve`, and for a single request."""

    def __init__(self, runner: ItemRunner, item: PlannedItem) -> None:
        self._runner = runner
        self._item = item
        self._occurrences: dict[bytes, int] = {}
        self._seed: int | None = None
        self._before: tuple[Request, str] | None = None
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
        if name not in benchmark.roles:
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
            occurrence = self._occurrences.get(call, 0)
            self._occurrences[call] = occurrence + 1
            suffix = orjson.dumps([item_fields(self._item.key), occurrence])
        key = hashlib.sha256(call + suffix).hexdigest()
        return await self._runner.use_tool(key, self._item.key, name, arguments, run)

    async def ask(self, request: Request) -> Response:
        """One response, from the journal if it is stored there. Raises Ungraded if none comes."""
        runner, key, params = self._runner, self._item.key, self._item.plan.params
        if self._seed is None:
            self._seed = seed_of(key)
        if runner.system:
            request = with_system(request, runner.system)
        body = encode_body(request, model=runner.model.served, params=params, seed=self._seed)
        hashed = hashlib.sha256(body)
        digest = hashed.digest()
        occurrence = self._occurrences.get(digest, 0)
        self._occurrences[digest] = occurrence + 1
        journal_key = request_key(hashed, repeat=key.repeat, occurrence=occurrence, identity=runner.model.identity)
        reply = self._stored_reply(journal_key)
        if reply is None:
            max_tokens = request.params.get("max_tokens", params.get("max_tokens"))
            prefix = prefix_key(request.messages, request.tools) if len(runner.model.urls) > 1 else None
            stored_request = compress_request(request, body, self._before)
            pending = self._pending(journal_key, body, max_tokens, prefix=prefix)
            reply = await runner.ask(pending, key, stored_request, max_tokens)
        if len(reply.get("content") or "") > THREAD_FROM_CHARS:
            # Thinking in a text of megabytes takes seconds to split off; other requests go on meanwhile.
            response = await asyncio.to_thread(response_from_reply, reply)
        else:
            response = response_from_reply(reply)
        self._before = request, journal_key
        self.last, self.last_key = response, journal_key
        return response

    async def likelihood(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """The likelihood of each continuation. Raises Ungraded where one is missing, see likelihood.scoring."""
        model, benchmark = self._runner.model, self._item.plan.benchmark
        backend = find_backend(model.kind, model.served)
        if not benchmark.needs_likelihood or backend is None:
            raise DeclarationError(
                f"benchmark {benchmark.name}: model.likelihood is used without needs_likelihood=True in its declaration"
            )
        # The texts of one context share a prefix of the cache.
        prefix = zlib.crc32(context.encode(errors="replace")) if len(model.urls) > 1 else None

        async def ask(query: Query) -> JsonObject:
            return await self._query(query, prefix)

        return await score_continuations(backend, ask, context, continuations, context_tokens=model.context_tokens)

    async def _query(self, query: Query, prefix: int | None) -> JsonObject:
        """The reply to a request that is no chat; the same query has the same reply within the item."""
        runner, key, path = self._runner, self._item.key, query.route.path
        body = orjson.dumps(query.body, option=orjson.OPT_SORT_KEYS)
        hashed = hashlib.sha256(path.encode() + b"\x00" + body)
        journal_key = request_key(hashed, repeat=key.repeat, occurrence=0, identity=runner.model.identity)
        reply = self._stored_reply(journal_key)
        if reply is None:
            stored_request = {"path": path, **compress_body(body)}
            pending = self._pending(journal_key, body, 1, prefix=prefix, route=query.route)
            reply = await runner.ask(pending, key, stored_request, 1)
        self.last_key = journal_key
        return reply

    def _stored_reply(self, journal_key: str) -> JsonObject | None:
        """The journal's reply. Raises Ungraded if it is one of another model."""
        reply = self._runner.stored_reply(journal_key)
        if reply is not None:
            self._runner.check_stored_reply(reply)
        return reply

    def _pending(
        self, journal_key: str, body: bytes, max_tokens: object, *, prefix: int | None, route: Route = CHAT
    ) -> PendingRequest:
        limit_s = sample_limit_s(max_tokens, fixed_s=self._runner.sample_timeout_s)
        # A tokenizer's milliseconds say nothing about how long a model may take.
        group = self._item.key.benchmark + ("" if route is CHAT else route.path)
        return PendingRequest(journal_key, body, group, limit_s, prefix, route)


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
