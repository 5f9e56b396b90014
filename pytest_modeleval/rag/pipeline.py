"""Asks a pipeline: bounded in number and time, in the engine's loop; an ordinary function runs in a thread of its own.

A failure of the pipeline is no answer: the question is ungraded (`rag_error`, `rag_timeout`), and never counts as 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable
from typing import Any

from pytest_modeleval._support.shorten import printable
from pytest_modeleval.errors import ModelEvalError, Ungraded
from pytest_modeleval.rag.reading import read_answer
from pytest_modeleval.rag_answer import RagAnswer
from pytest_modeleval.records import Kind

ERROR, TIMEOUT = "rag_error", "rag_timeout"
_MAX_MESSAGE = 300
# A function that hangs keeps its thread for good. After this many for each slot, in a row, no further one is started.
_MOST_LOST = 3
_Result = tuple[Any, BaseException | None]


class Pipeline:
    """The user's function `rag(question)`, ordinary or a coroutine function. One event loop only."""

    def __init__(self, function: Callable[[str], Any], *, in_flight: int, timeout_s: float) -> None:
        """timeout_s: for one question."""
        self._function = function
        self._slots = asyncio.Semaphore(in_flight)
        self._most_lost = _MOST_LOST * in_flight
        self._lost = 0
        self._timeout_s = timeout_s

    async def ask(self, question: str) -> RagAnswer:
        """What the pipeline makes of a question. Raises Ungraded."""
        async with self._slots:
            if self._lost >= self._most_lost:
                raise _timed_out(f"the pipeline was given up: the last {self._lost} questions had no answer in time")
            value = await self._value(question)
        return read_answer(value)

    async def _value(self, question: str) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                value = await self._call(question)
        except Ungraded:
            raise
        except TimeoutError as error:
            if not limit.expired():
                raise _failed(error) from error
            self._lost += 1
            raise _timed_out(f"expected an answer of the pipeline within {self._timeout_s:g} s, found none") from None
        except (Exception, SystemExit) as error:
            raise _failed(error) from error
        self._lost = 0
        return value

    async def _call(self, question: str) -> Any:
        if _is_coroutine(self._function):
            return await self._function(question)
        value, error = await _in_thread(self._function, question)
        if error is not None:
            # What ends a thread, such as SystemExit, must not end the engine.
            raise error if isinstance(error, Exception) else _failed(error)
        return await value if inspect.isawaitable(value) else value


def _is_coroutine(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


async def _in_thread(function: Callable[[str], Any], question: str) -> _Result:
    """(value, None) or (None, what was raised). The thread ends with the process where the function hangs."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Result] = loop.create_future()

    def deliver(result: _Result) -> None:
        if not done.done():
            done.set_result(result)

    def run() -> None:
        try:
            result: _Result = function(question), None
        except BaseException as error:  # noqa: BLE001 - handed over to the caller
            result = None, error
        # The loop is closed where the run has ended meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, result)

    threading.Thread(target=run, name="modeleval-rag", daemon=True).start()
    return await done


def _failed(error: BaseException) -> Ungraded:
    text = str(error) if isinstance(error, ModelEvalError) else f"{type(error).__name__}: {error}"
    return Ungraded(f"the pipeline failed: {printable(text, _MAX_MESSAGE)}", kind=Kind.SERVER_ERROR, cause=ERROR)


def _timed_out(message: str) -> Ungraded:
    return Ungraded(message, kind=Kind.TIMEOUT, cause=TIMEOUT)
