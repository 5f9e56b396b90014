"""What the journals say of the requests of one benchmark: times, tokens, repeated attempts."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Of a reply's usage.
TOKEN_COUNTS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")


def _numbers() -> array[float]:
    return array("d")


@dataclass(slots=True)
class RequestLog:
    """The answered requests of one benchmark to the model under test: 24 bytes each."""

    count: int = 0
    """Requests with a reply."""
    repeated: int = 0
    """Those of them that took more than one attempt."""
    first_token_s: array[float] = field(default_factory=_numbers)
    """From sending a request to the first token; only of streamed replies."""
    total_s: array[float] = field(default_factory=_numbers)
    """From sending a request to the end of its reply."""
    tokens_per_s: array[float] = field(default_factory=_numbers)
    """Completion tokens divided by total_s."""
    tokens: Counter[str] = field(default_factory=Counter)
    """Name of TOKEN_COUNTS -> sum over the replies that state it."""
    failed_attempts: Counter[str] = field(default_factory=Counter)
    """Cause -> attempts that failed with it, those of requests to further models included."""

    def add(self, reply: Mapping[str, Any], attempts: Any) -> None:
        """Count a reply. attempts: how many its request took."""
        self.count += 1
        self.repeated += isinstance(attempts, int) and attempts > 1
        usage = reply.get("usage") or {}
        for name in TOKEN_COUNTS:
            if isinstance(count := usage.get(name), int):
                self.tokens[name] += count
        made = usage.get("completion_tokens")
        self._add_times(reply.get("first_token_s"), reply.get("total_s"), made if isinstance(made, int) else None)

    def _add_times(self, first_token_s: float | None, total_s: float | None, made: int | None) -> None:
        if first_token_s is not None:
            self.first_token_s.append(first_token_s)
        if total_s:
            self.total_s.append(total_s)
            self.tokens_per_s.extend([made / total_s] if made else [])
