"""The style of an answer, by what readers and judges are known to be moved by: length and Markdown. Pure."""

from __future__ import annotations

import re

# The features of Arena-Hard's style control.
FEATURES = ("length", "headers", "bold", "lists")

_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_PATTERNS = {
    "headers": re.compile(r"^[ \t]{0,3}#{1,6}[ \t]", re.MULTILINE),
    "bold": re.compile(r"\*\*[^*\n]{1,1000}\*\*|__[^_\n]{1,1000}__"),
    "lists": re.compile(r"^[ \t]{0,40}(?:[-*+]|[0-9]{1,9}[.)])[ \t]", re.MULTILINE),
}
# A word, a number, a sign, a letter of a script without blanks: what most tokenizers make one token of, or few.
_TOKEN = re.compile(r"[^\W\d_]{1,12}|\d{1,3}|[^\w\s]|_")


def style_of(text: str) -> dict[str, float]:
    """Each of FEATURES as a count: tokens, and headers, bold passages and list items outside of code blocks.

    Tokens are counted by a rule of our own, the same for every model; only the differences between answers are used.
    """
    prose = _CODE.sub("", text)
    counts = {name: float(len(pattern.findall(prose))) for name, pattern in _PATTERNS.items()}
    return {"length": float(len(_TOKEN.findall(text))), **counts}


def style_difference(first: str, second: str) -> dict[str, float]:
    """Each feature of the first answer less that of the second, divided by their sum: from -1 to 1.

    Headers, bold and lists are taken per token, as in Arena-Hard, so that they differ from the length.
    """
    one, other = (_densities(style_of(text)) for text in (first, second))
    return {name: (one[name] - other[name]) / ((one[name] + other[name]) or 1.0) for name in FEATURES}


def _densities(counts: dict[str, float]) -> dict[str, float]:
    length = counts["length"]
    return {name: value if name == "length" else value / (length + 1.0) for name, value in counts.items()}
