"""BFCL's simulated APIs, from outside: conversations that answer calls by name and keyword arguments.

One process compiles the official classes, taken from the pinned wheel, and forks others, each of which holds many
conversations (see simulation_child). These cannot see each other, and one that goes over its limits ends up alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import ModelEvalError, Ungraded
from pytest_modeleval.graders.calls import Call
from pytest_modeleval.records import Kind

from . import simulation_child
from .simulation_process import Process, ProcessExited
from .wheel import official_code

# A conversation that others took along to their end so often is held alone.
MOST_MOVES = 3
Embedding = Callable[[Sequence[str]], Awaitable[list[list[float]]]]
TrueCall = tuple[str, Sequence[Any], Mapping[str, Any]]


class CpuLimitExceeded(Exception):
    """The model's call used up the processor time of its simulation."""


class Session:
    """The simulated APIs of one conversation. Use as an async context manager.

    Where the process that it shares ends, the calls so far are repeated in a new one: the APIs are deterministic.
    One that a conversation ends itself has that conversation alone, next time.
    """

    def __init__(self, simulations: Simulations, opened: Mapping[str, Any], embed: Embedding | None = None) -> None:
        self._simulations = simulations
        self._embed = embed
        self._opened = opened
        self._called: list[list[list[Any]]] = []
        # Vectors are asked for in the middle of a message, which the others of a process would have to wait for.
        self._is_alone = embed is not None
        self._moves = 0
        self._number = 0
        self._process: Process | None = None

    async def __aenter__(self) -> Session:
        """Start from a fresh state. No process is waited for before it is needed, only made ready."""
        self._simulations.prepare()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    async def call(self, calls: Sequence[Call]) -> list[str]:
        """The results of calls, in order, as text; a call that fails gives an error text. Raises CpuLimitExceeded."""
        named = [[call.name, _with_names(call.arguments)] for call in calls]
        results: list[str] = (await self._ask({"op": "call", "calls": named}))["results"]
        self._called.append(named)
        return results

    async def check(
        self, turns: Sequence[Sequence[Sequence[Call]]], truth: Sequence[Sequence[TrueCall]]
    ) -> tuple[str, str]:
        """Cause and explanation of the first turn that went wrong; ("", "") if none did. Raises CpuLimitExceeded."""
        plain = [[[[call.name, _with_names(call.arguments)] for call in step] for step in turn] for turn in turns]
        found = await self._ask({"op": "check", "turns": plain, "truth": truth})
        if not found["cause"]:
            return "", ""
        return found["cause"], f"turn {found['turn'] + 1} of {len(truth)}: {found['explanation']}"

    async def memory(self) -> tuple[str, dict[str, Any]]:
        """What a memory shows at the start of a conversation, and its whole content."""
        found = await self._ask({"op": "memory"})
        return found["text"], found["state"]

    async def _ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        while True:
            opening = await self._enter() if self._process is None else {}
            try:
                answer = await self._exchange({"id": self._number, **opening, **message})
            except ProcessExited as ended:
                self._moved(ended)
                continue
            except ValueError as error:
                raise _no_answer(f"{type(error).__name__}: {error}") from error
            if "error" in answer:
                raise _no_answer(answer["error"])
            return answer

    async def _exchange(self, message: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process is not None
        answer = await self._process.ask(message)
        while self._embed is not None and "embed" in answer:
            answer = await self._process.ask({"vectors": await self._embed(answer["embed"])})
        return answer

    async def _enter(self) -> dict[str, Any]:
        """Have a process; what its first message has to carry."""
        self._process, self._number = await self._simulations.place(is_alone=self._is_alone)
        return {"open": {**self._opened, "earlier": self._called}}

    def _moved(self, ended: ProcessExited) -> None:
        """The process ended: leave it. Raises CpuLimitExceeded or Ungraded where another one would not help."""
        is_alone, self._process = self._is_alone, None
        if is_alone:
            # Wall time is at least processor time: a process that ends earlier was not stopped by its limit.
            if ended.for_s >= simulation_child.CPU_S:
                raise CpuLimitExceeded(f"more than {simulation_child.CPU_S} s of processor time") from ended
            raise _no_answer(str(ended)) from ended
        self._moves += 1
        self._is_alone = ended.was_working or self._moves >= MOST_MOVES

    def _leave(self) -> None:
        if self._process is not None:
            self._simulations.left(self._process, self._number)
            self._process = None


class Simulations:
    """Makes sessions. One process is started at the first, which forks others; all end with this or the program."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = asyncio.Lock()
        self._shared: list[Process] = []
        self._preparing: asyncio.Task[None] | None = None

    def session(
        self,
        classes: Sequence[str],
        config: Mapping[str, Any],
        *,
        has_long_context: bool = False,
        embed: Embedding | None = None,
    ) -> Session:
        """Simulated APIs of these classes, not started yet. config: class name -> initial state.

        embed: texts -> vectors of length 1, for the vector memory.
        """
        return Session(self, {"classes": list(classes), "config": config, "long_context": has_long_context}, embed)

    def prepare(self) -> None:
        """Start what takes time, in the background: the first question need not wait for a process.

        What goes wrong with it is raised where a process is first needed.
        """
        if self._preparing is None and self._process is None:
            self._preparing = asyncio.create_task(self._prepare())

    async def place(self, *, is_alone: bool) -> tuple[Process, int]:
        """A process with room for one more conversation, and its number there. Raises Ungraded if none starts."""
        process = None if is_alone else self._roomy()
        if process is None:
            async with self._lock:
                # Somebody may have made one while we waited.
                process = None if is_alone else self._roomy()
                if process is None:
                    ours = await self.connect(is_alone=is_alone)
                    process = await Process.at(ours, is_alone=is_alone)
                    if not is_alone:
                        self._shared.append(process)
        process.ever += 1
        process.held += 1
        return process, process.ever

    def left(self, process: Process, number: int) -> None:
        """A conversation is over."""
        process.held -= 1
        if process.is_spent and not process.held:
            process.close()
        else:
            process.tell({"id": number, "op": "close"})

    async def connect(self, *, is_alone: bool) -> socket.socket:
        """A socket with a fresh process at its other end."""
        control = await self._have_forking()
        ours, theirs = socket.socketpair()
        try:
            kind = simulation_child.ALONE if is_alone else simulation_child.SHARED
            socket.send_fds(control, [kind], [theirs.fileno()])
        except OSError as error:
            ours.close()
            raise _no_answer(f"no process: {error}") from error
        finally:
            theirs.close()
        ours.setblocking(False)
        return ours

    def close(self) -> None:
        """End the process that forks; conversations that still run end with their sockets."""
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = None
        for process in self._shared:
            process.close()
        self._shared.clear()
        self._end_forking()

    def _roomy(self) -> Process | None:
        self._shared = [process for process in self._shared if process.is_open]
        return next((process for process in self._shared if process.has_room), None)

    async def _prepare(self) -> None:
        with contextlib.suppress(ModelEvalError):
            async with self._lock:
                await self._have_forking()

    async def _have_forking(self) -> socket.socket:
        """The way to the process that forks, which is started if it is not there."""
        if self._control is None or self._process is None or self._process.poll() is not None:
            folder = await asyncio.to_thread(official_code, self._version)
            self._start(folder)
        assert self._control is not None
        return self._control

    def _end_forking(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _start(self, folder: Path) -> None:
        self._end_forking()
        self._control, theirs = socket.socketpair()
        script = Path(simulation_child.__file__)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", str(script), str(theirs.fileno()), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"TZ": "UTC", "LC_ALL": "C.UTF-8"},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        weakref.finalize(self, _end, self._control, self._process)


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    process.wait()


def _no_answer(why: str) -> Ungraded:
    return Ungraded(
        f"the simulated APIs do not answer ({why}); run again, and look for a process that the system ended",
        kind=Kind.GRADER_ERROR,
        cause="simulation_died",
    )


def _with_names(arguments: Mapping[Any, Any]) -> dict[str, Any]:
    # `**rest` is filed under None; as a name it is one that no API knows, which is the answer it must get.
    return {str(name): _plain(value) for name, value in arguments.items()}


def _plain(value: Any) -> Any:
    """A value that JSON can carry."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
