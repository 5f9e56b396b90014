r"""What an answer would cost to be worked out, without doing so: 9^{9^{9^9}} takes algebra its whole time limit.

An estimate over the LaTeX text, in logarithms: it knows numbers, brackets, powers, factorials and binomials, and how
many terms a sum or product has. What holds a letter or a function has no size here, since algebra leaves it as it is
(x^{10^{10}} is quick).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import e, inf, lgamma, log, log10

# So many digits are made and compared in a tenth of a second; nobody writes a longer number as a final answer.
MOST_DIGITS = 100_000
# So many terms are added up one by one in a second; sums of powers of their index have a formula, however long.
MOST_TERMS = 500
_MOST_NESTED = 60
_TOKEN = re.compile(r"[0-9]+(?:\{?,\}?[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+|\\[A-Za-z]+|\\.|[^\W\d_]|\S")
_NEUTRAL = frozenset(
    f"\\{name}" for name in ("left", "right", "big", "Big", "cdot", "times", "div", "frac", "dfrac", "tfrac")
)
_OPENING = {"{": "}", "(": ")", "[": "]"}
_BINOMIALS = frozenset({"\\binom", "\\dbinom", "\\tbinom"})
_REPEATED = frozenset({"\\sum", "\\prod"})
_LIMITS = ("\\limits", "\\nolimits", "\\displaystyle")
# What a term may hold if its sum is to have a formula: a polynomial in letters.
_POLYNOMIAL = re.compile(r"[^\W\d_]|[0-9,.]+|[-+*(){}\[\]]|\\(?:left|right|cdot|times)\Z")


def is_astronomical(text: str) -> bool:
    """True if the text holds a number of more than 100,000 digits, as a power, factorial, binomial or product."""
    return _is_worth_a_look(text) and _Estimate(text).largest > MOST_DIGITS


def is_too_large(text: str) -> bool:
    """True if it is astronomical, or holds a sum or product of more than 500 terms without a simple formula."""
    if not _is_worth_a_look(text):
        return False
    found = _Estimate(text)
    return found.largest > MOST_DIGITS or found.has_long_sum


def _is_worth_a_look(text: str) -> bool:
    return any(sign in text for sign in ("^", "!", "binom", "\\choose"))


class _Estimate:
    """Reads a text once. largest: log10 of the largest number in it, also of those that stand within another.

    has_long_sum: see is_too_large. size: log10 of the whole, None if it is not known.
    """

    def __init__(self, text: str | Sequence[str]) -> None:
        self._tokens: Sequence[str] = _TOKEN.findall(text) if isinstance(text, str) else text
        self._at = 0
        self.largest = 0.0
        self.has_long_sum = False
        self.size = self._sequence(None, 0)
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
            if self._tokens[self._at] == "\\choose" and depth < _MOST_NESTED:
                self._next()
                return self._seen(_binomial(largest if is_known else None, self._sequence(closing, depth + 1)))
            size = self._term(depth)
            if size is None:
                is_known = False
            else:
                largest = max(largest, size)
        return largest if is_known else None

    def _term(self, depth: int) -> float | None:
        """One number, letter or bracket with its factorials and powers; a sign counts as 1."""
        token = self._tokens[self._at]
        if token in _REPEATED:
            return self._repeated(depth, is_product=self._next().endswith("prod"))
        if not self._is_operand(token):
            self._next()
            return 0.0
        size = self._operand(depth)
        while self._at < len(self._tokens) and self._tokens[self._at] in ("!", "^"):
            if self._next() == "!":
                size = _factorial(size)
            elif self._at < len(self._tokens):
                size = _power(size, self._term(depth + 1) if depth < _MOST_NESTED else inf)
            self._seen(size)
        return size

    @staticmethod
    def _is_operand(token: str) -> bool:
        is_command = len(token) > 2 and token[0] == "\\" and token not in _NEUTRAL
        return token in _OPENING or token.isalpha() or is_command or (token[-1] in "0123456789" and token[0] != "\\")

    def _operand(self, depth: int) -> float | None:
        """A number, letter, bracket or binomial as it stands, without what follows it."""
        if self._at >= len(self._tokens):
            return None
        token = self._next()
        if token in _OPENING:
            return inf if depth >= _MOST_NESTED else self._sequence(_OPENING[token], depth + 1)
        if token in _BINOMIALS:
            return (
                inf
                if depth >= _MOST_NESTED
                else self._seen(_binomial(self._operand(depth + 1), self._operand(depth + 1)))
            )
        if token[-1] in "0123456789" and token[0] != "\\":
            value = float(re.sub(r"[{},]", "", token)[:300])
            return log10(value) if value > 0 else 0.0
        return None

    def _repeated(self, depth: int, *, is_product: bool) -> float | None:
        """A sum or product from its limits on; the terms themselves are read as what follows. It has no size."""
        lower: float | None = None
        upper: float | None = None
        while self._at < len(self._tokens) and self._tokens[self._at] in ("_", "^", *_LIMITS):
            sign, begin = self._next(), self._at
            if sign not in ("_", "^"):
                continue
            size = self._operand(depth)
            limit = self._tokens[begin : self._at]
            if sign == "_" and "=" in limit and _REPEATED.isdisjoint(limit):
                # "{k=1}": the closing bracket does no harm. A sum within a limit is not read twice, since sums within
                # sums would be read twice as often at every level.
                lower = _Estimate(limit[limit.index("=") + 1 :]).size
            elif sign == "^":
                upper = size
        if upper is None:
            return None
        terms = 10.0 ** min(upper, 300.0) - (10.0 ** min(lower, 300.0) if lower else 0.0)
        if is_product:
            self._seen(_factorial(log10(max(1.0, terms))))
        if terms > MOST_TERMS and not self._is_polynomial(self._tokens[self._at :]):
            self.has_long_sum = True
        return None

    @staticmethod
    def _is_polynomial(tokens: Sequence[str]) -> bool:
        powers = ("".join(tokens[at + 1 : at + 4]).strip("{}") for at, sign in enumerate(tokens) if sign == "^")
        return all(power[:1].isdecimal() for power in powers) and all(
            sign == "^" or _POLYNOMIAL.match(sign) for sign in tokens
        )

    def _seen(self, size: float | None) -> float | None:
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


def _binomial(above: float | None, below: float | None) -> float | None:
    """log10 of "n choose k", from log10 of both."""
    if above is None or below is None:
        return None
    if above > 300:
        return inf if below > 300 else float(10.0**below) * above
    number, part = float(10.0**above), float(10.0**below)
    part = min(part, number - part)
    if part <= 0:
        return 0.0
    if number > 1e12:
        # The differences of large logarithms would be all noise; n^k / k! is as good here.
        return max(0.0, part * above - lgamma(part + 1) / log(10))
    return max(0.0, (lgamma(number + 1) - lgamma(part + 1) - lgamma(number - part + 1)) / log(10))


def _power(base: float | None, exponent: float | None) -> float | None:
    if base is None or exponent is None:
        return None
    if base <= 0:
        return base
    return inf if exponent > 300 else base * float(10.0**exponent)
