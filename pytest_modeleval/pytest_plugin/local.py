"""The local process: it owns the run, and asks and judges all of its items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.errors import OtherExperiment
from pytest_modeleval.evaluation.evaluation import Evaluation
from pytest_modeleval.pytest_plugin.context import RunShare
from pytest_modeleval.pytest_plugin.display import RequestCounters
from pytest_modeleval.pytest_plugin.run_controller import RunController
from pytest_modeleval.runs.earlier_run import earlier_folder
from pytest_modeleval.runs.item_filter import STOP_EARLY_AHEAD, ItemFilter
from pytest_modeleval.runs.opened_run import OpenedRun
from pytest_modeleval.runs.prefix_cache import cache_flusher
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import JOURNAL_FILE


class LocalReporter:
    """The Reporter of the local process: the terminal."""

    def __init__(self, controller: RunController) -> None:
        self._controller = controller
        self._terminal = controller.terminal

    def print_line(self, text: str) -> None:
        self._terminal.print_line(text)

    def print_once(self, text: str) -> None:
        self._terminal.print_line(text)

    def refresh(self) -> None:
        self._terminal.refresh()

    def wait(self) -> None:
        self._terminal.refresh()

    def enter_item(self, item: pytest.Item) -> bool:
        return True

    def suppress_filename(self, path: Path) -> None:
        self._terminal.suppress_filename(path)

    def stop(self, reason: str) -> None:
        self._controller.stop(reason)


def _counters(evaluation: Evaluation) -> RequestCounters:
    in_flight = evaluation.in_flight if not evaluation.is_offline else None
    return RequestCounters(in_flight, evaluation.figures.completion_tokens, evaluation.answered_ahead)


class LocalFeed:
    """The ItemFeed of the local process: all items at once, or as far ahead as a filter of items lets it."""

    def __init__(
        self, evaluation: Evaluation, items: Sequence[SampleItem], item_filter: ItemFilter | None, ahead: int | None
    ) -> None:
        """ahead: most items to ask beyond the next one, where there is a filter; None for no such limit."""
        self._evaluation = evaluation
        self._items = items
        self._filter = item_filter
        self._ahead = ahead
        self._fed = 0
        # Exclusive items stand last. Each is asked when its test waits for it: then all others are answered and graded.
        self._shared = sum(not item.planned.plan.benchmark.is_exclusive for item in items)

    def first(self) -> Iterable[int]:
        if self._filter is None:
            return range(self._shared)
        self.advance_to(0)
        return range(self._fed)

    def advance_to(self, index: int) -> None:
        if self._filter is None:
            return
        self._filter.advance_to(self._items[index].planned.key)
        first, end = self._fed, self._shared
        if self._ahead is not None:
            end = min(end, index + 1 + self._ahead)
        while self._fed < end and self._filter.is_reached(self._items[self._fed].planned.key):
            self._fed += 1
        self._evaluation.feed(range(first, self._fed))


def _share(run: OpenedRun) -> RunShare:
    return RunShare(
        connection=run.connection,
        reader=run.folder.reader,
        invocation=run.folder.invocation,
        journal_path=run.folder.path / JOURNAL_FILE,
        in_flight=run.connection.in_flight,
        role_status=run.role_status,
        order_seed=run.order_seed,
        flush_cache=cache_flusher(run.connection.model, run.settings, may_flush=run.may_flush_cache),
    )


class LocalProcess:
    """The Process that is alone: its controller reaches the model and opens the run folder."""

    def __init__(self, config: pytest.Config, settings: Settings, controller: RunController) -> None:
        self.reporter = LocalReporter(controller)
        self.earlier = earlier_folder(settings)
        self.has_paths = config.args_source is pytest.Config.ArgsSource.ARGS
        self._settings = settings
        self._controller = controller

    def open(self) -> RunShare:
        return _share(self._controller.open())

    def open_new_folder(self, mistake: OtherExperiment) -> RunShare:
        return _share(self._controller.open_new_folder(mistake))

    def make_filter(self) -> ItemFilter | None:
        return self._controller.make_filter()

    def make_feed(self, evaluation: Evaluation, items: Sequence[SampleItem], needed: ItemFilter | None) -> LocalFeed:
        ahead = (
            STOP_EARLY_AHEAD * self._controller.open().connection.in_flight if self._settings.is_stop_early else None
        )
        return LocalFeed(evaluation, items, needed, ahead)

    def begin(self, evaluation: Evaluation, items: Sequence[SampleItem], facts: Mapping[str, Any]) -> None:
        totals: dict[str, int] = {}
        for item in items:
            name = item.planned.key.benchmark
            totals[name] = totals.get(name, 0) + 1
        self._controller.open().note_invocation(facts)
        self._controller.begin(totals, lambda: _counters(evaluation))

    def refuse(self, session: pytest.Session, message: str) -> None:
        raise pytest.UsageError(message) from None
