"""One item's chat requests to one model of the run: each is looked up in the journal before it is asked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_modeleval.client.body import encode_body, request_key, seed_of
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.client.route import CHAT, Route
from pytest_modeleval.dispatch.attempt import PendingRequest
from pytest_modeleval.dispatch.balance import prefix_key
from pytest_modeleval.dispatch.idle_timeout import sample_limit_s
from pytest_modeleval.images.references import images_in
from pytest_modeleval.records import ItemKey, JsonObject, Request, Response
from pytest_modeleval.server_facts import ModelFacts
from pytest_modeleval.store.requests import compress_request

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.item_runner import ItemRunner
    from pytest_modeleval.evaluation.role_handle import RoleServer

THREAD_FROM_CHARS = 256 * 1024
_SEEDS = 2**31


class ItemChat:
    """Chat requests of one item to the model under test, or to the model in a role.

    params: of its requests. role: the further model; None for the model under test.
    """

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
        self._params = params
        self._role = role
        # Replies in a role are apart from those of the model under test, even where one model is both.
        self._identity = model.identity if role is None else f"{model.identity}/{role.role}"
        self._seed = seed_of(key)
        self._occurrences: dict[bytes, int] = {}
        self._before: tuple[Request, str] | None = None
        self.last_key = ""
        """The journal key of the last reply."""

    async def ask(self, request: Request) -> Response:
        """One response, from the journal if it is stored there. Raises Ungraded or AttemptFailed if none comes."""
        body, journal_key = self._encode(request)
        reply = self._runner.checked_reply(journal_key, role=self._role)
        if reply is None:
            reply = await self._send(request, body, journal_key)
        response = await _response(reply)
        self._before = request, journal_key
        self.last_key = journal_key
        return response

    def _encode(self, request: Request) -> tuple[bytes, str]:
        """(body, journal key) of a request."""
        body = self._body(request, self._seed)
        hashed = hashlib.sha256(body)
        digest = hashed.digest()
        occurrence = self._occurrences.get(digest, 0)
        self._occurrences[digest] = occurrence + 1
        if occurrence and self._role is not None:
            # A further judgement: with the same seed many servers would give the same reply again.
            body = self._body(request, (self._seed + occurrence) % _SEEDS)
            hashed = hashlib.sha256(body)
        return body, request_key(hashed, repeat=self._key.repeat, occurrence=occurrence, identity=self._identity)

    def _body(self, request: Request, seed: int) -> bytes:
        return encode_body(request, model=self._model.served, params=self._params, seed=seed)

    async def _send(self, request: Request, body: bytes, journal_key: str) -> JsonObject:
        max_tokens = request.params.get("max_tokens", self._params.get("max_tokens"))
        prefix = prefix_key(request.messages, request.tools) if len(self._model.urls) > 1 else None
        pending = pending_request(self._runner, self._key, journal_key, body, max_tokens, prefix=prefix)
        carried = images_in(request.messages)
        stored_request = compress_request(request, body, self._before, carried)
        for found in carried:
            self._runner.keep_image(found.image)
        if self._role is not None:
            stored_request = {"role": self._role.role, **stored_request}
        return await self._runner.ask(pending, self._key, stored_request, max_tokens, role=self._role)


def pending_request(
    runner: ItemRunner,
    key: ItemKey,
    journal_key: str,
    body: bytes,
    max_tokens: object,
    *,
    prefix: int | None,
    route: Route = CHAT,
) -> PendingRequest:
    """A request of an item, with the time that it may take."""
    limit_s = sample_limit_s(max_tokens, fixed_s=runner.sample_timeout_s)
    # A tokenizer's milliseconds say nothing about how long a model may take.
    group = key.benchmark + ("" if route is CHAT else route.path)
    return PendingRequest(journal_key, body, group, limit_s, prefix, route)


async def _response(reply: JsonObject) -> Response:
    if len(reply.get("content") or "") > THREAD_FROM_CHARS:
        # Thinking in a text of megabytes takes seconds to split off; other requests go on meanwhile.
        return await asyncio.to_thread(response_from_reply, reply)
    return response_from_reply(reply)
