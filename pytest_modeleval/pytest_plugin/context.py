"""What an active run is made of, and what differs between the local process and a worker of pytest-xdist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.dispatch.replicas import ServerMonitor
from pytest_modeleval.errors import OtherExperiment
from pytest_modeleval.evaluation.evaluation import Evaluation
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.runs.item_filter import ItemFilter
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import JournalReader


class Reporter(Protocol):
    """Where a process says what the user should know."""

    def print_line(self, text: str) -> None:
        """Print a line now."""

    def print_once(self, text: str) -> None:
        """Print a line that every process of the run finds, once."""

    def refresh(self) -> None:
        """Called after each item."""

    def wait(self) -> None:
        """Called a few times a second while an item waits for its result. May raise EngineStopped."""

    def enter_item(self, item: pytest.Item) -> bool:
        """The reports that follow are those of this item, out of its turn; False if that cannot be."""

    def suppress_filename(self, path: Path) -> None:
        """Keep pytest from printing the name of a file of samples."""

    def stop(self, reason: str) -> None:
        """The run ends early, for this reason; later reasons count for nothing."""


class ItemFeed(Protocol):
    """Gives the engine the items to ask ahead."""

    def first(self) -> Iterable[int]:
        """Plan indices to ask from the start."""

    def advance_to(self, index: int) -> None:
        """The item at this plan index is next: feed the engine as far ahead of it as it may ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShare:
    """The part of a run that one process works on."""

    connection: Connection
    reader: JournalReader
    """All journals of the run folder."""
    invocation: int
    """Which use of the run folder this is, from 1."""
    journal_path: Path
    """The journal that this process writes."""
    in_flight: int
    """Requests at once in this process."""
    role_status: Mapping[str, ServerMonitor]
    """Role, "" for the model under test -> the state of its servers, where the run watches them."""
    order_seed: int | None
    """The seed of the order of asking; None for the order of the data."""
    flush_cache: Callable[[], str] | None
    """Empties the server's prefix cache, see evaluation.run_options; None where that must not be done."""
    client_processes: int = 1
    """That share the load of an exclusive benchmark."""


class Process(Protocol):
    """The process that runs the items: the local one, or a worker of pytest-xdist."""

    @property
    def reporter(self) -> Reporter:
        """Where this process says what the user should know."""

    @property
    def earlier(self) -> Path | None:
        """The run that --eval-only and --eval-rescore look at; None without them."""

    @property
    def has_paths(self) -> bool:
        """The user named files or folders to collect."""

    def open(self) -> RunShare:
        """Reach the model and the run folder. Raises UserError."""

    def open_new_folder(self, mistake: OtherExperiment) -> RunShare:
        """Leave the run folder to its experiment, and take a new one. Raises the mistake where the user named it."""

    def make_filter(self) -> ItemFilter | None:
        """The filter of items; None where all are needed. The plan is in the journal."""

    def make_feed(self, evaluation: Evaluation, items: Sequence[SampleItem], needed: ItemFilter | None) -> ItemFeed:
        """What feeds the engine. needed: the filter."""

    def begin(self, evaluation: Evaluation, items: Sequence[SampleItem], facts: Mapping[str, Any]) -> None:
        """The run folder holds no other experiment: from here on it may be written. facts: how answers are graded."""

    def refuse(self, session: pytest.Session, message: str) -> None:
        """The user has to correct something before the first request: end the run with status 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """All that running the items needs. It is made when the plan stands, and is complete then."""

    config: pytest.Config
    settings: Settings
    connection: Connection
    evaluation: Evaluation
    items: tuple[SampleItem, ...]
    """The samples of this process, in the order of asking; an item's plan_index is its place here."""
    item_filter: ItemFilter | None
    feed: ItemFeed
    reporter: Reporter


StartItems = Callable[[RunContext], None]
"""Registers the plugins that run the items of a context."""
