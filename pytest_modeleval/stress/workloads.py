"""Which requests a stress test sends: their lengths, what they share, their conversations. Arrival times: arrivals.py.

A workload is written in one word:

    chat-512-128                       prompts of 512 tokens, replies of 128
    chat-256..1024-128~0.5             lengths drawn, see stress/spread.py
    lengths:FILE                       pairs of lengths drawn from a file
    trace:FILE                         recorded traffic, with its times
    bench:gsm8k  bench:gsm8k-256       the prompts of a benchmark; replies as they come, or of 256 tokens

followed by any of

    +prefix0.5  +prefix0.5x8           half of each prompt is shared, by all or by pools of prompts (8 pools)
    +turns4  +think2  +think1..5       conversations of four turns, a pause of the user before each further turn
    +tools3                            three functions are offered
    +speed2                            a trace played twice as fast
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count, repeat
from pathlib import PurePath
from typing import Any

from pytest_modeleval.stress.filler import TokenCounts, filler_text, random_words, seeded
from pytest_modeleval.stress.offered_functions import offered_functions
from pytest_modeleval.stress.spread import Spread
from pytest_modeleval.stress.traces import BLOCK_TOKENS, TraceRow

CHAT, LENGTHS, TRACE, BENCHMARK = "chat", "lengths", "trace", "bench"
_LENGTH = r"[\d.~]+"
_CHAT = re.compile(rf"chat-({_LENGTH})-({_LENGTH})")
_FILE = re.compile(r"(lengths|trace):(.+)")
_BENCHMARK = re.compile(rf"bench:(\w+?)(?:-({_LENGTH}))?")
_MODIFIER = re.compile(r"(prefix|turns|think|tools|speed)([\d.~]+(?:x\d+)?)")
_SPOKEN = {"prefix": "0.5 or 0.5x8", "turns": "4", "think": "2 or 1..5", "tools": "3", "speed": "2"}
_UNSAFE = re.compile(r"[^\w.~-]+")
_ALLOWED = {
    CHAT: ("prefix", "turns", "think", "tools"),
    LENGTHS: ("prefix", "turns", "think", "tools"),
    TRACE: ("speed", "tools"),
    BENCHMARK: (),
}
_MOST_TURNS, _MOST_TOOLS = 100, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRequest:
    """A request as it is to be sent."""

    messages: tuple[Mapping[str, Any], ...]
    """Of a later turn, the new messages only: those of the earlier turns and their replies come before them."""

    tools: tuple[Mapping[str, Any], ...] = ()
    """Functions that are offered, in the form of chat completions."""

    input_tokens: int | None = None
    """Tokens that `messages` are made for; None for a real prompt."""

    words: int | None = None
    """Words of `messages`, for TokenCounts.from_usage; None for a real prompt."""

    wanted_tokens: int | None = None
    """The length that the reply is to have; None to let the model end it."""

    session: int | None = None
    """Which conversation; None where each request stands for itself. The turns of one follow each other."""

    turn: int = 0
    think_s: float = 0.0
    """Pause between the reply to the turn before and this request."""

    at_s: float | None = None
    """When a trace has it, in seconds from its first request."""

    row: int | None = None
    """Index of the benchmark's row."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A beginning that prompts share."""

    share: float
    """Of the tokens of each first message."""
    pools: int = 1
    """Groups of prompts with a beginning of their own; each prompt falls into one at random."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Requests by their lengths and relations; the texts follow from a seed."""

    name: str
    """As it stands in the names of points: `text` without the folders of a file, and with "-" for ":"."""
    text: str
    """As it was given."""
    kind: str
    """"chat", "lengths", "trace" or "bench"."""
    source: str = ""
    """The path of the file, or the name of the benchmark."""
    input_tokens: Spread | None = None
    output_tokens: Spread | None = None
    prefix: Prefix | None = None
    turns: int = 1
    think: Spread = field(default_factory=lambda: Spread(0.0, 0.0))
    tools: int = 0
    speed: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Workload:
        """Read a workload. Raises ValueError for another form."""
        head, modifiers = _modifiers(text)
        workload = _head(head, text)
        for word, value in modifiers:
            if word not in _ALLOWED[workload.kind]:
                raise ValueError(f"workload {text!r}: +{word} does not go with {workload.kind!r}")
            try:
                workload = _APPLY[word](workload, value)
            except ValueError as error:
                raise ValueError(f"workload {text!r}: +{word}: {error}") from error
        return workload

    @property
    def has_times(self) -> bool:
        """Its requests have times of their own (`at_s`)."""
        return self.kind == TRACE

    def requests(
        self,
        seed: object,
        *,
        counts: TokenCounts = TokenCounts(),  # noqa: B008 - frozen
        rows: Sequence[TraceRow] = (),
        prompts: Sequence[Sequence[Mapping[str, Any]]] = (),
    ) -> Iterator[PlannedRequest]:
        """The requests in their order; without an end, but for a trace.

        seed: whatever `str` tells apart; the same seed gives the same requests. The prompts of two seeds share no
        beginning, so a point measured again needs a seed of its own if a server's prefix cache is not to be hit.
        counts: how the server counts our words. rows: `traces.read_trace` of `source`, for "lengths" and "trace".
        prompts: the messages of the benchmark's rows, for "bench"; taken in random order, each again only after all.
        Raises ValueError where rows or prompts are needed and missing.
        """
        needed = {LENGTHS: rows, TRACE: rows, BENCHMARK: prompts}
        if not needed.get(self.kind, (None,)):
            raise ValueError(f"workload {self.text!r}: expected the rows of {self.source!r}, found none")
        if self.kind == TRACE:
            return _trace_requests(self, f"{seed}", counts, rows)
        if self.kind == BENCHMARK:
            return _benchmark_requests(self, f"{seed}", prompts)
        return chain.from_iterable(_conversation(self, f"{seed}", counts, rows, number) for number in count())


def _modifiers(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text before the modifiers, and the modifiers in their order; a file's name may have a "+" of its own."""
    found: list[tuple[str, str]] = []
    head, plus, tail = text.rpartition("+")
    while plus and (match := _MODIFIER.fullmatch(tail)):
        found.insert(0, (match[1], match[2]))
        text = head
        head, plus, tail = text.rpartition("+")
    if len({word for word, _ in found}) < len(found):
        raise ValueError(f"workload {text!r}: expected each modifier once, found {[word for word, _ in found]}")
    return text, found


def _head(head: str, text: str) -> Workload:
    name = _name(head) + text[len(head) :]
    try:
        if found := _CHAT.fullmatch(head):
            inputs, outputs = Spread.parse(found[1]), Spread.parse(found[2])
            return Workload(name=name, text=text, kind=CHAT, input_tokens=inputs, output_tokens=outputs)
        if found := _FILE.fullmatch(head):
            return Workload(name=name, text=text, kind=found[1], source=found[2])
        if found := _BENCHMARK.fullmatch(head):
            wanted = Spread.parse(found[2]) if found[2] else None
            return Workload(name=name, text=text, kind=BENCHMARK, source=found[1], output_tokens=wanted)
    except ValueError as error:
        raise ValueError(f"workload {text!r}: {error}") from error
    raise ValueError(
        f"workload {text!r}: expected chat-INPUT-OUTPUT (such as chat-512-128), lengths:FILE, trace:FILE or "
        f"bench:NAME, followed by any of {', '.join(f'+{word}{form}' for word, form in _SPOKEN.items())}"
    )


def _name(head: str) -> str:
    kind, _, source = head.partition(":")
    if kind in (LENGTHS, TRACE):
        return f"{kind}-{_UNSAFE.sub('_', PurePath(source).stem)}"
    return head.replace(":", "-")


def _with_prefix(workload: Workload, value: str) -> Workload:
    share, _, pools = value.partition("x")
    prefix = Prefix(float(share), int(pools or 1))
    if not 0 < prefix.share <= 1 or prefix.pools < 1:
        raise ValueError(f"expected a share above 0 and at most 1, and at least one pool, found {value!r}")
    return replace(workload, prefix=prefix)


def _whole(value: str, most: int) -> int:
    if not value.isdigit() or not 1 <= int(value) <= most:
        raise ValueError(f"expected a whole number from 1 to {most}, found {value!r}")
    return int(value)


def _with_speed(workload: Workload, value: str) -> Workload:
    if not 0 < (speed := float(value)) < 1e6:
        raise ValueError(f"expected a factor above 0, found {value!r}")
    return replace(workload, speed=speed)


_APPLY = {
    "prefix": _with_prefix,
    "turns": lambda workload, value: replace(workload, turns=_whole(value, _MOST_TURNS)),
    "think": lambda workload, value: replace(workload, think=Spread.parse(value)),
    "tools": lambda workload, value: replace(workload, tools=_whole(value, _MOST_TOOLS)),
    "speed": _with_speed,
}


def _conversation(
    workload: Workload, seed: str, counts: TokenCounts, rows: Sequence[TraceRow], number: int
) -> Iterator[PlannedRequest]:
    """The turns of one conversation, or the one request that stands for itself."""
    rng = seeded(seed, workload.name, number)
    for turn in range(workload.turns):
        tokens, wanted = _lengths(workload, rng, rows)
        words = filler_text(rng, tokens, counts, _shared(workload, seed, counts, rng, tokens) if turn == 0 else ())
        yield PlannedRequest(
            messages=_user(words),
            tools=offered_functions(workload.tools),
            input_tokens=tokens,
            words=len(words),
            wanted_tokens=wanted,
            session=number if workload.turns > 1 else None,
            turn=turn,
            think_s=workload.think.draw(rng) if turn else 0.0,
        )


def _lengths(workload: Workload, rng: random.Random, rows: Sequence[TraceRow]) -> tuple[int, int | None]:
    if workload.input_tokens is not None and workload.output_tokens is not None:
        return workload.input_tokens.draw_count(rng), workload.output_tokens.draw_count(rng)
    row = rng.choice(rows)
    return row.input_tokens or 1, row.output_tokens


def _shared(workload: Workload, seed: str, counts: TokenCounts, rng: random.Random, tokens: int) -> Sequence[str]:
    """The words that the prompt shares with the others of its pool."""
    if workload.prefix is None:
        return ()
    pool = seeded(seed, "prefix", rng.randrange(workload.prefix.pools))
    return random_words(pool, round(counts.words_for(tokens) * workload.prefix.share))


def _user(words: Sequence[str]) -> tuple[Mapping[str, Any], ...]:
    return ({"role": "user", "content": " ".join(words)},)


def _trace_requests(
    workload: Workload, seed: str, counts: TokenCounts, rows: Sequence[TraceRow]
) -> Iterator[PlannedRequest]:
    sessions: dict[str, int] = {}
    turns: dict[str, int] = {}
    for number, row in enumerate(rows):
        messages, words = row.messages, None
        if not messages:
            rng = seeded(seed, workload.name, number)
            text = filler_text(rng, row.input_tokens or 1, counts, _blocks(row, seed, counts))
            messages, words = _user(text), len(text)
        turn = 0
        if row.session is not None:
            sessions.setdefault(row.session, len(sessions))
            turn = turns[row.session] = turns.get(row.session, -1) + 1
        yield PlannedRequest(
            messages=messages,
            tools=row.tools or offered_functions(workload.tools),
            input_tokens=row.input_tokens,
            words=words,
            wanted_tokens=row.output_tokens,
            session=None if row.session is None else sessions[row.session],
            turn=turn,
            think_s=row.think_s / workload.speed,
            at_s=None if row.at_s is None else row.at_s / workload.speed,
        )


def _blocks(row: TraceRow, seed: str, counts: TokenCounts) -> list[str]:
    """The words of the blocks of a recorded prompt; the last block is as long as the prompt has tokens left."""
    most = counts.words_for(row.input_tokens or 1) - 1
    size = max(1, round(BLOCK_TOKENS / counts.per_word))
    words = chain.from_iterable(random_words(seeded(seed, "block", block), size) for block in row.block_ids)
    return [word for word, _ in zip(words, repeat(None, most), strict=False)]


def _benchmark_requests(
    workload: Workload, seed: str, prompts: Sequence[Sequence[Mapping[str, Any]]]
) -> Iterator[PlannedRequest]:
    for lap in count():
        rng = seeded(seed, workload.name, lap)
        for row in rng.sample(range(len(prompts)), len(prompts)):
            wanted = workload.output_tokens.draw_count(rng) if workload.output_tokens else None
            yield PlannedRequest(messages=tuple(prompts[row]), wanted_tokens=wanted, row=row)
