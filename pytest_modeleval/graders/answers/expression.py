r"""Parses a formula into a tree: `2\sqrt{3}`, `x^2 + 2x`, `pi/2`, `\frac{n!}{k!(n-k)!}`.

The input is what notation.normalise_notation returns. Reading is a recursive descent; a number after another number is
an error rather than a product, so that "1 3" and "12 34" are no numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from pytest_modeleval.graders.answers.tokens import (
    CONSTANTS,
    FUNCTIONS,
    GREEK,
    NotAnExpression,
    Token,
    number_of,
    tokenise,
)

MAX_DEPTH = 40
_FUNCTION_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log"}
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
_CLOSING = {"(": ")", "[": "]", "{": "}", "\\lfloor": "\\rfloor", "\\lceil": "\\rceil", "\\{": "\\}"}


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: Fraction
    places: int = 0
    """Digits after the decimal point as written; 0 for whole numbers and repeating decimals."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A letter, with its subscript."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator or function applied to its arguments; a constant has none."""

    name: str
    arguments: tuple[Node, ...] = ()


Node: TypeAlias = Number | Variable | Operation


def parse_expression(text: str) -> Node:
    """Parse a formula. Raises NotAnExpression."""
    tokens = tokenise(text)
    if not tokens:
        raise NotAnExpression("it is empty")
    parser = _Parser(tokens)
    node = parser.parse_whole()
    if parser.token is not None:
        raise NotAnExpression(f"{parser.token[1]!r} is not expected")
    return node


def variables_of(node: Node) -> frozenset[str]:
    """Return the names of the variables in a formula."""
    if isinstance(node, Variable):
        return frozenset({node.name})
    if isinstance(node, Operation):
        return frozenset().union(*(variables_of(argument) for argument in node.arguments))
    return frozenset()


def renamed(node: Node, name: str, other: str) -> Node:
    """Return the formula with another name for a variable."""
    if isinstance(node, Operation):
        return Operation(node.name, tuple(renamed(argument, name, other) for argument in node.arguments))
    return Variable(other) if node == Variable(name) else node


def _literal(text: str) -> Number:
    value, places = number_of(text)
    return Number(value, places)


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._open_bars = 0

    @property
    def token(self) -> Token | None:
        """The token to be read next; None at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def parse_whole(self) -> Node:
        r"""Read a formula; n \choose 2 stands without braces where they enclosed all of it."""
        node = self.parse_sum()
        if self._sees("\\choose"):
            self._next()
            node = Operation("binomial", (node, self.parse_sum()))
        return node

    def parse_sum(self) -> Node:
        """Read terms connected by + and -."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotAnExpression("it is nested too deeply")
        node = self._product()
        while self._sees("+", "-"):
            sign = self._next()[1]
            term = self._product()
            node = Operation("+", (node, term if sign == "+" else Operation("negative", (term,))))
        self._depth -= 1
        return node

    def _product(self) -> Node:
        node = self._signed()
        while True:
            if self._sees("*", "\\cdot", "\\times"):
                self._next()
                node = Operation("*", (node, self._signed()))
            elif self._sees("/"):
                self._next()
                node = Operation("/", (node, self._signed()))
            elif self._starts_factor():
                node = Operation("*", (node, self._power()))
            else:
                return node

    def _signed(self) -> Node:
        if self._sees("-"):
            self._next()
            return Operation("negative", (self._nested(self._signed),))
        if self._sees("+"):
            self._next()
            return self._nested(self._signed)
        return self._power()

    def _power(self) -> Node:
        node = self._postfix(self._operand())
        if self._sees("^", "**"):
            self._next()
            node = self._postfix(Operation("^", (node, self._exponent())))
        return node

    def _exponent(self) -> Node:
        if self._sees("-"):
            self._next()
            return Operation("negative", (self._nested(self._exponent),))
        operand = self._postfix(self._operand())
        if self._sees("^", "**"):
            self._next()
            return Operation("^", (operand, self._nested(self._exponent)))
        return operand

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._sees("!"):
                self._next()
                node = Operation("!", (node,))
            elif self._sees("^") and self._peek(1) in ("\\circ", "{") and self._is_degree():
                node = Operation("degree", (node,))
            elif self._sees("%"):
                self._next()
                node = Operation("/", (node, Number(Fraction(100))))
            else:
                return node

    def _is_degree(self) -> bool:
        r"""Consume a degree sign: ^\\circ or ^{\\circ}."""
        following = [token[1] for token in self._tokens[self._at + 1 : self._at + 4]]
        if following[:1] == ["\\circ"]:
            self._at += 2
            return True
        if following == ["{", "\\circ", "}"]:
            self._at += 4
            return True
        return False

    def _operand(self) -> Node:
        kind, content = self._next()
        if kind == "number":
            return self._after_number(_literal(content))
        if content in _CLOSING:
            return self._bracketed(content)
        if content == "|":
            self._open_bars += 1
            inside = self.parse_sum()
            self._expect("|")
            self._open_bars -= 1
            return Operation("abs", (inside,))
        if kind == "command" or (kind == "word" and content in FUNCTIONS | CONSTANTS.keys()):
            return self._named(content.lstrip("\\"))
        if kind == "word":
            return self._variable(content)
        raise NotAnExpression(f"{content!r} is not expected")

    def _after_number(self, number: Number) -> Node:
        r"""Read a mixed number: 3\\frac{1}{2}, 3 1/2."""
        if number.value.denominator != 1 or number.places:
            return number
        if self._sees("\\frac"):
            start = self._at
            part = self._operand()
            is_plain = isinstance(part, Operation) and all(isinstance(a, Number) for a in part.arguments)
            if is_plain:
                return Operation("+", (number, part))
            self._at = start
        ahead = self._tokens[self._at : self._at + 3]
        if [token[0] for token in ahead] == ["number", "sign", "number"] and ahead[1][1] == "/":
            self._at += 3
            return Operation("+", (number, Operation("/", (_literal(ahead[0][1]), _literal(ahead[2][1])))))
        return number

    def _bracketed(self, opening: str) -> Node:
        inside = self.parse_whole() if opening == "{" else self.parse_sum()
        self._expect(_CLOSING[opening])
        rounding = {"\\lfloor": "floor", "\\lceil": "ceiling"}.get(opening)
        return Operation(rounding, (inside,)) if rounding else inside

    def _named(self, name: str) -> Node:
        if name in CONSTANTS:
            return Operation(CONSTANTS[name])
        if name == "frac":
            return Operation("/", (self._argument(), self._argument()))
        if name == "binom":
            return Operation("binomial", (self._argument(), self._argument()))
        if name == "sqrt":
            return self._root()
        if name in FUNCTIONS:
            return self._function(_FUNCTION_NAMES.get(name, name))
        if name in GREEK:
            return self._variable(name)
        raise NotAnExpression(f"\\{name} is not known")

    def _root(self) -> Node:
        if self._sees("["):
            self._next()
            degree = self.parse_sum()
            self._expect("]")
            return Operation("^", (self._argument(), Operation("/", (Number(Fraction(1)), degree))))
        return Operation("sqrt", (self._argument(is_whole=True),))

    def _argument(self, *, is_whole: bool = False) -> Node:
        r"""Read the argument of a command: in braces, or one token. Of digits one, as LaTeX does, unless is_whole."""
        token = self.token
        if token is not None and token[0] == "number" and not is_whole and len(token[1]) > 1:
            if not token[1].isdecimal():
                raise NotAnExpression(f"{token[1]!r} is not an argument")
            self._tokens[self._at] = ("number", token[1][1:])
            return Number(Fraction(int(token[1][0])))
        if token is not None and token[0] == "number":
            return _literal(self._next()[1])
        return self._nested(self._operand)

    def _function(self, name: str) -> Node:
        base: Node | None = None
        power: Node | None = None
        while self._sees("_", "^"):
            if self._next()[1] == "_":
                base = self._argument(is_whole=True)
            else:
                power = self._nested(self._exponent)
        if power == Operation("negative", (Number(Fraction(1)),)) and name in _INVERSE:
            name, power = _INVERSE[name], None
        argument = self._function_argument()
        if base is not None:
            if name != "log":
                raise NotAnExpression(f"{name} has no base")
            node = Operation("/", (Operation("ln", (argument,)), Operation("ln", (base,))))
        else:
            node = Operation(name, (argument,))
        return node if power is None else Operation("^", (node, power))

    def _function_argument(self) -> Node:
        r"""Read a bracket, or the factors up to the next operator: \\sin 2x."""
        if self._sees("(", "{", "["):
            return self._postfix(self._nested(self._operand))
        node = self._nested(self._signed)
        while (
            self._starts_factor() and (self.token or ("", ""))[1].lstrip("\\") not in FUNCTIONS and not self._sees("(")
        ):
            node = Operation("*", (node, self._power()))
        return node

    def _variable(self, name: str) -> Node:
        while self._sees("'"):
            self._next()
            name += "'"
        if self._sees("_"):
            self._next()
            start = self._at
            self._argument(is_whole=True)
            inside = "".join(content for _, content in self._tokens[start : self._at])
            name += "_" + inside.strip("{}")
        return Variable(name)

    def _starts_factor(self) -> bool:
        token = self.token
        if token is None or token[0] == "number":
            return False
        kind, content = token
        if content == "|":
            return not self._open_bars
        if kind == "command":
            name = content[1:]
            return (
                name in CONSTANTS or name in FUNCTIONS or name in GREEK or name in ("frac", "binom", "lfloor", "lceil")
            )
        return kind == "word" or content in ("(", "{", "[")

    def _nested(self, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotAnExpression("it is nested too deeply")
        node = read()
        self._depth -= 1
        return node

    def _sees(self, *contents: str) -> bool:
        return self.token is not None and self.token[1] in contents

    def _peek(self, ahead: int) -> str:
        at = self._at + ahead
        return self._tokens[at][1] if at < len(self._tokens) else ""

    def _next(self) -> Token:
        if self.token is None:
            raise NotAnExpression("it ends early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, content: str) -> None:
        if not self._sees(content):
            raise NotAnExpression(f"{content!r} is missing")
        self._next()
