"""The processor time of the process that listens at a port: a server that computes does not hang.

Only that process counts. SGLang's schedulers spin whether or not there is work, and would hide the death of the rest.
"""

from __future__ import annotations

import psutil

from pytest_modeleval.server.guard import find_marked


def cpu_seconds(port: int, mark: str) -> float | None:
    """Seconds of user and system time of the processes that carry the mark and listen at the port.

    None if there is none: not Linux, a server in a container of its own, or a port without a listener.
    """
    found = []
    for pid in find_marked(mark):
        try:
            process = psutil.Process(pid)
            if any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
                for connection in process.net_connections("tcp")
            ):
                times = process.cpu_times()
                found.append(times.user + times.system)
        except psutil.Error:
            continue
    return sum(found) if found else None
