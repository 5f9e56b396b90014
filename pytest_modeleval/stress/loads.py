"""The load of an operating point: so many requests in flight, or so many a second. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

CONSTANT, GAMMA = "constant", "gamma"
LINEAR, EXPONENTIAL = "linear", "exponential"
RAMP_S = 60.0
"""How long a ramp climbs unless the load says so."""

_NUMBER = r"\d+(?:\.\d+)?"
_CLOSED = re.compile(r"c(\d+)")
_OPEN = re.compile(rf"rate({_NUMBER})(?:\.\.({_NUMBER}))?((?:-[a-z0-9.]+)*)")
_FORMS = '"c16", "rate4", "rate4-constant", "rate4-gamma0.5", "rate1..20", "rate1..20-exponential-120s"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How requests are sent: a closed loop has `concurrency`, an open loop has `rate`."""

    concurrency: int | None = None
    """Requests in flight at any time; the next is sent when one has ended."""

    rate: float | None = None
    """Requests a second, whatever the server does; of a ramp: at its beginning."""

    end_rate: float | None = None
    """Requests a second at the end of a ramp and from then on; None without one."""

    ramp_s: float = RAMP_S
    """Seconds from `rate` to `end_rate`."""

    ramp: str = LINEAR
    """LINEAR: the rate grows by the same number each second. EXPONENTIAL: by the same factor."""

    gaps: str = GAMMA
    """GAMMA: random times between two requests. CONSTANT: all alike."""

    burstiness: float = 1.0
    """Shape of the gamma distribution: 1 is a Poisson process, less is more bursty (coefficient of variation
    1 / sqrt(burstiness)). The same parameter as `--burstiness` of `vllm bench serve`."""

    def __post_init__(self) -> None:
        if (self.concurrency is None) == (self.rate is None):
            raise ValueError("expected either a number in flight or a rate")
        numbers = [self.concurrency, self.rate, self.end_rate, self.ramp_s, self.burstiness]
        if any(number is not None and not (isfinite(number) and number > 0) for number in numbers):
            raise ValueError(f"expected numbers above 0, found {self.name}")

    @property
    def is_open(self) -> bool:
        """An open loop: the times of sending do not depend on the server."""
        return self.rate is not None

    @property
    def name(self) -> str:
        """The text that `parse` reads, and the part of a point's name after "@"."""
        if self.rate is None:
            return f"c{self.concurrency}"
        return f"rate{self.rate:.6g}{self._ramp_text()}{self._gap_text()}"

    def _ramp_text(self) -> str:
        if self.end_rate is None:
            return ""
        shape = f"-{self.ramp}" if self.ramp != LINEAR else ""
        length = f"-{self.ramp_s:.6g}s" if self.ramp_s != RAMP_S else ""
        return f"..{self.end_rate:.6g}{shape}{length}"

    def _gap_text(self) -> str:
        if self.gaps == CONSTANT:
            return f"-{CONSTANT}"
        return f"-{GAMMA}{self.burstiness:.6g}" if self.burstiness != 1 else ""

    @classmethod
    def parse(cls, text: str) -> Load:
        """Reads "c16", "rate4", "rate4-constant", "rate4-gamma0.5", "rate1..20", "rate1..20-exponential-120s".

        Raises ValueError for another form.
        """
        if closed := _CLOSED.fullmatch(text):
            return cls(concurrency=int(closed[1]))
        if not (opened := _OPEN.fullmatch(text)):
            raise ValueError(f"expected a load such as {_FORMS}, found {text!r}")
        words: dict[str, object] = {}
        for word in opened[3].split("-")[1:]:
            words |= _read_word(word, text, is_ramp=opened[2] is not None)
        end_rate = float(opened[2]) if opened[2] else None
        return cls(rate=float(opened[1]), end_rate=end_rate, **words)  # type: ignore[arg-type] # texts and numbers


def _read_word(word: str, text: str, *, is_ramp: bool) -> dict[str, object]:
    """One part of a load after the rate, as fields of Load."""
    if word == CONSTANT:
        return {"gaps": CONSTANT}
    if gamma := re.fullmatch(rf"{GAMMA}({_NUMBER})", word):
        return {"burstiness": float(gamma[1])}
    if is_ramp and word in (LINEAR, EXPONENTIAL):
        return {"ramp": word}
    if is_ramp and (length := re.fullmatch(rf"({_NUMBER})s", word)):
        return {"ramp_s": float(length[1])}
    raise ValueError(f"expected a load such as {_FORMS}, found {word!r} in {text!r}")
