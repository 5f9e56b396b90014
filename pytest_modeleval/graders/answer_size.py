"""A cheap guard against answers that symbolic algebra would spend its whole time limit on, such as 9^{9^{9^9}}.

It recognises the shapes that occur in replies, not every expensive one: the process that runs the algebra is limited in
time and memory as well.
"""

from __future__ import annotations

import re

# Powers of powers of powers of numbers; exponents and factorials of numbers with many digits.
_TOWER = re.compile(r"[0-9][)}]*(?:\^[{( ]*[0-9]+[)}]*){3}")
_LARGE_EXPONENT = re.compile(r"[0-9][)}]*\^[{(\-+ ]*[0-9]{7}")
_LARGE_FACTORIAL = re.compile(r"[0-9]{5}[)}]*!|[0-9][)}]*!!|\^[{( ]*[0-9]+[)} ]*!")
_LARGE_BINOMIAL = re.compile(r"binom\s*\{?[0-9]{6}|[0-9]{6}\}?\s*\\choose")
_LONG_SUM = re.compile(r"\\(?:sum|prod)[^^]{0,40}\^\{?(?:[0-9]{4}|[0-9]+\^)")


def is_too_large(text: str) -> bool:
    """True if a number in the text is too large to be worked out, or a sum too long to be added up."""
    text = text.replace("\\left", "").replace("\\right", "").replace(",", "").replace("{}", "")
    shapes = (_TOWER, _LARGE_EXPONENT, _LARGE_FACTORIAL, _LARGE_BINOMIAL, _LONG_SUM)
    return any(shape.search(text) for shape in shapes)
