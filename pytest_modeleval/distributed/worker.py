"""A worker of xdist: its own engine and journal, over the batches that the controller hands it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.distributed.controller import GRADING, INPUT, MISTAKE, NOTES, STOPPED
from pytest_modeleval.errors import EngineStopped, UserError
from pytest_modeleval.evaluation.evaluation import Evaluation, RunOptions
from pytest_modeleval.pytest_plugin.evaluation_plugin import EvaluationPlugin
from pytest_modeleval.records import ItemKey
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.runs.early_stopping import ItemFilter, StopFlagReader, in_order
from pytest_modeleval.runs.server_status import ServerStatusFile
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import JournalReader


class WorkerPlugin(EvaluationPlugin):
    """Plugin object of a worker."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config: Any = config
        self._given: dict[str, Any] = config.workerinput[INPUT]  # type: ignore[attr-defined]
        self._name: str = config.workerinput["workerid"]  # type: ignore[attr-defined]
        self._is_told_to_stop = False
        self._plan_index: dict[int, int] = {}
        self._notes: list[str] = []
        earlier = self._given["earlier"]
        super().__init__(config, settings, earlier=Path(earlier) if earlier else None)

    def note(self, text: str) -> None:
        """See EvaluationPlugin: the controller says it, once for all workers."""
        self._notes.append(text)

    def get_connection(self) -> Connection:
        """See EvaluationPlugin: what the controller found."""
        return Connection.from_json(self._given["connection"])

    def get_evaluation(self, connection: Connection, options: RunOptions) -> Evaluation:
        """See EvaluationPlugin."""
        folder = Path(self._given["folder"])
        return Evaluation(
            model=connection.model,
            reader=JournalReader(folder, rescoring=self._given["invocation"]),
            journal_path=folder / f"journal-{self._name}.jsonl",
            options=replace(options, invocation=self._given["invocation"]),
            is_rescore=self.settings.rescore_dir is not None,
        )

    def get_watched(self, connection: Connection) -> ServerStatusFile | None:
        """See EvaluationPlugin."""
        if not self._given["is_watched"]:
            return None
        return ServerStatusFile(len(connection.model.urls), Path(self._given["folder"]))

    def has_paths(self) -> bool:
        """See EvaluationPlugin: what the controller knows; a worker is always given paths."""
        return bool(self._given["has_paths"])

    def in_flight(self, connection: Connection) -> int:
        """See EvaluationPlugin: this worker's share."""
        return int(self._given["in_flight"])

    def order(self, keys: Sequence[ItemKey]) -> list[int] | None:
        """See EvaluationPlugin."""
        seed = self._given["order_seed"]
        if seed is None:
            return None
        from pytest_modeleval.gates import seeded_order  # noqa: PLC0415 - numpy

        return in_order(keys, seeded_order(keys, seed))

    def get_needs(self) -> ItemFilter | None:
        """See EvaluationPlugin: the controller decides."""
        return StopFlagReader(Path(self._given["folder"])) if self.settings.is_stop_early else None

    def refuse(self, session: pytest.Session, mistake: UserError) -> None:
        """See EvaluationPlugin: the controller says it, once, and ends with status 4."""
        self._config.workeroutput[MISTAKE] = str(mistake)
        session.items[:] = []

    def first_indices(self) -> range | None:
        """See EvaluationPlugin: nothing until a batch comes."""
        return range(0)

    def while_waiting(self) -> None:
        """See EvaluationPlugin."""
        if self._is_told_to_stop:
            raise EngineStopped("the controller told this worker to stop")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Before xdist tells the controller which items there are."""
        super().pytest_collection_finish(session)
        self._config.workeroutput[NOTES] = [*self.collector.missing(), *self._notes]
        self._config.workeroutput[GRADING] = self.grading.facts
        self._plan_index = {
            index: item.plan_index
            for index, item in enumerate(session.items)
            if isinstance(item, SampleItem) and self.evaluation is not None
        }

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Any:
        """Look over xdist's shoulder: what is queued for this worker is asked ahead."""
        queue = _queue_of(self._config)
        if queue is not None:
            self._watch(queue, session)
        with self.running():
            result = yield
        if self.stop_reason:
            self._config.workeroutput[STOPPED] = self.stop_reason
        return result

    def _watch(self, queue: Any, session: pytest.Session) -> None:
        put = queue.put

        def watched_put(item: Any) -> None:
            if isinstance(item, int):
                put(item)
                if item in self._plan_index and self.evaluation is not None:
                    self.evaluation.extend([self._plan_index[item]])
                return
            with queue.lock() as waiting:
                if any(isinstance(index, int) for index in waiting):
                    # Told to end while items are waiting: that is -x or an interrupt, not the end of the work.
                    waiting.clear()
                    self._is_told_to_stop = True
                    session.shouldstop = "the controller stopped the run"
            put(item)

        queue.put = watched_put


def _queue_of(config: pytest.Config) -> Any:
    """The queue of xdist's worker loop: `torun` of its WorkerInteractor (xdist 3.7 and later)."""
    for plugin in config.pluginmanager.get_plugins():
        queue = getattr(plugin, "torun", None)
        if queue is not None and hasattr(queue, "put") and hasattr(queue, "lock"):
            return queue
    return None
