"""The contents of the journals of a run folder, as they are held in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_modeleval.plan import Plan
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.store.request_log import RequestLog
from pytest_modeleval.stress.point import PointResult

MAX_REPLY_MODELS = 20


@dataclass(frozen=True, slots=True)
class JournalOffset:
    """Where a line is."""

    path: Path
    offset: int
    """In bytes, from the start of the file."""
    length: int
    """In bytes, with the line break."""


@dataclass(frozen=True, slots=True)
class DamagedLine:
    """A line that cannot be used: its checksum does not fit, or it is no entry of a journal."""

    path: Path
    number: int
    """Counted from 1."""


@dataclass(frozen=True, slots=True)
class OutcomeRank:
    """When an outcome was written: which of two outcomes of an item is the later one."""

    invocation: int = 0
    """Which use of the folder, from 1 (run.json "invocations"); 0 in lines of earlier versions."""
    time: str = ""
    """UTC. Decides only between files of one invocation, and between lines of earlier versions."""
    path: Path | None = None
    """The journal. Within one file the line further down is the later one, whatever the clock said."""

    def is_later(self, other: OutcomeRank) -> bool:
        """True if this outcome, read after the other, replaces it."""
        if self.path == other.path:
            return True
        return (self.invocation, self.time) >= (other.invocation, other.time)


@dataclass(slots=True)
class Contents:
    """The contents of all journals of a run folder."""

    responses: dict[str, JournalOffset] = field(default_factory=dict)
    """Request key -> its line."""
    tools: dict[str, JournalOffset] = field(default_factory=dict)
    """The same for results of tools outside of the model."""
    points: dict[str, tuple[ItemKey, PointResult]] = field(default_factory=dict)
    """Key of an operating point -> its item, and its latest result."""
    outcomes: dict[ItemKey, Outcome] = field(default_factory=dict)
    """The latest of each item."""
    ranks: dict[ItemKey, OutcomeRank] = field(default_factory=dict)
    """When the latest outcome of each item was written."""
    plans: list[Plan] = field(default_factory=list)
    failed_attempts: Counter[str] = field(default_factory=Counter)
    """Cause -> attempts at a request that failed with it, whether or not a later one succeeded."""
    reply_models: Counter[str] = field(default_factory=Counter)
    """Name of a model -> replies that carry it; at most MAX_REPLY_MODELS names."""
    requests: dict[str, RequestLog] = field(default_factory=dict)
    """Benchmark -> its requests to the model under test."""
    damaged: list[DamagedLine] = field(default_factory=list)
    unfinished: dict[int, list[tuple[Outcome, OutcomeRank]]] = field(default_factory=dict)
    """Invocation -> outcomes of a rescoring that has not ended, which do not count."""
    rescored: set[int] = field(default_factory=set)
    """Invocations that were rescorings and came to their end."""

    def count_reply(self, benchmark: str, reply: Any, attempts: Any) -> None:
        """Count a stored reply of the model under test: its times, its tokens, and the model's name in it.

        Replies that continue a conversation may have no name. attempts: how many the request took.
        """
        if not isinstance(reply, Mapping):
            return
        self.log_of(benchmark).add(reply, attempts)
        name = reply.get("model")
        if isinstance(name, str) and name and (name in self.reply_models or len(self.reply_models) < MAX_REPLY_MODELS):
            self.reply_models[name] += 1

    def count_failure(self, benchmark: str, cause: str) -> None:
        """Count a failed attempt."""
        self.failed_attempts[cause] += 1
        self.log_of(benchmark).failed_attempts[cause] += 1

    def log_of(self, benchmark: str) -> RequestLog:
        """The requests of a benchmark, to be added to."""
        log = self.requests.get(benchmark)
        return log if log is not None else self.requests.setdefault(benchmark, RequestLog())

    def enter(self, outcome: Outcome, rank: OutcomeRank) -> None:
        """Keep an outcome unless a later one is known: the journals of several processes are read one after another."""
        known = self.ranks.get(outcome.key)
        if known is None or rank.is_later(known):
            self.outcomes[outcome.key] = outcome
            self.ranks[outcome.key] = rank

    def damage_note(self) -> str:
        """A sentence that names the damaged lines; "" where there are none."""
        if not self.damaged:
            return ""
        first = self.damaged[:3]
        named = ", ".join(f"{line.path.name} line {line.number}" for line in first)
        more = f" and {len(self.damaged) - 3:,} more" if len(self.damaged) > 3 else ""
        lines = "a damaged line is" if len(self.damaged) == 1 else f"{len(self.damaged):,} damaged lines are"
        return f"{first[0].path.parent}: {lines} not used: {named}{more}"
