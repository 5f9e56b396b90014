"""Writes docs/api.md from the docstrings of the public names: `python ci/make_api_page.py`.

Without writing: `python ci/make_api_page.py --check`, exit status 1 if the page is not current.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"
# Module -> (heading, names in the order of the page).
SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "pytest_modeleval": (
        "Declaring a benchmark",
        (
            "benchmark", "Subset", "Breakdown", "Advice", "Sample", "Image", "Request", "Response", "ToolCall", "Usage",
            "Grade", "Kind", "Model",
        ),
    ),
    "pytest_modeleval.child_runs.call": (
        "From Python",
        ("evaluate", "evaluate_async", "start_evaluation"),
    ),
    "pytest_modeleval.training.callback": ("During a training", ("ModelEvalCallback",)),
    "pytest_modeleval.datasets": (
        "Rows",
        ("local", "huggingface", "modelscope", "pypi", "inline", "first_of", "Row", "LazyFields"),
    ),
    "pytest_modeleval.prompts": ("Prompts", ("user", "choice_prompt", "qa_prompt", "boxed_prompt")),
    "pytest_modeleval.graders": (
        "Graders",
        (
            "grade_choice", "grade_exact", "grade_contains", "grade_math", "grade_anls", "grade_relaxed",
            "extract_choice",
        ),
    ),
    "pytest_modeleval.graders.calls": ("Function calls", ("grade_tool_calls", "grade_text_calls", "Wanted")),
    "pytest_modeleval.graders.code.grader": ("Programs", ("code_grader",)),
    "pytest_modeleval.metrics": ("Aggregates", ("macro", "micro", "weighted")),
}  # fmt: skip
# Module -> where its names are imported from, if elsewhere.
IMPORTED_FROM = dict.fromkeys(
    ("pytest_modeleval.child_runs.call", "pytest_modeleval.training.callback"), "pytest_modeleval"
)
HEAD = """# API reference

The names that a benchmark page and a program use, from their docstrings. [Writing a benchmark](writing-a-benchmark.md)
and [from Python](python.md) show them at work. Made
by `python ci/make_api_page.py`; edit the docstrings, not this page.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for module_name, (heading, names) in SECTIONS.items():
        module = importlib.import_module(module_name)
        parts.append(f"## {heading}\n\n`from {IMPORTED_FROM.get(module_name, module_name)} import ...`\n")
        for name in names:
            parts += _entry(name, getattr(module, name), level=3)
    return "\n".join(parts)


def _entry(name: str, value: object, *, level: int) -> Iterator[str]:
    yield f"{'#' * level} {name}\n"
    signature = _signature(name, value)
    if signature:
        yield f"```python\n{signature}\n```\n"
    yield _text(value) + "\n"
    if inspect.isclass(value) and not issubclass(value, enum.Enum):
        methods = list(_methods(value))
        if methods:
            yield "\n".join(methods) + "\n"
    elif inspect.isclass(value):
        yield ", ".join(f"`{member.value}`" for member in value) + "\n"


def _signature(name: str, value: object) -> str:
    if inspect.isclass(value) and (issubclass(value, enum.Enum) or getattr(value, "_is_protocol", False)):
        return ""
    assert callable(value)
    shown = inspect.signature(value)
    if inspect.isclass(value):
        shown = shown.replace(return_annotation=inspect.Signature.empty)
    parts = [_parameter(parameter) for parameter in shown.parameters.values()]
    kinds = [parameter.kind for parameter in shown.parameters.values()]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parts.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    returns = (
        ""
        if shown.return_annotation is inspect.Signature.empty
        else f" -> {_short(inspect.formatannotation(shown.return_annotation))}"
    )
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) <= 100:
        return line
    body = "".join(f"    {part},\n" for part in parts)
    return f"{name}(\n{body}){returns}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{stars}{parameter.name}"
    if parameter.annotation is not inspect.Parameter.empty:
        text += f": {inspect.formatannotation(parameter.annotation)}"
    if parameter.default is not inspect.Parameter.empty:
        default = parameter.default
        text += f" = {json.dumps(default)}" if isinstance(default, str) else f" = {default!r}"
    return _short(text)


def _short(text: str) -> str:
    """Without module names, quotes around annotations, and addresses of default factories."""
    text = re.sub(r"<factory>|<[^<>]* at 0x[0-9a-f]+>", "...", text)
    return re.sub(r"\b(?:pytest_modeleval|collections|typing)(?:\.\w+)*\.(?=\w)", "", text).replace("'", "")


def _methods(kind: type) -> Iterator[str]:
    fields = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    for name, value in vars(kind).items():
        if name.startswith("_") or name in fields:
            continue
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not inspect.isfunction(function) or not function.__doc__:
            continue
        names = [str(one) for one in inspect.signature(function).parameters if one not in ("self", "cls")]
        call = f"`{name}`" if isinstance(value, property) else f"`{name}({', '.join(names)})`"
        yield f"- {call}: {' '.join(inspect.cleandoc(function.__doc__).split())}"


def _text(value: object) -> str:
    """The docstring as Markdown: code stays indented, text keeps its paragraphs."""
    lines: list[str] = []
    in_item = False
    for line in inspect.cleandoc(value.__doc__ or "").split("\n"):
        # A line that begins with the names of fields or parameters becomes an item of a list.
        found = re.match(r"((?:\w+|\{\w+\})(?:, \w+)*): ", line)
        if found:
            lines.append(f"- **{found[1]}**: {line[found.end() :]}")
        elif in_item and line.startswith("Raises"):
            lines += ["", line]
        else:
            lines.append(f"  {line}" if in_item and line else line)
        in_item = bool(found) or (in_item and bool(line) and not line.startswith("Raises"))
    return "\n".join(lines)


def main() -> int:
    """Write or check the page."""
    text = page()
    if "--check" in sys.argv[1:]:
        is_current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        print("docs/api.md is current" if is_current else "docs/api.md is not current: run python ci/make_api_page.py")
        return 0 if is_current else 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
