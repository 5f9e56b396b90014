"""Large responses are taken one in each turn of the event loop."""

from __future__ import annotations

import asyncio

import pytest

from pytest_modeleval.client.turns import Turns


def test_each_piece_of_work_has_a_turn_of_its_own() -> None:
    """Between two of them everything else of the loop runs; the order is that of arrival."""
    order: list[str] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        turns = Turns(loop)
        for name in ("first", "second", "third"):

            def work(name: str = name) -> None:
                order.append(name)
                loop.call_soon(order.append, f"after {name}")

            turns.run(work)
        for _ in range(8):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert order == ["first", "after first", "second", "after second", "third", "after third"]


def test_work_that_fails_does_not_hold_up_the_rest() -> None:
    """The loop reports it, as it does for any callback."""
    done: list[int] = []
    reported: list[object] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
        turns = Turns(loop)

        def fail() -> None:
            raise RuntimeError("no")

        turns.run(fail)
        turns.run(lambda: done.append(1))
        for _ in range(4):
            await asyncio.sleep(0)
        turns.run(lambda: done.append(2))
        await asyncio.sleep(0)

    asyncio.run(run())
    assert done == [1, 2]
    assert [type(error) for error in reported] == [RuntimeError]


@pytest.mark.parametrize("count", [1, 3])
def test_nothing_is_left_over(count: int) -> None:
    """Work that is added by work has its turn too."""
    done: list[int] = []

    async def run() -> None:
        turns = Turns(asyncio.get_running_loop())

        def work(left: int) -> None:
            done.append(left)
            if left:
                turns.run(lambda: work(left - 1))

        turns.run(lambda: work(count))
        for _ in range(6):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert done == list(range(count, -1, -1))
