"""Whether and when a failed attempt is retried. Pure: time and randomness are passed in.

Only failures are retried. A valid reply never is, since choosing among replies would change the score.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval.errors import AttemptFailed

MAX_ATTEMPTS = 6
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 20.0
MAX_RETRY_AFTER_S = 120.0


def delay_before_next(attempt: int, failure: AttemptFailed, *, chance: float) -> float | None:
    """Seconds to wait before the next attempt; None if there is none.

    attempt: attempts made so far, from 1. chance: 0 to 1, spreads the attempts of many samples (exponential back-off
    with jitter). Retry-After is obeyed up to MAX_RETRY_AFTER_S.
    """
    if not failure.is_retryable or attempt >= MAX_ATTEMPTS:
        return None
    delay_s = min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * chance)
    if failure.retry_after_s is not None:
        return min(MAX_RETRY_AFTER_S, max(failure.retry_after_s, delay_s * 0.2))
    return delay_s


@dataclass(slots=True)
class RetryBudget:
    """Bounds retries over a run: at most `spare` more retries than requests.

    A server that refuses everything is thus asked a little more than once per request, not six times.
    """

    spare: int = 100
    requests: int = 0
    retries: int = 0

    def add_request(self) -> None:
        """A request is sent for the first time."""
        self.requests += 1

    def take_retry(self) -> bool:
        """Take one retry out of the budget; False if there is none left."""
        if self.retries >= self.requests + self.spare:
            return False
        self.retries += 1
        return True


@dataclass(slots=True)
class ServerHealth:
    """Tells a dead server from a hard sample: many failures in a row over some time, without a reply in between."""

    max_failures: int
    """Failures in a row."""
    min_failing_s: float = 20.0
    """Seconds without anything but failures."""
    failures: int = 0
    failing_since_s: float | None = None

    def on_success(self) -> None:
        """A reply came."""
        self.failures = 0
        self.failing_since_s = None

    def on_failure(self, now_s: float) -> None:
        """An attempt failed."""
        self.failures += 1
        if self.failing_since_s is None:
            self.failing_since_s = now_s

    def is_down(self, now_s: float) -> bool:
        """True once further requests are pointless."""
        return (
            self.failing_since_s is not None
            and self.failures >= self.max_failures
            and now_s - self.failing_since_s >= self.min_failing_s
        )
