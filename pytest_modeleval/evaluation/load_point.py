"""One operating point: from its plan to its result in the journal, by way of the load generator."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.load.clients import LoadRun, run_load
from pytest_modeleval.load.generator import Extent, Target
from pytest_modeleval.load.job import MAX_IN_FLIGHT, LoadJob
from pytest_modeleval.load.reading import read_exchange
from pytest_modeleval.load.spool import read_spool
from pytest_modeleval.load.supply import BodyRules
from pytest_modeleval.records import Kind, Request
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
CLIENT_TOO_SLOW = "client_too_slow"
_OF_CLIENT = (CLIENT_TOO_SLOW, "max_in_flight")
"""Causes that say nothing against the server."""


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
    counts: TokenCounts | None = field(default=None, init=False)
    """How the server counts our words; measured at the first point."""


async def run_point(runner: ItemRunner, item: PlannedItem, plan: PointPlan) -> PointResult:
    """The result of a point, from the journal if it is stored there. Raises Ungraded where nothing can be judged."""
    result = await _point(runner, item, _of_repeat(plan, item))
    if result.unjudged:
        raise _unjudged(result)
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
            raise _unjudged(result)
        search.enter(load, result)
        results.append(result)
    judged = [result for result in results if not result.unjudged]
    if not judged:
        raise _unjudged(results[-1])
    found = search_result(plan.name, judged, search.found, share)
    key = _point_key(runner, item, plan)
    if key not in runner.contents.points:
        runner.enter_point(key, item.key, found)
    return found


def search_result(name: str, judged: Sequence[PointResult], found: FoundRate | None, share: float) -> PointResult:
    """The result of a search from its points. found: the rate with its interval; None where there is none."""
    kept = [result for result in judged if _value(result, "goodput") >= share]
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
    key = _point_key(runner, item, plan)
    known = runner.contents.points.get(key)
    site = runner.load_site
    if known is not None and (site is None or not known[1].unjudged):
        return known[1]
    if site is None:
        raise Ungraded("the stored run has no result of this point", kind=Kind.NOT_RUN, cause="not_stored")
    folder = runner.journal.path.parent
    result = stored_result(folder, plan.name, key=key)
    if result is None or result.unjudged:
        result = await _measure(runner, site, item, plan, key)
    runner.enter_point(key, item.key, result)
    return result


def _unjudged(result: PointResult) -> Ungraded:
    cause = str(result.facts.get("unjudged_cause") or "unjudged")
    kind = Kind.SERVER_ERROR if result.facts.get("is_server_failure") else Kind.NOT_RUN
    return Ungraded(f"{result.point}: {result.unjudged}", kind=kind, cause=cause)


def _point_key(runner: ItemRunner, item: PlannedItem, plan: PointPlan) -> str:
    params = orjson.dumps(item.plan.params, option=orjson.OPT_SORT_KEYS).decode()
    text = f"{plan.text}\x00{item.key.repeat}\x00{params}\x00{runner.model.identity}"
    return hashlib.sha256(text.encode()).hexdigest()


async def _measure(runner: ItemRunner, site: LoadSite, item: PlannedItem, plan: PointPlan, key: str) -> PointResult:
    from pytest_modeleval.stress.measures import measure_point  # noqa: PLC0415 - loads numpy

    if site.counts is None:
        site.counts = await _calibrate(runner, item)
    cache = await asyncio.to_thread(site.flush_cache) if site.flush_cache is not None else "not emptied"
    job = await asyncio.to_thread(_job, runner, site, item, plan)
    folder = runner.journal.path.parent
    spool = load_file(folder, plan.name).with_suffix(".spool")
    spool.parent.mkdir(exist_ok=True)
    transport = site.make_transport()
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
            return _with_facts(replace(found, load=load), plan, job, run, cache=cache)

        # Reading takes a while, during which the server rests: nothing else is asked meanwhile.
        return await asyncio.to_thread(write_timings, folder, plan.name, _timings(run, graded), measure, key=key)
    finally:
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


def _job(runner: ItemRunner, site: LoadSite, item: PlannedItem, plan: PointPlan) -> LoadJob:
    model, counts = runner.model, site.counts
    assert counts is not None
    workload, graded = plan.workload, graded_prompts(site.prompts, plan.accuracy)
    return LoadJob(
        target=Target(urls=[CHAT.url(url) for url in model.urls], headers=request_headers(site.key)),
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
        seed=secrets.token_hex(4) if plan.seed is None else f"{plan.seed} {plan.name}",
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


def _with_facts(result: PointResult, plan: PointPlan, job: LoadJob, run: LoadRun, *, cache: str) -> PointResult:
    """The result with how it was measured, and why it cannot be judged, if it cannot."""
    rules, tally = job.rules, run.tally
    cause, reason = _why_unjudged(result, plan, run)
    facts: dict[str, Any] = {
        **result.facts,
        "ignore_eos": rules.has_ignore_eos,
        "continuous_usage": rules.has_continuous_usage,
        "prefix_cache": cache or "emptied",
        "client_processes": len(run.spools),
        "loop_lag_p50_s": tally.loop_lag_s[0],
        "loop_lag_p99_s": tally.loop_lag_s[1],
        "max_in_flight": tally.largest_in_flight,
        "cut_tail": tally.cut,
        "seed": job.seed,
        "tokens_per_word": round(job.counts.per_word, 4),
        **({"unjudged_cause": cause, "is_server_failure": cause not in _OF_CLIENT} if cause else {}),
    }
    return replace(result, facts=facts, unjudged=reason or result.unjudged)


def _why_unjudged(result: PointResult, plan: PointPlan, run: LoadRun) -> tuple[str, str]:
    """(cause, sentence); both "" where the point can be judged."""
    tally = run.tally
    if tally.stopped == "max_in_flight":
        return tally.stopped, (
            f"{tally.largest_in_flight:,} requests were in flight, the most this client allows: the server is far "
            "below this rate; choose a lower one"
        )
    if tally.stopped:
        return tally.stopped, f"one request after another failed ({_counted(tally.failures)}): the point was given up"
    if result.unjudged:
        cause = max(tally.failures, key=lambda name: tally.failures[name], default="")
        return cause, f"{result.unjudged} ({_counted(tally.failures)})" if cause else ""
    median_s, high_s = plan.max_lag_s
    lags = {
        "sending": (_value(result, "send_lag_p50"), _value(result, "send_lag_p99")),
        "its event loop": tally.loop_lag_s,
    }
    for where, (found_median_s, found_high_s) in lags.items():
        if found_median_s > median_s or found_high_s > high_s:
            return CLIENT_TOO_SLOW, (
                f"this client was the bottleneck: the lag of {where} was {1000 * found_median_s:.1f} ms in the median "
                f"and {1000 * found_high_s:.1f} ms at the 99th percentile, of {1000 * median_s:g} and "
                f"{1000 * high_s:g} ms allowed; give it more client processes (-n 2) or a machine apart from the "
                "server's, or raise perf.max_lag_ms"
            )
    return "", ""


def _value(result: PointResult, name: str) -> float:
    figure = result.figures.get(name)
    return figure.value if figure is not None and figure.value is not None else 0.0


def _counted(failures: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in sorted(failures.items(), key=lambda entry: -entry[1])[:3])
