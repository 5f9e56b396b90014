"""One item of a run as a reader sees it, and its JSON form, which pages, exports and data frames share. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from typing import Any

from pytest_modeleval.records import ItemKey, JsonObject, Kind, MeasureValue, Response, ToolCall, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class SentImage:
    """A picture of a request."""

    file: str
    """Its path in the run folder, "images/<sha256>.png", and its url in the messages. There may be no such file."""
    media_type: str
    width: int
    """In pixels."""
    height: int
    bytes: int
    """As sent, before base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request of an item and its reply."""

    messages: tuple[JsonObject, ...] = ()
    """As sent. Where `after` is set, only those that were added to the earlier request."""
    after: int | None = None
    """Position of the exchange whose request this one continues, with the same tools and params; None for a new one."""
    tools: tuple[Any, ...] = ()
    """The functions that were offered, as sent; empty where `after` is set."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """All other fields of the body (model, seed, temperature, ...); empty where `after` is set."""
    path: str = ""
    """The endpoint of a request that is no chat, such as "/tokenize"; "" for a chat."""
    images: tuple[SentImage, ...] = ()
    """Of the whole request, those of the requests that it continues included."""
    reply: Response = field(default_factory=partial(Response, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """A request of the item that failed and was repeated, or not."""

    kind: str
    cause: str
    message: str
    time: str
    """UTC, when it had failed. The journal does not record how long it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A request to a further model of the run, such as a judge, and its reply."""

    role: str
    model: str
    request: str
    """The text of its messages."""
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRecord:
    """One item of a run. What the journal does not record is None or empty."""

    benchmark: str
    subset: str
    sample: str
    """The sample's id."""
    repeat: int = 0
    id: str = ""
    """What pytest's id of the item has in brackets: the sample's id, and the repeat where there are several."""
    kind: Kind = Kind.NOT_RUN
    value: float = 0.0
    """Credit from 0 to 1; meaningless where kind is no verdict."""
    measures: Mapping[str, MeasureValue] | None = None
    marks: tuple[str, ...] = ()
    answer: str | None = None
    """As extracted from the reply."""
    target: str | None = None
    """The expected answer; None if it has no short form."""
    cause: str = ""
    explanation: str = ""
    question: str = ""
    """The last message of the user in the first request."""
    finish_reason: str | None = None
    model: str | None = None
    """As the last reply names it."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    """Tokens of the last reply, as the server counted them."""
    first_token_s: float | None = None
    total_s: float | None = None
    """Seconds of the last reply, from sending."""
    attempts: tuple[FailedAttempt, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    """In the order of their replies; one for a single request."""
    judgements: tuple[Judgement, ...] = ()
    left_out: int = 0
    """Journal lines of the item that were not read, because there are too many or they are too long."""

    @property
    def key(self) -> ItemKey:
        """Identifies the item in its run."""
        return ItemKey(self.benchmark, self.subset, self.sample, self.repeat)

    @property
    def reply(self) -> Response | None:
        """The last reply."""
        return self.exchanges[-1].reply if self.exchanges else None

    @property
    def messages(self) -> list[JsonObject]:
        """All messages of the last request."""
        return self.messages_of(len(self.exchanges) - 1)

    def messages_of(self, position: int) -> list[JsonObject]:
        """All messages of the request of an exchange."""
        parts = [exchange.messages for exchange in self._chain(position)]
        return [message for part in reversed(parts) for message in part]

    @property
    def tools(self) -> Sequence[Any]:
        """The functions that the last request offered, as sent."""
        chain = self._chain(len(self.exchanges) - 1)
        return chain[-1].tools if chain else ()

    @property
    def request(self) -> JsonObject | None:
        """The exact body of the last request; None if it is not recorded. It holds no API key, which is a header."""
        return self.request_of(len(self.exchanges) - 1)

    def request_of(self, position: int) -> JsonObject | None:
        """The exact body of the request of an exchange; pictures by reference, see SentImage.file."""
        chain, messages = self._chain(position), self.messages_of(position)
        if not chain or not (chain[-1].params or messages):
            return None
        body = dict(chain[-1].params)
        if not chain[-1].path:
            body["messages"] = messages
        if chain[-1].tools:
            body["tools"] = list(chain[-1].tools)
        return body

    def _chain(self, position: int) -> list[Exchange]:
        """The exchange and those that it continues, the first one last. Each continues an earlier one."""
        chain = []
        at: int | None = position if position >= 0 else None
        while at is not None:
            chain.append(self.exchanges[at])
            at = self.exchanges[at].after
        return chain

    def to_json(self) -> JsonObject:
        """The record as JSON; fields that are None or empty are left out.

        An exchange has `messages`, `after`, `tools`, `params`, `path`, `images` and `reply` as the class has them. The
        exact body of a request is its `params` with `messages` (those of the exchanges that it continues first) and,
        where there are some, `tools`; a picture has its path in the run folder as url. `content` of a reply is the
        answer and `reasoning` the thinking, also where a server sent both in one text; `is_thinking_open`: the thinking
        never ended.
        """
        return _filled(
            {
                **{name: getattr(self, name) for name in _PLAIN},
                "kind": self.kind.value,
                "measures": _measures(self.measures),
                "marks": list(self.marks),
                "attempts": [asdict(attempt) for attempt in self.attempts],
                "exchanges": [_exchange(exchange) for exchange in self.exchanges],
                "judgements": [asdict(judgement) for judgement in self.judgements],
            }
        ) | {"repeat": self.repeat, "value": self.value}


_PLAIN = (
    "benchmark",
    "subset",
    "sample",
    "id",
    "answer",
    "target",
    "cause",
    "explanation",
    "question",
    "finish_reason",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "first_token_s",
    "total_s",
    "left_out",
)


def _filled(entry: JsonObject) -> JsonObject:
    """The fields that say something. A count of 0 does, but for left_out."""
    return {
        name: value
        for name, value in entry.items()
        if value or (value is not None and name != "left_out" and isinstance(value, int | float))
    }


def _measures(measures: Mapping[str, MeasureValue] | None) -> JsonObject:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in (measures or {}).items()}


def _exchange(exchange: Exchange) -> JsonObject:
    return _filled(
        {
            "after": exchange.after,
            "messages": list(exchange.messages),
            "tools": list(exchange.tools),
            "params": dict(exchange.params),
            "path": exchange.path,
            "images": [asdict(image) for image in exchange.images],
            "reply": _reply(exchange.reply),
        }
    )


_USAGE = tuple(count.name for count in fields(Usage))


def _reply(reply: Response) -> JsonObject:
    usage = reply.usage
    return _filled(
        {
            "content": reply.text,
            "reasoning": reply.reasoning,
            "is_thinking_open": reply.is_thinking_open or None,
            "tool_calls": [call_json(call) for call in reply.tool_calls],
            "finish_reason": reply.finish_reason,
            "model": reply.model,
            **{name: getattr(usage, name) for name in _USAGE},
            "first_token_s": reply.first_token_s,
            "total_s": reply.total_s or None,
        }
    )


def call_json(call: ToolCall) -> JsonObject:
    """A function call as JSON; `arguments` is the text as it came."""
    return _filled({"name": call.name, "arguments": call.arguments, "id": call.id})
