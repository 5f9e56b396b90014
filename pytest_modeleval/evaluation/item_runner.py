"""The work on one item, inside the engine: make the request, look in the journal, ask, write, grade ahead if asked."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import orjson

from pytest_modeleval.client.body import encode_body, prompt_digest, request_key, seed_of
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.declaration import Benchmark, Grader
from pytest_modeleval.dispatch.attempt import Call
from pytest_modeleval.dispatch.balance import prefix_key
from pytest_modeleval.dispatch.dispatcher import Dispatcher
from pytest_modeleval.dispatch.idle_timeout import sample_limit_s
from pytest_modeleval.errors import AttemptFailed, Ungraded
from pytest_modeleval.evaluation.plan import PlannedItem
from pytest_modeleval.evaluation.verdict import grade_of
from pytest_modeleval.records import Grade, ItemKey, JsonObject, Kind, Outcome, Request, Response
from pytest_modeleval.store.journal import Contents, JournalError, JournalOffset, JournalWriter, read_line, utc_now
from pytest_modeleval.store.requests import compress_request

# Answers that wait for their test are held in memory up to this size; beyond it they are read back from the journal.
HOLD_BYTES = 128 * 1024 * 1024
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The model as asked: for the `model` fixture, the journal's keys, and run.json.

    name: as the user says it. served: as the server says it, sent with every request. identity: see
    server.identify.ServerFacts. tool_calls: "native" or "text", see declaration.Model.
    """

    name: str
    served: str
    identity: str
    urls: tuple[str, ...] = ()
    kind: str = ""
    version: str = ""
    context_tokens: int | None = None
    tool_calls: str = "native"


@dataclass(frozen=True, slots=True)
class ItemResult:
    """An item whose asking is over.

    value: the Response, or what solve returned; None where it was let go to save memory (read it back by request_key).
    last: the last response that was asked for. grade: if the grader ran ahead. prompt: client.body.prompt_digest of a
    single request; "" where `solve` asks, whose requests depend on the replies.
    """

    value: Any
    last: Response | None
    request_key: str
    grade: Grade | None = None
    grade_error: Exception | None = None
    prompt: str = ""


class ModelHandle:
    """What `solve` gets, and what a single request uses: one item's way to the model."""

    def __init__(self, site: ItemRunner, item: PlannedItem) -> None:
        self._site = site
        self._item = item
        self._occurrences: dict[bytes, int] = {}
        self._seed: int | None = None
        self._before: tuple[Request, str] | None = None
        self.last: Response | None = None
        self.last_key = ""

    @property
    def name(self) -> str:
        """The model, as the user names it."""
        return self._site.model.name

    @property
    def context_tokens(self) -> int | None:
        """See declaration.Model."""
        return self._site.model.context_tokens

    @property
    def tool_calls(self) -> str:
        """See declaration.Model."""
        return self._site.model.tool_calls

    def shared(self, make: Callable[[], T]) -> T:
        """See declaration.Model."""
        if make not in self._site.shared:
            self._site.shared[make] = make()
        found: T = self._site.shared[make]
        return found

    @property
    def prompt_tokens(self) -> int | None:
        """See declaration.Model."""
        context, answer = self._site.model.context_tokens, self._item.plan.params.get("max_tokens")
        return max(0, context - answer) if context and isinstance(answer, int) else None

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        """See declaration.Model."""
        asked = orjson.dumps([name, arguments], option=orjson.OPT_SORT_KEYS)
        which = b""
        if not is_of_run:
            occurrence = self._occurrences.get(asked, 0)
            self._occurrences[asked] = occurrence + 1
            which = orjson.dumps([about(self._item.key), occurrence])
        key = hashlib.sha256(asked + which).hexdigest()
        return await self._site.use_tool(key, self._item.key, name, arguments, run)

    async def ask(self, request: Request) -> Response:
        """One answer, from the journal if it is there. Raises Ungraded if none comes."""
        site, key = self._site, self._item.key
        if self._seed is None:
            self._seed = seed_of(key)
        body = encode_body(request, model=site.model.served, params=self._item.plan.params, seed=self._seed)
        hashed = hashlib.sha256(body)
        digest = hashed.digest()
        occurrence = self._occurrences.get(digest, 0)
        self._occurrences[digest] = occurrence + 1
        journal_key = request_key(hashed, repeat=key.repeat, occurrence=occurrence, identity=site.model.identity)
        reply = site.stored(journal_key)
        if reply is None:
            limit_s = sample_limit_s(_max_tokens(request, self._item.plan.params), fixed_s=site.sample_timeout_s)
            prefix = prefix_key(request.messages, request.tools) if len(site.model.urls) > 1 else None
            call = Call(journal_key, body, key.benchmark, limit_s, prefix)
            reply = await site.ask(call, self._item.key, compress_request(request, body, self._before))
        response = response_from_reply(reply)
        self._before = request, journal_key
        self.last, self.last_key = response, journal_key
        return response


@dataclass(slots=True)
class ItemRunner:
    """The engine's Job: see dispatch.engine.

    make_dispatcher: called in the engine's loop; None where no server may be asked (rescoring).
    stored_outcomes: earlier outcomes whose grades may be used again by graders that run ahead.
    shared: what `Model.shared` made.
    why_not: why an item is not to be asked any more, "" if it is (records.SPARED); begun: items that were asked.
    """

    items: Sequence[PlannedItem]
    model: ModelFacts
    contents: Contents
    journal: JournalWriter
    make_dispatcher: Callable[[], Dispatcher] | None
    sample_timeout_s: float | None = None
    stored_outcomes: Mapping[ItemKey, Outcome] = field(default_factory=dict)
    fatal: tuple[type[Exception], ...] = (JournalError,)
    dispatcher: Dispatcher | None = None
    held_bytes: int = 0
    reused: int = 0
    ahead: dict[str, bool] = field(default_factory=dict)
    shared: dict[Callable[[], Any], Any] = field(default_factory=dict)
    why_not: Callable[[PlannedItem], str] | None = None
    begun: set[ItemKey] = field(default_factory=set)

    async def open(self) -> None:
        """See Job."""
        if self.make_dispatcher is not None:
            self.dispatcher = self.make_dispatcher()

    async def watch(self) -> None:
        """See Job."""
        if self.dispatcher is not None:
            await self.dispatcher.watch()

    async def close(self) -> None:
        """See Job."""
        if self.dispatcher is not None:
            await self.dispatcher.close()
        for thing in self.shared.values():
            if hasattr(thing, "close"):
                thing.close()

    async def work(self, index: int) -> ItemResult:
        """Ask for one item; its ItemResult, or the exception that stands for it."""
        item = self.items[index]
        if self.why_not is not None:
            if cause := self.why_not(item):
                # Nobody waits for it: the item says so itself, without looking here.
                raise Ungraded("not needed any more", kind=Kind.NOT_RUN, cause=cause)
            self.begun.add(item.key)
        benchmark, sample, prompt = item.plan.benchmark, item.sample, ""
        model = ModelHandle(self, item)
        if benchmark.request is not None:
            request = benchmark.request(sample)
            prompt = prompt_digest(request)
            value: Any = await model.ask(request)
        else:
            assert benchmark.solve is not None
            value = await benchmark.solve(sample, model)
        grade, grade_error = await self._grade_ahead(item, value, model.last_key)
        if benchmark.request is not None:
            self.held_bytes += _size(value)
            if self.held_bytes > HOLD_BYTES:
                self.held_bytes -= _size(value)
                value = None
        return ItemResult(value, model.last if value is not None else None, model.last_key, grade, grade_error, prompt)

    def fetched(self, answered: ItemResult) -> ItemResult:
        """The test's side: the answer is taken over, or read back if it was let go."""
        if isinstance(answered.value, Response):
            self.held_bytes -= _size(answered.value)
        if answered.value is None and answered.request_key and answered.last is None:
            reply = self.stored(answered.request_key)
            if reply is not None:
                response = response_from_reply(reply)
                return replace(answered, value=response, last=response)
        return answered

    def stored(self, journal_key: str) -> JsonObject | None:
        """A reply of the journal; None if it has none under this key."""
        place = self.contents.responses.get(journal_key)
        if place is None:
            return None
        self.reused += 1
        return _reply_at(place)

    async def ask(self, call: Call, key: ItemKey, kept: Mapping[str, Any]) -> JsonObject:
        """A reply of the server, journaled before anybody sees it. kept: what the journal keeps of the request."""
        if self.dispatcher is None:
            raise _not_stored("answer to this very request (was the prompt or a parameter changed since?)")

        def take(reply: JsonObject, attempts: int) -> None:
            line = {
                "type": "response",
                "key": call.key,
                **about(key),
                "attempts": attempts,
                "time": utc_now(),
                **kept,
                "reply": reply,
            }
            self.contents.responses[call.key] = self.journal.write(line)

        return await self.dispatcher.ask(call, key, take)

    async def use_tool(
        self, key: str, item: ItemKey, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]]
    ) -> Any:
        """The result of a tool: from the journal, or fetched and journaled before anybody sees it."""
        place = self.contents.tools.get(key)
        if place is not None:
            return read_line(place)["result"]
        if self.make_dispatcher is None:
            raise _not_stored(f"result of {name} for these arguments")
        result = await run()
        line = {"type": "tool", "key": key, **about(item), "tool": name, "arguments": arguments, "time": utc_now()}
        self.contents.tools[key] = self.journal.write({**line, "result": result})
        return result

    def failed(self, call: Call, key: ItemKey, attempt: int, failure: AttemptFailed) -> None:
        """A failed attempt goes to the journal, as an attempt and never as an answer."""
        self.journal.write(
            {
                "type": "attempt",
                "key": call.key,
                **about(key),
                "attempt": attempt,
                "kind": failure.kind.value,
                "cause": failure.cause,
                "message": str(failure)[:500],
                "time": utc_now(),
            }
        )

    def _is_ahead(self, benchmark: Benchmark) -> bool:
        """The benchmark's grader runs in the engine; looked up once."""
        known = self.ahead.get(benchmark.name)
        if known is None:
            known = self.ahead[benchmark.name] = benchmark.grade is not None and _runs_ahead(benchmark.grade)
        return known

    async def _grade_ahead(self, item: PlannedItem, value: Any, key: str) -> tuple[Grade | None, Exception | None]:
        """Run a grader that is a coroutine function (code execution, a judge model) ahead of the test."""
        grade = item.plan.benchmark.grade
        if grade is None or not self._is_ahead(item.plan.benchmark):
            return None, None
        known = self.stored_outcomes.get(item.key)
        if known is not None and known.kind.is_verdict and known.request_key == key:
            return grade_of(known), None
        try:
            made = grade(item.sample, value)
            return await made if inspect.isawaitable(made) else made, None
        except Exception as error:  # noqa: BLE001 - the grader's own fault becomes grader_error, never a score
            return None, error


def _runs_ahead(grade: Grader) -> bool:
    """A coroutine function, or an object that is called like one."""
    return inspect.iscoroutinefunction(grade) or inspect.iscoroutinefunction(getattr(grade, "__call__", None))  # noqa: B004


def _not_stored(what: str) -> Ungraded:
    return Ungraded(f"the stored run has no {what}", kind=Kind.NOT_RUN, cause="not_stored")


def about(key: ItemKey) -> JsonObject:
    """Which item a journal line is about."""
    return {"benchmark": key.benchmark, "subset": key.subset, "sample": key.sample, "repeat": key.repeat}


def _max_tokens(request: Request, params: Mapping[str, Any]) -> Any:
    return request.params.get("max_tokens", params.get("max_tokens"))


def _size(response: Response) -> int:
    return 600 + 2 * (len(response.content) + len(response.reasoning_content))


def _reply_at(place: JournalOffset) -> JsonObject | None:
    reply = read_line(place).get("reply")
    return reply if isinstance(reply, dict) else None
