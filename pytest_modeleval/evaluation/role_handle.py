"""A further model of the run, such as a judge: in this process, and as one item sees it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_modeleval.client.body import encode_body, request_key, seed_of
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.dispatch.attempt import PendingRequest
from pytest_modeleval.dispatch.balance import prefix_key
from pytest_modeleval.dispatch.dispatcher import Dispatcher
from pytest_modeleval.dispatch.idle_timeout import sample_limit_s
from pytest_modeleval.dispatch.reply_model import ReplyModel
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.records import ItemKey, JsonObject, Kind, Request, Response
from pytest_modeleval.server_facts import LLAMA_CPP, SGLANG, VLLM, RoleFacts
from pytest_modeleval.store.requests import compress_request

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.item_runner import ItemRunner

NOT_STORED = "not_stored"
_SEEDS = 2**31


@dataclass(slots=True)
class RoleServer:
    """The model in a role, as all items of this process ask it."""

    role: str
    facts: RoleFacts
    make_dispatcher: Callable[[RoleServer], Dispatcher] | None
    """Called in the engine's loop. None when no server may be asked (rescoring)."""
    dispatcher: Dispatcher | None = None
    _reply_model: ReplyModel = field(init=False)

    def __post_init__(self) -> None:
        model = self.facts.model
        self._reply_model = ReplyModel(model.names[0], model.names[1:], other_models=model.server.other_models)

    def open(self) -> None:
        """Make the dispatcher."""
        if self.make_dispatcher is not None:
            self.dispatcher = self.make_dispatcher(self)

    def check_reply(self, reply: JsonObject) -> None:
        """Raise AttemptFailed for a reply of another model."""
        self._reply_model.check(reply.get("model") or "")


class RoleHandle:
    """One item's access to the model in a role."""

    def __init__(self, runner: ItemRunner, key: ItemKey, role: str) -> None:
        self._runner = runner
        self._key = key
        self._role = role
        self._occurrences: dict[bytes, int] = {}
        self._before: tuple[Request, str] | None = None

    @property
    def name(self) -> str:
        return self._server.facts.model.name

    @property
    def supports_json_schema(self) -> bool:
        return self._server.facts.model.kind in (SGLANG, VLLM, LLAMA_CPP)

    @property
    def _server(self) -> RoleServer:
        found = self._runner.roles.get(self._role)
        if found is None:
            raise Ungraded(f"the stored run has no {self._role}", kind=Kind.NOT_RUN, cause=NOT_STORED)
        return found

    async def ask(self, request: Request) -> Response:
        try:
            return await self._ask(request)
        except Ungraded as failure:
            cause = failure.cause if failure.cause == NOT_STORED else f"{self._role}_{failure.cause}"
            raise Ungraded(f"{self._role}: {failure}", kind=failure.kind, cause=cause) from failure
        except AttemptFailed as failure:
            raise Ungraded(
                f"{self._role}: {failure}", kind=failure.kind, cause=f"{self._role}_{failure.cause}"
            ) from failure

    async def _ask(self, request: Request) -> Response:
        server, runner, key = self._server, self._runner, self._key
        model, params, seed = server.facts.model, server.facts.params, seed_of(key)
        body = encode_body(request, model=model.served, params=params, seed=seed)
        digest = hashlib.sha256(body).digest()
        occurrence = self._occurrences.get(digest, 0)
        self._occurrences[digest] = occurrence + 1
        if occurrence:
            # With the same seed many servers would give the same reply again.
            body = encode_body(request, model=model.served, params=params, seed=(seed + occurrence) % _SEEDS)
        # Replies in a role are apart from those of the model under test, even where one model is both.
        identity = f"{model.identity}/{self._role}"
        journal_key = request_key(hashlib.sha256(body), repeat=key.repeat, occurrence=occurrence, identity=identity)
        reply = runner.stored_reply(journal_key)
        if reply is not None:
            server.check_reply(reply)
        else:
            max_tokens = request.params.get("max_tokens", params.get("max_tokens"))
            limit_s = sample_limit_s(max_tokens, fixed_s=runner.sample_timeout_s)
            prefix = prefix_key(request.messages, request.tools) if len(model.urls) > 1 else None
            pending = PendingRequest(journal_key, body, key.benchmark, limit_s, prefix)
            stored_request = {"role": self._role, **compress_request(request, body, self._before)}
            reply = await runner.ask(pending, key, stored_request, max_tokens, role=server)
        # A thread, since thinking in a text of megabytes takes seconds to split off.
        response = await asyncio.to_thread(response_from_reply, reply)
        self._before = request, journal_key
        return response
