"""Decides whether a server that we launched hangs, from signs of life that it collects without waiting for any.

Two rules, see `HangThresholds`. The quick rule is for a server that does nothing at all: no byte on any request, no
answer to a probe of /v1/models (which needs no GPU, so a busy server answers at once), no growth of its log, and no
processor time of the process that listens at its port. Any of these signs resets it. The slow rule is for a server
whose HTTP side lives but whose model does not: its health check fails, and no byte arrives on any request. Long
prefills, just-in-time compilation and full queues look the same for a while, hence the longer threshold.
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

_PROBE_PATH = "/v1/models"
# A process that waits in ten threads and reads the clock now and then uses a hundredth of this.
_BUSY_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class HangThresholds:
    """When a server counts as hanging."""

    quiet_s: float = 8.0
    """The quick rule: seconds without any sign of life."""

    every_s: float = 10.0
    """The slow rule: seconds between two health checks."""

    answer_s: float = 25.0
    """Seconds until a health check has failed. SGLang's own may take 20 s when the server is busy."""

    probes: int = 2
    """Failed health checks in a row, without any other sign of life between them."""


DEFAULT_THRESHOLDS = HangThresholds()


class HangDetector:
    """Watches one server."""

    def __init__(self, server: LaunchedServer, activity: Callable[[], object], thresholds: HangThresholds) -> None:
        """activity: returns another value whenever a byte arrived on any request."""
        self._server = server
        self._activity = activity
        self._thresholds = thresholds
        self._last_activity: object = None
        self._last_log_size = -1
        self._has_begun = False
        self._last_sign_s = 0.0
        self._health_due_s = 0.0
        self._health: HttpProbe | None = None
        self._failed_checks = 0
        self._probe: HttpProbe | None = None
        self._probed_s = 0.0
        self._cpu_at_probe_s: float | None = None

    def check(self, now_s: float) -> str:
        """Why the server counts as hanging, one sentence; "" if it does not. Takes a millisecond; call it often."""
        if not self._has_begun:
            self._has_begun = True
            self._last_sign_s, self._health_due_s = now_s, now_s + self._thresholds.every_s
        self._sample(now_s)
        return self._check_health(now_s) or self._check_quiet(now_s)

    def _sample(self, now_s: float) -> None:
        activity = self._activity()
        if activity != self._last_activity:
            self._last_activity = activity
            self._failed_checks = 0
            self._note_sign_of_life(now_s)
        size = 0
        with contextlib.suppress(OSError):
            size = self._server.log_file.stat().st_size
        if size != self._last_log_size:
            self._last_log_size = size
            self._note_sign_of_life(now_s)

    def _note_sign_of_life(self, now_s: float) -> None:
        self._last_sign_s = now_s
        self._probe = None

    def _check_health(self, now_s: float) -> str:
        thresholds = self._thresholds
        if self._health is None:
            self._begin_health_check(now_s)
            return ""
        status = self._health.status
        if status is None and now_s < self._health_due_s:
            return ""
        self._health = None
        self._health_due_s = now_s + thresholds.every_s
        if status is not None and status > 0:
            self._note_sign_of_life(now_s)
        self._failed_checks = 0 if status == 200 else self._failed_checks + 1
        if self._failed_checks < thresholds.probes:
            return ""
        return f"the server hangs: {self._failed_checks} health checks in a row failed, and no request got a byte"

    def _begin_health_check(self, now_s: float) -> None:
        """Ask the ready path where the next check is due."""
        if now_s >= self._health_due_s:
            answer_s = self._thresholds.answer_s
            self._health = HttpProbe(self._server.port, self._server.launch.ready_path, timeout_s=answer_s)
            self._health_due_s = now_s + answer_s

    def _may_be_busy(self, probing_s: float) -> bool:
        """True if the server used the processor since the probe began, or if its use is unknown."""
        before_s, after_s = self._cpu_at_probe_s, self._cpu_seconds()
        return before_s is None or after_s is None or after_s - before_s > _BUSY_SHARE * probing_s

    def _check_quiet(self, now_s: float) -> str:
        quiet_s, limit_s = now_s - self._last_sign_s, self._thresholds.quiet_s
        if quiet_s < limit_s / 2:
            return ""
        if self._probe is None:
            self._probe = HttpProbe(self._server.port, _PROBE_PATH, timeout_s=limit_s)
            self._probed_s, self._cpu_at_probe_s = now_s, self._cpu_seconds()
            return ""
        status = self._probe.status
        if status is not None and status > 0:
            self._note_sign_of_life(now_s)
            return ""
        probing_s = now_s - self._probed_s
        if probing_s < limit_s / 2:
            return ""
        if self._may_be_busy(probing_s):
            # The slow rule decides.
            self._note_sign_of_life(now_s)
            return ""
        return (
            f"the server hangs: for {quiet_s:.0f} s it answered nothing, wrote nothing to its log and used no "
            f"processor time"
        )

    def _cpu_seconds(self) -> float | None:
        return cpu_seconds(self._server.port, self._server.mark)
