"""Waits until GPUs have released their memory after a server has ended: SIGKILL returns before the driver has freed it.

Read with NVIDIA's nvidia-ml-py (the extra `gpu`). Without it, or without a driver, there is nothing to wait for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# A driver keeps a little for each process that is just ending; a model leaves a hundred times that.
_SLACK_BYTES = 512 * 1024 * 1024


def used_bytes(load: Callable[[], Any] | None = None) -> dict[int, int]:
    """Bytes in use on each GPU of this machine, by its number; empty where NVML cannot say.

    load: returns the module pynvml; for tests.
    """
    try:
        nvml = (load or _load_nvml)()
        nvml.nvmlInit()
    except Exception:  # noqa: BLE001 - not installed, no driver, a driver of another version: the GPUs are unknown
        return {}
    found: dict[int, int] = {}
    try:
        for number in range(nvml.nvmlDeviceGetCount()):
            # A GPU that cannot be read (lost, or without permission) is left out.
            with contextlib.suppress(nvml.NVMLError):
                device = nvml.nvmlDeviceGetHandleByIndex(number)
                found[number] = int(nvml.nvmlDeviceGetMemoryInfo(device).used)
    except nvml.NVMLError:
        return {}
    finally:
        nvml.nvmlShutdown()
    return found


def is_missing() -> bool:
    """True if this machine has NVIDIA's driver, and the package that asks it is not installed."""
    return Path("/dev/nvidiactl").exists() and importlib.util.find_spec("pynvml") is None


def _load_nvml() -> Any:
    import pynvml  # noqa: PLC0415 - an optional package, and only for servers with gpu_release_s

    return pynvml


def await_memory(
    before: Mapping[int, int],
    *,
    limit_s: float = 60.0,
    used: Callable[[], Mapping[int, int]] = used_bytes,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Wait until no GPU holds more than it did `before` the server was launched (and 512 MB).

    "" if so, or where NVML cannot say; after limit_s a sentence that names the GPUs. Another user's process that was
    started in the meantime looks the same: it is only reported, never ended.
    """
    deadline = clock() + limit_s
    while held := _held(before, used()):
        if clock() >= deadline:
            shown = ", ".join(f"GPU {number}: {amount / 2**30:.1f} GB" for number, amount in sorted(held.items()))
            return (
                f"{limit_s:.0f} s after the server ended, memory is still held that was free before it started "
                f"({shown}); nvidia-smi shows by which process"
            )
        sleep(0.5)
    return ""


def _held(before: Mapping[int, int], now: Mapping[int, int]) -> dict[int, int]:
    return {
        number: used - before[number]
        for number, used in now.items()
        if number in before and used - before[number] > _SLACK_BYTES
    }
