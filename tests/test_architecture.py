"""The map of docs/architecture.md and the code say the same, and an unused plugin loads next to nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pytest_modeleval"
OURS = PACKAGE.name
# Of an unused plugin; docs/architecture.md, "What is loaded when".
LIGHT = {OURS, f"{OURS}.plugin", f"{OURS}.options", f"{OURS}.hookspecs"}
HEAVY = (
    "httpx",
    "httptools",
    "scipy",
    "numpy",
    "sympy",
    "datasets",
    "jinja2",
    "orjson",
    "huggingface_hub",
    "modelscope",
)
# Who may know pytest is decided here; that the map says the same is tested.
KNOW_PYTEST = {
    "plugin",
    "hookspecs",
    "options",
    "collection",
    "pytest_plugin",
    "fast_path",
    "distributed",
    "registration",
    "pytest_private",
}
# The nouns may be named in the map before somebody needs them.
EVERYWHERE = {"records", "errors"}
PARTS_OF_PYTEST = {"pytest", "_pytest", "xdist", "pluggy", "pytest_html"}


def read_map() -> dict[str, set[str]]:
    """Room -> what it may import, in the order of the table."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("<!-- map: begin -->")[2].partition("<!-- map: end -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows}


def modules() -> Iterator[tuple[str, Path]]:
    """(room, file) of every module of the package."""
    for file in sorted(PACKAGE.rglob("*.py")):
        inside = file.relative_to(PACKAGE)
        if inside.parts[0] != "shipped_benchmarks":
            yield inside.with_suffix("").parts[0], file


def imported(source: str, *, package: str) -> set[str]:
    """Full names of everything that a module imports anywhere in its text. package: the one it stands in."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from pytest_modeleval import options` imports a room; `from pytest_modeleval.options import X` too.
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


def rooms_of(names: set[str]) -> set[str]:
    """Rooms among imported names; "pytest" for all that belongs to it, "benchmarks" for the shipped pages."""
    found = set()
    for name in names:
        first, *rest = name.split(".")
        if first == OURS:
            found.add(rest[0] if rest and is_room(rest[0]) else "__init__")
        elif first in PARTS_OF_PYTEST:
            found.add("pytest")
        elif first == "benchmarks":
            found.add(first)
    return found


def is_room(name: str) -> bool:
    """True for a folder or module of the package."""
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def used() -> dict[str, dict[str, list[str]]]:
    """Room -> room it imports -> the modules that do."""
    found: dict[str, dict[str, list[str]]] = {}
    for room, file in modules():
        inside = found.setdefault(room, {})
        package = ".".join((OURS, *file.relative_to(PACKAGE).parts[:-1]))
        for other in rooms_of(imported(file.read_text(encoding="utf-8"), package=package)) - {room}:
            inside.setdefault(other, []).append(str(file.relative_to(ROOT)))
    return found


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("import pytest_modeleval.gates.judgement", {"gates"}),
        ("from pytest_modeleval import options, benchmark", {"options", "__init__"}),
        ("def f():\n    from pytest_modeleval.store.journal import JournalReader", {"store"}),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pytest_modeleval.server import guard",
            {"server"},
        ),
        ("from ..client import body", {"client"}),
        ("from . import own", {"metrics"}),
        ("import xdist.scheduler\nfrom _pytest.main import Session", {"pytest"}),
        ("import benchmarks.wiring.rows", {"benchmarks"}),
        ("import json\nfrom datasets import load_dataset", set()),
    ],
)
def test_imports_are_seen_wherever_they_stand(source: str, rooms: set[str]) -> None:
    """The reader that the other tests rely on finds each form of an import, and nothing else."""
    assert rooms_of(imported(source, package=f"{OURS}.metrics")) == rooms


def test_every_room_is_on_the_map() -> None:
    """The map names all rooms that exist, and no others."""
    assert sorted(read_map()) == sorted({room for room, _ in modules()})


def test_the_map_runs_one_way() -> None:
    """A room may import only what stands above it, so there is no circle."""
    above: set[str] = {"pytest"}
    for room, allowed in read_map().items():
        assert allowed <= above, f"{room} may import {sorted(allowed - above)}, which do not stand above it"
        above.add(room)


def test_no_room_imports_what_the_map_forbids() -> None:
    """Every import between rooms is in the row of the one that imports."""
    allowed = read_map()
    wrong = [
        f"{room} may not import {other}: {', '.join(where)}"
        for room, others in used().items()
        for other, where in others.items()
        if other not in allowed.get(room, set())
    ]
    assert not wrong, "\n".join(wrong)


def test_the_map_allows_nothing_that_nobody_needs() -> None:
    """A direction that is allowed and not used is taken off the map, before somebody uses it by accident."""
    really = used()
    spare = {
        room: sorted(others)
        for room, allowed in read_map().items()
        if (others := allowed - EVERYWHERE - really.get(room, {}).keys())
    }
    assert not spare


def test_few_rooms_know_pytest() -> None:
    """What asks, grades, counts and writes works without pytest; the map says who does not."""
    assert {room for room, others in used().items() if "pytest" in others} == KNOW_PYTEST
    assert {room for room, allowed in read_map().items() if "pytest" in allowed} == KNOW_PYTEST


def test_the_command_needs_no_pytest() -> None:
    """`modeleval compare` and `modeleval merge`, up to their mistakes of the user, load no module of pytest."""
    for arguments in (["compare", "a", "b"], ["merge", "a", "--into", "b"], ["noise", "a"]):
        code = (
            f"import sys; from {OURS}.cli import main; status = main({arguments}); "
            "print(status, *(name for name in ('pytest', '_pytest', 'pluggy', 'xdist') if name in sys.modules))"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        assert answer.stdout.split() == ["4"], arguments


def test_an_unused_plugin_loads_next_to_nothing() -> None:
    """In a fresh interpreter, importing the plugin loads four small modules of ours and no large package."""
    code = f"import sys, pytest; import {OURS}.plugin; print('\\n'.join(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(answer.stdout.split())
    assert {name for name in loaded if name.partition(".")[0] == OURS} == LIGHT
    assert loaded.isdisjoint(HEAVY)
