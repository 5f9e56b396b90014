"""A client process of a load: python -m pytest_modeleval.load.client_process, started by load.clients.

Reads its job from stdin, writes "ready", waits for a line with the start (time.monotonic(), which the processes of a
machine share), runs its share, and writes the tally as one line of JSON. It ends when stdin is closed.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from pytest_modeleval.client.httpx_transport import transport_for
from pytest_modeleval.dispatch.engine import loop_factory
from pytest_modeleval.load.clients import READY, tally_to_json
from pytest_modeleval.load.generator import Tally
from pytest_modeleval.load.job import LoadJob, Share, quiet_collector


def main() -> int:
    """Run as a command."""
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    job, spool = pickle.load(stdin)  # noqa: S301 - from our own parent
    share = Share(job, Path(spool))
    with quiet_collector(), asyncio.Runner(loop_factory=loop_factory()) as runner:
        stdout.write(READY)
        stdout.flush()
        start = stdin.readline()
        if not start:
            return 1
        threading.Thread(target=_end_with_parent, args=(stdin,), daemon=True).start()
        tally = runner.run(_run(job, share, float(start)))
    stdout.write(tally_to_json(tally))
    stdout.flush()
    return 0


async def _run(job: LoadJob, share: Share, start_s: float) -> Tally:
    transport = transport_for(job.target.urls)
    try:
        return await share.run(transport, start_s)
    finally:
        await transport.close()


def _end_with_parent(stdin: BinaryIO) -> None:
    """End when the parent is gone, or wants no more."""
    stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
