"""A further model of the run, such as a judge: in this process, and as one item sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_modeleval.dispatch.dispatcher import Dispatcher
from pytest_modeleval.dispatch.reply_model import ReplyModel
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.evaluation.item_chat import ItemChat
from pytest_modeleval.records import ItemKey, JsonObject, Kind, Request, Response
from pytest_modeleval.server_facts import LLAMA_CPP, SGLANG, VLLM, RoleFacts

if TYPE_CHECKING:
    from pytest_modeleval.embedding.vectors import Rows
    from pytest_modeleval.evaluation.embedder import Embedder
    from pytest_modeleval.evaluation.item_runner import ItemRunner

NOT_STORED = "not_stored"


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
        self._chat: ItemChat | None = None

    @property
    def name(self) -> str:
        return self._server.facts.model.name

    @property
    def identity(self) -> str:
        return self._server.facts.model.identity

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
        with self._named():
            return await self._ask(request)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Failures inside get a cause that begins with the role."""
        try:
            yield
        except Ungraded as failure:
            cause = failure.cause if failure.cause == NOT_STORED else f"{self._role}_{failure.cause}"
            raise Ungraded(f"{self._role}: {failure}", kind=failure.kind, cause=cause) from failure
        except AttemptFailed as failure:
            raise Ungraded(
                f"{self._role}: {failure}", kind=failure.kind, cause=f"{self._role}_{failure.cause}"
            ) from failure

    async def embed(self, texts: Sequence[str], *, kind: str = "document", prefix: str | None = None) -> Rows:
        with self._named():
            return await self._embedder.embed(texts, kind=kind, prefix=prefix)

    async def embed_corpus(
        self, name: str, texts: Callable[[], Iterable[str]], count: int, *, prefix: str | None = None
    ) -> Rows:
        with self._named():
            return await self._embedder.embed_corpus(name, texts, count, prefix=prefix)

    def vector_marks(self) -> tuple[str, ...]:
        return tuple(self._embedder.marks.values())

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        with self._named():
            return await self._embedder.rerank(query, documents)

    @cached_property
    def _embedder(self) -> Embedder:
        from pytest_modeleval.evaluation.embedder import Embedder  # noqa: PLC0415 - numpy

        server = self._server
        return Embedder(self._runner, self._key, server.facts.model, server.facts.params, role=server)

    async def _ask(self, request: Request) -> Response:
        if self._chat is None:
            server = self._server
            facts = server.facts
            self._chat = ItemChat(self._runner, self._key, facts.model, facts.params, role=server)
        return await self._chat.ask(request)
