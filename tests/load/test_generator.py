"""The load generator against a server on loopback: who is sent when, in which phase, and what ends it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.client.http1 import Http1Transport
from pytest_modeleval.load.clients import LoadRun, joined, run_load, share_of, tally_from_json, tally_to_json
from pytest_modeleval.load.generator import Extent, Tally, Target
from pytest_modeleval.load.job import LoadJob
from pytest_modeleval.load.reading import read_exchange
from pytest_modeleval.load.spool import read_spool
from pytest_modeleval.load.supply import BodyRules, scripts_of
from pytest_modeleval.stress.loads import Load
from pytest_modeleval.stress.timing import STEADY, TAIL, WARM_UP, Timing
from pytest_modeleval.stress.workloads import PlannedRequest, Workload
from tests.support.loopback import Act, Answer, Drop, LoopbackServer, Refuse


def _job(url: str, load: str, *, workload: str = "chat-16-4", kind: str = "other", **extent: Any) -> LoadJob:
    wanted = {"requests": 12, "seconds": 60.0, "warm_up": 3, "limit_s": 30.0, "max_in_flight": 100, **extent}
    return LoadJob(
        target=Target(urls=[f"{url}/chat/completions"], headers={}),
        rules=BodyRules(model="m", kind=kind, params={"temperature": 0.0}, seed=5),
        workload=Workload.parse(workload),
        load=Load.parse(load),
        extent=Extent(**wanted),
        seed="7",
    )


def _run(job: LoadJob, tmp_path: Path, *, processes: int = 1) -> tuple[LoadRun, list[Timing]]:
    async def run() -> LoadRun:
        transport = Http1Transport()
        try:
            return await run_load(job, transport, tmp_path / "spool", processes=processes)
        finally:
            await transport.close()

    found = asyncio.run(run())
    raws = [raw for path in found.spools for raw in read_spool(path)]
    timings = [read_exchange(raw, start_s=found.start_s)[0] for raw in raws]
    return found, sorted(timings, key=lambda timing: timing.number)


def _slow(body: dict[str, Any], attempt: int) -> Act:
    return Answer("some words", tokens=4, delay_s=0.02)


def test_a_closed_loop_keeps_its_slots_full_to_the_end(server: LoopbackServer, tmp_path: Path) -> None:
    """Warm-up, steady phase and tail follow without a gap; the slot of a request that ended sends at once."""
    server.script = _slow
    run, timings = _run(_job(server.url, "c3"), tmp_path)
    phases = Counter(timing.phase for timing in timings)
    assert (phases[WARM_UP], phases[STEADY]) == (3, 12)
    assert [timing.phase for timing in timings] == [WARM_UP] * 3 + [STEADY] * 12 + [TAIL] * phases[TAIL]
    # While the last steady request is under way, the other slots are still taken.
    assert phases[TAIL] >= 2
    assert server.seen.most_in_flight == run.tally.largest_in_flight == 3
    assert not run.tally.stopped
    assert all(timing.is_complete and timing.scheduled_s is None for timing in timings)
    sent = sorted(timing.sent_s for timing in timings)[3:]
    ended = sorted(timing.ended_s for timing in timings)
    assert all(later >= earlier for earlier, later in zip(ended, sent, strict=False))


def test_bodies_ask_for_lengths_and_counts_as_the_server_can(server: LoopbackServer, tmp_path: Path) -> None:
    """VLLM and SGLang can be held to a length and count continuously; of an unknown server only max_tokens is asked."""
    server.script = _slow
    _run(_job(server.url, "c2", kind="vllm", requests=2), tmp_path)
    (first, *_) = server.seen.bodies
    assert (first["max_tokens"], first["min_tokens"], first["ignore_eos"], first["stream"]) == (4, 4, True, True)
    assert first["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    server.seen.bodies.clear()
    _run(_job(server.url, "c2", requests=2), tmp_path)
    (first, *_) = server.seen.bodies
    assert first["max_tokens"] == 4
    assert not {"min_tokens", "ignore_eos"} & first.keys()
    assert first["stream_options"] == {"include_usage": True}


def test_an_open_loop_sends_whatever_the_server_does(server: LoopbackServer, tmp_path: Path) -> None:
    """Requests are sent at the times of the schedule, more of them in flight than a slow server answers."""
    server.script = lambda body, attempt: Answer("x", delay_s=0.3)
    _, timings = _run(_job(server.url, "rate40-constant", requests=20), tmp_path)
    due = [timing.scheduled_s for timing in timings]
    assert due == pytest.approx([number / 40 for number in range(len(due))], abs=1e-6)
    assert all(timing.sent_s > (timing.scheduled_s or 0.0) - 0.002 for timing in timings)
    assert server.seen.most_in_flight >= 8


def test_a_failed_request_is_a_result(server: LoopbackServer, tmp_path: Path) -> None:
    """It is not sent again, and the load goes on."""
    acts: list[Callable[[], Act]] = [lambda: Refuse(503), lambda: Drop(is_midway=True), lambda: Answer("x")]
    server.script = lambda body, attempt: acts[len(server.seen.bodies) % 3]()
    run, timings = _run(_job(server.url, "c2"), tmp_path)
    causes = Counter(timing.failure for timing in timings)
    assert set(causes) == {"", "http_503", "connection_lost"}
    assert len(server.seen.bodies) == len(timings) + run.tally.cut
    assert not run.tally.stopped


@pytest.mark.parametrize(("load", "stopped"), [("c2", "http_503"), ("rate200-constant", "max_in_flight")])
def test_a_hopeless_load_is_given_up(server: LoopbackServer, tmp_path: Path, load: str, stopped: str) -> None:
    """One failure after another; more requests in flight than this client allows."""
    server.script = lambda body, attempt: Refuse(503) if load == "c2" else Answer("x", delay_s=5.0)
    run, timings = _run(_job(server.url, load, requests=500, max_in_flight=10), tmp_path)
    assert run.tally.stopped == stopped
    assert len(timings) < 100


def test_the_turns_of_a_conversation_follow_their_replies(server: LoopbackServer, tmp_path: Path) -> None:
    """Each turn holds the turns before it with their replies, and is sent after them."""
    server.script = lambda body, attempt: Answer(f"reply {len(body['messages'])}")
    _, timings = _run(_job(server.url, "c2", workload="chat-16-4+turns3", requests=9), tmp_path)
    longest = [body["messages"] for body in server.seen.bodies if len(body["messages"]) == 5]
    assert longest
    assert [message["role"] for message in longest[0]] == ["user", "assistant", "user", "assistant", "user"]
    assert [message["content"] for message in longest[0][1::2]] == ["reply 1", "reply 3"]
    by_session: dict[int | None, list[Timing]] = {}
    for timing in timings:
        by_session.setdefault(timing.session, []).append(timing)
    for turns in by_session.values():
        assert [timing.turn for timing in turns] == list(range(len(turns)))
        assert all(later.sent_s >= earlier.ended_s for earlier, later in pairwise(turns))


def test_client_processes_share_a_load(server: LoopbackServer, tmp_path: Path) -> None:
    """Two processes, one schedule: every number once, all of the requests, the times of one clock."""
    server.script = _slow
    run, timings = _run(_job(server.url, "c4", warm_up=4), tmp_path, processes=2)
    assert len(run.spools) == 2
    numbers = [timing.number for timing in timings]
    assert len(set(numbers)) == len(numbers)
    assert sum(timing.phase == STEADY for timing in timings) == 12
    assert server.seen.most_in_flight <= 4
    assert all(timing.sent_s >= 0 for timing in timings)


def test_shares_add_up_to_the_load() -> None:
    """Slots, requests and warm-up are dealt out; a tally survives its line; the lag of several is the worst."""
    job = _job("http://x", "c5", requests=11, warm_up=5)
    shares = [share_of(job, place, 3) for place in range(3)]
    assert [share.concurrency for share in shares] == [2, 2, 1]
    assert sum(share.extent.requests for share in shares) == 11
    assert sum(share.extent.warm_up for share in shares) == 5
    tally = Tally(stopped="x", cut=1, failures=Counter(a=2), loop_lag_s=(0.1, 0.2))
    assert tally_from_json(tally_to_json(tally)) == tally
    both = joined([tally, Tally(failures=Counter(a=1), loop_lag_s=(0.3, 0.1))])
    assert (both.stopped, both.failures, both.loop_lag_s) == ("x", {"a": 3}, (0.3, 0.2))


def test_conversations_of_a_trace_may_overlap() -> None:
    """The turns of each are together, in the order of their beginnings; otherwise turns follow each other."""
    sessions = [1, None, 1, 2, None, 2]
    requests = [PlannedRequest(messages=(), session=session) for session in sessions]
    overlapping = [[number for number, _ in script] for script in scripts_of(iter(requests), is_trace=True)]
    assert overlapping == [[0, 2], [1], [3, 5], [4]]
    following = [PlannedRequest(messages=(), session=session) for session in (1, 1, None, None, 2)]
    assert [len(script) for script in scripts_of(iter(following), is_trace=False)] == [2, 1, 1, 1]
