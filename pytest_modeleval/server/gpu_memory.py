"""Waiting until GPUs have their memory back after a server was ended: SIGKILL returns before the driver has freed it.

Read through NVIDIA's own library (libnvidia-ml.so.1, part of every driver), by ctypes, so that nothing has to be
installed. Where there is none, nothing is waited for.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping
from typing import Any

_LIBRARY = "libnvidia-ml.so.1"
# A driver keeps a little per process that is just going; what a model leaves is a hundred times that.
_SLACK_BYTES = 512 * 1024 * 1024


class _Memory(ctypes.Structure):
    """nvmlMemory_t: total, free and used bytes."""

    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def used_bytes(load: Callable[[str], Any] = ctypes.CDLL) -> dict[int, int]:
    """Bytes in use on each GPU of this machine, by its number; empty where NVML cannot say. load: for tests."""
    try:
        library = load(_LIBRARY)
        if library.nvmlInit_v2() != 0:
            return {}
    except (OSError, AttributeError):
        return {}
    try:
        return _used(library)
    except AttributeError:
        return {}
    finally:
        library.nvmlShutdown()


def await_memory(
    before: Mapping[int, int],
    *,
    limit_s: float = 60.0,
    used: Callable[[], Mapping[int, int]] = used_bytes,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Wait until no GPU holds more than it did `before` the server was launched (and 512 MB).

    "" if so, or where NVML cannot say; after limit_s a sentence that names the GPUs. Somebody else's process that has
    come in the meantime looks the same: it is only told, never ended.
    """
    deadline = clock() + limit_s
    while held := _held(before, used()):
        if clock() >= deadline:
            shown = ", ".join(f"GPU {number}: {amount / 2**30:.1f} GB" for number, amount in sorted(held.items()))
            return (
                f"{limit_s:.0f} s after the server ended, memory is still held that was free before it started "
                f"({shown}); see nvidia-smi for whose it is"
            )
        sleep(0.5)
    return ""


def _held(before: Mapping[int, int], now: Mapping[int, int]) -> dict[int, int]:
    return {
        number: used - before[number]
        for number, used in now.items()
        if number in before and used - before[number] > _SLACK_BYTES
    }


def _used(library: Any) -> dict[int, int]:
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return {}
    found: dict[int, int] = {}
    for number in range(count.value):
        device, memory = ctypes.c_void_p(), _Memory()
        if library.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(device)) != 0:
            continue
        if library.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) == 0:
            found[number] = int(memory.used)
    return found
