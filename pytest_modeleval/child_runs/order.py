"""The arguments of `evaluate` become a command line of pytest, and the environment of its process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_modeleval._support.shipped_folder import shipped_folder

Text = str | os.PathLike[str]

# What steers the caller's own pytest is none of the run's business.
_NOT_PASSED = (
    *("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_CURRENT_TEST"),
    *("PYTEST_XDIST_WORKER", "PYTEST_XDIST_TESTRUNUID"),
)
CALLER_VARIABLE, PROGRESS_VARIABLE = "MODELEVAL_CALLER", "MODELEVAL_PROGRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What `evaluate` was asked for; its docstring describes the fields."""

    model: str
    select: str | Sequence[str]
    subsets: Sequence[str] | Mapping[str, Sequence[str]] | None
    params: Mapping[str, Any] | None
    options: Mapping[str, Any] | None
    url: str | Sequence[str] | None
    judge_url: str | Sequence[str] | None
    project: Text | None
    paths: Mapping[str, Text | None]
    """Option -> file or folder, of those that name one."""
    plain: Mapping[str, Any]
    """Option -> value, of all others; None is not given."""
    args: Sequence[str]
    caller: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str | None] = field(default_factory=dict)


def command_of(order: Order) -> list[str]:
    """The arguments of pytest. Raises ValueError for subsets without the name of their benchmark."""
    project = [] if order.project is not None else _without_project()
    options = [f"--model={order.model}", *_options(order), *map(str, order.args)]
    return [*project, "--color=no", *options, *_selection(order)]


def folder_of(order: Order) -> Path:
    """The folder that pytest is started in."""
    return Path(order.project).resolve() if order.project is not None else Path.cwd()


def environment_of(order: Order) -> dict[str, str]:
    """The variables of the caller, without those of its own pytest; a value of None in `env` removes one."""
    found = passed_environment({"program": "pytest_modeleval.evaluate", **order.caller})
    if order.project is None:
        found["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name, value in order.env.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def passed_environment(caller: Mapping[str, Any]) -> dict[str, str]:
    """The variables of this process that a run is given, and its caller: the name as "program", and more facts."""
    found = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED}
    facts = {"script": _script(), "pid": os.getpid(), **caller}
    return found | {PROGRESS_VARIABLE: "json", CALLER_VARIABLE: json.dumps(facts), "PYTHONUNBUFFERED": "1"}


def _script() -> str:
    return sys.argv[0] if sys.argv and sys.argv[0] else "python"


def _without_project() -> list[str]:
    """No ini file, no conftest.py, no plugin but ours and xdist; models.toml of the current folder holds."""
    # Plugins by the names of their entry points: xdist is looked for under its own.
    plugins = ["-p", "modeleval", "-p", "xdist", "-p", "no:cacheprovider"]
    return ["-c", os.devnull, f"--rootdir={Path.cwd()}", "--noconftest", *plugins]


def _options(order: Order) -> Iterator[str]:
    for flag, value in order.plain.items():
        if value is True:
            yield flag
        elif value is not None and value is not False:
            yield f"{flag}={value}"
    # A relative path is one of the caller's current folder, wherever pytest is started.
    yield from (
        f"{flag}={Path(path).expanduser().absolute()}" for flag, path in order.paths.items() if path is not None
    )
    yield from (f"--model-url={url}" for url in _several(order.url))
    yield from (f"--judge-url={url}" for url in _several(order.judge_url))
    yield from (f"--eval-param={name}={json.dumps(value)}" for name, value in (order.params or {}).items())
    yield from (f"--eval-option={name}={_option_text(value)}" for name, value in (order.options or {}).items())
    yield from (f"--eval-subset={name}={','.join(chosen)}" for name, chosen in _subsets(order).items())


def _several(given: str | Sequence[str] | None) -> Iterable[str]:
    return (given,) if isinstance(given, str) else given or ()


def _option_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _subsets(order: Order) -> Mapping[str, Sequence[str]]:
    if order.subsets is None or isinstance(order.subsets, Mapping):
        return order.subsets or {}
    names = _names(order.select)
    if len(names) != 1 or not names[0].isidentifier():
        raise ValueError(
            f"subsets: expected the name of one benchmark in select, found {order.select!r}; "
            'write subsets={"aime25": ["AIME2025-I"]}'
        )
    return {names[0]: [order.subsets] if isinstance(order.subsets, str) else order.subsets}


def _names(select: str | Sequence[str]) -> list[str]:
    return [select.strip()] if isinstance(select, str) else [name.strip() for name in select]


def _selection(order: Order) -> list[str]:
    """Exactly the shipped benchmarks that are named; otherwise an expression of -k."""
    names = [name for name in _names(order.select) if name]
    pages = _shipped_pages() if order.project is None else {}
    if names and all(name in pages for name in names):
        return [pages[name] for name in names]
    shipped = [] if order.project is not None else [str(shipped_folder())]
    expression = f"({') or ('.join(names)})" if len(names) > 1 else "".join(names)
    return [*([f"-k={expression}"] if expression else []), *shipped]


def _shipped_pages() -> dict[str, str]:
    """Benchmark -> its function, as an argument of pytest."""
    folder = shipped_folder()
    try:
        entries = json.loads((folder / "index.json").read_bytes())
    except OSError:
        return {}
    return {entry["benchmark"]: f"{folder / entry['page']}::{entry['function']}" for entry in entries}
