"""The asyncio thread: works on items ahead of the tests, in order, many at once; the tests fetch the results.

    pytest's thread                      engine's thread
    add(indices) ──────────────────────► queue ─► `width` workers ─► work(index)
    result(index) ◄── Condition ──────── results[index]

pytest runs one test at a time and a server wants hundreds of requests; the two meet here.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_modeleval.errors import EngineStopped

CLOSE_S = 2.0
# Waking pytest's thread for every single result costs both threads more than the result itself: it is woken when this
# many are ready, or WAKE_S after the one that it waits for.
WAKE_AT = 16
WAKE_S = 0.02


@dataclass(frozen=True, slots=True)
class JobResult:
    """The result of one item: a value, or the exception raised instead."""

    value: Any = None
    error: Exception | None = None


class Job(Protocol):
    """The work that the engine runs."""

    fatal: tuple[type[Exception], ...]
    """Exceptions after which going on would lose data; they end the engine."""

    async def open(self) -> None:
        """Called once in the engine's loop, before the first item."""

    async def work(self, index: int) -> Any:
        """Work on one item."""

    async def watch(self) -> None:
        """Runs as a task of its own until cancelled."""

    async def close(self) -> None:
        """Called once in the engine's loop, at the end."""


class Engine:
    """Runs a Job in a thread of its own. All public methods are called from other threads."""

    def __init__(self, job: Job, *, width: int) -> None:
        self._job = job
        self._width = width
        self._queue: deque[int] = deque()
        self._known: set[int] = set()
        self._results: dict[int, JobResult] = {}
        self._changed = threading.Condition()
        self._wake: Callable[[], None] | None = None
        self._stop: Callable[[], None] | None = None
        self._failure: BaseException | None = None
        self._awaited = -1
        self._alarm: asyncio.TimerHandle | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._main, name="modeleval-engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, indices: Iterable[int], *, is_urgent: bool = False) -> None:
        """Queue items, in order. An item added again is not worked on again."""
        with self._changed:
            fresh = [index for index in dict.fromkeys(indices) if index not in self._known]
            self._known.update(fresh)
            if is_urgent:
                self._queue.extendleft(reversed(fresh))
            else:
                self._queue.extend(fresh)
            wake = self._wake
        if wake is not None and fresh:
            wake()

    def result(self, index: int, *, tick: Callable[[], None], tick_s: float = 0.25) -> JobResult:
        """Wait for an item's result, which is given once. tick: called about every tick_s seconds while waiting.

        Raises EngineStopped if the engine ended first.
        """
        # One operation of a dict needs no lock, and a lock that both threads take for every item makes them wait.
        result = self._results.pop(index, None)
        if result is not None:
            return result
        self.add([index], is_urgent=True)
        while True:
            with self._changed:
                if index not in self._results:
                    if self._is_over:
                        reason = f": {self._failure}" if self._failure is not None else ""
                        raise EngineStopped(f"asking has stopped{reason}") from self._failure
                    self._awaited = index
                    self._changed.wait(tick_s)
                    self._awaited = -1
                if index in self._results:
                    return self._results.pop(index)
            tick()

    def is_done(self, index: int) -> bool:
        """True if `result` would return at once."""
        return index in self._results

    @property
    def waiting_results(self) -> int:
        """Results that have not been taken."""
        return len(self._results)

    def put_back(self, index: int, result: JobResult) -> None:
        """Undo `result`: its taker was interrupted."""
        self._results[index] = result

    def waiting_values(self) -> list[int]:
        """Items with a value that has not been taken, in order; others may follow until the engine is closed."""
        return sorted(index for index, result in tuple(self._results.items()) if result.error is None)

    def close(self) -> None:
        """Cancel the remaining work and wait for its end, at most CLOSE_S seconds. Safe to call twice."""
        with self._changed:
            stop = self._stop
        if stop is not None:
            stop()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)

    @property
    def failure(self) -> BaseException | None:
        """Why the engine ended early, if it did."""
        return self._failure

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._run())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised by `result`; a thread has no caller
            self._failure = error
        finally:
            with self._changed:
                self._is_over = True
                self._wake = self._stop = None
                self._changed.notify_all()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        main = asyncio.current_task()
        assert main is not None
        more = asyncio.Event()

        def from_outside(action: Callable[[], Any]) -> Callable[[], None]:
            def call() -> None:
                # The loop may close between the check and the call; then there is no worker to wake.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(action)

            return call

        with self._changed:
            self._wake = from_outside(more.set)
            self._stop = from_outside(main.cancel)
        await self._job.open()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._job.watch())
                for _ in range(self._width):
                    group.create_task(self._worker(more))
        except BaseExceptionGroup as errors:
            # The first failure of a worker ends the engine; `result` raises it for every item without a result.
            raise errors.exceptions[0] from None
        finally:
            await self._job.close()

    async def _worker(self, more: asyncio.Event) -> None:
        while True:
            try:
                index = self._queue.popleft()
            except IndexError:
                more.clear()
                if not self._queue:
                    await more.wait()
                continue
            try:
                result = JobResult(value=await self._job.work(index))
            except self._job.fatal:
                raise
            except Exception as error:  # noqa: BLE001 - raised by the benchmark's code; becomes this item's outcome
                result = JobResult(error=error)
            except (asyncio.CancelledError, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - such as SystemExit; becomes this item's outcome too
                result = JobResult(error=RuntimeError(f"the benchmark's code raised {type(error).__name__}: {error}"))
            with self._changed:
                self._results[index] = result
                is_awaited = self._awaited in self._results
                if is_awaited and len(self._results) >= WAKE_AT:
                    self._changed.notify()
            if is_awaited and self._alarm is None:
                self._alarm = asyncio.get_running_loop().call_later(WAKE_S, self._wake_up)

    def _wake_up(self) -> None:
        self._alarm = None
        with self._changed:
            self._changed.notify()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Makes uvloop's event loop where uvloop is installed."""
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
