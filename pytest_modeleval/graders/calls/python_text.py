"""Decodes calls written as Python text, `[f(a=1), g.h(b="x")]`.

The text is parsed, never run: each node of the syntax tree is converted, and a node that is not a literal is refused or
kept as source text. Arithmetic is limited to number literals (upstream evaluates any expression).

Semantics follow bfcl-eval 2025.10.27.1: positional arguments are dropped; a bare name becomes its own text; any unary
operator negates its number; an argument that is a call without keywords, or a subscript, becomes its own source text.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from pytest_modeleval.graders.calls.function_call import Call, NoCallsFound, shown
from pytest_modeleval.graders.calls.native import check_depth

MAX_TEXT_CHARS = 200_000
_STATEMENT = re.compile(r"\[?\s*(?:import|from)\s+\w")
_BACKSLASH = re.compile(r"\\([\s\S])")
_KNOWN_ESCAPES = frozenset("\n\\'\"abfnrtvxuUN01234567")
_RAW_STRING = re.compile(r"\b(?:[rR][bB]?|[bB][rR])['\"]")
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_LARGEST_NUMBER_BITS = 256


def decode_python_text(text: str) -> tuple[Call, ...]:
    """Decode the calls of a reply in the Python form.

    Raises NoCallsFound; cause "text_too_large", "import_statement", "python_expression" (an argument that needs
    evaluation), "arguments_too_deep" or "text_instead_of_call" (anything else that is not a list of calls).
    """
    text = bracketed(text)
    if _STATEMENT.match(text):
        raise NoCallsFound("import_statement", f"the reply is a statement: {shown(text)}")
    return parse_calls(text.strip().strip("'"))


def bracketed(text: str) -> str:
    """Put the reply in square brackets, without back-ticks. A fence with a language name stays and fails later."""
    text = text.strip("`\n ")
    return ("" if text.startswith("[") else "[") + text + ("" if text.endswith("]") else "]")


def parse_calls(text: str) -> tuple[Call, ...]:
    """Parse calls from `[f(a=1), g(b=2)]` or `f(a=1)`. Raises NoCallsFound as `decode_python_text` does."""
    body = _parse(text)
    nodes = [body] if isinstance(body, ast.Call) else getattr(body, "elts", None)
    if nodes is None:
        raise NoCallsFound("text_instead_of_call", f"no list of calls: {shown(text)}")
    return tuple(_call(node) for node in nodes)


def parse_call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return name, positional and keyword arguments of one call with literal arguments. Raises NoCallsFound.

    Used for the ground truth of multi-turn questions, which sometimes passes arguments by position.
    """
    body = _parse(text)
    if not isinstance(body, ast.Call):
        raise NoCallsFound("text_instead_of_call", f"no call: {shown(text)}")
    return (
        _name(body),
        [_value(node) for node in body.args],
        {str(word.arg): _value(word.value) for word in body.keywords},
    )


def _parse(text: str) -> ast.expr:
    if len(text) > MAX_TEXT_CHARS:
        raise NoCallsFound("text_too_large", f"{len(text)} characters; more than {MAX_TEXT_CHARS} are not read")
    text = without_odd_escapes(text)
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        # The parser raises MemoryError for deep nesting and ValueError for null characters.
        raise NoCallsFound(
            "text_instead_of_call", f"no list of calls: {type(error).__name__} in {shown(text)}"
        ) from None


def without_odd_escapes(text: str) -> str:
    """Double the backslash of unknown escapes: same value, without a warning that filters may turn into an error."""
    if "\\" not in text or _RAW_STRING.search(text):
        return text
    return _BACKSLASH.sub(lambda found: found[0] if found[1] in _KNOWN_ESCAPES else "\\" + found[0], text)


def _call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        raise NoCallsFound("text_instead_of_call", f"no call: {_source(node)}")
    try:
        arguments = _keywords(node)
    except RecursionError:
        raise NoCallsFound("arguments_too_deep", f"the arguments of {_name(node)} are nested too deeply") from None
    check_depth(arguments)
    return Call(_name(node), arguments)


def _name(node: ast.Call) -> str:
    parts = []
    place = node.func
    while isinstance(place, ast.Attribute):
        parts.append(place.attr)
        place = place.value
    if not isinstance(place, ast.Name):
        raise NoCallsFound("illegal_name", f"the called object is not a name: {_source(node.func)}")
    return ".".join([place.id, *reversed(parts)])


def _keywords(node: ast.Call) -> dict[Any, Any]:
    # `**rest` has no name; as upstream does, it is stored under None, which makes it an unexpected argument.
    return {word.arg: _value(word.value) for word in node.keywords}


def _value(node: ast.expr | None) -> Any:
    match node:
        case ast.Constant():
            return "..." if node.value is Ellipsis else node.value
        case ast.UnaryOp(operand=ast.Constant(value=int() | float() | complex() as number)):
            return -number
        case ast.List():
            return [_value(part) for part in node.elts]
        case ast.Tuple():
            return tuple(_value(part) for part in node.elts)
        case ast.Dict():
            return _dict(node)
        case ast.Name():
            return node.id
        case ast.BinOp():
            return _arithmetic(node)
        case ast.Call():
            return {_name(node): _keywords(node)} if node.keywords else _source(node)
        case ast.Subscript():
            return f"{_source(node.value)}[{_source(node.slice)}]"
    raise _expression(node)


def _dict(node: ast.Dict) -> dict[Any, Any]:
    try:
        return {_value(key): _value(part) for key, part in zip(node.keys, node.values, strict=True)}
    except TypeError:
        raise _expression(node) from None


def _arithmetic(node: ast.expr) -> int | float:
    match node:
        case ast.Constant(value=int() | float() as number):
            result: int | float = number
        case ast.UnaryOp(op=ast.USub()):
            result = -_arithmetic(node.operand)
        case ast.BinOp(op=kind) if type(kind) in _ARITHMETIC:
            try:
                result = _ARITHMETIC[type(kind)](_arithmetic(node.left), _arithmetic(node.right))
            except (ZeroDivisionError, OverflowError):
                raise _expression(node) from None
        case _:
            raise _expression(node)
    if isinstance(result, int) and result.bit_length() > _LARGEST_NUMBER_BITS:
        raise _expression(node)
    return result


def _expression(node: ast.AST | None) -> NoCallsFound:
    return NoCallsFound("python_expression", f"an argument is an expression, not a literal: {_source(node)}")


def _source(node: ast.AST | None) -> str:
    if node is None:
        return "**"
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError):
        return type(node).__name__
