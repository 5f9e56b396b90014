"""The controller of xdist: owns server, limit and run folder; hands out batches; collects and asks nothing itself."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from pytest_modeleval.distributed.scheduling import AHEAD, BatchScheduling, worker_count
from pytest_modeleval.distributed.worker_channel import GRADING, INPUT, MISTAKE, NOTES, STOPPED, WorkerFiles, share_of
from pytest_modeleval.errors import UserError
from pytest_modeleval.evaluation.summary import merge_plans
from pytest_modeleval.pytest_plugin.display import RequestCounters
from pytest_modeleval.pytest_plugin.item_reports import ATTRIBUTE
from pytest_modeleval.pytest_plugin.run_controller import RunController
from pytest_modeleval.reports.text_layout import visible
from pytest_modeleval.runs.earlier_run import earlier_folder
from pytest_modeleval.runs.item_filter import STOP_EARLY_AHEAD, ItemFilter, publish_stopped
from pytest_modeleval.runs.opened_run import OpenedRun
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.outcome_codec import outcome_from_json


class DistributedRun:
    """The run as the controller's hooks use it, once it is open."""

    def __init__(self, run: OpenedRun, workers: int) -> None:
        self.run = run
        self.workers = workers
        self.files = WorkerFiles(run.folder.path)
        self.item_filter: ItemFilter | None = None
        self.has_plan = False
        self.tokens = 0

    def share(self, worker: int) -> int:
        """Requests in flight of one worker."""
        return share_of(worker, in_flight=self.run.connection.in_flight, workers=self.workers)


class Controller:
    """Plugin object of the main process under xdist."""

    def __init__(self, config: pytest.Config, settings: Settings, controller: RunController) -> None:
        self._config = config
        self._settings = settings
        self._controller = controller
        # Looked up now: the run that begins here would else be the last one itself.
        self._earlier = earlier_folder(settings)
        self._notes: list[str] = []
        self._opened: DistributedRun | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Reach the model before any worker starts. A mistake of the user ends the run here."""
        self._distributed()
        if self._settings.allows_unsafe_code:
            # Workers find out whether there is a sandbox, and cannot print.
            self._controller.terminal.print_line(
                "warning: --eval-unsafe-code: WHERE NO SANDBOX CAN BE BUILT, PROGRAMS THAT THE MODEL WROTE RUN WITH "
                "YOUR RIGHTS; run.json says whether they did"
            )

    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker what it needs, also one that replaces another."""
        opened = self._distributed()
        number = int("".join(filter(str.isdigit, str(node.gateway.id))) or 0)
        node.workerinput[INPUT] = {
            "connection": opened.run.connection.as_json(),
            "folder": str(opened.run.folder.path),
            "invocation": opened.run.folder.invocation,
            "in_flight": opened.share(number),
            "is_watched": opened.run.server_status is not None,
            "earlier": str(self._earlier) if self._earlier is not None else None,
            "order_seed": opened.run.order_seed,
            "has_paths": self._config.args_source is pytest.Config.ArgsSource.ARGS,
        }

    def pytest_xdist_make_scheduler(self, config: pytest.Config) -> Any:
        """Our own batches, where the user did not choose another way to distribute."""
        if config.getoption("dist") not in ("load", "worksteal"):
            return None
        opened = self._distributed()

        def report_mismatch(text: str) -> None:
            report = pytest.CollectReport(nodeid="xdist", outcome="failed", longrepr=text, result=[])
            config.hook.pytest_collectreport(report=report)

        return BatchScheduling(
            opened.workers,
            in_flight=opened.share(0),
            # Items are asked as soon as they are sent; a run that may stop early sends few more than fill the slots.
            ahead=STOP_EARLY_AHEAD if self._settings.is_stop_early else AHEAD,
            on_batch=opened.files.send_batch,
            on_stop=opened.files.send_stop,
            on_mismatch=report_mismatch,
        )

    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The first worker has the plan in its journal: read it there."""
        opened = self._distributed()
        if opened.has_plan or not ids:
            return
        folder = opened.run.folder
        totals = {plan.benchmark: len(plan.item_keys()) for plan in merge_plans(folder.reader.refresh().plans)}
        if totals:
            opened.has_plan = True
            publish_stopped(folder.path, ())
            opened.item_filter = self._controller.make_filter(
                on_stopped=lambda stopped: publish_stopped(folder.path, stopped)
            )
            self._controller.begin(totals, lambda: RequestCounters(None, opened.tokens))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """An interrupt ends the workers after the item that they run."""
        try:
            return (yield)
        except BaseException:
            # Ctrl-C, -x and pytest's own errors alike: the workers stop, and the exception goes on to pytest.
            self._distributed().files.send_stop()
            raise

    def pytest_testnodedown(self, node: Any) -> None:
        """A worker ended: take over what it says was wrong, or why it stopped."""
        output = getattr(node, "workeroutput", None) or {}
        controller, opened = self._controller, self._distributed()
        controller.mistake = controller.mistake or output.get(MISTAKE, "")
        if output.get(STOPPED):
            controller.stop(output[STOPPED])
        if output.get("shouldstop") or output.get("shouldfail"):
            opened.files.send_stop()
        opened.run.note_invocation(output.get(GRADING, {}))
        for line in output.get(NOTES, ()):
            # Every worker finds the same; it is printed once.
            if line not in self._notes:
                self._notes.append(line)
                controller.terminal.print_line(line)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count tokens, let the filter of items see the outcome, and redraw the live lines."""
        facts = getattr(report, ATTRIBUTE, None)
        if facts is not None:
            opened = self._distributed()
            opened.tokens += facts.get("completion_tokens") or 0
            if opened.item_filter is not None:
                opened.item_filter.record(outcome_from_json(facts))
        self._controller.terminal.refresh()

    def pytest_unconfigure(self) -> None:
        """Remove the files that only workers read."""
        if self._opened is not None:
            self._opened.files.remove()
            publish_stopped(self._opened.run.folder.path, ())

    def _distributed(self) -> DistributedRun:
        """The run, opened by the first hook that needs it."""
        if self._opened is None:
            try:
                run = self._controller.open()
            except UserError as mistake:
                raise pytest.UsageError(visible(str(mistake))) from None
            self._opened = DistributedRun(run, worker_count(self._config.getoption("tx", None) or ()) or 1)
        return self._opened
