"""The plugin object of an active run, in one process or in a worker of xdist: hooks that hand over to the rooms."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.client.body import effective_params
from pytest_modeleval.client.httpx_transport import HttpxTransport
from pytest_modeleval.collection.collect import BenchmarkCollector
from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.collection.sharding import split
from pytest_modeleval.datasets import Progress, default_cache_dir
from pytest_modeleval.declaration import declared_benchmark
from pytest_modeleval.errors import EngineStopped, UserError
from pytest_modeleval.evaluation.evaluation import Evaluation, RunOptions
from pytest_modeleval.evaluation.item_runner import ItemResult
from pytest_modeleval.evaluation.planned_items import BenchmarkPlan, load_samples
from pytest_modeleval.pytest_plugin.compatibility import refuse_reruns
from pytest_modeleval.pytest_plugin.item_reports import (
    line_of,
    outcome_of,
    properties_of,
    report_of_verdict,
    shape_report,
)
from pytest_modeleval.pytest_plugin.skipped_by_gate import SkippedByGate, while_needed
from pytest_modeleval.records import GraderContext, ItemKey, Outcome, PreparedGrader
from pytest_modeleval.reports.text_layout import visible
from pytest_modeleval.runs import lifecycle as runs
from pytest_modeleval.runs.benchmark_needs import deployment_notes
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.runs.early_stopping import ItemFilter
from pytest_modeleval.runs.gate_runner import check_targets
from pytest_modeleval.runs.server_status import ServerStatus, ServerStatusFile
from pytest_modeleval.settings import Settings

SWITCH_S = 0.0005


class EvaluationPlugin:
    """Collects, asks, judges. A subclass says where the connection and the run folder come from."""

    def __init__(self, config: pytest.Config, settings: Settings, *, earlier: Path | None) -> None:
        self.config = config
        self.settings = settings
        only = runs.earlier_items(settings, earlier) if earlier is not None else None
        self.collector = BenchmarkCollector(
            settings,
            cache_dir=default_cache_dir(),
            only=only.__contains__ if only is not None else None,
            only_of=frozenset((key.benchmark, key.subset) for key in only) if only is not None else None,
            progress=Progress(say=self.say),
        )
        self.connection: Connection | None = None
        self.evaluation: Evaluation | None = None
        self.items: list[SampleItem] = []
        # Everything that is selected; more than the items where this run is one shard of several.
        self.whole: list[SampleItem] = []
        self.stop_reason = ""
        self.grading = GraderContext(allows_unsafe_code=settings.allows_unsafe_code)
        self.needs: ItemFilter | None = None

    # Where things come from; other in a worker of xdist.

    def say(self, text: str) -> None:
        """Tell the user something, now."""

    def note(self, text: str) -> None:
        """Tell the user something about the whole run, once."""
        self.say(text)

    def tick(self) -> None:
        """Called often while items run."""

    def while_waiting(self) -> None:
        """Called often while an item waits for its answer. May raise EngineStopped."""
        self.tick()

    def get_connection(self) -> Connection:
        """The model, reached."""
        raise NotImplementedError

    def get_evaluation(self, connection: Connection, options: RunOptions) -> Evaluation:
        """The evaluation of this process, over its run folder."""
        raise NotImplementedError

    def get_watched(self, connection: Connection) -> ServerStatus | ServerStatusFile | None:
        """How the servers are, where somebody watches them."""

    def experiment_is_known(self) -> None:
        """Called when the run folder was found to hold no other experiment: from here on it may be written."""

    def order(self, keys: Sequence[ItemKey]) -> list[int] | None:
        """The places of the items in the order of asking; None for the order they are in."""

    def get_needs(self) -> ItemFilter | None:
        """What says which items are still needed, where not all of them must be asked. The plan stands."""

    def in_flight(self, connection: Connection) -> int:
        """Requests at once in this process."""
        return connection.in_flight

    def first_indices(self) -> range | None:
        """Which items are asked for from the start."""
        return range(len(self.items))

    def has_paths(self) -> bool:
        """The user named what to collect."""
        return self.config.args_source is pytest.Config.ArgsSource.ARGS

    # Collection

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Where nobody named paths, leave test modules alone that have nothing to do with us.

        An evaluation works in any folder then, whatever else lies there; it is no run of a project's unit tests.
        """
        if (
            self.has_paths()
            or collection_path.suffix != ".py"
            or collection_path.name in ("__init__.py", "conftest.py")
        ):
            return None
        try:
            return True if b"pytest_modeleval" not in collection_path.read_bytes() else None
        except OSError:
            return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: object) -> list[SampleItem] | None:
        """A declared benchmark becomes its samples."""
        declared = declared_benchmark(obj)
        if declared is None or not callable(obj):
            return None
        return self.collector.collect(collector, name, obj, declared)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """What the user has to mend is no fault of the module that found it while it was imported."""
        report = yield
        call = getattr(report, "call", None)
        if call is None or call.excinfo is None or not isinstance(call.excinfo.value, UserError):
            return report
        self.collector.mistake = self.collector.mistake or call.excinfo.value
        return pytest.CollectReport(collector.nodeid, "passed", None, [])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """When -k, -m, --lf and whatever else selects has selected: leave the samples of other shards out."""
        yield
        self.whole = [item for item in items if isinstance(item, SampleItem)]
        if self.settings.shard is not None:
            items[:], others = split(items, self.settings.shard)
            if others:
                config.hook.pytest_deselected(items=others)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What is selected is known: load its rows, reach the model, open the run folder."""
        try:
            self.prepare(session)
        except UserError as mistake:
            self.refuse(session, mistake)

    def pytest_report_collectionfinish(self) -> list[str]:
        """What was left out because something is not set."""
        return self.collector.missing()

    def refuse(self, session: pytest.Session, mistake: UserError) -> None:
        """Something has to be mended by the user, before the first request."""
        raise pytest.UsageError(visible(str(mistake))) from None

    def prepare(self, session: pytest.Session) -> None:
        """See pytest_collection_finish. Raises UserError."""
        if self.collector.mistake is not None:
            raise self.collector.mistake
        self.items = [item for item in session.items if isinstance(item, SampleItem)]
        if not self.whole and self.settings.keyword and self.collector.known:
            self.say(f"-k {self.settings.keyword!r} selects nothing of {', '.join(sorted(self.collector.known))}")
        if self.whole and not self.items:
            self.say(f"shard {self.settings.shard} has none of the {len(self.whole):,} selected items")
        if not self.items or self.settings.is_collect_only:
            return
        refuse_reruns(self.config, self.items)
        check_targets(self.settings, self.collector.known)
        self.prepare_graders()
        load_samples(item.planned for item in self.items)
        plans = list({id(item.planned.plan): item.planned.plan for item in self.whole}.values())
        self.connection = connection = self.get_connection()
        self.items = arrange(session.items, self.order([item.planned.key for item in self.items]))
        self._set_params(plans, connection)
        for note in deployment_notes(plans, connection):
            self.note(f"warning: {note}")
        options = RunOptions(
            in_flight=self.in_flight(connection),
            idle_timeout_s=self.settings.idle_timeout_s,
            sample_timeout_s=self.settings.sample_timeout_s,
            key=self.settings.key,
            transport=self._own_transport(),
            can_abort=connection.model.kind == "sglang",
            monitor=self.get_watched(connection),
            is_offline=self.settings.rescore_dir is not None,
            repeats=self.settings.most_repeats,
        )
        evaluation = self.get_evaluation(connection, options)
        try:
            evaluation.plan(
                plans,
                [item.planned for item in self.items],
                shard=str(self.settings.shard or ""),
                all_items=[item.planned for item in self.whole],
                # A stored run knows how many there were when it was asked.
                sample_limit=self.settings.limit.of if self.settings.rescore_dir is None else None,
                is_blessed=self.settings.bless_file is not None,
            )
            self.needs = self.get_needs()
            evaluation.skip_reason = self.needs.why_not if self.needs is not None else None
            self.experiment_is_known()
        except BaseException:
            evaluation.close()
            raise
        self.evaluation = evaluation
        for index, item in enumerate(self.items):
            item.plan_index = index
            item.model_facts = connection.model

    def prepare_graders(self) -> None:
        """Let graders refuse before anybody waits for a server. Raises UserError."""
        graders = {item.planned.key.benchmark: item.planned.plan.benchmark.grade for item in self.items}
        for name, grade in graders.items():
            if isinstance(grade, PreparedGrader):
                try:
                    grade.prepare(self.grading)
                except UserError as mistake:
                    raise type(mistake)(f"{name}: {mistake}") from None
        for warning in self.grading.warnings:
            self.say(f"warning: {warning}")

    def _set_params(self, plans: list[BenchmarkPlan], connection: Connection) -> None:
        stored = runs.stored_params(self.settings.rescore_dir) if self.settings.rescore_dir is not None else {}
        for plan in plans:
            name = plan.benchmark.name
            plan.tool_calls = connection.model.tool_calls if plan.benchmark.offers_tools else ""
            if name in stored:
                plan.params = stored[name]
                continue
            wished: dict[str, Any] = {**plan.benchmark.defaults, **connection.params, **self.settings.params}
            plan.params = effective_params(
                benchmark=plan.benchmark.defaults,
                profile=connection.params,
                user=self.settings.params,
                context_tokens=connection.model.context_tokens,
            )
            if "max_tokens" in wished and wished["max_tokens"] != plan.params.get("max_tokens"):
                self.note(
                    f"{name}: max_tokens is {plan.params.get('max_tokens')} instead of {wished['max_tokens']}, because "
                    f"the server's context is {connection.model.context_tokens} tokens"
                )

    def _own_transport(self) -> HttpxTransport | None:
        client = self.config.hook.pytest_modeleval_http_client(settings=self.settings)
        return HttpxTransport(client) if client is not None else None

    # Running

    @contextmanager
    def running(self) -> Iterator[None]:
        """The engine runs for as long as the items do."""
        if self.evaluation is None:
            yield
            return
        # pytest's thread and the engine's share one interpreter. By default a busy thread keeps it for 5 ms, a tenth of
        # a quick server's answer, whenever the other has to wait for a socket.
        interval_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        self.evaluation.start(self.first_indices())
        try:
            yield
        finally:
            self.evaluation.close()
            sys.setswitchinterval(interval_s)

    def following(self, item: SampleItem) -> SampleItem | None:
        """The item after this one if it may be run with it: see fast_path.fast_path."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Wait for the answer here, where output is not captured; the item's own phases then find it ready."""
        if not isinstance(item, SampleItem) or self.evaluation is None:
            return (yield)
        self.before_item(item)
        if item.arrival is None:
            item.arrival = self._arrival(item)
        try:
            return (yield)
        finally:
            item.release()
            self.evaluation.flush()
            self.tick()

    def before_item(self, item: SampleItem) -> None:
        """Called before pytest announces the item."""

    def _arrival(self, item: SampleItem) -> Callable[[], ItemResult]:
        assert self.evaluation is not None
        try:
            if self.needs is None:
                tick = self.while_waiting
            else:
                self.needs.reach(item.planned.key)
                self.feed(item.plan_index)
                tick = while_needed(item.planned, self.evaluation, self.while_waiting)
                tick()
            answered = self.evaluation.answer(item.plan_index, tick=tick)
        except SkippedByGate as unneeded:
            return _raising(unneeded)
        except EngineStopped as stopped:
            if not self.stop_reason:
                self.stop_reason = str(stopped)
                item.session.shouldstop = str(stopped)
            return _raising(stopped)
        except Exception as error:  # noqa: BLE001 - raised again inside the item's own setup, where pytest reports it
            return _raising(error)
        return lambda: answered

    def feed(self, index: int) -> None:
        """Let the engine have the items that follow this one, as far ahead as it may ask."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The item's phase is over: judge it, journal it, shape its report."""
        if not isinstance(item, SampleItem) or item.arrival is None or self.evaluation is None:
            return (yield)
        outcome = self._judge(item, call)
        report = yield
        if outcome is not None:
            shape_report(report, outcome, is_strict=self.settings.is_strict)
        return report

    def report_of(self, item: SampleItem, call: pytest.CallInfo[None], may_wait: bool) -> pytest.TestReport:
        """What pytest_runtest_makereport would give, for items on the short way. may_wait: see Evaluation.finish."""
        outcome = self._judge(item, call, may_wait=may_wait)
        if outcome is None or not outcome.kind.is_verdict:
            report = pytest.TestReport.from_item_and_call(item, call)
        else:
            report = report_of_verdict(item, call)
        if outcome is not None:
            shape_report(report, outcome, is_strict=self.settings.is_strict)
        return report

    def _judge(self, item: SampleItem, call: pytest.CallInfo[None], *, may_wait: bool = False) -> Outcome | None:
        outcome = outcome_of(item, call)
        if outcome is not None:
            assert self.evaluation is not None
            item.has_verdict = outcome.kind.is_verdict
            if call.excinfo is not None:
                item.failure_line = line_of(outcome)
            # Before the report is made: JUnit reads them from there.
            item.user_properties.extend(properties_of(outcome))
            self.evaluation.finish(item.planned, outcome, may_wait=may_wait)
            if self.needs is not None:
                self.needs.see(outcome)
        return outcome


def arrange(items: list[pytest.Item], places: Sequence[int] | None) -> list[SampleItem]:
    """Put a session's samples into the order of asking; whatever else there is stays where it is.

    places: of the samples, in that order; None for the one they are in. The samples, in their new order.
    """
    samples = [item for item in items if isinstance(item, SampleItem)]
    if places is None:
        return samples
    arranged = [samples[place] for place in places]
    following = iter(arranged)
    items[:] = [next(following) if isinstance(item, SampleItem) else item for item in items]
    return arranged


def _raising(error: BaseException) -> Callable[[], ItemResult]:
    def arrive() -> ItemResult:
        raise error

    return arrive
