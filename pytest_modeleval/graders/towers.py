r"""How large the numbers in an answer are, without making them: 9^{9^{9^9}} costs algebra its whole time limit.

An estimate over the LaTeX text, in logarithms: it knows numbers, brackets, powers and factorials. What holds a letter
or a function has no size here, since algebra leaves it as it is (x^{10^{10}} is quick).
"""

from __future__ import annotations

import re
from math import e, inf, log10

# So many digits are made and compared in a tenth of a second; nobody writes a longer number as a final answer.
MOST_DIGITS = 100_000
_MOST_NESTED = 60
_TOKEN = re.compile(r"[0-9]+(?:\{?,\}?[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+|\\[A-Za-z]+|\\.|[^\W\d_]|\S")
_NEUTRAL = frozenset(
    f"\\{name}" for name in ("left", "right", "big", "Big", "cdot", "times", "div", "frac", "dfrac", "tfrac")
)
_OPENING = {"{": "}", "(": ")", "[": "]"}


def is_astronomical(text: str) -> bool:
    """True if the text holds a number of more than 100,000 digits, written as a power or factorial."""
    if "^" not in text and "!" not in text:
        return False
    return _Estimate(text).largest > MOST_DIGITS


class _Estimate:
    """Reads a text once. largest: log10 of the largest number in it, also of those that stand within another."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(text)
        self._at = 0
        self.largest = 0.0
        while self._at < len(self._tokens):
            self._sequence(None, 0)

    def _sequence(self, closing: str | None, depth: int) -> float | None:
        """log10 of the largest term up to the closing bracket; None if something in it has no known size."""
        largest, is_known = 0.0, True
        while self._at < len(self._tokens):
            if self._tokens[self._at] in _OPENING.values():
                token = self._next()
                if token == closing:
                    break
                continue
            size = self._term(depth)
            if size is None:
                is_known = False
            else:
                largest = max(largest, size)
        return largest if is_known else None

    def _term(self, depth: int) -> float | None:
        """One number, letter or bracket with its factorials and powers; a sign counts as 1."""
        token = self._next()
        if token in _OPENING:
            if depth >= _MOST_NESTED:
                return inf
            size = self._sequence(_OPENING[token], depth + 1)
        elif token[-1] in "0123456789" and token[0] != "\\":
            value = float(re.sub(r"[{},]", "", token)[:300])
            size = log10(value) if value > 0 else 0.0
        elif token.isalpha() or (len(token) > 2 and token[0] == "\\" and token not in _NEUTRAL):
            size = None
        else:
            return 0.0
        while self._at < len(self._tokens) and self._tokens[self._at] in ("!", "^"):
            if self._next() == "!":
                size = _factorial(size)
            elif self._at < len(self._tokens):
                size = _power(size, self._term(depth + 1) if depth < _MOST_NESTED else inf)
            if size is not None:
                self.largest = max(self.largest, size)
        return size

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]


def _factorial(size: float | None) -> float | None:
    if size is None:
        return None
    if size > 300:
        return inf
    number: float = 10.0**size
    return max(size, number * log10(number / e))


def _power(base: float | None, exponent: float | None) -> float | None:
    if base is None or exponent is None:
        return None
    if base <= 0:
        return base
    return inf if exponent > 300 else base * float(10.0**exponent)
