"""Finds the value in its surroundings: "approximately", a sentence, a remark in brackets, the letter of an option."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_modeleval.graders.answers.notation import without_text_commands

_HEDGE = re.compile(
    r"\s*(?:[A-Za-z]:(?=\s)|=|\\approx(?![A-Za-z])|\\boxed|approximately|approx\.?|about|around|roughly|circa|ca\."
    r"|(?:exactly|only|just|etwa|ungefähr|rund|environ|aproximadamente|unos|около|примерно)\b|khoảng|약"
    r"|大约|大約|约为|约|約|等于|是|为|一共|总共|共有|共计|共|人民币|\.\.\.|→|\\(?:to|rightarrow|Rightarrow|implies)(?![A-Za-z]))\s*:?\s*",
    re.IGNORECASE,
)
_TEXT_HEDGE = re.compile(
    r"\s*\\text\s*\{\s*(?:approximately|approx\.?|about|around|roughly|约|大约)\s*\}", re.IGNORECASE
)
_MODULUS = re.compile(r"\s*(?:\\pmod\s*\{[^{}]*\}|\(?\s*\\?b?mod(?:ulo)?\s*\{?\s*\d+\s*\}?\s*\)?)\Z")
_REMARK = re.compile(r"\s*\((?=[^()]*[A-Za-z]{2})[^()]*\)\Z|\s*\\text\s*\{\s*\([^{}]*\)\s*\}\Z")
_LABEL = re.compile(
    r"\s*(?:\\text\s*\{\s*\(?([A-J])[).]?\s*\}|\(([A-J])\)|([A-J])[).])(?:\s+(?=-?[\w\\$.({])|(?=[\w\\$.({]))"
)
_AFTER_VALUE = re.compile(r"\s+(?:or so|approx\.?|approximately)\s*\Z")
# The point (3, 4), P(3, 4).
_BEFORE_BRACKETS = re.compile(
    r"\s*(?:(?:the\s+)?(?:points?|(?:ordered )?pairs?|coordinates|vert(?:ex|ices)|cent(?:er|re)|vector|interval)\s*)?"
    r"(?:(?-i:[A-Z])\s*)?(?<=\S)\s*(?=(?:\(|\[|\\langle).*[,;])",
    re.IGNORECASE,
)
# Words before a value: \text{Total: } 18, n: 18.
_INTRODUCTION = re.compile(r"\s*(?:\\text\s*\{[^{}\d]*\}\s*(?=\S)|[A-Za-z]:\s+(?=\S))")
_STATEMENT = re.compile(
    r".{1,200}?\b(?:is|are|was|were|be|equals|equal to|costs?|makes|totals?|得|为|是|等于)\b\s*:?\s*(?=\S)",
    re.IGNORECASE,
)
_STATEMENT_ZH = re.compile(r"[^\d\\]{1,80}(?:为|是|等于|有|共|得)\s*:?\s*(?=[-\d\\$¥])")
_DENIAL = re.compile(
    r"\b(?:nicht|kein\w*|weniger|mehr|höchstens|mindestens|pas|non|sans|moins|plus|menos|más|sin|не|нет|меньше|больше|минус"
    r"|least|most|under|over|above|below|beyond|nearly|almost|exceed\w*|within|up|not|no|never|less|more|fewer|greater|than|minus|plus|times|half|twice|double|triple|between|from|or"
    r"|per ?cent|dozen|hundred|thousand|million|billion|trillion|unknown"
    r"|wrong|incorrect|false|negative|factorial|hal(?:f|ves)|thirds?|quarters?|fifths?|tenths?|hundredths?"
    r"|\w+n['’]t|squared|cubed|mod|divided)\b|[=<>^+*/]|\\(?!text)|[不非没未少多超过低于至以半倍]|ない",
    re.IGNORECASE,
)
_IS_DENIED = re.compile(
    r"\b(?:not|never|no|wrong|incorrect|false|nicht|kein\w*|pas|не|нет)\b|n['’]t\b|[不非没未]|ない", re.IGNORECASE
)
_REASON = re.compile(r"(?<=\w)\s+(?:because|since|due to|thanks to)\b.*\Z", re.IGNORECASE | re.DOTALL)
_ONE_NUMBER = re.compile(r"(?<![\w.,])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\d,]*\d)")


def candidates(text: str) -> Iterator[str]:
    """Yield the text, and then the text without more and more of what may surround the value."""
    text = _without_hedge(text)
    wrapped = re.fullmatch(r"\\text\s*\{([^{}]*)\}", text)
    yield wrapped[1].strip() if wrapped is not None else text
    yield _without_modulus(text)
    yield from _without_surroundings(text)
    plain = without_text_commands(text)
    yield from _after_statements(plain)
    numbers = _ONE_NUMBER.findall(plain)
    if len(numbers) == 1 and " " in plain and not _DENIAL.search(plain) and re.search(r"[A-Za-z]{2}", plain):
        yield numbers[0]


def statements(text: str) -> Iterator[str]:
    """Yield what follows "the answer is" and its kind, where that is words."""
    yield from _after_statements(without_text_commands(_without_hedge(text)).strip())


def _without_surroundings(text: str) -> Iterator[str]:
    """Yield the text without its label, its introduction, the reason after it or a remark, where it has one."""
    label = _LABEL.match(text)
    if label is not None:
        yield _without_hedge(text[label.end() :])
    introduction = _INTRODUCTION.match(text)
    if introduction is not None and not _DENIAL.search(introduction[0].replace("\\text", "")):
        yield _without_hedge(text[introduction.end() :])
    plain = without_text_commands(text)
    noun = _BEFORE_BRACKETS.match(plain)
    if noun is not None:
        yield plain[noun.end() :].strip()
    reason = _REASON.search(text)
    if reason is not None:
        yield _without_hedge(text[: reason.start()])
    remark = _REMARK.search(text)
    if remark is not None and remark.start() > 0:
        yield text[: remark.start()]


def _after_statements(plain: str) -> Iterator[str]:
    """Yield what follows "the answer is" and its kind, with and without a remark behind it."""
    statement = _STATEMENT.match(plain) or _STATEMENT_ZH.match(plain)
    rest = plain
    while statement is not None:
        # Every round is shorter than the one before.
        rest = _without_hedge(rest[statement.end() :])
        if not _IS_DENIED.search(plain):
            yield rest
            yield _REMARK.sub("", rest)
        statement = _STATEMENT.match(rest)


def _without_hedge(text: str) -> str:
    """Remove "approximately" and its kind before a value, and a full stop after it."""
    before = None
    while before != text:
        before = text
        text = _TEXT_HEDGE.sub("", text, count=1) if _TEXT_HEDGE.match(text) else text
        text = _AFTER_VALUE.sub("", text)
        hedge = _HEDGE.match(text)
        if hedge is not None and text[hedge.end() :]:
            text = text[hedge.end() :]
        text = text.strip().strip("*").rstrip(".,;").strip()
        if text.startswith('"') and text.endswith('"') and len(text) > 2:
            text = text[1:-1]
    return text


def _without_modulus(text: str) -> str:
    """Remove "(mod 1000)" after a residue. In "18 mod 5" mod is an operation: 18 is no residue of 5."""
    modulus = _MODULUS.search(text)
    if modulus is None:
        return text
    value, divisor = text[: modulus.start()].strip(), re.sub(r"\D", "", modulus[0])
    is_residue = not (value.isdecimal() and divisor) or int(value) < int(divisor)
    return value if is_residue else text


def option_label(text: str) -> str:
    r"""Return the letter of the option that stands before the value: B in \textbf{(B)}\ 58; "" if there is none."""
    label = _LABEL.match(text)
    return next(filter(None, label.groups())) if label is not None else ""
