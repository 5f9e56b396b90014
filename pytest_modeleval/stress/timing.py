"""What was seen of one request of a stress test. All times are seconds since the start of its point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

WARM_UP, STEADY, TAIL = "warm_up", "steady", "tail"
PHASES = (WARM_UP, STEADY, TAIL)


class Arrival(NamedTuple):
    """One arrival of data that carried tokens."""

    at_s: float
    tokens: int
    """Tokens that came at this moment; 0 where the server does not say and nothing can be derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One request of a stress test."""

    number: int
    """From 0, in the order of the schedule."""

    scheduled_s: float | None = None
    """When an open loop was to send it, whatever the server did; None in a closed loop, which has no schedule."""

    sent_s: float
    """When its bytes were handed to the socket."""

    first_s: float | None = None
    """When the first token came: of thinking, of the answer or of a tool call. None if none came."""

    first_answer_s: float | None = None
    """When the first token after the thinking came."""

    ended_s: float
    """When the response was complete, or failed."""

    arrivals: tuple[Arrival, ...] = ()
    """Every arrival that carried tokens, in order."""

    are_tokens_exact: bool = False
    """The tokens of each arrival were counted by the server (continuous usage), or each arrival is one token because
    `usage` counts as many tokens as arrivals; False where the total of `usage` was spread over the arrivals."""

    completion_tokens: int | None = None
    """By the server's `usage`; None where it sent none."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    queue_s: float | None = None
    """Seconds in the server's queue, where it tells them."""

    wanted_tokens: int | None = None
    """The length of the reply that the workload asked for."""

    finish: str = ""
    """The finish reason; "" if the request failed."""

    failure: str = ""
    """The cause of a failure, such as "http_503"; "" for a complete response."""

    phase: str = STEADY
    """One of PHASES. Only STEADY requests enter latencies; all enter the counts."""

    send_lag_s: float = 0.0
    """The client's delay: from the scheduled time, or from the moment its slot was free, to sent_s."""

    receive_lag_s: float = 0.0
    """The client's delay in reading: the largest lateness of its event loop at the arrivals of this request."""

    session: int | None = None
    turn: int = 0
    """Of a workload with several turns: which conversation, and which turn of it from 0."""

    question: str = ""
    """Of a graded request: the id of its sample; "" for any other."""

    is_right: bool | None = None
    """Whether the answer was right, where the workload is a graded benchmark; None otherwise or without a verdict."""

    @property
    def is_complete(self) -> bool:
        """A whole response came."""
        return not self.failure

    @property
    def ended_early(self) -> bool:
        """Complete, and shorter than what was asked for."""
        return (
            self.is_complete
            and self.wanted_tokens is not None
            and self.completion_tokens is not None
            and self.completion_tokens < self.wanted_tokens
        )

    def later(self, seconds: float) -> Timing:
        """The same request in a point that began so many seconds earlier."""

        def moved(at_s: float | None) -> float | None:
            return None if at_s is None else at_s + seconds

        return replace(
            self,
            scheduled_s=moved(self.scheduled_s),
            sent_s=self.sent_s + seconds,
            first_s=moved(self.first_s),
            first_answer_s=moved(self.first_answer_s),
            ended_s=self.ended_s + seconds,
            arrivals=tuple(Arrival(arrival.at_s + seconds, arrival.tokens) for arrival in self.arrivals),
        )

    def to_json(self) -> dict[str, Any]:
        """The line of the point's file; fields at their defaults are left out."""
        return {
            name: [list(arrival) for arrival in value] if name == "arrivals" else value
            for name, value in asdict(self).items()
            if name not in _DEFAULTS or value != _DEFAULTS[name]
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Timing:
        """The reverse of to_json. Raises ValueError for a damaged line."""
        try:
            fields = {name: line[name] for name in cls.__dataclass_fields__ if name in line}
            fields["arrivals"] = tuple(Arrival(float(at), int(tokens)) for at, tokens in fields.get("arrivals", ()))
            return cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"expected the timing of a request, found {str(line)[:80]}") from error


_DEFAULTS = {
    name: field.default
    for name, field in Timing.__dataclass_fields__.items()
    if name not in ("number", "sent_s", "ended_s")
}
