"""Does a server of ours hang? Signs of life, collected without ever waiting for one.

Two rules say that it hangs; see `HangThresholds`. The quick one is for a server that does nothing at all: no byte on a
request, no answer to a look at /v1/models (which needs no GPU, so a busy server gives it at once), nothing new in its
log, and no processor time of the process that listens at its port. One of these signs, and it lives. The slow one is
for a server whose HTTP side lives but whose model does not: its health check fails, and no byte comes on any request.
Long prompts, just-in-time kernels and a full queue look like that for a while too, so it has patience.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_modeleval.server.listening_process import cpu_seconds
from pytest_modeleval.server.probe import HttpProbe

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_modeleval.server.launched_server import LaunchedServer

_LOOK_PATH = "/v1/models"
# A process that waits in ten threads and asks the clock now and then uses a hundredth of this.
_BUSY_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class HangThresholds:
    """When a server counts as hanging.

    quiet_s: for so long no sign of life of any kind. Or: `probes` health checks in a row, begun every_s apart, none
    answered within answer_s, and nothing else came from the server meanwhile. SGLang's health check may itself take
    20 s when the server is busy, so answer_s must be above that.
    """

    quiet_s: float = 8.0
    every_s: float = 10.0
    answer_s: float = 25.0
    probes: int = 2


DEFAULT_THRESHOLDS = HangThresholds()


class HangDetector:
    """Over one server. pulse(): another value whenever something came from it on any request."""

    def __init__(self, server: LaunchedServer, pulse: Callable[[], object], patience: HangThresholds) -> None:
        self._server = server
        self._pulse = pulse
        self._patience = patience
        self._last_pulse: object = None
        self._last_size = -1
        self._sign_s: float | None = None
        self._health_at = 0.0
        self._health: HttpProbe | None = None
        self._silent = 0
        self._knock: HttpProbe | None = None
        self._knocked_s = 0.0
        self._cpu_s: float | None = None

    def look(self, now_s: float) -> str:
        """Why it is taken to hang, one sentence; "" if it is not. Takes a millisecond at most; call it often."""
        if self._sign_s is None:
            self._sign_s, self._health_at = now_s, now_s + self._patience.every_s
        self._sample(now_s)
        return self._check_health(now_s) or self._check_quiet(now_s)

    def close(self) -> None:
        """Give back what is open."""
        for knock in filter(None, (self._health, self._knock)):
            knock.close()

    def _sample(self, now_s: float) -> None:
        pulse = self._pulse()
        if pulse != self._last_pulse:
            self._last_pulse = pulse
            self._silent = 0
            self._note_sign_of_life(now_s)
        size = 0
        with contextlib.suppress(OSError):
            size = self._server.log_file.stat().st_size
        if size != self._last_size:
            self._last_size = size
            self._note_sign_of_life(now_s)

    def _note_sign_of_life(self, now_s: float) -> None:
        self._sign_s = now_s
        if self._knock is not None:
            self._knock.close()
            self._knock = None

    def _check_health(self, now_s: float) -> str:
        if self._health is None:
            if now_s >= self._health_at:
                self._health = HttpProbe(self._server.port, self._server.launch.ready_path)
                self._health_at = now_s + self._patience.answer_s
            return ""
        status = self._health.answer()
        if status is None and now_s < self._health_at:
            return ""
        self._health.close()
        self._health = None
        self._health_at = now_s + self._patience.every_s
        if status is not None and status > 0:
            self._note_sign_of_life(now_s)
        self._silent = 0 if status == 200 else self._silent + 1
        if self._silent < self._patience.probes:
            return ""
        return f"the server hangs: {self._silent} health checks in a row failed, and nothing came on any request"

    def _check_quiet(self, now_s: float) -> str:
        assert self._sign_s is not None
        quiet_s, limit_s = now_s - self._sign_s, self._patience.quiet_s
        if quiet_s < limit_s / 2:
            return ""
        if self._knock is None:
            self._knock = HttpProbe(self._server.port, _LOOK_PATH)
            self._knocked_s, self._cpu_s = now_s, self._cpu()
            return ""
        status = self._knock.answer()
        if status is not None and status > 0:
            self._note_sign_of_life(now_s)
            return ""
        if now_s - self._knocked_s < limit_s / 2:
            return ""
        spent_s = self._cpu()
        if self._cpu_s is None or spent_s is None or spent_s - self._cpu_s > _BUSY_SHARE * (now_s - self._knocked_s):
            # Busy with something, or nobody can say: the slow rule decides.
            self._note_sign_of_life(now_s)
            return ""
        return (
            f"the server hangs: for {quiet_s:.0f} s it answered nothing, wrote nothing to its log and used no "
            f"processor time"
        )

    def _cpu(self) -> float | None:
        return cpu_seconds(self._server.port, self._server.mark)
