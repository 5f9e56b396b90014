"""The dispatcher's decisions: how many at once, when again, how long silent. Pure, with time passed in."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.dispatch.idle_timeout import LEARN_FROM, IdleTimeout, sample_limit_s
from pytest_modeleval.dispatch.limit import COOL_DOWN_S, AdaptiveLimit, Limiter
from pytest_modeleval.dispatch.retry_policy import MAX_ATTEMPTS, RetryBudget, ServerHealth, delay_before_next
from pytest_modeleval.errors import AttemptFailed
from pytest_modeleval.records import Kind


def _failure(**more: object) -> AttemptFailed:
    return AttemptFailed("x", kind=Kind.SERVER_ERROR, cause="http_503", **more)  # type: ignore[arg-type]


@given(st.integers(1, 500), st.lists(st.sampled_from(["good", "bad"]), max_size=300))
def test_the_limit_stays_within_its_bounds(most: int, events: list[str]) -> None:
    """Never below one, never above what was asked for."""
    limit = AdaptiveLimit(most)
    for number, event in enumerate(events):
        if event == "good":
            limit.on_success()
        else:
            limit.on_overload(float(number))
        assert 1 <= limit.value <= most


def test_the_limit_recovers() -> None:
    """After an overload, successes bring it back to what was asked for."""
    limit = AdaptiveLimit(64)
    limit.on_overload(1.0)
    assert limit.value == 44
    for _ in range(2000):
        limit.on_success()
    assert limit.value == 64


def test_many_refusals_at_once_are_one_signal() -> None:
    """A burst lowers the limit once; a later one again."""
    limit = AdaptiveLimit(100)
    for _ in range(50):
        limit.on_overload(5.0)
    assert limit.value == 70
    limit.on_overload(5.0 + COOL_DOWN_S)
    assert limit.value == 49


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


async def _uses(limiter: Limiter, number: int, order: list[int], *, starts: bool, fails: bool = False) -> None:
    """Take a slot, note the number in that moment, and give the slot back."""
    has_slot = False

    def start(done: asyncio.Future[None]) -> bool:
        nonlocal has_slot
        has_slot = True
        order.append(number)
        if fails:
            raise ValueError(number)
        if starts:
            done.get_loop().call_soon(_finish, done)
        return starts

    try:
        await limiter.submit(start)
        await asyncio.sleep(0)
    finally:
        if has_slot:
            limiter.release()


@pytest.mark.parametrize("starts", [True, False])
def test_slots_are_given_in_order_and_never_lost(starts: bool) -> None:
    """First come, first served; used in the moment they are there; cancelled waiters leave no slot taken."""

    async def run() -> list[int]:
        limiter = Limiter(1)
        order: list[int] = []
        await limiter.submit(lambda _: False)
        tasks = [asyncio.ensure_future(_uses(limiter, number, order, starts=starts)) for number in range(5)]
        await asyncio.sleep(0)
        assert (limiter.in_flight, limiter.waiting) == (1, 5)
        tasks[2].cancel()
        limiter.release()
        assert order == [0]
        # It has its slot already, and gives it back.
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.in_flight == 0
        return order

    assert asyncio.run(run()) == [0, 1, 3, 4]


def test_a_start_that_fails_affects_no_other_submission() -> None:
    """An exception of `start` comes out of its own `submit`, not out of the `release` that freed the slot."""

    async def run() -> None:
        limiter = Limiter(1)
        order: list[int] = []
        await limiter.submit(lambda _: False)
        failing = asyncio.ensure_future(_uses(limiter, 1, order, starts=True, fails=True))
        next_one = asyncio.ensure_future(_uses(limiter, 2, order, starts=True))
        await asyncio.sleep(0)
        limiter.release()
        with pytest.raises(ValueError, match="1"):
            await failing
        await next_one
        assert order == [1, 2]
        assert limiter.in_flight == 0

    asyncio.run(run())


@given(st.integers(1, 10), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1000)))
def test_attempts_end_and_delays_are_bounded(attempt: int, chance: float, retry_after_s: float | None) -> None:
    """At most MAX_ATTEMPTS; never a wait above two minutes; what cannot help is not repeated."""
    delay = delay_before_next(attempt, _failure(retry_after_s=retry_after_s), chance=chance)
    assert (delay is None) == (attempt >= MAX_ATTEMPTS)
    if delay is not None:
        assert 0 <= delay <= 120
        assert retry_after_s is None or delay >= min(retry_after_s, 120)
    assert delay_before_next(attempt, _failure(is_retryable=False), chance=chance) is None


def test_the_budget_ends_a_storm() -> None:
    """A server that refuses everything is not asked six times for everything."""
    budget = RetryBudget(spare=10)
    granted = 0
    for _ in range(100):
        budget.add_request()
        granted += sum(budget.take_retry() for _ in range(5))
    assert granted == 110


def test_a_server_is_down_only_after_many_failures_over_some_time() -> None:
    """Neither a burst nor a slow trickle of failures is enough, and one reply resets the count."""
    health = ServerHealth(max_failures=10, min_failing_s=20)
    for _ in range(50):
        health.on_failure(0.0)
    assert not health.is_down(1.0)
    assert health.is_down(20.0)
    health.on_success()
    assert not health.is_down(100.0)


def test_the_idle_limit_is_learnt_and_doubles() -> None:
    """Ten times the longest idle time, within bounds, doubled with each attempt; a fixed limit stays fixed."""
    limit = IdleTimeout()
    assert limit.limit_s(1) == 180.0
    for _ in range(LEARN_FROM):
        limit.on_complete(0.05)
    assert limit.limit_s(1) == 10.0
    assert limit.limit_s(3) == 40.0
    limit.on_complete(30.0)
    assert limit.limit_s(1) == 300.0
    assert limit.limit_s(5) == 600.0
    assert IdleTimeout(fixed_s=2.0).limit_s(4) == 2.0


@pytest.mark.parametrize(("tokens", "seconds"), [(65_536, 13_407.2), (100, 320.0), (None, 26_514.4)])
def test_a_long_response_has_time(tokens: int | None, seconds: float) -> None:
    """The limit of one response grows with max_tokens."""
    assert sample_limit_s(tokens, fixed_s=None) == pytest.approx(seconds)
    assert sample_limit_s(tokens, fixed_s=7.0) == 7.0
