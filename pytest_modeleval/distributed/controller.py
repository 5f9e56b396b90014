"""The controller of xdist: owns server, limit and run folder; hands out batches; collects and asks nothing itself."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import pytest

from pytest_modeleval._support.item_id import item_id
from pytest_modeleval.distributed.scheduling import AHEAD, BatchScheduling, worker_count
from pytest_modeleval.distributed.worker_channel import GRADING, INPUT, MISTAKE, NOTES, STOPPED, WorkerFiles, share_of
from pytest_modeleval.distributed.xdist_private import poll_between_events, take_last_reports
from pytest_modeleval.errors import OtherExperiment, UserError
from pytest_modeleval.evaluation.summary import merge_plans
from pytest_modeleval.experiment import plan_mismatch
from pytest_modeleval.plan import Plan
from pytest_modeleval.pytest_plugin.arrived_answers import STOPPING
from pytest_modeleval.pytest_plugin.display import REDRAW_S, RequestCounters
from pytest_modeleval.pytest_plugin.item_reports import ATTRIBUTE
from pytest_modeleval.pytest_plugin.run_controller import RunController
from pytest_modeleval.pytest_plugin.termination import is_ctrl_c
from pytest_modeleval.reports.text_layout import visible
from pytest_modeleval.runs.earlier_run import earlier_folder
from pytest_modeleval.runs.item_filter import STOP_EARLY_AHEAD, ItemFilter, publish_stopped
from pytest_modeleval.runs.opened_run import OpenedRun
from pytest_modeleval.runs.resume import reserve_folder
from pytest_modeleval.settings import Settings
from pytest_modeleval.store.journal import JournalReader
from pytest_modeleval.store.outcome_codec import outcome_from_json


class DistributedRun:
    """The run as the controller's hooks use it, once it is open."""

    def __init__(self, run: OpenedRun, workers: int) -> None:
        self.run = run
        self.workers = workers
        self.files = WorkerFiles(run.folder.path)
        self.spare = reserve_folder(run.settings, run.connection) if run.opened_folder.is_found else None
        """For workers that find another experiment in a folder that was not named; None once the plan stands."""
        self.item_filter: ItemFilter | None = None
        self.has_plan = False
        self.exclusive_ids: frozenset[str] = frozenset()
        """See `exclusive_ids`; known with the plan."""
        self.is_asking = False
        """Workers have items; until then xdist rewrites its own line about them."""

    def settle_folder(self) -> None:
        """The first worker has its plan: go on in the spare folder if it is there, otherwise remove that folder."""
        spare, self.spare = self.spare, None
        if spare is None:
            return
        added = merge_plans(JournalReader(spare).refresh().plans)
        if not added:
            with contextlib.suppress(OSError):
                spare.rmdir()
            return
        stored = {plan.benchmark: plan for plan in merge_plans(self.run.folder.reader.refresh().plans)}
        found = (plan_mismatch(stored[plan.benchmark], plan) for plan in added if plan.benchmark in stored)
        why = next(filter(None, found), "")
        self.run.open_new_folder(OtherExperiment(self.run.folder.path, why), spare)
        self.files = WorkerFiles(self.run.folder.path)

    def send_batch(self, worker: str, indices: Sequence[int]) -> None:
        """Say which items a worker is about to be sent."""
        self.is_asking = True
        self.files.send_batch(worker, indices)

    def send_stop(self) -> None:
        """End all workers after the item that they run."""
        self.files.send_stop()

    def counters(self) -> RequestCounters:
        """How far the workers are."""
        counts = self.files.counts()
        # Stored answers that are graded again are asked of no server.
        in_flight = counts.in_flight if self.run.connection.model.urls else None
        return RequestCounters(in_flight, counts.tokens, counts.answered_ahead)

    def drop_spare(self) -> None:
        """Remove the spare folder of a run that ended before its plan stood."""
        if self.spare is not None:
            with contextlib.suppress(OSError):
                self.spare.rmdir()

    def share(self, worker: int) -> int:
        """Requests in flight of one worker."""
        return share_of(worker, in_flight=self.run.connection.in_flight, workers=self.workers)


def exclusive_ids(plans: Iterable[Plan]) -> frozenset[str]:
    """The ends of the node ids of exclusive items, behind the first bracket."""
    return frozenset(
        f"{item_id(key.sample, key.repeat, has_repeats=plan.repeats > 1)}]"
        for plan in plans
        if plan.is_exclusive
        for key in plan.item_keys()
    )


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
        poll_between_events(self._config.pluginmanager.getplugin("dsession"), self._refresh, every_s=REDRAW_S)
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
            "connection": opened.run.connection.as_json(
                lambda in_flight: share_of(number, in_flight=in_flight, workers=opened.workers)
            ),
            "folder": str(opened.run.folder.path),
            "spare": str(opened.spare) if opened.spare is not None else None,
            "invocation": opened.run.folder.invocation,
            "in_flight": opened.share(number),
            "watched": list(opened.run.role_status),
            "earlier": str(self._earlier) if self._earlier is not None else None,
            "order_seed": opened.run.order_seed,
            "may_flush_cache": opened.run.may_flush_cache,
            "workers": opened.workers,
            "has_paths": self._config.args_source is pytest.Config.ArgsSource.ARGS,
        }

    def pytest_xdist_make_scheduler(self, config: pytest.Config) -> Any:
        """Our own batches, where the user did not choose another way to distribute."""
        if not self._has_own_scheduling:
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
            on_batch=opened.send_batch,
            on_stop=opened.send_stop,
            on_mismatch=report_mismatch,
            is_exclusive=lambda node_id: node_id.partition("[")[2] in opened.exclusive_ids,
        )

    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The first worker has the plan in its journal: read it there."""
        opened = self._distributed()
        if opened.has_plan or not ids:
            return
        opened.settle_folder()
        folder = opened.run.folder
        plans = merge_plans(folder.reader.refresh().plans)
        totals = {plan.benchmark: len(plan.item_keys()) for plan in plans}
        if totals:
            opened.has_plan = True
            opened.exclusive_ids = exclusive_ids(plans)
            if opened.exclusive_ids and not self._has_own_scheduling:
                self._controller.terminal.print_line(
                    "warning: with this --dist operating points are measured while other items run, so their figures "
                    "mean little; leave --dist out"
                )
            publish_stopped(folder.path, ())
            opened.item_filter = self._controller.make_filter(
                on_stopped=lambda stopped: publish_stopped(folder.path, stopped)
            )
            self._controller.terminal.leave_rewritten_line()
            self._controller.begin(totals, opened.counters)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """An interrupt ends the workers after the item that they run and the answers that they have."""
        try:
            return (yield)
        except BaseException as error:
            # Ctrl-C, -x and pytest's own errors alike: the workers stop, and the exception goes on to pytest.
            # xdist raises for -x and --maxfail what a Ctrl-C would raise, with this text.
            self._controller.has_reached_maxfail = str(error).startswith("stopping after ")
            opened = self._distributed()
            opened.files.send_stop()
            if is_ctrl_c(error) and opened.is_asking:
                self._controller.terminal.print_line(STOPPING)
                take_last_reports(self._config.pluginmanager.getplugin("dsession"))
            raise

    def pytest_testnodedown(self, node: Any) -> None:
        """A worker ended: take over what it says was wrong, or why it stopped."""
        output = getattr(node, "workeroutput", None) or {}
        controller, opened = self._controller, self._distributed()
        controller.mistake = controller.mistake or output.get(MISTAKE, "")
        opened.files.end_worker(str(node.gateway.id))
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
        """Let the filter of items see the outcome, and redraw the live lines."""
        facts, opened = getattr(report, ATTRIBUTE, None), self._distributed()
        if facts is not None and opened.item_filter is not None:
            opened.item_filter.record(outcome_from_json(facts))
        # Another scheduler than ours was chosen where no batch was sent.
        opened.is_asking = True
        self._refresh()

    @property
    def _has_own_scheduling(self) -> bool:
        return self._config.getoption("dist") in ("load", "worksteal")

    def _refresh(self) -> None:
        if self._opened is not None and self._opened.is_asking:
            self._controller.terminal.refresh()

    def pytest_unconfigure(self) -> None:
        """Remove the files that only workers read."""
        if self._opened is not None:
            self._opened.drop_spare()
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
