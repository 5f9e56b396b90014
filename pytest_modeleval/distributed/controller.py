"""The controller of xdist: owns server, limit and run folder; hands out batches; collects and asks nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pytest_modeleval.errors import UserError
from pytest_modeleval.evaluation.summary import merge_plans
from pytest_modeleval.pytest_plugin.run_controller import RunController
from pytest_modeleval.reports.text_layout import visible
from pytest_modeleval.runs import early_stopping
from pytest_modeleval.runs import lifecycle as runs
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.outcome_codec import outcome_from_json

INPUT = "modeleval"
MISTAKE = "modeleval_mistake"
STOPPED = "modeleval_stopped"
NOTES = "modeleval_notes"
GRADING = "modeleval_grading"


def share_of(worker: int, *, in_flight: int, workers: int) -> int:
    """How many requests a worker may have in flight, so that all together have in_flight; at least one."""
    worker %= workers
    return max(1, in_flight // workers + (worker < in_flight % workers))


class Controller:
    """Plugin object of the main process under xdist."""

    def __init__(self, config: pytest.Config, settings: Settings, owner: RunController) -> None:
        self._config = config
        self._settings = settings
        self._owner = owner
        self._workers = len(config.getoption("tx", None) or ()) or 1
        self._has_plan = False
        self._tokens = 0
        self._stopped = ""
        self._notes: list[str] = []
        self._needs: early_stopping.ItemFilter | None = None
        # Looked up now: the run that begins here would else be the last one itself.
        self._earlier = runs.earlier_folder(settings)
        owner.figures = lambda: (None, self._tokens)
        owner.stop_reason = lambda: self._stopped

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Reach the model before any worker starts. A mistake of the user ends the run here."""
        try:
            self._owner.reach()
        except UserError as mistake:
            raise pytest.UsageError(visible(str(mistake))) from None
        if self._settings.allows_unsafe_code:
            # Workers find out whether there is a sandbox, and cannot speak.
            self._owner.say(
                "warning: --eval-unsafe-code: WHERE NO SANDBOX CAN BE BUILT, PROGRAMS THAT THE MODEL WROTE RUN WITH "
                "YOUR RIGHTS; run.json says whether they did"
            )

    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker, also one that replaces another, what it needs."""
        owner = self._owner
        assert owner.connection is not None
        assert owner.folder is not None
        number = int("".join(filter(str.isdigit, str(node.gateway.id))) or 0)
        node.workerinput[INPUT] = {
            "connection": owner.connection.as_json(),
            "folder": str(owner.folder.path),
            "invocation": owner.folder.invocation,
            "in_flight": share_of(number, in_flight=owner.connection.in_flight, workers=self._workers),
            "is_watched": owner.states() is not None,
            "earlier": str(self._earlier) if self._earlier is not None else None,
            "order_seed": owner.order_seed,
            "has_paths": self._config.args_source is pytest.Config.ArgsSource.ARGS,
        }

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Our own batches, where the user did not choose another way to distribute."""
        if config.getoption("dist") not in ("load", "worksteal"):
            return None
        from pytest_modeleval.distributed.scheduling import BatchScheduling  # noqa: PLC0415 - only where xdist runs

        assert self._owner.connection is not None
        share = share_of(0, in_flight=self._owner.connection.in_flight, workers=self._workers)
        # What is handed out is asked; where the run may stop early, not much more than keeps the slots filled.
        ahead = {"ahead": early_stopping.AHEAD} if self._settings.is_stop_early else {}
        return BatchScheduling(config, log, in_flight=share, **ahead)

    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The first worker has the plan in its journal: read it there."""
        folder = self._owner.folder
        if self._has_plan or not ids or folder is None:
            return
        totals = {plan.benchmark: len(plan.item_keys()) for plan in merge_plans(folder.reader.refresh().plans)}
        if totals:
            self._has_plan = True
            early_stopping.tell_workers(folder.path, ())
            self._needs = self._owner.get_needs(
                on_closed=lambda closed: early_stopping.tell_workers(folder.path, closed)
            )
            self._owner.begin(sum(totals.values()), totals)

    def pytest_testnodedown(self, node: Any) -> None:
        """A worker ended: take over what it says was wrong, or why it stopped."""
        output = getattr(node, "workeroutput", None) or {}
        self._owner.mistake = self._owner.mistake or output.get(MISTAKE, "")
        self._stopped = self._stopped or output.get(STOPPED, "")
        self._owner.note_invocation(output.get(GRADING, {}))
        for line in output.get(NOTES, ()):
            # Every worker finds the same; it is said once.
            if line not in self._notes:
                self._notes.append(line)
                self._owner.say(line)

    def pytest_unconfigure(self) -> None:
        """Nobody reads it any more."""
        if self._needs is not None and self._owner.folder is not None:
            early_stopping.tell_workers(self._owner.folder.path, ())

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count tokens, and let the live line move."""
        facts = getattr(report, "modeleval", None)
        if facts is not None:
            self._tokens += facts.get("completion_tokens") or 0
            if self._needs is not None:
                self._needs.see(outcome_from_json(facts))
        self._owner.tick()
