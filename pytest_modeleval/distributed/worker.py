"""A worker of xdist: its own engine and journal, over the batches that the controller hands it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.distributed.worker_channel import (
    GRADING,
    INPUT,
    MISTAKE,
    NOTES,
    STOPPED,
    Counts,
    WorkerCounts,
    WorkerInbox,
)
from pytest_modeleval.distributed.xdist_private import worker_cursor
from pytest_modeleval.errors import EngineStopped, OtherExperiment
from pytest_modeleval.evaluation.evaluation import Evaluation
from pytest_modeleval.pytest_plugin.context import RunShare
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.runs.item_filter import ItemFilter, StopFlagReader
from pytest_modeleval.runs.prefix_cache import cache_flusher
from pytest_modeleval.runs.server_status import ServerStatusReader
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import JournalReader

STOP_REASON = "the controller stopped the run"


class WorkerReporter:
    """The Reporter of a worker: it cannot print, so the controller prints for all workers."""

    def __init__(self, poll: Callable[[], bool]) -> None:
        """poll(): take what the controller sent; True if it stopped the run."""
        self.notes: list[str] = []
        self.stop_reason = ""
        self._poll = poll
        self._enter: Callable[[int], None] | None = None
        self._places: dict[pytest.Item, int] = {}

    def print_line(self, text: str) -> None:
        """Nothing: the controller prints what concerns a single process."""

    def print_once(self, text: str) -> None:
        self.notes.append(text)

    def refresh(self) -> None:
        self._poll()

    def wait(self) -> None:
        if self._poll():
            raise EngineStopped(STOP_REASON)

    def enter_item(self, item: pytest.Item) -> bool:
        if self._enter is None:
            self._enter = worker_cursor(item.config)
            self._places = {one: place for place, one in enumerate(item.session.items)}
        if self._enter is not None:
            self._enter(self._places[item])
        return self._enter is not None

    def suppress_filename(self, path: Path) -> None:
        """Nothing: a worker prints no names of files."""

    def stop(self, reason: str) -> None:
        self.stop_reason = self.stop_reason or reason


def is_exclusive(item: SampleItem) -> bool:
    """Nothing else may be asked while this item is."""
    return item.planned.plan.benchmark.is_exclusive


class BatchFeed:
    """The ItemFeed of a worker: the items of the batches that it was sent."""

    def __init__(self, evaluation: Evaluation, session_items: Sequence[pytest.Item], inbox: WorkerInbox) -> None:
        self._evaluation = evaluation
        self._session_items = session_items
        self._inbox = inbox

    def first(self) -> Iterable[int]:
        return ()

    def advance_to(self, index: int) -> None:
        self.take_batches()

    def take_batches(self) -> None:
        """Ask the items of new batches; an answer that another process journaled meanwhile is not asked for again."""
        items = (self._session_items[place] for place in self._inbox.new_indices())
        # An exclusive item is asked when its test waits for it.
        indices = [item.plan_index for item in items if isinstance(item, SampleItem) and not is_exclusive(item)]
        if indices:
            self._evaluation.extend(indices)


class WorkerProcess:
    """The Process that is a worker of xdist. Registered as a plugin too, for what it returns to the controller."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        given: dict[str, Any] = config.workerinput  # type: ignore[attr-defined] # set by xdist
        self._config: Any = config
        self._settings = settings
        self._input: dict[str, Any] = given[INPUT]
        self._name: str = given["workerid"]
        self._folder = Path(self._input["folder"])
        self._invocation = int(self._input["invocation"])
        self._inbox = WorkerInbox(self._folder, self._name)
        self._feed: BatchFeed | None = None
        self._evaluation: Evaluation | None = None
        self._counts: WorkerCounts | None = None
        self._session: pytest.Session | None = None
        self.reporter = WorkerReporter(self._poll)
        self.earlier = Path(self._input["earlier"]) if self._input["earlier"] else None
        # xdist gives its workers paths in any case.
        self.has_paths = bool(self._input["has_paths"])

    def open(self) -> RunShare:
        connection = Connection.from_json(self._input["connection"])
        return RunShare(
            connection=connection,
            reader=JournalReader(self._folder, rescoring=self._invocation),
            invocation=self._invocation,
            journal_path=self._folder / f"journal-{self._name}.jsonl",
            in_flight=int(self._input["in_flight"]),
            role_status={role: self._status_of(role, connection) for role in self._input["watched"]},
            order_seed=self._input["order_seed"],
            flush_cache=cache_flusher(connection.model, self._settings, may_flush=self._input["may_flush_cache"]),
            client_processes=int(self._input["workers"]),
        )

    def _status_of(self, role: str, connection: Connection) -> ServerStatusReader:
        model = connection.roles[role].model if role else connection.model
        return ServerStatusReader(len(model.urls), self._folder, role=role)

    def open_new_folder(self, mistake: OtherExperiment) -> RunShare:
        if self._input["spare"] is None:
            raise mistake
        # Every worker finds the same, and the controller sees the plan there.
        self._folder, self._invocation = Path(self._input["spare"]), 1
        self._inbox = WorkerInbox(self._folder, self._name)
        return self.open()

    def make_filter(self) -> ItemFilter | None:
        return StopFlagReader(self._folder) if self._settings.is_stop_early else None

    def make_feed(self, evaluation: Evaluation, items: Sequence[SampleItem], needed: ItemFilter | None) -> BatchFeed:
        # xdist sends indices into all items of the session.
        self._feed = BatchFeed(evaluation, items[0].session.items, self._inbox)
        return self._feed

    def begin(self, evaluation: Evaluation, items: Sequence[SampleItem], facts: Mapping[str, Any]) -> None:
        self._config.workeroutput[GRADING] = dict(facts)
        self._evaluation, self._counts = evaluation, WorkerCounts(self._folder, self._name)

    def refuse(self, session: pytest.Session, message: str) -> None:
        """The controller prints it, once, and ends with status 4."""
        self._config.workeroutput[MISTAKE] = message
        session.items[:] = []

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the session, to stop it."""
        self._session = session

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """Return notes, and the reason why this worker stopped."""
        self._config.workeroutput[NOTES] = self.reporter.notes
        result = yield
        if self.reporter.stop_reason not in ("", STOP_REASON):
            self._config.workeroutput[STOPPED] = self.reporter.stop_reason
        return result

    def _poll(self) -> bool:
        if self._feed is not None:
            self._feed.take_batches()
        if self._counts is not None:
            self._counts.send(self._count)
        is_stopped = self._inbox.is_stopped()
        if is_stopped and self._session is not None:
            self._session.shouldstop = self._session.shouldstop or STOP_REASON
        return is_stopped

    def _count(self) -> Counts:
        evaluation = self._evaluation
        if evaluation is None:
            return Counts()
        return Counts(evaluation.in_flight or 0, evaluation.figures.completion_tokens, evaluation.answered_ahead)
