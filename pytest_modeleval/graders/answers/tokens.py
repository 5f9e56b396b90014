r"""Splits a formula into tokens: numbers, commands, words and signs; and reads number tokens."""

from __future__ import annotations

import re
from fractions import Fraction

MAX_EXPONENT_DIGITS = 5
_NUMBER = (
    r"\d*\.\d*\\overline\s*\{\d+\}|\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d{1,3}(?: \d{3})+(?! ?\d)(?:\.\d+)?"
    r"|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4}(?![\d.^A-Za-z]))?"
)
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})|(?P<command>\\[A-Za-z]+|\\[{{}}|])|(?P<word>[A-Za-z]+)|(?P<sign>\*\*|\S))"
)
CONSTANTS = {
    "pi": "pi",
    "infty": "infinity",
    "infinity": "infinity",
    "inf": "infinity",
    "oo": "infinity",
    "e": "e",
    "i": "i",
}
FUNCTIONS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "arcsin",
        "arccos",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "ln",
        "log",
        "lg",
        "exp",
        "sqrt",
        "abs",
        "asin",
        "acos",
        "atan",
    ]
)
GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "rho",
        "sigma",
        "tau",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Sigma",
        "Phi",
        "Psi",
        "Omega",
        "ell",
    ]
)
_MAX_PRODUCT_LETTERS = 3
# "The sum" is prose, although short words alone are read as products of letters.
_TWO_WORDS = re.compile(r"(?<![A-Za-z\\])([A-Za-z]{2,})(?= +([A-Za-z]{2,}))")

Token = tuple[str, str]
"""Kind (number, command, word or sign) and text."""


class NotAnExpression(Exception):
    """The text is not a formula of this grammar."""


def tokenise(text: str) -> list[Token]:
    """Split a formula. Raises NotAnExpression for a word that is neither a function nor a product of letters."""
    for first, second in _TWO_WORDS.findall(text):
        if not {first, second} & (FUNCTIONS | CONSTANTS.keys()):
            raise NotAnExpression(f"{first!r} and {second!r} are words")
    tokens: list[Token] = []
    for found in _TOKEN.finditer(text.rstrip()):
        kind = found.lastgroup or ""
        content = found[kind]
        if kind == "word":
            tokens += _split_word(content)
        else:
            tokens.append((kind, content))
    return tokens


def _split_word(word: str) -> list[Token]:
    """Read a run of letters as a function, a constant, or a product of a few letters."""
    if word in FUNCTIONS or word in CONSTANTS:
        return [("word", word)]
    for name in sorted((*FUNCTIONS, "pi"), key=len, reverse=True):
        # "xsin", "pir": a known name within a product of letters.
        at = word.find(name)
        if at >= 0 and len(word) - len(name) <= 2 and len(name) >= 2:
            return [*_letters(word[:at]), ("word", name), *_letters(word[at + len(name) :])]
    if len(word) > _MAX_PRODUCT_LETTERS:
        raise NotAnExpression(f"{word!r} is a word")
    return _letters(word)


def _letters(word: str) -> list[Token]:
    return [("word", letter) for letter in word]


def number_of(text: str) -> tuple[Fraction, int]:
    """Return the value of a number token and the decimal places that it is written with. Raises NotAnExpression."""
    repeating = re.fullmatch(r"(\d*)\.(\d*)\\overline\s*\{(\d+)\}", text)
    if repeating:
        whole, fixed, period = repeating.groups()
        shift = 10 ** len(fixed)
        value = Fraction(int((whole or "0") + fixed), shift)
        return value + Fraction(int(period), shift * (10 ** len(period) - 1)), 0
    digits = text.replace(",", "").replace(" ", "").lower()
    mantissa, _, exponent = digits.partition("e")
    if len(exponent.lstrip("+-")) > MAX_EXPONENT_DIGITS:
        raise NotAnExpression("the exponent is too long")
    value = Fraction(mantissa.rstrip(".") or "0")
    if exponent:
        value *= Fraction(10) ** int(exponent)
    return value, 0 if exponent else len(mantissa.partition(".")[2])
