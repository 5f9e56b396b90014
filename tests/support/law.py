"""A model server as a law: slots with one queue, a first token, a gap, tokens in each chunk. Standard library only.

The truth that measures are checked against. `serve` says when each request gets its slot and its chunks; the scripted
server of law_server.py keeps to it in time, and `timing` writes down what a perfect client would see.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from pytest_modeleval.stress.timing import STEADY, WARM_UP, Arrival, Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """How long everything takes. With is_exponential, each request's times are multiplied by a draw with the mean 1."""

    first_s: float = 0.1
    """From the slot to the first chunk."""
    gap_s: float = 0.01
    """Per token after the first chunk."""
    tokens: int = 64
    chunk: int = 1
    """Tokens in each chunk; the last one has the rest."""
    slots: int = 8
    is_exponential: bool = False
    seed: int = 1

    def chunks(self, tokens: int | None = None) -> list[tuple[float, int]]:
        """Seconds since the slot, and tokens, of each chunk of a reply."""
        left = range(tokens or self.tokens, 0, -self.chunk)
        return [(self.first_s + self.gap_s * self.chunk * number, min(self.chunk, n)) for number, n in enumerate(left)]

    def service_s(self, tokens: int | None = None) -> float:
        """Mean time in a slot."""
        return self.chunks(tokens)[-1][0]

    @property
    def capacity(self) -> float:
        """Requests a second with every slot taken."""
        return self.slots / self.service_s()

    def scale(self, number: int) -> float:
        """The factor of the request that came as this number, from 0."""
        return random.Random(f"{self.seed}-{number}").expovariate(1.0) if self.is_exponential else 1.0


@dataclass(slots=True)
class Queue:
    """Slots that serve in the order of coming."""

    law: Law
    came: Iterator[int] = field(default_factory=count)
    free_at: list[float] = field(default_factory=list)

    def enter(self, at: float, tokens: int | None = None) -> tuple[float, float]:
        """When a request that comes now gets its slot, and its factor."""
        scale = self.law.scale(next(self.came))
        free = heapq.heappop(self.free_at) if len(self.free_at) >= self.law.slots else at
        start = max(at, free)
        heapq.heappush(self.free_at, start + scale * self.law.service_s(tokens))
        return start, scale


def timing(law: Law, number: int, sent: float, start: float, scale: float, *, is_open: bool, warm_up: int) -> Timing:
    """What a perfect client sees."""
    arrivals = tuple(Arrival(start + scale * offset, tokens) for offset, tokens in law.chunks())
    return Timing(
        number=number,
        scheduled_s=sent if is_open else None,
        sent_s=sent,
        first_s=arrivals[0].at_s,
        first_answer_s=arrivals[0].at_s,
        ended_s=arrivals[-1].at_s,
        arrivals=arrivals,
        are_tokens_exact=True,
        completion_tokens=law.tokens,
        wanted_tokens=law.tokens,
        prompt_tokens=100,
        queue_s=start - sent,
        finish="length",
        phase=WARM_UP if number < warm_up else STEADY,
    )


def open_loop(law: Law, times: Iterable[float], *, warm_up: int = 0) -> list[Timing]:
    """Requests that come at given times."""
    queue = Queue(law)
    return [timing(law, n, at, *queue.enter(at), is_open=True, warm_up=warm_up) for n, at in enumerate(times)]


def closed_loop(law: Law, concurrency: int, num: int, *, warm_up: int = 0) -> list[Timing]:
    """Requests of which so many are in flight: each one that ends sends the next at once."""
    queue = Queue(law)
    ready = [0.0] * concurrency
    timings = []
    for number in range(num):
        at = heapq.heappop(ready)
        timings.append(timing(law, number, at, *queue.enter(at), is_open=False, warm_up=warm_up))
        heapq.heappush(ready, timings[-1].ended_s)
    return timings
