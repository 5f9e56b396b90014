"""Asking a pipeline: ordinary and coroutine functions, its own limit, failures that are never an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.rag.pipeline import Pipeline
from pytest_modeleval.rag_answer import Context, RagAnswer

RESULT = {"contexts": ["c"], "answer": "a"}
READ = RagAnswer((Context("c"),), "a")


def ask(function: Callable[[str], Any], *, timeout_s: float = 30.0) -> RagAnswer:
    """One question."""
    return asyncio.run(asked(function, timeout_s))


async def asked(function: Callable[[str], Any], timeout_s: float) -> RagAnswer:
    """One question, in a loop."""
    return await Pipeline(function, in_flight=2, timeout_s=timeout_s).ask("q")


async def coroutine(question: str) -> Any:
    """A pipeline that is a coroutine function."""
    await asyncio.sleep(0)
    return RESULT


class Called:
    """A pipeline that is an object."""

    async def __call__(self, question: str) -> Any:
        return RESULT


def returning(question: str) -> Any:
    """An ordinary function that returns a coroutine."""
    return coroutine(question)


@pytest.mark.parametrize("function", [lambda _: RESULT, coroutine, Called(), returning])
def test_ordinary_functions_and_coroutine_functions_are_called(function: Callable[[str], Any]) -> None:
    """An object that is called, and a function that returns a coroutine, too."""
    assert ask(function) == READ


def raising(error: BaseException) -> Callable[[str], Any]:
    """A pipeline that raises."""

    def function(question: str) -> Any:
        raise error

    return function


@pytest.mark.parametrize(
    "error", [ValueError("no index"), SystemExit(3), StopIteration("x"), TimeoutError("socket"), KeyboardInterrupt()]
)
def test_an_exception_is_ungraded_and_named(error: BaseException) -> None:
    """Cause rag_error with type and text; a time-out inside the pipeline is an error of it."""
    with pytest.raises(Ungraded, match=type(error).__name__) as caught:
        ask(raising(error))
    assert caught.value.cause == "rag_error"


def test_a_message_of_the_pipeline_is_inert_and_short() -> None:
    """Control characters become escapes; a megabyte becomes a line."""
    with pytest.raises(Ungraded) as caught:
        ask(raising(ValueError("\x1b[2J\n" + "x" * 1_000_000)))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
def test_a_pipeline_that_hangs_is_left_and_then_given_up(kind: str) -> None:
    """Each question ends in time; after six without an answer, three for each slot, no further call is made."""
    forever, calls = threading.Event(), []

    def hang(question: str) -> Any:
        calls.append(question)
        forever.wait()

    async def wait(question: str) -> Any:
        calls.append(question)
        await asyncio.Event().wait()

    async def run() -> list[Any]:
        pipeline = Pipeline(hang if kind == "thread" else wait, in_flight=2, timeout_s=0.02)
        return await asyncio.gather(*(pipeline.ask(str(number)) for number in range(50)), return_exceptions=True)

    found = asyncio.run(run())
    forever.set()
    assert {error.cause for error in found} == {"rag_timeout"}
    assert len(calls) <= 7
    assert "given up" in str(found[-1])


def test_no_more_questions_at_once_than_the_limit() -> None:
    """Of an ordinary function, too, which runs in threads."""
    lock, now, most = threading.Lock(), [0], [0]
    both = threading.Barrier(3)

    def function(question: str) -> Any:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        both.wait(30)
        with lock:
            now[0] -= 1
        return RESULT

    async def run() -> None:
        pipeline = Pipeline(function, in_flight=3, timeout_s=60)
        await asyncio.gather(*(pipeline.ask("q") for _ in range(12)))

    asyncio.run(run())
    assert most == [3]
