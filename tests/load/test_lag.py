"""The lateness of an event loop."""

from __future__ import annotations

import asyncio
import time

from pytest_modeleval.load.lag import LagProbe


def test_a_loop_that_is_kept_busy_is_late_by_that_much() -> None:
    """The probe finds the lateness in the stretch where it was, and none outside of it."""

    async def run() -> tuple[float, float, float]:
        probe = LagProbe(asyncio.get_running_loop())
        start_s = time.monotonic()
        probe.start()
        # The loop has to turn: the probe is a timer of it.
        await asyncio.sleep(0.12)
        busy_s = time.monotonic()
        while time.monotonic() < busy_s + 0.2:
            pass
        await asyncio.sleep(0.12)
        probe.stop()
        late_s = probe.largest(busy_s, busy_s + 0.2)
        return late_s, probe.largest(start_s - 5.0, start_s - 4.0), max(probe.quantiles(0.5, 1.0))

    late_s, before_s, highest_s = asyncio.run(run())
    assert 0.15 < late_s <= highest_s
    assert before_s == 0.0
