"""Conversations that share a process: none sees another, and none ends another's."""

from __future__ import annotations

import ast
import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop

from benchmarks.bfcl import simulation, simulation_child, simulation_process
from benchmarks.bfcl.official_modules import MODULES, PACKAGE
from benchmarks.bfcl.simulation import CpuLimitExceeded, Session, Simulations
from benchmarks.bfcl.simulation_process import Process, ProcessExited
from benchmarks.bfcl.wheel import WHEELS, official_code
from pytest_modeleval.errors import DataError, Ungraded
from pytest_modeleval.graders.calls import Call
from pytest_modeleval.records import Kind

# An API that leaves marks wherever its code can, and does what ends a process: always, or only one with others in it.
LEAKY = """
import decimal, mpmath, os, resource, signal
CONSTANT = {"marks": 0}

class Parent:
    marks = []

class MathAPI(Parent):
    def __init__(self):
        self.own = 0

    def mark(self, kept=[]):
        kept.append(1)
        CONSTANT["marks"] += 1
        Parent.marks.append(1)
        decimal.getcontext().prec += 1
        mpmath.mp.prec += 1
        self.own += 1
        return self.seen(len(kept))

    def seen(self, kept=0):
        return {"kept": kept, "constant": CONSTANT["marks"], "inherited": len(self.marks),
                "prec": decimal.getcontext().prec, "mp": mpmath.mp.prec, "own": self.own}

    def where(self):
        return str(os.getpid())

    def limit(self):
        return str(signal.getitimer(signal.ITIMER_PROF)[0])

    def whole_limit(self):
        return str(resource.getrlimit(resource.RLIMIT_CPU)[0])

    def die(self):
        os._exit(1)

    def loop(self):
        if signal.getitimer(signal.ITIMER_PROF)[0]:
            signal.setitimer(signal.ITIMER_PROF, 0.02)
            while True:
                pass
        return "done"

    def fill(self):
        if signal.getitimer(signal.ITIMER_PROF)[0]:
            raise MemoryError
        return "done"
"""
Work = Callable[[Simulations], Awaitable[Any]]


@pytest.fixture
def leaky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """LEAKY stands where the official code would."""
    pytest.importorskip("mpmath")
    folder = tmp_path / PACKAGE.replace(".", "/")
    folder.mkdir(parents=True)
    (folder / f"{MODULES['MathAPI']}.py").write_text(LEAKY)
    monkeypatch.setattr(simulation, "official_code", lambda _version: tmp_path)
    return tmp_path


def simulated(work: Work) -> Any:
    """What work returns, given simulations that are closed after it. On uvloop, as in a run."""

    async def run() -> Any:
        apis = Simulations("any")
        try:
            async with asyncio.timeout(60):
                return await work(apis)
        finally:
            apis.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def opened(apis: Simulations) -> Session:
    """A conversation with the leaky API."""
    return apis.session(["MathAPI"], {})


async def said(session: Session, *names: str) -> list[str]:
    """The results of calls without arguments, in one round."""
    return await session.call([Call(name, {}) for name in names])


@pytest.mark.usefixtures("leaky")
def test_no_state_of_any_kind_passes_from_one_conversation_to_another() -> None:
    """Module, class, default argument, precisions of decimal and mpmath: each conversation finds them as at first."""

    async def work(apis: Simulations) -> tuple[list[str], list[Any]]:
        places, marks = [], []
        async with opened(apis) as first, opened(apis) as second:
            for session in (first, second, first):
                *_, place, seen = await said(session, "mark", "mark", "where", "seen")
                places.append(place)
                marks.append(json.loads(seen))
        async with opened(apis) as third:
            place, seen = await said(third, "where", "seen")
            return [*places, place], [*marks, json.loads(seen)]

    places, (first, second, first_again, third) = simulated(work)
    assert len(set(places)) == 1, "the conversations did not share a process, so this shows nothing"
    fresh = {"kept": 0, "constant": 0, "inherited": 0, "prec": 28, "mp": 53, "own": 0}
    assert third == fresh
    assert first == second == fresh | {"constant": 2, "inherited": 2, "prec": 30, "mp": 55, "own": 2}
    assert first_again == fresh | {"constant": 4, "inherited": 4, "prec": 32, "mp": 57, "own": 4}


@pytest.mark.usefixtures("leaky")
@pytest.mark.parametrize("ending", ["loop", "fill"])
def test_a_call_that_ends_a_shared_process_is_made_again_alone(ending: str) -> None:
    """It gets its answer there, and the others go on from where they were, together in another process."""

    async def work(apis: Simulations) -> tuple[list[Any], list[str]]:
        async with opened(apis) as culprit, opened(apis) as other, opened(apis) as idle:
            for session in (culprit, other, idle):
                await said(session, "mark")
            ended = asyncio.create_task(said(culprit, ending, "mark", "limit", "whole_limit"))
            waiting = asyncio.create_task(said(other, "mark", "where"))
            ended_found = await ended
            found, place = await waiting
            idle_found, idle_place = await said(idle, "mark", "where")
            return ended_found, [found, idle_found, place, idle_place]

    (answer, marked, limit, whole_limit), (found, idle_found, place, idle_place) = simulated(work)
    assert (answer, float(limit), whole_limit) == ("done", 0.0, str(simulation_child.CPU_S))
    assert [json.loads(text)["constant"] for text in (marked, found, idle_found)] == [2, 2, 2]
    assert place == idle_place


@pytest.mark.usefixtures("leaky")
def test_a_call_that_ends_its_own_process_too_leaves_its_sample_ungraded_alone() -> None:
    """The culprit is told by the order of messages: it is ungraded, those behind it get their answers."""

    async def work(apis: Simulations) -> list[Any]:
        async with opened(apis) as first, opened(apis) as second, opened(apis) as third:
            sessions = ((first, "mark"), (second, "die"), (third, "mark"))
            return await asyncio.gather(*(said(one, name) for one, name in sessions), return_exceptions=True)

    first, second, third = simulated(work)
    assert isinstance(second, Ungraded)
    assert (second.kind, second.cause) == (Kind.GRADER_ERROR, "simulation_died")
    assert [json.loads(found[0])["own"] for found in (first, third)] == [1, 1]


@pytest.mark.usefixtures("leaky")
def test_a_process_that_ends_alone_after_its_processor_time_is_the_models_doing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No sample is lost to a runaway call: the model made it, so it is wrong. Here no time at all is allowed."""
    monkeypatch.setattr(simulation_child, "CPU_S", 0)

    async def work(apis: Simulations) -> None:
        async with opened(apis) as session:
            await said(session, "die")

    with pytest.raises(CpuLimitExceeded, match="processor time"):
        simulated(work)


@pytest.mark.usefixtures("leaky")
def test_every_message_of_a_shared_process_has_a_limit_of_processor_time() -> None:
    """Always the same, as exact as the system's clock, anew for each message."""

    async def work(apis: Simulations) -> list[float]:
        async with opened(apis) as session:
            return [float((await said(session, "limit"))[0]) for _ in range(3)]

    most = simulation_child.SHARED_CPU_S
    assert all(most / 2 < limit < most + 0.1 for limit in simulated(work))


@pytest.mark.usefixtures("leaky")
def test_processes_are_given_up_after_so_many_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    """They free nothing, so a long run needs new ones; one with a conversation in it stays until that is over."""
    monkeypatch.setattr(simulation_process, "MOST_EVER", 3)
    monkeypatch.setattr(simulation_process, "MOST_AT_ONCE", 2)

    async def work(apis: Simulations) -> list[str]:
        places = []
        async with opened(apis) as long:
            places += await said(long, "where")
            for _ in range(4):
                async with opened(apis) as session:
                    places += await said(session, "where")
            return places + await said(long, "where")

    first, *others, last = simulated(work)
    assert first == last
    assert [place == first for place in others] == [True, True, False, False]
    assert others[2] == others[3]


@pytest.mark.usefixtures("leaky")
def test_a_shared_process_holds_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven at once, three to a process, are in three."""
    monkeypatch.setattr(simulation_process, "MOST_AT_ONCE", 3)

    async def work(apis: Simulations) -> list[list[str]]:
        sessions = [opened(apis) for _ in range(7)]
        return await asyncio.gather(*(said(session, "where") for session in sessions))

    places = [place for (place,) in simulated(work)]
    assert sorted(places.count(place) for place in set(places)) == [1, 3, 3]


# Nothing of these keeps state, but for the last two, which GlobalState puts back.
HARMLESS = {
    "abc.ABC", "abc.abstractmethod", "copy.deepcopy", "datetime.datetime", "datetime.datetime.fromtimestamp",
    "datetime.datetime.max", "datetime.datetime.min", "datetime.datetime.now", "datetime.datetime.strptime",
    "datetime.datetime.today", "datetime.time", "datetime.timedelta", "decimal.Decimal", "decimal.InvalidOperation",
    "json.dump", "json.dumps", "json.load", "math.sqrt", "mpmath.log", "pathlib.Path", "random.Random", "re.match",
    "decimal.getcontext", "mpmath.mp.dps",
}  # fmt: skip
STAND_INS = {"overrides", "rank_bm25", "bfcl_eval", "sentence_transformers", "faiss", "numpy", "typing"}
REACHING = {"globals", "setattr", "delattr", "exec", "eval", "compile", "__import__"}


@pytest.mark.parametrize("version", WHEELS)
def test_official_code_reaches_for_nothing_else_outside_of_its_modules(version: str) -> None:
    """Its modules are made anew for every conversation; of all others it uses these names only."""
    try:
        folder = official_code(version) / PACKAGE.replace(".", "/")
    except DataError as missing:
        pytest.skip(f"needs the bfcl-eval wheel: {str(missing)[:100]}")
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in folder.glob("*.py")]
    reached = {name for tree in trees for name in _imported_names(tree) if name.split(".")[0] not in STAND_INS}
    assert reached <= HARMLESS
    assert {"decimal.getcontext", "mpmath.mp.dps"} <= reached
    nodes = [node for tree in trees for node in ast.walk(tree)]
    assert not REACHING & {node.id for node in nodes if isinstance(node, ast.Name)}
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert all(ast.unparse(call.args[0]) == "self" for call in calls if ast.unparse(call.func) == "vars")


def _imported_names(tree: ast.Module) -> set[str]:
    """Everything that is used of other modules, as dotted names."""
    known: dict[str, str] = {}
    above: dict[ast.AST, ast.AST] = {}
    for node in ast.walk(tree):
        above.update((child, node) for child in ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            known.update((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = node.module if not node.level else PACKAGE
            known.update((alias.asname or alias.name, f"{home}.{alias.name}") for alias in node.names)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in known:
            name, outer = known[node.id], above[node]
            while isinstance(outer, ast.Attribute):
                name, outer = f"{name}.{outer.attr}", above[outer]
            found.add(name)
    return found


Talk = Callable[[Process, socket.socket], Awaitable[Any]]


def talked(talk: Talk) -> Any:
    """What talk returns, given our end of a process and the other end's socket."""

    async def run() -> Any:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        process = await Process.at(ours, is_alone=False)
        with theirs:
            try:
                async with asyncio.timeout(60):
                    return await talk(process, theirs)
            finally:
                process.close()

    return asyncio.run(run())


async def _asked(process: Process, count: int) -> list[asyncio.Task[dict[str, Any]]]:
    tasks = [asyncio.create_task(process.ask({"number": number})) for number in range(count)]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("pieces", [[b'{"a": 1}\n{"a": 2}\n'], [b'{"a"', b": 1}", b'\n{"a": 2}', b"\n"]])
def test_answers_go_to_messages_in_order_however_they_are_cut(pieces: Sequence[bytes]) -> None:
    """The first line answers the first message."""

    async def talk(process: Process, theirs: socket.socket) -> list[dict[str, Any]]:
        tasks = await _asked(process, 2)
        for piece in pieces:
            theirs.sendall(piece)
            await asyncio.sleep(0)
        return await asyncio.gather(*tasks)

    assert talked(talk) == [{"a": 1}, {"a": 2}]


def test_the_answer_of_one_who_waits_no_more_goes_to_nobody() -> None:
    """A cancelled item's answer is passed over, and the next is the next one's."""

    async def talk(process: Process, theirs: socket.socket) -> dict[str, Any]:
        first, second = await _asked(process, 2)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        theirs.sendall(b'{"a": 1}\n{"a": 2}\n')
        return await second

    assert talked(talk) == {"a": 2}


@pytest.mark.parametrize("answer", [b"", b"no JSON\n"])
def test_an_end_is_told_to_everyone_and_only_the_first_was_worked_on(answer: bytes) -> None:
    """Whoever is first in the order had the process; a later message is refused at once."""

    async def talk(process: Process, theirs: socket.socket) -> list[Any]:
        tasks = await _asked(process, 3)
        theirs.sendall(answer)
        if not answer:
            theirs.close()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return [*found, *await asyncio.gather(process.ask({}), return_exceptions=True)]

    found = talked(talk)
    assert all(isinstance(one, ProcessExited) for one in found)
    assert [one.was_working for one in found] == [True, False, False, False]


@pytest.mark.parametrize(("constant", "limit"), [("ANSWER_S", 0.0), ("MAX_ANSWER_BYTES", 10)])
def test_silence_and_endless_answers_end_a_process(
    constant: str, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are bounded, so that no item waits for ever or fills the memory."""
    monkeypatch.setattr(simulation_process, constant, limit)

    async def talk(process: Process, theirs: socket.socket) -> BaseException | None:
        (task,) = await _asked(process, 1)
        if constant == "MAX_ANSWER_BYTES":
            theirs.sendall(b"[" * 11)
        await asyncio.wait([task])
        return task.exception()

    assert isinstance(talked(talk), ProcessExited)


def test_a_message_that_json_cannot_carry_is_refused_and_harms_nobody() -> None:
    """It is not sent, and takes nobody's answer."""

    async def talk(process: Process, theirs: socket.socket) -> dict[str, Any]:
        loop: list[Any] = []
        loop.append(loop)
        with pytest.raises(ValueError, match="Circular"):
            await process.ask({"calls": loop})
        (task,) = await _asked(process, 1)
        theirs.sendall(b'{"a": 1}\n')
        return await task

    assert talked(talk) == {"a": 1}
