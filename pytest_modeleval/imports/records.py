"""What a reader of another tool's outputs gives: items, and the figures that the tool itself computed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_modeleval.metrics import Measure
from pytest_modeleval.records import JsonObject, Kind, MeasureValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedItem:
    """One sample, asked once."""

    subset: str
    sample: str
    """The sample's id."""
    repeat: int = 0
    values: Mapping[str, MeasureValue] = field(default_factory=dict)
    """The tool's values of the item; empty where it gave none."""
    kind: Kind | None = None
    """Why there is no verdict, where the outputs say it; None otherwise."""
    has_answer: bool = True
    """False where the outputs say that the reply holds no answer."""
    answer: str | None = None
    target: str | None = None
    cause: str = ""
    explanation: str = ""
    messages: tuple[JsonObject, ...] = ()
    """What was asked, as chat messages."""
    reply: JsonObject | None = None
    """As the journal keeps replies; None where none is recorded."""

    @property
    def is_cut(self) -> bool:
        """The reply was cut at a limit of tokens."""
        return self.reply is not None and self.reply.get("finish_reason") == "length"


@dataclass(frozen=True, slots=True)
class OwnFigure:
    """A figure as the tool computed it."""

    place: str
    """A subset or an aggregate."""
    measure: str
    value: float
    within: float = 0.0
    """How far rounding may have moved it; 0 for the last digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedBenchmark:
    """One benchmark of the outputs."""

    name: str
    task: str
    """Its name in the tool."""
    version: str
    items: Iterable[ImportedItem]
    """Read once, one item at a time."""
    figures: Sequence[OwnFigure] = ()
    order: Sequence[str] = ()
    """Measures in the tool's order; the first that is a credit from 0 to 1 is the figure of the table."""
    lower_is_better: frozenset[str] = frozenset()
    declared: Mapping[str, Measure] = field(default_factory=dict)
    """Measures that are no mean or ratio of the values of their own name."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Aggregate -> its subsets; empty for all."""
    planned: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Subset -> samples that were to be asked, where the outputs name them."""
    repeats: int = 1
    rows: Mapping[str, int] = field(default_factory=dict)
    """Subset -> samples there are, where the outputs say it."""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRun:
    """The outputs of one run of another tool."""

    tool: str
    version: str
    """Of the tool; "" where the outputs do not say it."""
    model: str
    benchmarks: Iterable[ImportedBenchmark]
    started: str = ""
    """UTC, ISO 8601; "" where the outputs do not say it."""
    limit: str | None = None
    notes: Sequence[str] = ()
    """What the outputs cannot say."""
