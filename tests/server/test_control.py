"""A running server is told to empty its cache or drop a request; what goes wrong is a sentence, never an exception."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pytest_modeleval._support.abort import abort, abort_body
from pytest_modeleval.server.control import flush_cache
from pytest_modeleval.server.gpu_memory import await_memory, used_bytes
from pytest_modeleval.server.launched_server import LaunchedServer
from tests.support.scripted_server import scripted
from tests.support.stand_ins import stand_in


def test_flush_reaches_sglang() -> None:
    """SGLang is asked at its root, below any version path, with how long it may wait."""
    with scripted({"/flush_cache?timeout=2.0": (200, b"Cache flushed.")}) as server:
        assert flush_cache(server.url, "sglang", timeout_s=2.0) == ""


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, "sglang", "HTTP 400: busy"),
        (404, "vllm", "VLLM_SERVER_DEV_MODE=1"),
        (500, "vllm", "HTTP 500: busy"),
        (200, "x", "no way"),
    ],
)
def test_flush_that_did_not_happen_says_why(status: int, kind: str, said: str) -> None:
    """Refused while requests run, not offered, not known: told."""
    with scripted(
        {"/flush_cache?timeout=30.0": (status, b"busy\n"), "/reset_prefix_cache": (status, b"busy")}
    ) as server:
        assert said in flush_cache(server.url, kind)


def test_nobody_there_is_told() -> None:
    """No server is no exception."""
    assert "no answer" in flush_cache("http://127.0.0.1:9/v1", "sglang")


def test_the_key_goes_along() -> None:
    """A server with a key takes these requests only with it."""
    with scripted({"/abort_request": (200, b"")}) as server:
        assert abort(server.url.removesuffix("/v1"), "r1", key="sk-1") == ""
        assert server.asked[0][1]["Authorization"] == "Bearer sk-1"
        assert json.loads(abort_body("r1")) == {"rid": "r1", "abort_all": False}


def test_an_abort_that_fails_says_why() -> None:
    """Refused or unreachable: a sentence, no exception."""
    with scripted({"/abort_request": (401, b"no")}) as server:
        assert "HTTP 401: no" in abort(server.url.removesuffix("/v1"))
    assert "gave no answer" in abort("http://127.0.0.1:9")


def test_an_aborted_request_frees_its_slot(tmp_path: Path) -> None:
    """A chat that would take a minute ends at once, with finish_reason abort, when its rid is aborted."""
    from concurrent.futures import ThreadPoolExecutor

    seen = tmp_path / "seen"
    with LaunchedServer(stand_in(latency_s=60, seen=str(seen)), log_file=tmp_path / "log") as server:
        server.wait_ready()
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "rid": "our-id"}
        with ThreadPoolExecutor(1) as pool:
            url = f"{server.url}/chat/completions"
            answer = pool.submit(httpx.post, url, json=body, timeout=30, trust_env=False)
            while not (seen.exists() and "our-id" in seen.read_text()):
                assert not answer.done()
            assert abort(server.url.removesuffix("/v1"), "our-id") == ""
            assert answer.result(10).json()["choices"][0]["finish_reason"] == "abort"


class FakeNvml:
    """The module pynvml with two GPUs, of which the second cannot be read."""

    class NVMLError(Exception):
        """NVML's own name."""

    def __init__(self, used: int = 5, *, is_broken: bool = False) -> None:
        self.used, self.is_broken, self.is_shut = used, is_broken, False

    def nvmlInit(self) -> None:  # noqa: N802
        """NVML's own name."""
        if self.is_broken:
            raise self.NVMLError

    def nvmlShutdown(self) -> None:  # noqa: N802
        """NVML's own name."""
        self.is_shut = True

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        """NVML's own name."""
        return 2

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:  # noqa: N802
        """NVML's own name."""
        return number

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:  # noqa: N802
        """NVML's own name."""
        if device:
            raise self.NVMLError
        return SimpleNamespace(used=self.used)


def test_memory_is_read_from_the_driver() -> None:
    """NVML's numbers are returned; a GPU that it cannot read is left out; it is shut down afterwards."""
    library = FakeNvml(used=7)
    assert used_bytes(lambda: library) == {0: 7}
    assert library.is_shut


def test_without_a_driver_there_is_nothing_to_wait_for() -> None:
    """No package, an old one, or no driver: nothing is known, and waiting ends at once."""

    def missing() -> Any:
        raise ImportError

    assert used_bytes(missing) == {}
    assert used_bytes(object) == {}
    assert used_bytes(lambda: FakeNvml(is_broken=True)) == {}
    assert await_memory({}, used=dict) == ""


def test_waiting_ends_when_memory_is_back() -> None:
    """As soon as every GPU is back at what it held before; small rests do not count."""
    gigabyte = 2**30
    states = iter([{0: 80 * gigabyte, 1: gigabyte}, {0: 40 * gigabyte, 1: gigabyte}, {0: gigabyte + 1, 1: gigabyte}])
    slept: list[float] = []
    assert await_memory({0: gigabyte, 1: gigabyte}, used=lambda: next(states), sleep=slept.append) == ""
    assert len(slept) == 2


def test_memory_that_stays_is_told_with_its_gpu() -> None:
    """After the limit: which GPU, how much, where to look."""
    now = iter(range(100))
    said = await_memory(
        {0: 0}, limit_s=3, used=lambda: {0: 3 * 2**30}, sleep=lambda _: None, clock=lambda: float(next(now))
    )
    assert "GPU 0: 3.0 GB" in said
    assert "nvidia-smi" in said
