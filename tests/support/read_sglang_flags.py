"""Reads from sglang wheels which flags and parsers their server knows, without importing them.

    python tests/support/read_sglang_flags.py sglang-*.whl > tests/server/sglang_flags.json

(`pip download --no-deps sglang==VERSION` fetches a wheel.) Releases up to about 0.5.1x call add_argument for each flag;
later ones derive it from annotated fields in srt/arg_groups/fields. Both are read from the syntax tree.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

SERVER_ARGS = "sglang/srt/server_args.py"
FIELDS = "sglang/srt/arg_groups/fields/"
PARSERS = {
    "tool_call_parsers": ("sglang/srt/function_call/function_call_parser.py", "ToolCallParserEnum"),
    "reasoning_parsers": ("sglang/srt/parser/reasoning_parser.py", "DetectorMap"),
}


def flags_of(wheel: Path) -> dict[str, object]:
    """version, flags (without dashes), tool_call_parsers and reasoning_parsers of one wheel, sorted."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        flags = set(_added(ast.parse(archive.read(SERVER_ARGS))))
        for name in names:
            if name.startswith(FIELDS) and name.endswith(".py"):
                flags.update(_annotated(ast.parse(archive.read(name))))
        found: dict[str, object] = {"version": wheel.name.split("-")[1], "flags": sorted(flags)}
        for key, (path, variable) in PARSERS.items():
            found[key] = sorted(_keys(ast.parse(archive.read(path)), variable))
    return found


def _added(tree: ast.AST) -> Iterator[str]:
    """Flags given to add_argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            for argument in node.args:
                if isinstance(argument, ast.Constant) and str(argument.value).startswith("--"):
                    yield str(argument.value).removeprefix("--")


def _annotated(tree: ast.AST) -> Iterator[str]:
    """Flags of fields `name: A[type, "help"]` or `A[type, Arg(...)]`, with their cli_name and aliases."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        if not (isinstance(node.annotation, ast.Subscript) and ast.unparse(node.annotation.value) == "A"):
            continue
        text = ast.unparse(node.annotation)
        if "no_cli=True" in text or re.search(r"\bDerived\(", text):
            continue
        named = re.search(r"cli_name='--([\w-]+)'", text)
        yield named[1] if named else node.target.id.replace("_", "-")
        aliases = re.search(r"aliases=\[([^\]]*)\]", text)
        yield from re.findall(r"'--([\w-]+)'", aliases[1]) if aliases else ()


def _keys(tree: ast.AST, variable: str) -> Iterator[str]:
    """The literal keys of the dictionary that is assigned to `variable`."""
    for node in ast.walk(tree):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        is_wanted = any(isinstance(target, ast.Name) and target.id == variable for target in targets)
        value = getattr(node, "value", None)
        if is_wanted and isinstance(value, ast.Dict):
            yield from (str(key.value) for key in value.keys if isinstance(key, ast.Constant))


if __name__ == "__main__":
    found = [json.dumps(flags_of(Path(name))) for name in sys.argv[1:]]
    print("[\n" + ",\n".join(found) + "\n]")
