"""BFCL's official classes, made anew for every conversation, and the checks of bfcl-eval 2025.10.27.1 over them.

Part of the process of the simulated APIs (simulation_child): standard library only.

Many conversations share a process, one after the other and side by side, and none may see what another did. The
official code keeps some state outside of its objects (it writes into a module's constant, and sets the precision of
decimal and mpmath), so its modules are run again for every conversation, and what it sets elsewhere is put back.
tests/bfcl/test_bfcl_simulation.py lists what that is, and fails where the code of a version reaches for more.
"""

from __future__ import annotations

import contextvars
import copy
import importlib
import importlib.abc
import importlib.machinery
import inspect
import json
import os
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .official_modules import MODULES, PACKAGE

STATELESS = ("MathAPI",)
# Upstream refuses these names before it evaluates a call; the text reaches the model, so it is kept.
REFUSED = ("kill", "exit", "quit", "remove", "unlink", "popen", "Popen", "run")
T = TypeVar("T")


class OfficialCode(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The official modules, read and compiled once, to be run as often as there are conversations."""

    def __init__(self, folder: Path) -> None:
        self._codes: dict[str, types.CodeType] = {}
        for path in sorted((folder / PACKAGE.replace(".", "/")).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            self._codes[f"{PACKAGE}.{path.stem}"] = compile(text, str(path), "exec", dont_inherit=True)
        # The packages above have no files of their own.
        parts = PACKAGE.split(".")
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            module = types.ModuleType(name)
            module.__path__ = []
            sys.modules[name] = module
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(fullname, self) if fullname in self._codes else None

    def exec_module(self, module: types.ModuleType) -> None:
        exec(self._codes[module.__name__], vars(module))  # noqa: S102 - the pinned wheel's, as an import would

    def classes(self, names: Sequence[str]) -> dict[str, type]:
        """Classes from modules of their own. Raises KeyError or ImportError for one that is not there."""
        for name in self._codes:
            sys.modules.pop(name, None)
        return {name: getattr(importlib.import_module(f"{PACKAGE}.{MODULES[name]}"), name) for name in names}


class GlobalState:
    """What the official code sets outside of its own modules, kept apart for one conversation."""

    def __init__(self) -> None:
        # The context of decimal lives in a context variable.
        self._variables = contextvars.Context()
        self._precision = _START_PRECISION

    def run(self, work: Callable[[], T]) -> T:
        """What work returns; it finds what the same conversation left, and leaves nothing to others."""
        numbers = sys.modules.get("mpmath")
        if numbers is None:
            return self._variables.run(work)
        numbers.mp.prec = self._precision
        try:
            return self._variables.run(work)
        finally:
            self._precision = numbers.mp.prec
            numbers.mp.prec = _START_PRECISION


# Bits; what mpmath starts with.
_START_PRECISION = 53


class Instances:
    """Fresh instances of the classes of one question. opened: see simulation_child, and whether others are here too."""

    def __init__(self, classes: dict[str, type], opened: dict[str, Any]) -> None:
        self._is_shared = opened["is_shared"]
        self.by_class: dict[str, Any] = {}
        self.methods: dict[str, Any] = {}
        for name, kind in classes.items():
            instance = kind()
            if name.startswith("MemoryAPI"):
                _restore(instance, opened["config"].get(name, {}))
            elif name not in STATELESS:
                config = copy.deepcopy(opened["config"].get(name, {}))
                instance._load_scenario(config, long_context=opened["long_context"])
            self.by_class[name] = instance
            self.methods.update((method, getattr(instance, method)) for method in public_methods(name, kind))

    def call(self, name: str, positional: list[Any], keywords: dict[str, Any]) -> str:
        """The result as text, also of a call that fails."""
        try:
            if name in REFUSED:
                raise PermissionError(f"Function call {name} is not allowed.")
            if name not in self.methods:
                raise NameError(f"name {name!r} is not defined")
            return _as_text(self.methods[name](*positional, **keywords))
        except Exception as error:  # noqa: BLE001 - whatever a simulated API raises is its answer to the model
            if self._is_shared and isinstance(error, MemoryError):
                # Others hold memory here: what a conversation can have must not depend on them.
                os._exit(1)
            return f"Error during execution: {error}"


# By name: the classes are made again and again, their methods stay the same.
_METHODS: dict[str, tuple[str, ...]] = {}


def public_methods(name: str, kind: type) -> tuple[str, ...]:
    """The names that may be called: methods, neither private nor static. Found once per class."""
    if name not in _METHODS:
        named = [(method, inspect.getattr_static(kind, method)) for method in dir(kind) if not method.startswith("_")]
        _METHODS[name] = tuple(method for method, found in named if isinstance(found, types.FunctionType | classmethod))
    return _METHODS[name]


def _as_text(result: Any) -> str:
    if isinstance(result, str):
        return result
    if type(result) is dict:
        try:
            return json.dumps(result)
        except (TypeError, ValueError):
            return str(result)
    return str(result)


def _restore(instance: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        store = getattr(instance, name)
        if hasattr(store, "load_from_snapshot"):
            store.load_from_snapshot(value)
        else:
            setattr(instance, name, copy.deepcopy(value))


def memory_of(live: Instances) -> dict[str, Any]:
    """What the only class, a memory, shows at the start of a conversation, and its whole content."""
    (instance,) = live.by_class.values()
    state = {name: _kept(value) for name, value in vars(instance).items() if name.endswith("memory")}
    return {"text": instance._dump_core_memory_to_context(), "state": state}


def _kept(memory: Any) -> Any:
    return memory.export() if hasattr(memory, "export") else memory


def check(classes: dict[str, type], opened: dict[str, Any], turns: list[Any], truth: list[Any]) -> dict[str, Any]:
    """Replay the model's calls and the true ones on fresh instances, turn by turn, and compare."""
    model, true = Instances(classes, opened), Instances(classes, opened)
    results: list[str] = []
    for turn, (steps, wanted) in enumerate(zip(turns, truth, strict=True)):
        results += [model.call(name, [], keywords) for step in steps for name, keywords in step]
        expected = [true.call(*call) for call in wanted]
        if not wanted:
            # Nothing can be done in this turn; what the model did shows in the state of the next one.
            continue
        if not any(steps):
            return _lost("empty_turn", turn, "no call was made where calls are needed")
        if found := _state_difference(model, true):
            return _lost("wrong_state", turn, found)
        missing = _missing_result(results, expected)
        if missing is not None:
            return _lost("wrong_response", turn, f"a needed result never came: {missing[:200]}")
    return {"cause": "", "turn": -1, "explanation": ""}


def _state_difference(model: Instances, true: Instances) -> str:
    """The first difference between the instances of a class; "" if there is none."""
    for name, instance in true.by_class.items():
        found = _difference(model.by_class[name], instance)
        if found:
            return f"{name}: {found}"
    return ""


def _missing_result(results: list[str], expected: list[str]) -> str | None:
    """The first expected result that is not among the results, each of which counts once."""
    rest = list(results)
    for result in expected:
        if result not in rest:
            return result
        rest.remove(result)
    return None


def _lost(cause: str, turn: int, explanation: str) -> dict[str, Any]:
    return {"cause": cause, "turn": turn, "explanation": explanation}


def _difference(model: Any, true: Any) -> str:
    for name, value in vars(true).items():
        if not name.startswith("_") and getattr(model, name) != value:
            return f"{name} is {str(getattr(model, name))[:150]}, expected {str(value)[:150]}"
    return ""
