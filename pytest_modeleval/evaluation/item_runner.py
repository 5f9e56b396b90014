"""The work on one item, in the engine: make the request, look it up in the journal or send it, grade it ahead."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeVar

import orjson

from pytest_modeleval.client.body import encode_body, prompt_digest, request_key, seed_of
from pytest_modeleval.client.reply import mark_cut_call, response_from_reply
from pytest_modeleval.declaration import Benchmark, Grader
from pytest_modeleval.dispatch.attempt import PendingRequest
from pytest_modeleval.dispatch.balance import prefix_key
from pytest_modeleval.dispatch.dispatcher import Dispatcher
from pytest_modeleval.dispatch.idle_timeout import sample_limit_s
from pytest_modeleval.dispatch.reply_model import ReplyModel
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.evaluation.verdict import grade_of
from pytest_modeleval.records import Grade, ItemKey, JsonObject, Kind, Outcome, Request, Response
from pytest_modeleval.server_facts import ModelFacts
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import JournalError, JournalWriter, read_line, utc_now
from pytest_modeleval.store.requests import compress_request

# Replies that wait for their test stay in memory up to this size; beyond it they are read back from the journal.
MAX_HELD_BYTES = 128 * 1024 * 1024
THREAD_FROM_CHARS = 256 * 1024
T = TypeVar("T")


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


class ModelHandle:
    """One item's access to the model: for `solve`, and for a single request."""

    def __init__(self, runner: ItemRunner, item: PlannedItem) -> None:
        self._runner = runner
        self._item = item
        self._occurrences: dict[bytes, int] = {}
        self._seed: int | None = None
        self._before: tuple[Request, str] | None = None
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
        runner, key = self._runner, self._item.key
        if self._seed is None:
            self._seed = seed_of(key)
        if runner.system:
            request = with_system(request, runner.system)
        body = encode_body(request, model=runner.model.served, params=self._item.plan.params, seed=self._seed)
        hashed = hashlib.sha256(body)
        digest = hashed.digest()
        occurrence = self._occurrences.get(digest, 0)
        self._occurrences[digest] = occurrence + 1
        journal_key = request_key(hashed, repeat=key.repeat, occurrence=occurrence, identity=runner.model.identity)
        reply = runner.stored_reply(journal_key)
        if reply is not None:
            runner.check_stored_reply(reply)
        else:
            max_tokens = _max_tokens(request, self._item.plan.params)
            limit_s = sample_limit_s(max_tokens, fixed_s=runner.sample_timeout_s)
            prefix = prefix_key(request.messages, request.tools) if len(runner.model.urls) > 1 else None
            pending = PendingRequest(journal_key, body, key.benchmark, limit_s, prefix)
            stored_request = compress_request(request, body, self._before)
            reply = await runner.ask(pending, self._item.key, stored_request, max_tokens)
        if len(reply.get("content") or "") > THREAD_FROM_CHARS:
            # Thinking in a text of megabytes takes seconds to split off; other requests go on meanwhile.
            response = await asyncio.to_thread(response_from_reply, reply)
        else:
            response = response_from_reply(reply)
        self._before = request, journal_key
        self.last, self.last_key = response, journal_key
        return response


def with_system(request: Request, system: str) -> Request:
    """The request with a system message in front; the same request if it has one, or system is ""."""
    if not system or any(message.get("role") in ("system", "developer") for message in request.messages):
        return request
    return replace(request, messages=[_system_message(system), *request.messages])


@lru_cache(maxsize=1)
def _system_message(system: str) -> JsonObject:
    """One object for all requests, so that the journal recognises the history of a conversation by identity."""
    return {"role": "system", "content": system}


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
    fatal: tuple[type[Exception], ...] = (JournalError,)
    dispatcher: Dispatcher | None = None
    held_bytes: int = 0
    shared: dict[Callable[[], Any], Any] = field(default_factory=dict)
    """Objects made by Model.shared."""
    skip_reason: Callable[[PlannedItem], str] | None = None
    """Why an item need not be asked any more; "" if it must be."""
    started: set[ItemKey] = field(default_factory=set)
    """Items whose work has begun; kept only with skip_reason."""
    _grades_ahead: dict[str, bool] = field(default_factory=dict)
    _reply_model: ReplyModel = field(init=False)

    def __post_init__(self) -> None:
        names = self.model.names
        self._reply_model = ReplyModel(names[0], names[1:], other_models=self.model.server.other_models)

    async def open(self) -> None:
        if self.make_dispatcher is not None:
            self.dispatcher = self.make_dispatcher()

    async def watch(self) -> None:
        if self.dispatcher is not None:
            await self.dispatcher.watch()

    async def close(self) -> None:
        if self.dispatcher is not None:
            await self.dispatcher.close()
        for thing in self.shared.values():
            if hasattr(thing, "close"):
                thing.close()

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
        grade, grade_error = await self._pregrade(item, value, model.last_key)
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

    def check_stored_reply(self, reply: JsonObject) -> None:
        """Raise Ungraded for a stored reply of another model."""
        try:
            self.check_reply(reply)
        except AttemptFailed as failure:
            raise Ungraded(str(failure), kind=failure.kind, cause=failure.cause) from failure

    async def ask(
        self, pending: PendingRequest, key: ItemKey, stored_request: Mapping[str, Any], max_tokens: object
    ) -> JsonObject:
        """A reply of the server, journaled before it is used. stored_request: the request as the journal keeps it."""
        if self.dispatcher is None:
            raise _not_stored("answer to this very request (was the prompt or a parameter changed since?)")

        def write(reply: JsonObject, attempts: int) -> None:
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
            self.contents.responses[pending.key] = self.journal.write(line)
            self.contents.count_reply(reply)

        return await self.dispatcher.ask(pending, key, write)

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
        self.contents.failed_attempts[failure.cause] += 1
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
            known = benchmark.grade is not None and _is_coroutine_grader(benchmark.grade)
            self._grades_ahead[benchmark.name] = known
        return known

    async def _pregrade(self, item: PlannedItem, value: Any, key: str) -> tuple[Grade | None, Exception | None]:
        """Run a grader that is a coroutine function (code execution, a judge model) ahead of the test."""
        grade = item.plan.benchmark.grade
        if grade is None or not self._is_graded_ahead(item.plan.benchmark):
            return None, None
        known = self.stored_outcomes.get(item.key)
        if known is not None and known.kind.is_verdict and known.request_key == key:
            return grade_of(known), None
        try:
            made = grade(item.sample, value)
            return await made if inspect.isawaitable(made) else made, None
        except Exception as error:  # noqa: BLE001 - the grader's own fault becomes grader_error, never a score
            return None, error


def _is_coroutine_grader(grade: Grader) -> bool:
    """A coroutine function, or an object that is called like one."""
    return inspect.iscoroutinefunction(grade) or inspect.iscoroutinefunction(getattr(grade, "__call__", None))  # noqa: B004


def _not_stored(what: str) -> Ungraded:
    return Ungraded(f"the stored run has no {what}", kind=Kind.NOT_RUN, cause="not_stored")


def item_fields(key: ItemKey) -> JsonObject:
    """The fields of a journal line that name its item."""
    return {"benchmark": key.benchmark, "subset": key.subset, "sample": key.sample, "repeat": key.repeat}


def _max_tokens(request: Request, params: Mapping[str, Any]) -> Any:
    return request.params.get("max_tokens", params.get("max_tokens"))


def _size(response: Response) -> int:
    return 600 + 2 * (len(response.content) + len(response.reasoning_content))
