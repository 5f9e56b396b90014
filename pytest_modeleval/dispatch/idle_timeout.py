"""How long a response may be silent. Pure decisions about time-outs; time is passed in.

There is no limit on the whole of reading: a 65k-token answer at 10 tokens a second takes two hours and is fine. What
tells a dead request from a slow one is silence, and how long a silence is normal depends on the server, so by default
it is learnt: ten times the longest silence that a completed response of the same benchmark had.
"""

from __future__ import annotations

from dataclasses import dataclass

LEARN_FROM = 20
BEFORE_LEARNING_S = 180.0
LEAST_S = 10.0
MOST_S = 600.0
FACTOR = 10.0
START_S = 300.0
FLOOR_TOKENS_PER_S = 5.0


@dataclass(slots=True)
class IdleTimeout:
    """The limit for one benchmark's responses. fixed_s: the user's own; then nothing is learnt."""

    fixed_s: float | None = None
    seen: int = 0
    longest_s: float = 0.0

    def completed(self, longest_silence_s: float) -> None:
        """A response came to its end; this was its longest silence, the wait for the first piece included."""
        self.seen += 1
        self.longest_s = max(self.longest_s, longest_silence_s)

    def limit_s(self, attempt: int) -> float:
        """Seconds of silence allowed in this attempt, counted from 1. It doubles with every attempt.

        So a limit that was learnt too short costs repeats, never the sample.
        """
        if self.fixed_s is not None:
            return self.fixed_s
        if self.seen < LEARN_FROM:
            return BEFORE_LEARNING_S
        learnt = min(MOST_S, max(LEAST_S, FACTOR * self.longest_s))
        return min(MOST_S, learnt * 2.0 ** (attempt - 1))


def sample_limit_s(max_tokens: object, *, fixed_s: float | None) -> float:
    """Seconds for one whole response: enough for max_tokens at a very slow pace."""
    if fixed_s is not None:
        return fixed_s
    tokens = max_tokens if isinstance(max_tokens, int) else 131_072
    return START_S + tokens / FLOOR_TOKENS_PER_S
