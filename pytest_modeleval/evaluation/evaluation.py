"""The evaluation of one process: it owns the run folder's journal, the engine, and the outcomes.

Life: plan() after collection, start(), then for every item answer() and finish(), at the end close().
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval.client.chat import ChatClient
from pytest_modeleval.client.httpx_transport import transport_for
from pytest_modeleval.dispatch.attempt import Counters
from pytest_modeleval.dispatch.dispatcher import Dispatcher
from pytest_modeleval.dispatch.engine import Engine, JobResult
from pytest_modeleval.errors import OtherExperiment, RunFolderError, SettingsError
from pytest_modeleval.evaluation.item_runner import ItemResult, ItemRunner
from pytest_modeleval.evaluation.planned_items import PlannedBenchmark, PlannedItem, make_plan
from pytest_modeleval.evaluation.role_handle import RoleServer
from pytest_modeleval.evaluation.run_options import RunOptions
from pytest_modeleval.evaluation.summary import merge_plans, parts_text, selected_parts
from pytest_modeleval.experiment import plan_mismatch
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.server_facts import SGLANG, ModelFacts
from pytest_modeleval.store.contents import OutcomeRank
from pytest_modeleval.store.journal import JournalReader, JournalWriter, outcome_line

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.load_point import LoadSite


class Evaluation:
    """One run's plan, answers and outcomes. journal_path: this process's own journal; reader: all of the run folder."""

    def __init__(
        self, *, model: ModelFacts, reader: JournalReader, journal_path: Path, options: RunOptions, is_rescore: bool
    ) -> None:
        self.model = model
        self._reader = reader
        self._options = options
        self._is_rescore = is_rescore
        self._contents = reader.refresh()
        self._journal_path = journal_path
        # Opened when the plan stands: a folder that holds another experiment is not touched.
        self._opened_journal: JournalWriter | None = None
        reader.exclude(journal_path)
        self.items: list[PlannedItem] = []
        self._graded: frozenset[ItemKey] = frozenset()
        self._reason_of: Callable[[ItemKey], str] | None = None
        self._engine: Engine | None = None
        self._site: ItemRunner | None = None
        self._taken: tuple[int, JobResult] | None = None
        """The last result that an item took."""

    def plan(
        self,
        plans: Sequence[PlannedBenchmark],
        items: Sequence[PlannedItem],
        *,
        shard: str = "",
        all_items: Sequence[PlannedItem] = (),
        sample_limit: Callable[[int], int] | None = None,
        is_blessed: bool = False,
    ) -> None:
        """Fix what is asked. Raises OtherExperiment if the folder holds one; nothing is written then.

        shard, all_items, sample_limit: as of make_plan. is_blessed: the run is to be a baseline; raises SettingsError
        if it holds no more than a part of a subset.
        """
        made = [
            make_plan(
                plan,
                [item for item in items if item.plan is plan],
                repeats=self._options.repeats,
                shard=shard,
                all_items=[item for item in all_items if item.plan is plan],
                sample_limit=sample_limit,
                system=self._options.system,
            )
            for plan in plans
        ]
        added = self._added_plans(made, items)
        if is_blessed:
            _check_whole([*self._contents.plans, *added])
        self._opened_journal = JournalWriter(self._journal_path)
        for plan in added:
            self._journal.write(plan.to_json())
        self._contents.plans.extend(added)
        self.items = list(items)
        self._forget_ungraded()
        self._graded = frozenset(item.key for item in items if item.key in self._contents.outcomes)

    def _forget_ungraded(self) -> None:
        """Drop outcomes without a verdict: these items are asked again, and an interrupt must leave them not_run."""
        for item in self.items:
            known = self._contents.outcomes.get(item.key)
            if known is not None and not known.kind.is_verdict:
                del self._contents.outcomes[item.key]

    def _added_plans(self, made: Sequence[Plan], items: Sequence[PlannedItem]) -> list[Plan]:
        """Those that the folder does not hold yet. Raises OtherExperiment."""
        stored = {plan.benchmark: plan for plan in merge_plans(self._contents.plans)}
        for plan in made:
            if (old := stored.get(plan.benchmark)) is not None:
                self._refuse_other_experiment(old, plan, items)
        return [plan for plan in made if plan not in self._contents.plans]

    def _refuse_other_experiment(self, old: Plan, new: Plan, items: Sequence[PlannedItem]) -> None:
        """Raises RunFolderError where the folder's plan and the new one must not share a folder."""
        if self._is_rescore:
            self._refuse_mixture(old, new, items)
        elif why := plan_mismatch(old, new):
            raise OtherExperiment(self._journal_path.parent, why)

    def _refuse_mixture(self, old: Plan, new: Plan, items: Sequence[PlannedItem]) -> None:
        """Grading a part again under another version would leave one score made of two ways of grading."""
        if old.version == new.version:
            return
        now = {item.key for item in items}
        graded = [key for key in old.item_keys() if key in self._contents.outcomes]
        kept = sum(1 for key in graded if key not in now and self._contents.outcomes[key].kind.is_verdict)
        if kept:
            raise RunFolderError(
                f"{self._journal_path.parent}: {new.benchmark} was graded under version {old.version}, this is "
                f"version {new.version}, and {kept:,} of {len(graded):,} grades would stay as they are: one score "
                "out of both means nothing. Grade all of it again, without -k, --eval-only and the like"
            )

    def start(
        self, indices: Iterable[int] | None = None, *, skip_reason: Callable[[ItemKey], str] | None = None
    ) -> None:
        """Begin to ask: for all items, or for those at `indices`; `extend` and `feed` add more.

        skip_reason: why an item need not be asked, "" if it must be; called from the engine's thread too. None: all
        items must be asked.
        """
        self._reason_of = skip_reason
        options = self._options
        self._site = ItemRunner(
            items=self.items,
            model=self.model,
            contents=self._contents,
            journal=self._journal,
            make_dispatcher=None if options.is_offline else self._dispatcher,
            sample_timeout_s=options.sample_timeout_s,
            system=options.system,
            pipelines=options.pipelines,
            stored_outcomes={} if self._is_rescore else dict(self._contents.outcomes),
            skip_reason=self._skip_reason if skip_reason is not None else None,
            load_site=self._load_site() if self._has_exclusive and not options.is_offline else None,
            roles={
                role: RoleServer(role, share.facts, None if options.is_offline else self._role_dispatcher)
                for role, share in options.roles.items()
            },
        )
        # Twice as many workers as slots: those whose request waits out a back-off, or whose grader runs, hold no slot.
        self._engine = Engine(self._site, width=2 * options.in_flight)
        self._engine.add(range(len(self.items)) if indices is None else indices)
        self._engine.start()

    def extend(self, indices: Iterable[int]) -> None:
        """Ask further items in this process (xdist), after reading what other processes journaled meanwhile."""
        self._reader.refresh()
        if self._engine is not None:
            self._engine.add(indices)

    def feed(self, indices: Iterable[int]) -> None:
        """More items of this process's own plan."""
        if self._engine is not None:
            self._engine.add(indices)

    def spared(self, item: PlannedItem) -> tuple[str, bool]:
        """Why an item need not be asked ("" if it must be), and whether it was asked all the same."""
        assert self._site is not None
        return self._skip_reason(item), item.key in self._site.started

    def _skip_reason(self, item: PlannedItem) -> str:
        # What has a verdict already costs nothing, and keeps it.
        if self._reason_of is None or item.key in self._graded:
            return ""
        return self._reason_of(item.key)

    def answer(self, index: int, *, tick: Callable[[], None]) -> ItemResult:
        """Wait for an item's answer. Raises what stands for it: Ungraded, EngineStopped, the benchmark's own error."""
        assert self._engine is not None
        assert self._site is not None
        done = self._engine.result(index, tick=tick)
        self._taken = index, done
        if done.error is not None:
            raise done.error
        return self._site.restore(done.value)

    def stop_asking(self) -> list[int]:
        """End the asking early. Gives the plan indices of the answers that have no outcome, in order."""
        if self._engine is None:
            return []
        self._engine.close()
        if self._taken is not None:
            self._engine.put_back(*self._taken)
        return [
            index for index in self._engine.waiting_values() if self.items[index].key not in self._contents.outcomes
        ]

    def is_answered(self, index: int) -> bool:
        """True if `answer` would not wait for this item."""
        return self._engine is not None and self._engine.is_done(index)

    def finish(self, item: PlannedItem, outcome: Outcome, *, may_wait: bool = False) -> None:
        """Enter an item's outcome, once: into the journal and the scores. may_wait: `flush` is called soon."""
        if self._contents.outcomes.get(item.key) != outcome:
            line = outcome_line(
                outcome,
                version=item.plan.benchmark.version,
                invocation=self._options.invocation,
                is_rescore=self._is_rescore,
            )
            if may_wait:
                self._journal.hold(line)
            else:
                self._journal.write(line)
            self._contents.enter(outcome, OutcomeRank(self._options.invocation, line["time"], self._journal.path))

    def flush(self) -> None:
        """Write what waits."""
        self._journal.flush()

    def close(self) -> None:
        """Stop asking; keep what is journaled."""
        if self._engine is not None:
            self._engine.close()
        if self._opened_journal is not None:
            self._opened_journal.close()

    @property
    def _journal(self) -> JournalWriter:
        assert self._opened_journal is not None
        return self._opened_journal

    @property
    def figures(self) -> Counters:
        """Counts of the asking so far."""
        dispatcher = self._site.dispatcher if self._site is not None else None
        return dispatcher.counters if dispatcher is not None else Counters()

    @property
    def answered_ahead(self) -> int:
        """Items that are answered and whose test has not run."""
        return self._engine.waiting_results if self._engine is not None else 0

    @property
    def is_offline(self) -> bool:
        """No request is sent: stored answers are graded again."""
        return self._options.is_offline

    @property
    def in_flight(self) -> int | None:
        """Requests that the server is answering now; None while a load is put on it, which is counted afterwards."""
        load_site = self._site.load_site if self._site is not None else None
        if load_site is not None and load_site.is_measuring:
            return None
        dispatcher = self._site.dispatcher if self._site is not None else None
        return dispatcher.in_flight if dispatcher is not None else 0

    @property
    def failure(self) -> BaseException | None:
        """Why asking ended early, if it did (the journal could not be written)."""
        return self._engine.failure if self._engine is not None else None

    def _dispatcher(self) -> Dispatcher:
        options = self._options
        assert self._site is not None
        client = ChatClient(options.transport or transport_for(self.model.urls), key=options.key)
        return Dispatcher(
            client,
            self.model.urls,
            in_flight=options.in_flight,
            idle_timeout_s=options.idle_timeout_s,
            on_failure=self._site.record_failure,
            check_reply=self._site.check_reply,
            abort=client.abort if options.can_abort else None,
            monitor=options.monitor,
        )

    @property
    def _has_exclusive(self) -> bool:
        return any(item.plan.benchmark.is_exclusive for item in self.items)

    def _load_site(self) -> LoadSite:
        from pytest_modeleval.evaluation.load_point import LoadSite  # noqa: PLC0415 - few runs measure load

        # NumPy, before the engine's thread starts: two threads that load it at the same time may both fail.
        import_module("pytest_modeleval.stress.measures")
        import_module("pytest_modeleval.stress.search")
        options = self._options
        return LoadSite(
            lambda: options.transport or transport_for(self.model.urls),
            key=options.key,
            # A client of the user's own cannot be handed to another process.
            processes=options.client_processes if options.transport is None else 1,
            limit_s=options.sample_timeout_s,
            flush_cache=options.flush_cache,
            prompts=options.prompts,
            role_keys={role: share.key for role, share in options.roles.items()},
        )

    def _role_dispatcher(self, server: RoleServer) -> Dispatcher:
        options, model = self._options, server.facts.model
        assert self._site is not None
        client = ChatClient(transport_for(model.urls), key=options.roles[server.role].key)
        return Dispatcher(
            client,
            model.urls,
            in_flight=server.facts.in_flight,
            idle_timeout_s=options.idle_timeout_s,
            on_failure=self._site.record_failure,
            check_reply=server.check_reply,
            abort=client.abort if model.kind == SGLANG else None,
            monitor=options.roles[server.role].monitor,
        )


def _check_whole(plans: Sequence[Plan]) -> None:
    if parts := selected_parts(merge_plans(plans)):
        raise SettingsError(
            f"--eval-bless: expected every sample of what becomes a baseline, found {parts_text(parts)}; leave out "
            "-k, --lf or whatever selected them, or limit the samples with --eval-limit"
        )
