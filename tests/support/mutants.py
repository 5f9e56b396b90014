"""Small programs of Python made wrong on purpose: an early return, another operator, another constant."""

from __future__ import annotations

import ast
from typing import Any

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def early_return(source: str, function: str) -> str:
    """The function gives None at once."""
    tree = ast.parse(source)
    _function(tree, function).body.insert(0, ast.Return(ast.Constant(None)))
    return ast.unparse(ast.fix_missing_locations(tree))


def other_operator(source: str, function: str) -> str | None:
    """The first operator of the function is another one; None if it has none."""
    tree = ast.parse(source)
    for node in ast.walk(_function(tree, function)):
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in _SWAPS:
            other: Any = _SWAPS[type(node.op)]()
            node.op = other
            return ast.unparse(ast.fix_missing_locations(tree))
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
            swapped: Any = _SWAPS[type(node.ops[0])]()
            node.ops[0] = swapped
            return ast.unparse(ast.fix_missing_locations(tree))
    return None


def other_constant(source: str, function: str) -> str | None:
    """The last number of the function is greater by one; None if it has none."""
    tree = ast.parse(source)
    found = [
        node
        for node in ast.walk(_function(tree, function))
        if isinstance(node, ast.Constant) and type(node.value) in (int, float)
    ]
    if not found:
        return None
    last: Any = found[-1]
    last.value += 1
    return ast.unparse(ast.fix_missing_locations(tree))


def _function(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
