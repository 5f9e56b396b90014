"""One process does it all: it asks, and runs the items with a loop of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.evaluation.evaluation import Evaluation, RunOptions
from pytest_modeleval.pytest_plugin.evaluation_plugin import EvaluationPlugin
from pytest_modeleval.pytest_plugin.run_controller import RunController
from pytest_modeleval.records import ItemKey
from pytest_modeleval.runs import lifecycle as runs
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.runs.early_stopping import AHEAD, ItemFilter, in_order, in_rounds
from pytest_modeleval.runs.server_status import ServerStatus
from pytest_modeleval.settings import Settings


class LocalPlugin(EvaluationPlugin):
    """One process does it all: the owner reaches the model, this object asks and judges."""

    def __init__(self, config: pytest.Config, settings: Settings, owner: RunController) -> None:
        super().__init__(config, settings, earlier=runs.earlier_folder(settings))
        self._owner = owner
        self._position = 0
        self._fed = 0

    def say(self, text: str) -> None:
        """See EvaluationPlugin."""
        self._owner.say(text)

    def tick(self) -> None:
        """See EvaluationPlugin."""
        self._owner.tick()

    def before_item(self, item: SampleItem) -> None:
        """See EvaluationPlugin."""
        self._owner.hush(item.path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """As the loop of pytest (_pytest.main), but for items that were run together with one before them."""
        if self.evaluation is None or self.config.option.collectonly:
            return None
        if session.testsfailed and not self.config.option.continue_on_collection_errors:
            errors = "1 error" if session.testsfailed == 1 else f"{session.testsfailed} errors"
            raise session.Interrupted(f"{errors} during collection")
        items = session.items
        with self.running():
            for self._position, item in enumerate(items):
                if isinstance(item, SampleItem) and item.is_over:
                    continue
                nextitem = items[self._position + 1] if self._position + 1 < len(items) else None
                item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
        return True

    def following(self, item: SampleItem) -> SampleItem | None:
        """See EvaluationPlugin."""
        assert self.evaluation is not None
        session = item.session
        self.tick()
        self._position += 1
        if session.shouldfail or session.shouldstop or self._position >= len(session.items):
            return None
        found = session.items[self._position]
        if not isinstance(found, SampleItem) or found.parent is not item.parent:
            return None
        if found.arrival is None:
            is_there = self.evaluation.is_answered(found.plan_index)
            if not is_there and (self.needs is None or not self.evaluation.spared(found.planned)[0]):
                return None
            found.arrival = self._arrival(found)
        return found

    def get_connection(self) -> Connection:
        """See EvaluationPlugin."""
        return self._owner.reach()

    def get_watched(self, connection: Connection) -> ServerStatus | None:
        """See EvaluationPlugin."""
        return self._owner.states()

    def get_evaluation(self, connection: Connection, options: RunOptions) -> Evaluation:
        """See EvaluationPlugin."""
        folder = self._owner.folder
        assert folder is not None
        evaluation = Evaluation(
            model=connection.model,
            reader=folder.reader,
            journal_path=folder.path / "journal.jsonl",
            options=replace(options, invocation=folder.invocation),
            is_rescore=self.settings.rescore_dir is not None,
        )
        self._owner.figures = lambda: (evaluation.in_flight, evaluation.figures.completion_tokens)
        return evaluation

    def order(self, keys: Sequence[ItemKey]) -> list[int] | None:
        """See EvaluationPlugin."""
        if self._owner.order_seed is not None:
            from pytest_modeleval.gates import seeded_order  # noqa: PLC0415 - numpy

            return in_order(keys, seeded_order(keys, self._owner.order_seed))
        return in_rounds(keys, self.settings.repeats) if self.settings.until_decided is not None else None

    def get_needs(self) -> ItemFilter | None:
        """See EvaluationPlugin."""
        return self._owner.get_needs()

    def first_indices(self) -> range | None:
        """See EvaluationPlugin: only as far ahead as may be in vain."""
        if self.needs is None:
            return super().first_indices()
        self.feed(0)
        return range(self._fed)

    def feed(self, index: int) -> None:
        """See EvaluationPlugin."""
        assert self.needs is not None
        assert self.connection is not None
        first, end = self._fed, len(self.items)
        if self.settings.is_stop_early:
            end = min(end, index + 1 + AHEAD * self.connection.in_flight)
        while self._fed < end and self.needs.is_reached(self.items[self._fed].planned.key):
            self._fed += 1
        if self.evaluation is not None:
            self.evaluation.feed(range(first, self._fed))

    def experiment_is_known(self) -> None:
        """See EvaluationPlugin."""
        self._owner.note_invocation(self.grading.facts)
        self._owner.begin(len(self.items), self._totals())

    def _totals(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for item in self.items:
            name = item.planned.key.benchmark
            totals[name] = totals.get(name, 0) + 1
        return totals
