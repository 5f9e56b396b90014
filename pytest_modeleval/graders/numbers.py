"""Numbers as models write them, read exactly and without sympy. Covers AIME and GSM8K altogether."""

from __future__ import annotations

import re
from fractions import Fraction

# Longer than any number one would write out by hand.
MAX_NUMBER_CHARS = 120
_SCALE = {"dozen": 12, "hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
# Words after a number that are no unit: they change the value or name a second one.
_NO_UNITS = frozenset(
    {"pi", "sqrt", "log", "ln", "exp", "sin", "cos", "tan", "mod", "and", "or", "to", "squared", "cubed", "factorial"}
    | {"plus", "minus", "times", "over", "divided", "half", "halves", "thirds", "quarters"}
)
# Not NFKC, which turns 5² into 52.
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " ", ord("−"): "-", ord("–"): "-"}
_SPACING = re.compile(r"\\[,;:! ]|\\(?:left|right|displaystyle|quad|qquad)(?![A-Za-z])|~")
_WRAPPED = re.compile(r"\\(?:text|textbf|textrm|mathrm|mathbf|mbox|boxed)\s*\{([^{}]*)\}\Z")
_UNIT_TEXT = re.compile(r"\s*\\(?:text|textrm|mathrm|mbox|operatorname)\s*\{([^{}]*)\}\s*(?:\^\s*\{?[23]\}?)?\Z")
_UNIT_WORDS = re.compile(r"\s+((?:[A-Za-z]{2,20}(?:\^?[23]|²|³)?[.,/]?\s*){1,6})\Z")
_ASSIGNED = re.compile(r"[A-Za-z](?:_\{?\w{1,3}\}?)?\s*=\s*(?=[^=])")
_PLAIN = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+"
_NUMBER = re.compile(rf"([+-]?)\s*(?:\\?[$€£¥]\s*)?({_PLAIN})\Z", re.ASCII)
_SLASH = re.compile(rf"([+-]?)\s*(?:(\d+)\s+)?({_PLAIN})\s*/\s*({_PLAIN})\Z", re.ASCII)
_FRAC = re.compile(
    r"([+-]?)\s*(\d*)\s*\\[dt]?frac\s*(?:\{\s*(-?\d+)\s*\}|(\d))\s*(?:\{\s*(-?\d+)\s*\}|(\d))\Z", re.ASCII
)


def parse_number(text: str) -> Fraction | None:
    r"""The exact value of a text that is one number, and None for anything else.

    Read: integers, decimals, thousands commas ("1,234", "1{,}234"; "1,23" is no number), a/b, \frac{a}{b} and mixed
    numbers ("3 1/2", "3\frac{1}{2}"). Passed over: `$ \( \[` and bold around it, a currency sign or "x =" before it,
    a full stop after it, and after it a unit: per cent or degree signs, \text{...}, or up to six words of two or more
    letters. Per cent signs change nothing ("50%" is 50, not 0.5); "million" and its kind multiply.
    Not read: anything with an operator, a second number, a letter beside a digit ("5x"), or an exponent.
    """
    if len(text) > MAX_NUMBER_CHARS:
        return None
    text = bare_latex(text)
    text = _ASSIGNED.sub("", text, count=1) if _ASSIGNED.match(text) else text
    text = text.replace("{,}", ",")
    text, scale = _without_unit(text)
    value = _value(text)
    return value * scale if value is not None and scale else None


def bare_latex(text: str) -> str:
    """The text without what only dresses it: math delimiters, spacing commands, bold, a final full stop."""
    text = _SPACING.sub("", text.translate(_HALF_WIDTH).replace("\\ ", " ")).strip()
    for _ in range(4):
        before = text
        text = text.strip().strip("*`").rstrip(".。").strip()
        for opening, closing in (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$")):
            if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing):
                text = text[len(opening) : -len(closing)].strip()
        wrapped = _WRAPPED.match(text)
        text = wrapped.group(1) if wrapped else text
        if text == before:
            break
    return text


def _without_unit(text: str) -> tuple[str, int]:
    """The text before its unit, and the factor of a word like "million"; factor 0 where words make it no number."""
    scale = 1
    text = re.sub(r"\s*(?:\\?%|\^\s*\{?\s*\\circ\s*\}?|°|\\degree)\Z", "", text)
    found = _UNIT_TEXT.search(text) or _UNIT_WORDS.search(text)
    if found and text[: found.start()].strip():
        words = re.findall(r"[A-Za-z]+", found.group(1).lower())
        if _NO_UNITS.intersection(words):
            return text, 0
        for word in words[:2]:
            scale *= _SCALE.get(word, 1)
        text = text[: found.start()]
    return re.sub(r"\s*\\?[%$€£¥]\Z", "", text).strip(), scale


def _value(text: str) -> Fraction | None:
    if plain := _NUMBER.match(text):
        return _sign(plain.group(1)) * _fraction(plain.group(2))
    if slash := _SLASH.match(text):
        sign, whole = slash.group(1), slash.group(2)
        above, below = _fraction(slash.group(3)), _fraction(slash.group(4))
    elif frac := _FRAC.match(text):
        sign, whole = frac.group(1), frac.group(2)
        above, below = Fraction(frac.group(3) or frac.group(4)), Fraction(frac.group(5) or frac.group(6))
    else:
        return None
    return _sign(sign) * (int(whole or 0) + above / below) if below else None


def _sign(sign: str) -> int:
    return -1 if sign == "-" else 1


def _fraction(digits: str) -> Fraction:
    return Fraction(digits.replace(",", "").rstrip(".") or "0")
