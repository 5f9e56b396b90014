"""How long a response may be idle. Pure: time is passed in.

Reading a response has no limit of its own: a 65k-token reply at 10 tokens a second takes two hours and is fine. A dead
request differs from a slow one by its idle time. How long is normal depends on the server, so by default the limit is
learnt: ten times the longest idle time of a completed response of the same benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass

LEARN_FROM = 20
"""Completed responses before the limit is learnt."""
BEFORE_LEARNING_S = 180.0
MIN_S = 10.0
MAX_S = 600.0
FACTOR = 10.0
# For one whole response, see sample_limit_s.
BASE_S = 300.0
MIN_TOKENS_PER_S = 5.0
DEFAULT_TOKENS = 131_072


@dataclass(slots=True)
class IdleTimeout:
    """The idle limit of one benchmark's responses."""

    fixed_s: float | None = None
    """The user's own limit; nothing is learnt then."""
    completed: int = 0
    longest_s: float = 0.0

    def on_complete(self, longest_idle_s: float) -> None:
        """A response is complete. longest_idle_s: its longest idle time, the wait for the first piece included."""
        self.completed += 1
        self.longest_s = max(self.longest_s, longest_idle_s)

    def limit_s(self, attempt: int) -> float:
        """Seconds that this attempt, counted from 1, may be idle. The limit doubles with every attempt.

        So a limit that was learnt too short costs retries, never the sample.
        """
        if self.fixed_s is not None:
            return self.fixed_s
        if self.completed < LEARN_FROM:
            return BEFORE_LEARNING_S
        learnt_s = min(MAX_S, max(MIN_S, FACTOR * self.longest_s))
        return min(MAX_S, learnt_s * 2.0 ** (attempt - 1))


def sample_limit_s(max_tokens: object, *, fixed_s: float | None) -> float:
    """Seconds for one whole response: enough for max_tokens at a very slow pace."""
    if fixed_s is not None:
        return fixed_s
    tokens = max_tokens if isinstance(max_tokens, int) else DEFAULT_TOKENS
    return BASE_S + tokens / MIN_TOKENS_PER_S
