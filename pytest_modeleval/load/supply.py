"""The requests of a load, encoded ahead: what to send next, and after which pause."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby, islice
from typing import Any

from pytest_modeleval.client.body import encode_body
from pytest_modeleval.records import Request
from pytest_modeleval.server_facts import LLAMA_CPP, SGLANG, VLLM
from pytest_modeleval.stress.workloads import PlannedRequest

FIRST_GRADED = 10**9
"""Numbers of graded requests begin here."""
PREPARED = 2048
"""Requests encoded before the load begins; later ones are encoded one by one as they are sent."""


@dataclass(slots=True)
class Prepared:
    """A request that is ready to be sent."""

    number: int
    planned: PlannedRequest
    body: bytes
    """b"" for a further turn of a conversation, whose body needs the replies before it."""
    is_graded: bool = False
    """It is a sample of the graded benchmark, `planned.row`, and not of the workload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRules:
    """What the bodies of a load have in common."""

    model: str
    kind: str
    """Of the server, see server_facts."""
    params: Mapping[str, Any]
    seed: int

    @property
    def has_ignore_eos(self) -> bool:
        """The server can be made to write replies of the wanted length."""
        return self.kind in (SGLANG, VLLM, LLAMA_CPP)

    @property
    def has_continuous_usage(self) -> bool:
        """The server can count the tokens of every chunk."""
        return self.kind in (SGLANG, VLLM)

    def encode(self, planned: PlannedRequest, number: int, history: Sequence[Mapping[str, Any]] = ()) -> bytes:
        """The body of one request. history: messages of the turns before, with their replies."""
        params: dict[str, Any] = {**self.params, "stream": True, "stream_options": {"include_usage": True}}
        if self.has_continuous_usage:
            params["stream_options"]["continuous_usage_stats"] = True
        if planned.wanted_tokens is not None:
            params["max_tokens"] = planned.wanted_tokens
            if self.has_ignore_eos:
                params["ignore_eos"] = True
            if self.kind in (SGLANG, VLLM):
                params["min_tokens"] = planned.wanted_tokens
        request = Request([*history, *planned.messages], tools=planned.tools)
        return encode_body(request, model=self.model, params=params, seed=(self.seed + number) % 2**31)


Script = list[tuple[int, PlannedRequest]]
"""A request that stands alone, or the turns of one conversation, in order; each with its number."""


def scripts_of(requests: Iterator[PlannedRequest], *, is_trace: bool) -> Iterator[Script]:
    """Requests by conversation, in the order of their beginnings.

    is_trace: the requests come to an end, and conversations may run at the same time. Otherwise the turns of one
    follow each other.
    """
    if not is_trace:
        alone = count(1)
        parts = groupby(enumerate(requests), lambda pair: -next(alone) if pair[1].session is None else pair[1].session)
        yield from (list(part) for _, part in parts)
        return
    known: dict[int, Script] = {}
    scripts: list[Script] = []
    for pair in enumerate(requests):
        session = pair[1].session
        if session is not None and session in known:
            known[session].append(pair)
            continue
        scripts.append([pair])
        if session is not None:
            known[session] = scripts[-1]
    yield from scripts


class Supply:
    """Gives the scripts of a load, the first ones encoded ahead, and graded requests in between."""

    def __init__(self, scripts: Iterator[Script], rules: BodyRules, graded: Iterable[tuple[int, bytes]] = ()) -> None:
        """graded: (row, body) of the samples of a graded benchmark."""
        self.rules = rules
        self._scripts = scripts
        self._ready: deque[list[Prepared]] = deque()
        self._graded = deque(
            Prepared(FIRST_GRADED + row, PlannedRequest(messages=(), row=row), body, is_graded=True)
            for row, body in graded
        )
        self._is_graded_next = False

    @property
    def graded_left(self) -> int:
        """Graded requests that were not taken."""
        return len(self._graded)

    def take_mixed(self) -> list[Prepared] | None:
        """As `take`, but every second one is a graded request for as long as there are any."""
        self._is_graded_next = not self._is_graded_next
        return [self._graded.popleft()] if self._graded and self._is_graded_next else self.take()

    def prepare(self, wanted: int) -> None:
        """Encode so many scripts ahead, at most PREPARED."""
        self._ready.extend(map(self._prepared, islice(self._scripts, min(wanted, PREPARED))))

    def take(self) -> list[Prepared] | None:
        """The next script; None where there is no more."""
        if self._ready:
            return self._ready.popleft()
        script = next(self._scripts, None)
        return None if script is None else self._prepared(script)

    def _prepared(self, script: Script) -> list[Prepared]:
        return [
            Prepared(number, planned, b"" if turn else self.rules.encode(planned, number))
            for turn, (number, planned) in enumerate(script)
        ]
