"""One operating point: from its plan to its result in the journal, by way of the load generator."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from pytest_modeleval.client.body import encode_body
from pytest_modeleval.client.chat import request_headers
from pytest_modeleval.client.route import CHAT
from pytest_modeleval.client.transport import Transport
from pytest_modeleval.dispatch.attempt import PendingRequest
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.evaluation.accuracy_under_load import (
    graded_bodies,
    graded_prompts,
    noting_verdicts,
    stored_verdicts,
    with_accuracy,
)
from pytest_modeleval.evaluation.benchmark_prompts import BenchmarkPrompts
from pytest_modeleval.evaluation.item_chat import pending_request
from pytest_modeleval.evaluation.load_verdict import figure_value, with_facts
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.load.clients import LoadRun, run_load
from pytest_modeleval.load.generator import Extent, Target
from pytest_modeleval.load.job import MAX_IN_FLIGHT, LoadJob
from pytest_modeleval.load.reading import read_exchange
from pytest_modeleval.load.spool import read_spool
from pytest_modeleval.load.supply import BodyRules
from pytest_modeleval.records import Kind, Request
from pytest_modeleval.server_facts import ModelFacts
from pytest_modeleval.store.load_file import load_file, stored_result, write_timings
from pytest_modeleval.stress.filler import TokenCounts, random_words, seeded
from pytest_modeleval.stress.plan import PointPlan
from pytest_modeleval.stress.point import PointFigure, PointResult
from pytest_modeleval.stress.timing import Timing
from pytest_modeleval.stress.traces import TraceRow, read_trace
from pytest_modeleval.stress.workloads import BENCHMARK, LENGTHS, TRACE

if TYPE_CHECKING:
    from pytest_modeleval.evaluation.item_runner import ItemRunner
    from pytest_modeleval.stress.search import FoundRate

REQUEST_LIMIT_S = 600.0
CALIBRATION_WORDS = (32, 256)


@dataclass(slots=True)
class LoadSite:
    """How load is put on the server in this process."""

    make_transport: Callable[[], Transport]
    key: str | None = None
    processes: int = 1
    """Client processes that share a load."""
    limit_s: float | None = None
    """For one request; None for REQUEST_LIMIT_S."""
    flush_cache: Callable[[], str] | None = None
    """Empties the server's prefix cache: "" or why it could not be emptied. None where that must not be done."""
    prompts: Mapping[str, BenchmarkPrompts] = field(default_factory=dict)
    """Benchmark -> its samples, of those that a load uses."""
    role_keys: Mapping[str, str | None] = field(default_factory=dict)
    """Role -> the API key of its server."""
    is_measuring: bool = field(default=False, init=False)
    """A load is on the server now."""
    counts: TokenCounts | None = field(default=None, init=False)
    """How the server counts our words; measured at the first point."""


@dataclass(frozen=True, slots=True)
class LoadServer:
    """The server that a load is put on."""

    model: ModelFacts
    key: str | None
    flush_cache: Callable[[], str] | None = None
    """As LoadSite.flush_cache."""


@dataclass(frozen=True, slots=True)
class LoadPart:
    """A load and the server that it is put on."""

    plan: PointPlan
    key: str
    """Of its result: one stored under another key is not that of this part."""
    served: LoadServer


def own_server(runner: ItemRunner, site: LoadSite) -> LoadServer:
    """That of the model under test."""
    return LoadServer(runner.model, site.key, site.flush_cache)


async def run_point(runner: ItemRunner, item: PlannedItem, plan: PointPlan) -> PointResult:
    """The result of a point, from the journal if it is stored there. Raises Ungraded where nothing can be judged."""
    plan = _of_repeat(plan, item)
    if plan.against:
        from pytest_modeleval.evaluation.points_in_turn import run_in_turn  # noqa: PLC0415 - it imports this module

        return await run_in_turn(runner, item, plan)
    result = await _point(runner, item, plan)
    if result.unjudged:
        raise unjudged_error(result)
    return result


def _of_repeat(plan: PointPlan, item: PlannedItem) -> PointPlan:
    """The plan with a name of its own for each repeat of its item."""
    repeat = item.key.repeat
    return replace(plan, name=f"{plan.name}-r{repeat}") if repeat else plan


async def run_search(runner: ItemRunner, item: PlannedItem, plan: PointPlan, share: float) -> PointResult:
    """The highest rate at which at least this share of the requests keeps the plan's objective.

    Each rate is a point of its own. The result is that of the highest rate that kept it, or of the last one, with the
    figure `slo_rate`. Raises Ungraded where the server fails.
    """
    from pytest_modeleval.stress.search import RateSearch  # noqa: PLC0415 - loads numpy

    plan, search = _of_repeat(plan, item), RateSearch(share=share)
    results: list[PointResult] = []
    while (load := search.next_load()) is not None:
        name = f"{plan.name}-{len(results) + 1}-{load.name}"
        result = await _point(runner, item, replace(plan, name=name, load=load))
        if result.unjudged and result.facts.get("is_server_failure"):
            raise unjudged_error(result)
        search.enter(load, result)
        results.append(result)
    judged = [result for result in results if not result.unjudged]
    if not judged:
        raise unjudged_error(results[-1])
    found = search_result(plan.name, judged, search.found, share)
    key = point_key(runner, item, plan)
    if key not in runner.contents.points:
        runner.enter_point(key, item.key, found)
    return found


def search_result(name: str, judged: Sequence[PointResult], found: FoundRate | None, share: float) -> PointResult:
    """The result of a search from its points. found: the rate with its interval; None where there is none."""
    kept = [result for result in judged if figure_value(result, "goodput") >= share]
    best = max(kept, key=lambda result: result.rate or 0.0, default=judged[-1])
    missing = "" if found else f"every rate {'kept' if kept else 'missed'} the objective, up to {best.rate:g} a second"
    figure = PointFigure(
        value=found.rate if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        num=sum(result.sent for result in judged),
        unit="req/s",
        is_higher_better=True,
        missing=missing,
    )
    facts = {**best.facts, "slo_share": share, "slo_points": len(judged), "slo_best": best.point}
    return replace(best, point=name, load="slo", figures={**best.figures, "slo_rate": figure}, facts=facts)


async def _point(runner: ItemRunner, item: PlannedItem, plan: PointPlan) -> PointResult:
    """As run_point; a result that cannot be judged says why."""
    key = point_key(runner, item, plan)
    known = runner.contents.points.get(key)
    site = runner.load_site
    if known is not None and (site is None or not known[1].unjudged):
        return known[1]
    if site is None:
        raise Ungraded("the stored run has no result of this point", kind=Kind.NOT_RUN, cause="not_stored")
    result = await measure_part(runner, site, item, LoadPart(plan, key, own_server(runner, site)))
    runner.enter_point(key, item.key, result)
    return result


async def measure_part(runner: ItemRunner, site: LoadSite, item: PlannedItem, part: LoadPart) -> PointResult:
    """The result of a load on a server: that of its file in the run folder, if it was judged, else measured."""
    result = stored_result(runner.journal.path.parent, part.plan.name, key=part.key)
    if result is None or result.unjudged:
        result = await _measure(runner, site, item, part)
    return result


def unjudged_error(result: PointResult) -> Ungraded:
    """Why no figure of a point is used."""
    cause = str(result.facts.get("unjudged_cause") or "unjudged")
    kind = Kind.SERVER_ERROR if result.facts.get("is_server_failure") else Kind.NOT_RUN
    return Ungraded(f"{result.point}: {result.unjudged}", kind=kind, cause=cause)


def point_key(runner: ItemRunner, item: PlannedItem, plan: PointPlan) -> str:
    """Of a point's result in the journal: all that it depends on."""
    params = orjson.dumps(item.plan.params, option=orjson.OPT_SORT_KEYS).decode()
    text = f"{plan.text}\x00{item.key.repeat}\x00{params}\x00{runner.model.identity}"
    if plan.against:
        text += f"\x00{runner.roles[plan.against].facts.model.identity}" if plan.against in runner.roles else ""
    return hashlib.sha256(text.encode()).hexdigest()


async def _measure(runner: ItemRunner, site: LoadSite, item: PlannedItem, part: LoadPart) -> PointResult:
    from pytest_modeleval.stress.measures import measure_point  # noqa: PLC0415 - loads numpy

    plan, served = part.plan, part.served
    if site.counts is None:
        site.counts = await _calibrate(runner, item)
    cache = await asyncio.to_thread(served.flush_cache) if served.flush_cache is not None else "not emptied"
    job = await asyncio.to_thread(_job, site, item, plan, served)
    folder = runner.journal.path.parent
    spool = load_file(folder, plan.name).with_suffix(".spool")
    spool.parent.mkdir(exist_ok=True)
    transport = site.make_transport()
    site.is_measuring = True
    try:
        run = await run_load(job, transport, spool, processes=site.processes)

        graded = graded_prompts(site.prompts, plan.accuracy)

        def measure(timings: Iterator[Timing]) -> PointResult:
            verdicts: dict[str, bool] = {}
            noted = noting_verdicts(timings, verdicts)
            found = measure_point(plan.name, plan.workload.name, plan.load, noted, slo=plan.slo)
            if graded is not None:
                reference = stored_verdicts(folder, plan.reference) if plan.reference != plan.name else {}
                found = with_accuracy(found, plan, verdicts, reference)
            # A trace has its own times.
            load = "trace" if plan.workload.has_times else found.load
            return with_facts(replace(found, load=load), plan, job, run, cache=cache)

        # Reading takes a while, during which the server rests: nothing else is asked meanwhile.
        return await asyncio.to_thread(write_timings, folder, plan.name, _timings(run, graded), measure, key=part.key)
    finally:
        site.is_measuring = False
        await transport.close()
        for path in spool.parent.glob(f"{spool.name}*"):
            with suppress(OSError):
                path.unlink()


def _timings(run: LoadRun, graded: BenchmarkPrompts | None) -> Iterator[Timing]:
    for path in run.spools:
        for raw in read_spool(path):
            timing, reply = read_exchange(raw, start_s=run.start_s)
            if raw.row is not None and graded is not None:
                is_right = graded.is_right(raw.row, reply) if reply is not None else None
                timing = replace(timing, question=graded.samples[raw.row].id, is_right=is_right)
            yield timing


def _job(site: LoadSite, item: PlannedItem, plan: PointPlan, served: LoadServer) -> LoadJob:
    model, counts = served.model, site.counts
    assert counts is not None
    workload, graded = plan.workload, graded_prompts(site.prompts, plan.accuracy)
    return LoadJob(
        target=Target(urls=[CHAT.url(url) for url in model.urls], headers=request_headers(served.key)),
        rules=BodyRules(model=model.served, kind=model.kind, params=item.plan.params, seed=plan.seed or 0),
        workload=plan.workload,
        load=plan.load,
        extent=Extent(
            requests=plan.requests,
            seconds=plan.seconds,
            warm_up=plan.warm_up_requests,
            limit_s=site.limit_s or REQUEST_LIMIT_S,
            max_in_flight=MAX_IN_FLIGHT,
        ),
        seed=secrets.token_hex(4) if plan.seed is None else f"{plan.seed} {plan.prompts_name or plan.name}",
        counts=counts,
        rows=_rows(plan),
        prompts=site.prompts[workload.source].messages if workload.kind == BENCHMARK else (),
        graded=graded_bodies(graded, model.served, item.plan.params) if graded is not None else (),
    )


def _rows(plan: PointPlan) -> list[TraceRow]:
    workload = plan.workload
    if workload.kind not in (LENGTHS, TRACE):
        return []
    with Path(workload.source).open(encoding="utf-8") as file:
        return read_trace(file, needs_times=workload.kind == TRACE)


async def _calibrate(runner: ItemRunner, item: PlannedItem) -> TokenCounts:
    """How the server counts our words, from the usage of two short replies; one token a word where it sends none."""
    replies: list[tuple[int, int]] = []
    for words in CALIBRATION_WORDS:
        text = " ".join(random_words(seeded("calibration", words), words))
        body = encode_body(
            Request([{"role": "user", "content": text}]),
            model=runner.model.served,
            params={**item.plan.params, "max_tokens": 1},
            seed=0,
        )
        reply = await runner.ask_unrecorded(_pending(runner, item, body), item.key)
        tokens = (reply.get("usage") or {}).get("prompt_tokens")
        if tokens:
            replies.append((words, tokens))
    try:
        return TokenCounts.from_usage(replies)
    except ValueError:
        return TokenCounts()


def _pending(runner: ItemRunner, item: PlannedItem, body: bytes) -> PendingRequest:
    digest = hashlib.sha256(body).hexdigest()
    return pending_request(runner, item.key, digest, body, 1, prefix=None)
