"""One process does it all: it asks, and runs the items with a loop of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.evaluation.evaluation import AskingOptions, Evaluation
from pytest_modeleval.records import ItemKey
from pytest_modeleval.session import run as runs
from pytest_modeleval.session.active import ActiveSession
from pytest_modeleval.session.connect import Connection
from pytest_modeleval.session.garbage import spare_collector
from pytest_modeleval.session.owner import Owner
from pytest_modeleval.session.saving import AHEAD, Needs, in_order, in_rounds
from pytest_modeleval.session.states import ServerStates
from pytest_modeleval.settings import Settings


class SingleSession(ActiveSession):
    """One process does it all: the owner reaches the model, this object asks and judges."""

    def __init__(self, config: pytest.Config, settings: Settings, owner: Owner) -> None:
        super().__init__(config, settings, earlier=runs.earlier_folder(settings))
        self._owner = owner
        self._position = 0
        self._fed = 0

    def say(self, text: str) -> None:
        """See ActiveSession."""
        self._owner.say(text)

    def tick(self) -> None:
        """See ActiveSession."""
        self._owner.tick()

    def before_item(self, item: SampleItem) -> None:
        """See ActiveSession."""
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
        # pytest collects garbage five times at the end, over every report and item.
        spare_collector()
        return True

    def following(self, item: SampleItem) -> SampleItem | None:
        """See ActiveSession."""
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
        """See ActiveSession."""
        return self._owner.reach()

    def get_watched(self, connection: Connection) -> ServerStates | None:
        """See ActiveSession."""
        return self._owner.states()

    def get_evaluation(self, connection: Connection, options: AskingOptions) -> Evaluation:
        """See ActiveSession."""
        folder = self._owner.folder
        assert folder is not None
        evaluation = Evaluation(
            model=connection.model,
            reader=folder.reader,
            journal_path=folder.path / "journal.jsonl",
            options=options,
            is_rescore=self.settings.rescore_dir is not None,
        )
        self._owner.figures = lambda: (evaluation.in_flight, evaluation.figures.completion_tokens)
        return evaluation

    def order(self, keys: Sequence[ItemKey]) -> list[int] | None:
        """See ActiveSession."""
        if self._owner.order_seed is not None:
            from pytest_modeleval.gates import seeded_order  # noqa: PLC0415 - numpy

            return in_order(keys, seeded_order(keys, self._owner.order_seed))
        return in_rounds(keys, self.settings.repeats) if self.settings.until_decided is not None else None

    def get_needs(self) -> Needs | None:
        """See ActiveSession."""
        return self._owner.get_needs()

    def first_indices(self) -> range | None:
        """See ActiveSession: only as far ahead as may be in vain."""
        if self.needs is None:
            return super().first_indices()
        self.feed(0)
        return range(self._fed)

    def feed(self, index: int) -> None:
        """See ActiveSession."""
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
        """See ActiveSession."""
        self._owner.note_invocation(self.grading.facts)
        self._owner.begin(len(self.items), self._totals())

    def _totals(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for item in self.items:
            name = item.planned.key.benchmark
            totals[name] = totals.get(name, 0) + 1
        return totals
