"""Whether and when a failed attempt is repeated. Pure: time and chance are passed in.

Only failures are repeated; a valid answer never is, since choosing among answers would change the score.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval.errors import AttemptFailed

MAX_ATTEMPTS = 6
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 20.0
MAX_RETRY_AFTER_S = 120.0


def delay_before_next(attempt: int, failure: AttemptFailed, *, chance: float) -> float | None:
    """Seconds to wait before the next attempt; None if there is to be none.

    attempt: how many were made, from 1. chance: 0 to 1, spreads the attempts of many samples (exponential
    back-off with jitter). What the server asks in Retry-After is obeyed, up to MAX_RETRY_AFTER_S.
    """
    if not failure.is_retryable or attempt >= MAX_ATTEMPTS:
        return None
    delay = min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * chance)
    if failure.retry_after_s is not None:
        return min(MAX_RETRY_AFTER_S, max(failure.retry_after_s, delay * 0.2))
    return delay


@dataclass(slots=True)
class RetryBudget:
    """Keeps repeats from outgrowing the work: at most `spare` more repeats than samples asked.

    A server that refuses everything is thus asked a little more than once per sample, not six times.
    """

    spare: int = 100
    asked: int = 0
    repeated: int = 0

    def first(self) -> None:
        """A sample is asked for the first time."""
        self.asked += 1

    def take(self) -> bool:
        """Take one repeat out of the budget; False if there is none left."""
        if self.repeated >= self.asked + self.spare:
            return False
        self.repeated += 1
        return True


@dataclass(slots=True)
class ServerHealth:
    """Tells a lost server from a hard sample: many failures in a row, over some time, with no answer between.

    lost_after: failures in a row; lost_after_s: and for so many seconds nothing but failures.
    """

    lost_after: int
    lost_after_s: float = 20.0
    failures: int = 0
    failing_since_s: float | None = None

    def succeeded(self) -> None:
        """An answer came."""
        self.failures = 0
        self.failing_since_s = None

    def failed(self, now_s: float) -> None:
        """An attempt failed."""
        self.failures += 1
        if self.failing_since_s is None:
            self.failing_since_s = now_s

    def is_lost(self, now_s: float) -> bool:
        """True once asking on is pointless."""
        return (
            self.failing_since_s is not None
            and self.failures >= self.lost_after
            and now_s - self.failing_since_s >= self.lost_after_s
        )
