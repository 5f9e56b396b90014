"""A service level objective: the bounds that a good request keeps. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from pytest_modeleval.stress.request_values import LATENCIES
from pytest_modeleval.stress.timing import Timing

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s)")
_TERM = re.compile(r"(\w+)<?=(.+)")
_EXAMPLE = '"ttft=1s tpot=50ms"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Upper bounds in seconds for one request; None where there is none.

    In an open loop all but the time per token count from the scheduled time: the user waits from then on.
    """

    ttft_s: float | None = None
    """To the first token."""
    ttft_answer_s: float | None = None
    """To the first token after the thinking."""
    tpot_s: float | None = None
    """Per token after the first. A reply of one token keeps every bound."""
    e2e_s: float | None = None
    """To the end of the response."""

    @property
    def text(self) -> str:
        """The text that `parse` reads: "ttft=1s tpot=50ms"."""
        return " ".join(f"{name}={_seconds_text(bound)}" for name, bound in self.bounds().items())

    def bounds(self) -> dict[str, float]:
        """Measure -> bound in seconds."""
        named = {field.name.removesuffix("_s"): getattr(self, field.name) for field in fields(self)}
        return {name: bound for name, bound in named.items() if bound is not None}

    def is_good(self, timing: Timing) -> bool:
        """A whole response came and every bound was kept; a measure that is missing breaks its bound."""
        return timing.is_complete and all(self.keeps(name, timing) for name in self.bounds())

    def keeps(self, name: str, timing: Timing) -> bool:
        """Whether a request keeps the bound of one measure; of a reply without tokens only `e2e` can be kept."""
        value = LATENCIES[name](timing)
        if value is None:
            return name == "tpot" and timing.first_s is not None
        start = timing.sent_s if timing.scheduled_s is None else timing.scheduled_s
        delay = 0.0 if name == "tpot" else timing.sent_s - start
        return value + delay <= self.bounds()[name]

    @classmethod
    def parse(cls, text: str) -> Slo:
        """Reads "ttft=1s tpot=50ms"; terms are separated by blanks or commas. Raises ValueError for another form."""
        bounds: dict[str, float] = {}
        for term in text.replace(",", " ").split():
            read = _TERM.fullmatch(term)
            bound = duration_s(read[2]) if read is not None else None
            if read is None or not bound or read[1] not in NAMES or read[1] in bounds:
                raise ValueError(f"expected terms such as {_EXAMPLE}, one each of {', '.join(NAMES)}, found {term!r}")
            bounds[read[1]] = bound
        if not bounds:
            raise ValueError(f"expected an objective such as {_EXAMPLE}, found {text!r}")
        return cls(**{f"{name}_s": bound for name, bound in bounds.items()})


NAMES = tuple(field.name.removesuffix("_s") for field in fields(Slo))
"""The measures that an objective can bound."""


def duration_s(text: str) -> float | None:
    """The seconds of "800ms" or "1.5s"; None for another form."""
    read = _DURATION.fullmatch(text)
    return float(read[1]) * _UNITS[read[2]] if read is not None else None


def _seconds_text(seconds: float) -> str:
    """A duration in the unit that reads best: 50ms, 1.5s."""
    unit = next((unit for unit in ("s", "ms") if seconds >= _UNITS[unit]), "us")
    return f"{seconds / _UNITS[unit]:.6g}{unit}"
