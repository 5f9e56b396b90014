"""From selected items to a run that is ready to start: graders, rows, connection, parameters, plan."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import pytest

from pytest_modeleval.client.body import effective_params
from pytest_modeleval.client.httpx_transport import HttpxTransport
from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.errors import OtherExperiment, UserError
from pytest_modeleval.evaluation.benchmark_prompts import BenchmarkPrompts
from pytest_modeleval.evaluation.evaluation import Evaluation
from pytest_modeleval.evaluation.planned_items import PlannedBenchmark, load_samples
from pytest_modeleval.evaluation.run_options import RoleShare, RunOptions
from pytest_modeleval.grader_context import GraderContext, PreparedGrader
from pytest_modeleval.pytest_plugin.benchmark_prompts import load_prompts
from pytest_modeleval.pytest_plugin.compatibility import refuse_reruns
from pytest_modeleval.pytest_plugin.context import Process, Reporter, RunContext, RunShare
from pytest_modeleval.pytest_plugin.rag_pipelines import open_pipelines, reasons_without
from pytest_modeleval.pytest_plugin.server_needs import unmet_needs
from pytest_modeleval.rag.pipeline import Pipeline
from pytest_modeleval.runs.benchmark_needs import deployment_notes
from pytest_modeleval.runs.connection import Connection
from pytest_modeleval.runs.earlier_run import stored_params, system_prompt
from pytest_modeleval.runs.gate_runner import check_measures, check_targets
from pytest_modeleval.runs.item_filter import ItemFilter, asking_order
from pytest_modeleval.settings import Settings


def prepare(
    session: pytest.Session,
    settings: Settings,
    process: Process,
    *,
    selected: Sequence[SampleItem],
    known_targets: Mapping[str, tuple[list[str], list[str]]],
) -> RunContext | None:
    """Prepare everything up to the first request. Raises UserError; the run folder is not written then.

    selected: the samples of all shards. known_targets: benchmark -> its subsets and aggregates, for the gates.
    None if the server cannot be asked for any of them.
    """
    config = session.config
    items = [item for item in session.items if isinstance(item, SampleItem)]
    refuse_reruns(config, items)
    check_targets(settings, known_targets)
    asked = {item.planned.plan.benchmark.name: item.planned.plan for item in selected}
    check_measures(settings, {name: plan.benchmark.measures_under(plan.options) for name, plan in asked.items()})
    grading = GraderContext(allows_unsafe_code=settings.allows_unsafe_code)
    _prepare_graders(items, grading, process.reporter)
    load_samples(item.planned for item in items)
    share = process.open()
    connection = share.connection
    selected = _leave_out(session, process.reporter, selected, _reasons_not_run(selected, settings, connection))
    items = [item for item in session.items if isinstance(item, SampleItem)]
    if not items:
        return None
    pipelines = open_pipelines(items, settings, connection)
    plans = _plans_of(selected)
    prompts = load_prompts(plans, settings)
    order = asking_order([item.planned.key for item in items], settings, share.order_seed)
    items = arrange(session.items, exclusive_last(items, order))
    _set_params(plans, settings, connection, process.reporter)
    for note in deployment_notes(plans, connection):
        process.reporter.print_once(f"warning: {note}")
    client = config.hook.pytest_modeleval_http_client(settings=settings)

    def make_evaluation(share: RunShare) -> Evaluation:
        return _planned(_evaluation(share, settings, client, prompts, pipelines), settings, plans, items, selected)

    try:
        evaluation = make_evaluation(share)
    except OtherExperiment as mistake:
        # A run of the same command that was never finished, and rows, version or parameters changed since.
        evaluation = make_evaluation(process.open_new_folder(mistake))
    item_filter = _begin(process, evaluation, items, connection, grading)
    return RunContext(
        config=config,
        settings=settings,
        connection=connection,
        evaluation=evaluation,
        items=tuple(items),
        item_filter=item_filter,
        feed=process.make_feed(evaluation, items, item_filter),
        reporter=process.reporter,
    )


def _begin(
    process: Process,
    evaluation: Evaluation,
    items: Sequence[SampleItem],
    connection: Connection,
    grading: GraderContext,
) -> ItemFilter | None:
    """Put the items into the plan and start asking; the journal is closed where that fails."""
    try:
        for index, item in enumerate(items):
            item.enter_plan(index, connection.model)
        item_filter = process.make_filter()
        process.begin(evaluation, items, grading.facts)
    except BaseException:
        evaluation.close()
        raise
    return item_filter


def _deselect(session: pytest.Session, benchmarks: Container[str]) -> None:
    """Take the samples of these benchmarks out of the session."""
    left_out = [
        item for item in session.items if isinstance(item, SampleItem) and item.planned.key.benchmark in benchmarks
    ]
    dropped = set(map(id, left_out))
    session.items[:] = [item for item in session.items if id(item) not in dropped]
    session.config.hook.pytest_deselected(items=left_out)


def _reasons_not_run(selected: Sequence[SampleItem], settings: Settings, connection: Connection) -> dict[str, str]:
    """Benchmark -> why it cannot be run with these models, for those of which that is true. Raises UserError."""
    if settings.rescore_dir is not None:
        return {}
    reasons = reasons_without({item.planned.key.benchmark: item for item in reversed(selected)}, connection)
    others = [plan for plan in _plans_of(selected) if plan.benchmark.name not in reasons]
    return {**reasons, **unmet_needs(others, settings, connection)}


def _plans_of(items: Sequence[SampleItem]) -> list[PlannedBenchmark]:
    """The benchmarks of items, each once."""
    return list({id(item.planned.plan): item.planned.plan for item in items}.values())


def _leave_out(
    session: pytest.Session, reporter: Reporter, selected: Sequence[SampleItem], reasons: Mapping[str, str]
) -> Sequence[SampleItem]:
    """Deselect benchmarks, one line for each reason; the selected samples that are left."""
    for reason in dict.fromkeys(reasons.values()):
        names = [name for name, own in reasons.items() if own == reason]
        reporter.print_once(f"not run: {', '.join(names)}: {reason}")
    if reasons:
        _deselect(session, reasons)
    return [item for item in selected if item.planned.key.benchmark not in reasons]


def exclusive_last(items: Sequence[SampleItem], places: Sequence[int] | None) -> Sequence[int] | None:
    """Places of the samples in the order of asking, with those of exclusive benchmarks behind all others.

    places: the order without that; None for the order they are in.
    """
    is_exclusive = [item.planned.plan.benchmark.is_exclusive for item in items]
    if not any(is_exclusive):
        return places
    return sorted(places if places is not None else range(len(items)), key=lambda place: is_exclusive[place])


def arrange(items: list[pytest.Item], places: Sequence[int] | None) -> list[SampleItem]:
    """Put a session's samples into the order of asking; other tests stay where they are. The samples, in that order.

    places: of the samples, in the new order; None for the order they are in.
    """
    samples = [item for item in items if isinstance(item, SampleItem)]
    if places is None:
        return samples
    arranged = [samples[place] for place in places]
    following = iter(arranged)
    items[:] = [next(following) if isinstance(item, SampleItem) else item for item in items]
    return arranged


def _prepare_graders(items: Sequence[SampleItem], grading: GraderContext, reporter: Reporter) -> None:
    """Let graders refuse before a server is started. Raises UserError."""
    graders = {item.planned.key.benchmark: item.planned.plan.benchmark.grade for item in items}
    for name, grade in graders.items():
        if isinstance(grade, PreparedGrader):
            try:
                grade.prepare(grading)
            except UserError as mistake:
                raise type(mistake)(f"{name}: {mistake}") from None
    for warning in grading.warnings:
        reporter.print_line(f"warning: {warning}")


def _set_params(
    plans: Sequence[PlannedBenchmark], settings: Settings, connection: Connection, reporter: Reporter
) -> None:
    """Fix the effective request parameters of each benchmark: of a stored run those it was asked with."""
    stored = stored_params(settings.rescore_dir) if settings.rescore_dir is not None else {}
    for plan in plans:
        name, defaults = plan.benchmark.name, plan.benchmark.defaults
        # Of a stored run that knows no such model, every judgement is missing, and is reported so.
        plan.roles = {
            role: connection.roles[role].experiment
            for role in (*plan.benchmark.roles_under(plan.options), *plan.benchmark.optional_roles)
            if role in connection.roles
        }
        plan.tool_calls = connection.model.tool_calls if plan.benchmark.offers_tools else ""
        if name in stored:
            plan.params = stored[name]
            continue
        wanted: dict[str, Any] = {**defaults, **connection.params, **settings.params}
        plan.params = effective_params(
            benchmark=defaults,
            profile=connection.params,
            user=settings.params,
            context_tokens=connection.model.context_tokens,
        )
        if "max_tokens" in wanted and wanted["max_tokens"] != plan.params.get("max_tokens"):
            reporter.print_once(
                f"{name}: max_tokens is {plan.params.get('max_tokens')} instead of {wanted['max_tokens']}, because "
                f"the server's context is {connection.model.context_tokens} tokens"
            )


def _planned(
    evaluation: Evaluation,
    settings: Settings,
    plans: Sequence[PlannedBenchmark],
    items: Sequence[SampleItem],
    selected: Sequence[SampleItem],
) -> Evaluation:
    """The evaluation with its plan. Raises OtherExperiment if the run folder holds one; nothing is written then."""
    try:
        evaluation.plan(
            plans,
            [item.planned for item in items],
            shard=str(settings.shard or ""),
            all_items=[item.planned for item in selected],
            # A stored run knows how many there were when it was asked.
            sample_limit=settings.limit.of if settings.rescore_dir is None else None,
            is_blessed=settings.bless_file is not None,
        )
    except BaseException:
        evaluation.close()
        raise
    return evaluation


def _evaluation(
    share: RunShare,
    settings: Settings,
    client: Any,
    prompts: Mapping[str, BenchmarkPrompts],
    pipelines: Mapping[str, Pipeline],
) -> Evaluation:
    model = share.connection.model
    options = RunOptions(
        in_flight=share.in_flight,
        idle_timeout_s=settings.idle_timeout_s,
        sample_timeout_s=settings.sample_timeout_s,
        key=settings.key,
        transport=HttpxTransport(client) if client is not None else None,
        can_abort=model.kind == "sglang",
        monitor=share.role_status.get(""),
        is_offline=settings.rescore_dir is not None,
        repeats=settings.most_repeats,
        invocation=share.invocation,
        client_processes=share.client_processes,
        flush_cache=share.flush_cache,
        prompts=prompts,
        pipelines=pipelines,
        roles={
            role: RoleShare(
                facts, settings.roles[role].key if role in settings.roles else None, share.role_status.get(role)
            )
            for role, facts in share.connection.roles.items()
        },
        system=system_prompt(settings),
    )
    return Evaluation(
        model=model,
        reader=share.reader,
        journal_path=share.journal_path,
        options=options,
        is_rescore=settings.rescore_dir is not None,
    )
