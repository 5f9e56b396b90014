"""BFCL's simulated APIs, from outside: processes that answer calls by name and keyword arguments.

One process imports the official classes, taken from the pinned wheel, and forks for every conversation (see
simulation_child). Conversations cannot touch each other, and none can outlive its limits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_modeleval.bfcl import simulation_child
from pytest_modeleval.bfcl.package import official_code
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.graders.calls import Call
from pytest_modeleval.records import Kind

# Far above what a call takes (milliseconds) and above the limit of processor time, which ends runaway calls.
ANSWER_S = 120.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
Embedding = Callable[[Sequence[str]], Awaitable[list[list[float]]]]
TrueCall = tuple[str, Sequence[Any], Mapping[str, Any]]


class Exhausted(Exception):
    """The model's call used up the processor time of its simulation."""


class Session:
    """The simulated APIs of one conversation. Use as an async context manager."""

    def __init__(self, simulations: Simulations, opened: Mapping[str, Any], embed: Embedding | None = None) -> None:
        self._simulations = simulations
        self._embed = embed
        self._opened = opened
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._opening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Session:
        """Start from a fresh state, in the background: the first question need not wait for a process.

        What goes wrong with it is raised where the session is first used: Ungraded if no process can be had.
        """
        self._opening = asyncio.create_task(self._open())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._opening is not None:
            self._opening.cancel()
            # Whatever came of it was raised to whoever used the session; one that nobody used does not matter.
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def _open(self) -> None:
        ours = await self._simulations.connect()
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_ANSWER_BYTES)
        except BaseException:
            ours.close()
            raise
        await self._answer_to({"op": "open", **self._opened})

    async def call(self, calls: Sequence[Call]) -> list[str]:
        """The results of calls, in order, as text; a call that fails gives an error text. Raises Exhausted."""
        named = [[call.name, _with_names(call.arguments)] for call in calls]
        results: list[str] = (await self._ask({"op": "call", "calls": named}))["results"]
        return results

    async def check(
        self, turns: Sequence[Sequence[Sequence[Call]]], truth: Sequence[Sequence[TrueCall]]
    ) -> tuple[str, str]:
        """Cause and explanation of the first turn that went wrong; ("", "") if none did. Raises Exhausted."""
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
        assert self._opening is not None
        await self._opening
        return await self._answer_to(message)

    async def _answer_to(self, message: Mapping[str, Any]) -> dict[str, Any]:
        started = time.monotonic()
        answer: dict[str, Any] = {}
        while True:
            line = await self._exchange(message)
            answer = json.loads(line) if line else {}
            if self._embed is None or "embed" not in answer:
                break
            message = {"vectors": await self._embed(answer["embed"])}
            started = time.monotonic()
        if not line:
            # Wall time is at least processor time: a process that ends earlier was not stopped by its limit.
            if time.monotonic() - started >= simulation_child.CPU_S:
                raise Exhausted(f"more than {simulation_child.CPU_S} s of processor time")
            raise _no_answer("the process ended")
        return answer

    async def _exchange(self, message: Mapping[str, Any]) -> bytes:
        assert self._reader is not None
        assert self._writer is not None
        try:
            self._writer.write(json.dumps(message).encode() + b"\n")
            await self._writer.drain()
            async with asyncio.timeout(ANSWER_S):
                return await self._reader.readline()
        except (OSError, ValueError, TimeoutError) as error:
            raise _no_answer(f"{type(error).__name__}: {error}") from error


class Simulations:
    """Makes sessions. One process is started at the first; it ends when this object or the program goes."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = asyncio.Lock()

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

    async def connect(self) -> socket.socket:
        """A socket with a fresh process at its other end."""
        async with self._lock:
            if self._process is None or self._process.poll() is not None:
                folder = await asyncio.to_thread(official_code, self._version)
                self._start(folder)
            assert self._control is not None
            ours, theirs = socket.socketpair()
            try:
                socket.send_fds(self._control, [b"+"], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise _no_answer(f"no process: {error}") from error
            finally:
                theirs.close()
        ours.setblocking(False)
        return ours

    def close(self) -> None:
        """End the process that forks; conversations that still run end with their sockets."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _start(self, folder: Path) -> None:
        self.close()
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
