"""Reads a final answer as a typed value. docs/answers.md holds the grammar.

A text may have several readings: "100,200" is one number or two, "5 m" a product or a length. Two answers are equal if
any of their readings are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from pytest_modeleval.graders.answers.expression import (
    Node,
    Number,
    Variable,
    parse_expression,
    variables_of,
)
from pytest_modeleval.graders.answers.named_sets import INFINITY, MINUS_INFINITY, read_named_set
from pytest_modeleval.graders.answers.notation import canonical_text, normalise_notation, without_text_commands
from pytest_modeleval.graders.answers.quantities import read_compound, read_words
from pytest_modeleval.graders.answers.splitting import closing_position, split_at, split_items, split_signs
from pytest_modeleval.graders.answers.statement import candidates, option_label, statements
from pytest_modeleval.graders.answers.tokens import NotAnExpression, number_of
from pytest_modeleval.graders.answers.units import split_unit
from pytest_modeleval.graders.answers.values import (
    ClockTime,
    Collection,
    Formula,
    Interval,
    Matrix,
    Named,
    Numeral,
    Percent,
    Ratio,
    Relation,
    Text,
    Tuple,
    Value,
)

_HOUR = re.compile(
    r"(\d{1,2})(:\d{2}(?::\d{2})?)?\s*(?:\\text\s*\{)?\s*"
    r"(o'clock|in the morning|in the afternoon|in the evening|noon|[ap]\.?m\.?)"
    r"\s*\}?\Z",
    re.IGNORECASE,
)
_NAMED_TIMES = {
    "noon": ClockTime(12 * 3600, "pm"),
    "midday": ClockTime(12 * 3600, "pm"),
    "midnight": ClockTime(12 * 3600, "am"),
}
_DAYTIMES = {"o": "", "in the m": "am", "in the a": "pm", "in the e": "pm", "n": "pm", "a": "am", "p": "pm"}
_PLAIN_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?\Z")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(?:\\text\s*\{)?\s*([ap])?\.?\s*(m)?\.?\s*\}?\Z", re.IGNORECASE)
_NUMERAL = re.compile(r"(-?[0-9A-F]+(?:\.[0-9A-F]+)?)\s*_\s*\{?\s*(\d{1,2})\s*\}?\Z")
_MATRIX = re.compile(
    r"[\[(]?\s*\\begin\s*\{([pbB]?matrix|smallmatrix|array)\}(?:\s*\{[lcr| ]*\})?(.*)"
    r"\\end\s*\{\1\}\s*[\])]?\Z",
    re.DOTALL,
)
_REMOVED_POINT = re.compile(
    r"(?:\\mathbb\s*\{?R\}?|\\R|\(-\\infty\s*,\s*\\infty\s*\))\s*(?:\\setminus|\\backslash|-)\s*\\\{([^{},]+)\\\}\Z"
)
_CASES = re.compile(r"\\begin\s*\{cases\}([^&]*)\\end\s*\{cases\}\Z", re.DOTALL)
_SET_BUILDER = re.compile(
    r"\\\{\s*[A-Za-z]\s*(?:\\in\s*(?:\\mathbb\s*\{?\s*R\s*\}?|R)\s*)?[|:]\s*(?P<condition>.*[<>=\\].*)\\\}\Z", re.DOTALL
)
_TRANSPOSED = re.compile(r"(?<=[)\]])\s*\^\s*\{?\s*(?:T|\\top|\\intercal)\s*\}?\Z")
_PLUS_MINUS = re.compile(r"\\(?:pm|mp)(?![A-Za-z])")


def read_answer(text: str) -> tuple[Value, ...]:
    """Return the values that a text in normalised notation may stand for, the most likely one first; at least one."""
    if _PLAIN_NUMBER.match(text):
        value, places = number_of(text)
        return (Formula(Number(value, places)),)
    found: list[Value] = []
    for candidate in candidates(text):
        found += [value for value in _read_both_ways(candidate) if value not in found]
        if found:
            break
    exact = text.partition("\\approx")[0].strip()
    if exact and exact != text:
        # In 2\\pi \\approx 6.28 the exact value stands first.
        found += [value for value in _read_both_ways(exact) if value not in found]
    if not found:
        found += [Text(canonical_text(stated)) for stated in statements(text)]
    label = option_label(text)
    if label:
        found.append(Text(label))
    found.append(Text(canonical_text(text)))
    return tuple(found)


def is_readable(text: str) -> bool:
    """True if the text is of a kind other than Text."""
    return not isinstance(read_answer(normalise_notation(text))[0], Text)


def has_foreign_command(text: str) -> bool:
    r"""True if a text in normalised notation is beyond the grammar: it holds \int, \lim or \begin{cases}."""
    text = re.sub(r"\\text\s*\{[^{}]*\}", "", text)
    return (
        re.search(
            r"\\(?:int|iint|oint|sum|prod|lim|begin|det|gcd|max|min|vec|mathbf|partial|mod|bmod|pmod)(?![a-z])", text
        )
        is not None
    )


def _read_both_ways(text: str) -> list[Value]:
    """Read commas between groups of three digits as thousands, and then as separators."""
    found: list[Value] = []
    # A part such as 000 is no value of a list.
    has_groups = re.search(r"\d,\d{3}(?!\d)", text) is not None and not re.search(r",0\d\d(?!\d)", text)
    for keeps_groups in (True, False) if has_groups else (True,):
        try:
            found += _read_value(text, keeps_groups, 0)
        except NotAnExpression:
            continue
    return found


def _read_value(text: str, keeps_groups: bool, depth: int) -> list[Value]:
    """Return all readings of a text. Raises NotAnExpression if there is none."""
    text = text.strip()
    if not text or depth > 6:
        raise NotAnExpression("it is empty or nested too deeply")
    simple = _read_token(text)
    if simple is not None:
        return simple
    removed = _REMOVED_POINT.match(text)
    if removed is not None:
        return [_all_but(parse_expression(removed[1]))]
    matrix = _MATRIX.match(text)
    if matrix is not None:
        return [_read_matrix(matrix[2], keeps_groups, depth)]
    cases = _CASES.match(text)
    if cases is not None:
        rows = [row for row in cases[1].split("\\\\") if row.strip()]
        return [Collection(_read_items(rows, keeps_groups, depth))]
    builder = _SET_BUILDER.match(text)
    if builder is not None:
        return _read_value(builder["condition"], keeps_groups, depth + 1)
    parts = split_items(text, keeps_groups)
    if len(parts) > 1:
        return [Collection(_read_items(parts, keeps_groups, depth))]
    union = split_at(text, re.compile(r"\\cup(?![A-Za-z])|(?<=[)\]])\s*U\s*(?=[(\[])"))
    if len(union) > 1:
        return [Collection(_read_items(union, keeps_groups, depth), is_set=True)]
    if split_signs(text)[1]:
        return [_read_relation(text, keeps_groups, depth)]
    text = _TRANSPOSED.sub("", text)
    bracketed = _read_bracketed(text, keeps_groups, depth)
    if bracketed is not None:
        return bracketed
    return _read_formula(text)


def _read_token(text: str) -> list[Value] | None:
    clock = _CLOCK.match(_HOUR.sub(_spell_hour, text))
    if clock is not None and bool(clock[4]) == bool(clock[5]):
        hours, minutes, seconds = (int(part or 0) for part in clock.group(1, 2, 3))
        time = ClockTime(3600 * hours + 60 * minutes + seconds, (clock[4] + "m").lower() if clock[4] else "")
        ratio = Ratio((Number(Fraction(hours)), Number(Fraction(minutes))))
        return [time] if clock[3] or clock[4] else [time, ratio]
    numeral = _NUMERAL.match(text)
    if numeral is not None:
        return [Numeral(numeral[1].lstrip("0") or "0", int(numeral[2]))]
    if text.lower() in _NAMED_TIMES:
        return [_NAMED_TIMES[text.lower()]]
    if (named := read_named_set(text)) is not None:
        return [named]
    return list(read_compound(without_text_commands(text).strip()) or read_words(text)) or None


def _spell_hour(found: re.Match[str]) -> str:
    """Write "8 o'clock" and "8 in the morning" as 8:00 and 8:00 am."""
    said = found[3].lower()
    daytime = next(meridiem for start, meridiem in _DAYTIMES.items() if said.startswith(start))
    return f"{found[1]}{found[2] or ':00'} {daytime}".strip()


def _read_matrix(body: str, keeps_groups: bool, depth: int) -> Matrix:
    rows = [
        _read_items(row.split("&"), keeps_groups, depth)
        for row in re.split(r"\\\\(?:\s*\[[^\]]*\])?|\\hline", body)
        if row.strip()
    ]
    if not rows or len({len(row) for row in rows}) != 1:
        raise NotAnExpression("the rows of the matrix differ in length")
    return Matrix(tuple(rows))


def _read_bracketed(text: str, keeps_groups: bool, depth: int) -> list[Value] | None:
    """Read tuples, intervals and sets; None if the text is none of them."""
    for opening, closing in (("\\{", "\\}"), ("\\langle", "\\rangle"), ("{", "}")):
        if text.startswith(opening) and text.endswith(closing):
            parts = split_items(text[len(opening) : -len(closing)], keeps_groups)
            if opening == "{" and (len(parts) < 2 or closing_position(text) != len(text) - 1):
                return None
            items = _read_items(parts, keeps_groups, depth)
            return [Tuple(items) if opening == "\\langle" else Collection(items, is_set=True)]
    is_enclosed = text[0] in "([" and text[-1] in ")]" and closing_position(text) == len(text) - 1
    parts = split_items(text[1:-1], keeps_groups, only_commas=True) if is_enclosed else []
    return _read_tuple(text, _read_items(parts, keeps_groups, depth)) if len(parts) > 1 else None


def _read_tuple(text: str, items: tuple[Value, ...]) -> list[Value]:
    """Return what brackets around values may mean: (1, 2) a pair or an interval, [1, 2] an interval or a vector."""
    readings: list[Value] = [Tuple(items)] if text[0] + text[-1] in ("()", "[]") else []
    if len(items) == 2 and isinstance(items[0], Formula) and isinstance(items[1], Formula):
        interval = Interval(items[0].node, items[1].node, text[0] == "[", text[-1] == "]")
        readings.insert(len(readings) if text[0] == "(" else 0, interval)
    return readings


def _read_items(parts: Sequence[str], keeps_groups: bool, depth: int) -> tuple[Value, ...]:
    return tuple(_read_value(part, keeps_groups, depth + 1)[0] for part in parts)


def _read_relation(text: str, keeps_groups: bool, depth: int) -> Value:
    sides, signs = split_signs(text)
    if len(signs) > 4 or not all(sides):
        raise NotAnExpression("a side of the relation is missing")
    if set(signs) == {"="} or signs == ["in"]:
        return _read_equation(sides, signs, keeps_groups, depth)
    nodes = [parse_expression(side) for side in sides]
    if any(sign.startswith(">") for sign in signs):
        if any(sign.startswith("<") for sign in signs):
            raise NotAnExpression("the relation points both ways")
        nodes.reverse()
        signs = [sign.replace(">", "<") for sign in reversed(signs)]
    if signs == ["!="]:
        return _as_two_intervals(nodes) or Relation(tuple(nodes), tuple(signs))
    return _as_interval(nodes, signs) or Relation(tuple(nodes), tuple(signs))


def _read_equation(sides: Sequence[str], signs: Sequence[str], keeps_groups: bool, depth: int) -> Value:
    r"""Read x = 5 and x \in [1, 2] as named values, every other equation as a relation."""
    name = _name_of(sides[0])
    if len(sides) == 2 and name:
        readings = _read_value(sides[1], keeps_groups, depth + 1)
        # In x = 18 cm a known unit of several letters is more likely than a product of variables.
        return Named(name, next((value for value in readings if _has_known_unit(value)), readings[0]))
    if len(sides) == 2 and (turned := _name_of(sides[1])) and not variables_of(parse_expression(sides[0])):
        return Named(turned, _read_value(sides[0], keeps_groups, depth + 1)[0])
    # The last side is the result of a calculation; the sides before it may hold words.
    result = _read_value(sides[-1], keeps_groups, depth + 1)[0]
    try:
        return Relation(tuple(parse_expression(side) for side in sides), tuple(signs))
    except NotAnExpression:
        return Named(canonical_text("=".join(sides[:-1])), result)


def _has_known_unit(value: Value) -> bool:
    return isinstance(value, Formula) and value.unit is not None and bool(value.unit.dimension and value.unit.text[1:])


def _as_two_intervals(nodes: Sequence[Node]) -> Value | None:
    """Turn x != a into x in one of two intervals; None for every other relation."""
    first, second = nodes
    unknown, end = (first, second) if isinstance(first, Variable) else (second, first)
    if not isinstance(unknown, Variable) or variables_of(end):
        return None
    return Named(unknown.name, _all_but(end))


def _all_but(end: Node) -> Value:
    below, above = Interval(MINUS_INFINITY, end, False, False), Interval(end, INFINITY, False, False)
    return Collection((below, above), is_set=True)


def _as_interval(nodes: Sequence[Node], signs: Sequence[str]) -> Value | None:
    """Turn a < x <= b and x > a into x in an interval; None for every other relation."""
    unknown = next((node for node in nodes if isinstance(node, Variable)), None)
    if unknown is None or not set(signs) <= {"<", "<="}:
        return None
    before, after = list(nodes[: nodes.index(unknown)]), list(nodes[nodes.index(unknown) + 1 :])
    if len(before) > 1 or len(after) > 1 or any(variables_of(node) for node in before + after):
        return None
    low = before[0] if before else MINUS_INFINITY
    high = after[0] if after else INFINITY
    return Named(
        unknown.name,
        Interval(low, high, bool(before) and signs[0] == "<=", bool(after) and signs[-1] == "<="),
    )


def _name_of(text: str) -> str:
    r"""Return the name that an assignment gives a value to: x, x_1, f(x), \theta, \text{Area}; "" for anything else."""
    plain = canonical_text(text)
    if re.fullmatch(r"\\?[A-Za-z]+'*(?:_\{?\w{1,4}\}?)?(?:\([\w,\\]{1,10}\))?|[^\W\d]+(?:\s[^\W\d]+){0,5}", plain):
        # a_n and a_{n} are one name.
        return re.sub(r"[{}\\]", "", plain)
    return ""


def _read_formula(text: str) -> list[Value]:
    """Read numbers and algebra, with a unit or without, and per cent."""
    percent = re.fullmatch(r"(.+?)\s*(?:%|\\text\s*\{\s*(?:%|per ?cent)\s*\}|per ?cent)", text, re.IGNORECASE)
    if percent is not None:
        return [Percent(parse_expression(percent[1]))]
    if ":" in text:
        return [Ratio(tuple(parse_expression(part) for part in text.split(":", 5)))]
    if _PLUS_MINUS.search(text):
        return [Collection(tuple(_read_formula(sign_text)[0] for sign_text in _both_signs(text)))]
    readings: list[Value] = []
    attempts: tuple[Callable[[], list[Value]], ...] = (
        lambda: [Formula(parse_expression(text))],
        lambda: _read_quantity(text),
    )
    is_unit_first = "\\circ" in text
    for attempt in reversed(attempts) if is_unit_first else attempts:
        try:
            readings += attempt()
        except NotAnExpression:
            continue
    if not readings:
        raise NotAnExpression(text[:80])
    return readings


def _read_quantity(text: str) -> list[Value]:
    found = split_unit(re.sub(r"(?<=\d)k\Z", " thousand", text))
    if found is None:
        raise NotAnExpression("it has no unit")
    rest, unit = found
    if not re.search(r"\d|\\pi|\\frac|\\sqrt|\A[-+]?[A-Za-z]\Z", rest):
        raise NotAnExpression("it has no number before its unit")
    try:
        node = parse_expression(rest)
    except NotAnExpression:
        inner = split_unit(rest)
        if inner is None:
            raise
        node = parse_expression(inner[0])
    return [Formula(node, unit)]


def _both_signs(text: str) -> tuple[str, str]:
    upper = re.sub(r"\\pm(?![A-Za-z])", "+", re.sub(r"\\mp(?![A-Za-z])", "-", text))
    lower = re.sub(r"\\pm(?![A-Za-z])", "-", re.sub(r"\\mp(?![A-Za-z])", "+", text))
    return upper, lower
