"""Repeating a call: how often, after which waits, and what the caller gets in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support.retry import RetryLater, retry, retry_async

WAITS_S = (1.0, 3.0, 9.0)


def run(failures: list[float | None], *, is_async: bool) -> tuple[str, int, list[float]]:
    """(what came of it, attempts, waits) of a call that fails with these wishes and then succeeds."""
    left, slept, attempts = list(failures), [], 0

    def attempt() -> str:
        nonlocal attempts
        attempts += 1
        if left:
            raise RetryLater("busy", left.pop(0))
        return "done"

    async def attempt_async() -> str:
        return attempt()

    async def sleep_async(wait_s: float) -> None:
        slept.append(wait_s)

    call: Callable[[], str] = (
        (lambda: asyncio.run(retry_async(attempt_async, WAITS_S, sleep=sleep_async)))
        if is_async
        else (lambda: retry(attempt, WAITS_S, sleep=slept.append))
    )
    try:
        return call(), attempts, slept
    except RetryLater as last:
        return str(last), attempts, slept


@pytest.mark.parametrize("is_async", [False, True])
@given(wishes=st.lists(st.none() | st.floats(0, 60), max_size=6))
def test_each_failure_is_followed_by_its_wait(is_async: bool, wishes: list[float | None]) -> None:
    """One attempt more than waits; the wait is the one asked for, else the next of ours; the last failure is raised."""
    result, attempts, slept = run(wishes, is_async=is_async)
    assert attempts == min(len(wishes), len(WAITS_S)) + 1
    assert slept == [own if wish is None else wish for wish, own in zip(wishes, WAITS_S, strict=False)]
    assert result == ("done" if len(wishes) <= len(WAITS_S) else "busy")


def test_other_exceptions_end_it_at_once() -> None:
    """Only RetryLater is repeated."""

    def attempt() -> None:
        raise ValueError("never")

    with pytest.raises(ValueError, match="never"):
        retry(attempt, WAITS_S, sleep=lambda _: pytest.fail("slept"))


def test_a_failure_keeps_its_own_causes() -> None:
    """The failure is raised as the attempt made it, and its chain of causes has no cycle."""
    root = OSError("root")
    failure = ValueError("status 500")
    failure.__cause__ = root

    def attempt() -> None:
        try:
            raise failure
        except ValueError as error:
            raise RetryLater("busy", failure=error) from None

    with pytest.raises(ValueError, match="status 500") as caught:
        retry(attempt, (0.0,), sleep=lambda _: None)
    assert caught.value is failure
    assert failure.__cause__ is root
    assert failure.__context__ is None
