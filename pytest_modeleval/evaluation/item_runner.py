"""The work on one item, in the engine: make the request, look it up in the journal or send it, grade it ahead."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_modeleval.client.body import prompt_digest
from pytest_modeleval.client.reply import mark_cut_call, response_from_reply
from pytest_modeleval.declaration import Benchmark
from pytest_modeleval.dispatch.attempt import PendingRequest
from pytest_modeleval.dispatch.dispatcher import Dispatcher
from pytest_modeleval.dispatch.reply_model import ReplyModel
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.evaluation.model_handle import ModelHandle, item_fields, with_system
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.evaluation.role_handle import RoleServer
from pytest_modeleval.evaluation.verdict import grade_of
from pytest_modeleval.images import Image
from pytest_modeleval.rag.pipeline import Pipeline
from pytest_modeleval.records import Grade, ItemKey, JsonObject, Kind, Outcome, Response
from pytest_modeleval.roles import is_coroutine_grader, roles_of_grader
from pytest_modeleval.server_facts import ModelFacts
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.image_files import ImageFiles
from pytest_modeleval.store.journal import JournalError, JournalWriter, read_line, utc_now
from pytest_modeleval.stress.point import PointResult
from pytest_modeleval.vectors.vector_error import VectorFileError

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.load_point import LoadSite
    from pytest_modeleval.evaluation.vector_space import VectorSpace

# Replies that wait for their test stay in memory up to this size; beyond it they are read back from the journal.
MAX_HELD_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ItemResult:
    """An item that has its reply."""

    value: Any
    """The Response, or what `solve` returned. None if it was released to save memory: `restore` reads it back."""
    last: Response | None
    """The last response."""
    request_key: str
    grade: Grade | None = None
    """Set if the grader ran ahead of the test."""
    grade_error: Exception | None = None
    prompt: str = ""
    """client.body.prompt_digest of a single request; "" for `solve`, whose requests depend on the replies."""


@dataclass(slots=True)
class ItemRunner:
    """The engine's Job, see dispatch.engine."""

    items: Sequence[PlannedItem]
    model: ModelFacts
    contents: Contents
    journal: JournalWriter
    make_dispatcher: Callable[[], Dispatcher] | None
    """Called in the engine's loop. None when no server may be asked (rescoring)."""
    sample_timeout_s: float | None = None
    system: str = ""
    """A system prompt for every request that has none; "" for none."""
    stored_outcomes: Mapping[ItemKey, Outcome] = field(default_factory=dict)
    """Earlier outcomes, whose grades are used again instead of grading ahead."""
    fatal: tuple[type[Exception], ...] = (JournalError, VectorFileError)
    dispatcher: Dispatcher | None = None
    held_bytes: int = 0
    shared: dict[Callable[[], Any], Any] = field(default_factory=dict)
    """Objects made by Model.shared."""
    skip_reason: Callable[[PlannedItem], str] | None = None
    """Why an item need not be asked any more; "" if it must be."""
    roles: Mapping[str, RoleServer] = field(default_factory=dict)
    """Further models of the run."""
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    """Benchmark -> the user's RAG pipeline."""
    load_site: LoadSite | None = None
    """How load is put on the server; None when it may not be asked, and where no benchmark does that."""
    vector_spaces: dict[str, VectorSpace] = field(default_factory=dict)
    """Identity and parameters of a model -> its vectors."""
    started: set[ItemKey] = field(default_factory=set)
    """Items whose work has begun; kept only with skip_reason."""
    _grades_ahead: dict[str, bool] = field(default_factory=dict)
    _reply_model: ReplyModel = field(init=False)
    _image_files: ImageFiles | None = None

    def __post_init__(self) -> None:
        names = self.model.names
        self._reply_model = ReplyModel(names[0], names[1:], other_models=self.model.server.other_models)

    async def open(self) -> None:
        # A RAG pipeline alone has no server.
        if self.make_dispatcher is not None and self.model.urls:
            self.dispatcher = self.make_dispatcher()
        for server in self.roles.values():
            server.open()

    async def watch(self) -> None:
        await asyncio.gather(*(dispatcher.watch() for dispatcher in self._dispatchers()))

    async def close(self) -> None:
        for dispatcher in self._dispatchers():
            await dispatcher.close()
        for space in self.vector_spaces.values():
            space.close()
        for thing in self.shared.values():
            if hasattr(thing, "close"):
                thing.close()

    def _dispatchers(self) -> list[Dispatcher]:
        found = [self.dispatcher, *(server.dispatcher for server in self.roles.values())]
        return [dispatcher for dispatcher in found if dispatcher is not None]

    async def work(self, index: int) -> ItemResult:
        """Ask for one item. Raises what becomes its outcome instead: Ungraded, or the benchmark's own error."""
        item = self.items[index]
        if self.skip_reason is not None:
            if cause := self.skip_reason(item):
                # The test does not wait for this result: it asks for the reason itself.
                raise Ungraded("not needed any more", kind=Kind.NOT_RUN, cause=cause)
            self.started.add(item.key)
        benchmark, sample, prompt = item.plan.benchmark, item.sample, ""
        model = ModelHandle(self, item)
        if benchmark.request is not None:
            request = benchmark.request(sample)
            if self.system:
                request = with_system(request, self.system)
            prompt = prompt_digest(request)
            value: Any = await model.ask(request)
        else:
            assert benchmark.solve is not None
            value = await benchmark.solve(sample, model)
        grade, grade_error = await self._pregrade(item, value, model)
        if benchmark.request is not None:
            self.held_bytes += _size(value)
            if self.held_bytes > MAX_HELD_BYTES:
                self.held_bytes -= _size(value)
                value = None
        return ItemResult(value, model.last if value is not None else None, model.last_key, grade, grade_error, prompt)

    def restore(self, result: ItemResult) -> ItemResult:
        """Hand a result over to its test, read back from the journal if it was released. Called in pytest's thread."""
        if isinstance(result.value, Response):
            self.held_bytes -= _size(result.value)
        if result.value is None and result.request_key and result.last is None:
            reply = self.stored_reply(result.request_key)
            if reply is not None:
                response = response_from_reply(reply)
                return replace(result, value=response, last=response)
        return result

    def stored_reply(self, journal_key: str) -> JsonObject | None:
        """The reply that the journal has under this key, or None."""
        place = self.contents.responses.get(journal_key)
        if place is None:
            return None
        reply = read_line(place).get("reply")
        return reply if isinstance(reply, dict) else None

    def check_reply(self, reply: JsonObject) -> None:
        """Raise AttemptFailed for a reply of another model."""
        self._reply_model.check(reply.get("model") or "")

    def checked_reply(self, journal_key: str, *, role: RoleServer | None = None) -> JsonObject | None:
        """The reply that the journal has under this key, or None. Raises Ungraded if it is one of another model."""
        reply = self.stored_reply(journal_key)
        if reply is None:
            return None
        try:
            (role or self).check_reply(reply)
        except AttemptFailed as failure:
            raise Ungraded(str(failure), kind=failure.kind, cause=failure.cause) from failure
        return reply

    async def ask(
        self,
        pending: PendingRequest,
        key: ItemKey,
        stored_request: Mapping[str, Any],
        max_tokens: object,
        *,
        role: RoleServer | None = None,
        on_reply: Callable[[JsonObject], None] | None = None,
    ) -> JsonObject:
        """A reply of the server, journaled before it is used. stored_request: the request as the journal keeps it.

        role: the further model that is asked; None for the model under test. on_reply: called before the reply is
        journaled.
        """
        dispatcher = self.dispatcher if role is None else role.dispatcher
        if dispatcher is None:
            raise _not_stored("answer to this very request (was the prompt or a parameter changed since?)")

        def write(reply: JsonObject, attempts: int) -> None:
            if on_reply is not None:
                on_reply(reply)
            mark_cut_call(reply, max_tokens)
            line = {
                "type": "response",
                "key": pending.key,
                **item_fields(key),
                "attempts": attempts,
                "time": utc_now(),
                **stored_request,
                "reply": reply,
            }
            place = self.journal.write(line)
            if line["type"] == "response":
                self.contents.responses[pending.key] = place
            if role is None:
                self.contents.count_reply(key.benchmark, reply, attempts)

        return await dispatcher.ask(pending, key, write)

    async def ask_unrecorded(self, pending: PendingRequest, key: ItemKey) -> JsonObject:
        """A reply of the server that no journal keeps, such as the tokens of a text. Raises Ungraded if none comes."""
        if self.dispatcher is None:
            raise _not_stored("answer to this very request (was the prompt or a parameter changed since?)")
        return await self.dispatcher.ask(pending, key, lambda reply, attempts: None)

    def vector_space(self, identity: str, params: Mapping[str, Any]) -> VectorSpace:
        """The vectors of a model with these parameters. Raises RunFolderError where a file of them is none."""
        from pytest_modeleval.evaluation.vector_space import open_space, space_name  # noqa: PLC0415 - numpy

        name = space_name(identity, params)
        if name not in self.vector_spaces:
            self.vector_spaces[name] = open_space(self.journal.path, identity, params)
        return self.vector_spaces[name]

    def keep_image(self, image: Image) -> None:
        """Keep a picture of a request in the run folder, before its reply is journaled."""
        if self._image_files is None:
            self._image_files = ImageFiles(self.journal.path.parent)
        try:
            self._image_files.keep(image)
        except OSError as error:
            folder = self.journal.path.parent
            raise JournalError(f"cannot write the pictures of the run {folder}: {error.strerror or error}") from error

    def enter_point(self, key: str, item: ItemKey, result: PointResult) -> None:
        """Journal the result of an operating point."""
        line = {"type": "point", "key": key, **item_fields(item), "time": utc_now(), "point": result.to_json()}
        self.journal.write(line)
        self.contents.points[key] = item, result

    async def use_tool(
        self, key: str, item: ItemKey, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]]
    ) -> Any:
        """The result of a tool: from the journal, or computed and journaled before it is used."""
        place = self.contents.tools.get(key)
        if place is not None:
            return read_line(place)["result"]
        if self.make_dispatcher is None:
            raise _not_stored(f"result of {name} for these arguments")
        result = await run()
        line = {
            "type": "tool",
            "key": key,
            **item_fields(item),
            "tool": name,
            "arguments": arguments,
            "time": utc_now(),
        }
        self.contents.tools[key] = self.journal.write({**line, "result": result})
        return result

    def record_failure(self, pending: PendingRequest, key: ItemKey, attempt: int, failure: AttemptFailed) -> None:
        """Journal a failed attempt, as an attempt and never as a reply."""
        self.contents.count_failure(key.benchmark, failure.cause)
        self.journal.write(
            {
                "type": "attempt",
                "key": pending.key,
                **item_fields(key),
                "attempt": attempt,
                "kind": failure.kind.value,
                "cause": failure.cause,
                "message": str(failure)[:500],
                "time": utc_now(),
            }
        )

    def _is_graded_ahead(self, benchmark: Benchmark) -> bool:
        """The benchmark's grader runs in the engine. Inspected once for each benchmark."""
        known = self._grades_ahead.get(benchmark.name)
        if known is None:
            known = benchmark.grade is not None and is_coroutine_grader(benchmark.grade)
            self._grades_ahead[benchmark.name] = known
        return known

    def _is_given(self, role: str, benchmark: Benchmark) -> bool:
        return role in benchmark.roles or role in self.roles

    async def _pregrade(
        self, item: PlannedItem, value: Any, model: ModelHandle
    ) -> tuple[Grade | None, Exception | None]:
        """Run a grader that is a coroutine function (code execution, a judge model) ahead of the test."""
        grade = item.plan.benchmark.grade
        if grade is None or not self._is_graded_ahead(item.plan.benchmark):
            return None, None
        known = self.stored_outcomes.get(item.key)
        if known is not None and known.kind.is_verdict and known.request_key == model.last_key:
            return grade_of(known), None
        try:
            roles = {
                role: model.role(role) if self._is_given(role, item.plan.benchmark) else None
                for role in roles_of_grader(grade, item.plan.benchmark.all_roles)
            }
            made = grade(item.sample, value, **roles)
            return await made if inspect.isawaitable(made) else made, None
        except Exception as error:  # noqa: BLE001 - the grader's own fault becomes grader_error, never a score
            return None, error


def _not_stored(what: str) -> Ungraded:
    return Ungraded(f"the stored run has no {what}", kind=Kind.NOT_RUN, cause="not_stored")


def _size(response: Response) -> int:
    return 600 + 2 * (len(response.content) + len(response.reasoning_content))
