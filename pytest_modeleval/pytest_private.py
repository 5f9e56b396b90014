"""Every private name of pytest and pluggy that this package uses, each with the versions it was seen in and a fallback.

Private means: not in the reference of pytest 8.4 to 9.2 or pluggy 1.5 to 1.6, however long it has existed. No other
module may use such a name; tests/test_pytest_private.py checks that, and checks each fallback.

| name | seen in | without it |
|---|---|---|
| `Function._initrequest`, `._request` | pytest 3.0 to 9.2 | items are made by pytest, one by one, and set up by it |
| `Node._id`, `id.child`, `id.with_params` | pytest 9.2 | ids are texts, as before 9.2 |
| `Node._nodeid`, `._store`, `._report_sections` | pytest 7.0 to 9.2 | items are made by pytest, one by one |
| `Function._fixtureinfo` | pytest 3.0 to 9.2 | no fixture is filled in ahead; the fast path is off |
| `Session._setupstate` | pytest 7.0 to 9.2 | the fast path is off; no session fixture is resolved before the items |
| `Session._fixturemanager.getfixturedefs` | pytest 8.1 to 9.2 | no session fixture is resolved before the items |
| `CallInfo(_ispytest=)` | pytest 6.2 to 9.2 | `CallInfo.from_call` |
| `Node._repr_failure_py` | pytest 5.4 to 9.2 | slower reports of lost servers |
| `_pytest.config.findpaths.determine_setup` | pytest 3.3 to 9.2 | a moved root folder is not noticed |
| `PluginManager._inner_hookexec` is `_multicall` | pluggy 1.5 to 1.6 | reports are passed on by the hook |
| `TerminalReporter._tests_ran`, `._add_stats` | pytest 8.4 to 9.2 | the terminal calls a hook for each report |
| `TerminalReporter._progress_nodeids_reported` | pytest 8.4 to 9.2 | as `_tests_ran` |
| `TerminalReporter._current_logreport` | pytest 8.4 to 9.2 | as `_tests_ran` |
| `TerminalReporter.currentfspath` | pytest 2.0 to 9.2 | names of files of samples are printed |
| `TerminalReporter._show_progress_info` | pytest 3.3 to 9.2 | `[100%]` stands alone on a line after samples |
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import pytest

ItemT = TypeVar("ItemT", bound=pytest.Function)
Phase = Literal["setup", "call", "teardown"]
# Exceptions that end the run instead of the phase in which they are raised.
RERAISED = (pytest.exit.Exception, KeyboardInterrupt)


class LazyFunction(pytest.Function):
    """A test function that makes its keywords and its request when they are first needed.

    `ItemTemplate` leaves both out. Where pytest made the item, both are there already.
    """

    @cached_property
    def keywords(self) -> Any:  # type: ignore[override] # pytest has a plain attribute
        """The keywords as pytest makes them with the item."""
        assert self.parent is not None
        kind: Any = type(self.parent.keywords)
        made = kind(self)
        made.update((mark.name, mark) for mark in self.own_markers)
        made.update(self.obj.__dict__)
        return made

    @property
    def function(self) -> Any:
        """The test function. pytest looks for the function behind a method here; `obj` is never a method."""
        return self.obj

    @cached_property
    def _request(self) -> Any:  # type: ignore[override] # as keywords
        # `_initrequest` empties the arguments that were filled in before.
        filled = self.funcargs
        self._initrequest()
        self.funcargs = filled
        return self.__dict__["_request"]

    @property
    def request(self) -> Any:
        """The object behind the fixture `request`."""
        return self._request

    def short_failure(self, error: BaseException) -> str | None:
        """One line that replaces the traceback of a failed phase; None to keep the traceback."""
        return None

    def _repr_failure_py(self, excinfo: Any, style: Any = None) -> Any:
        # Called for a failed setup instead of `repr_failure`; a traceback costs up to a tenth of a second.
        line = self.short_failure(excinfo.value)
        return line if line is not None else super()._repr_failure_py(excinfo, style)


class FixtureNames:
    """The fixtures of a test function. Items of one function share `key`."""

    def __init__(self, item: pytest.Function) -> None:
        info: Any = getattr(item, "_fixtureinfo", None)
        self.is_known = info is not None
        self.arguments: tuple[str, ...] = tuple(info.argnames) if info is not None else ()
        """The fixtures that the function itself asks for."""
        self.closure: frozenset[str] = frozenset(info.names_closure) if info is not None else frozenset()
        """All fixtures that are set up for it, those used automatically included."""
        self._definitions: dict[str, Any] = info.name2fixturedefs if info is not None else {}

    def is_overridden(self, name: str) -> bool:
        """True if a project or plugin defines a fixture of this name in addition to ours."""
        return len(self._definitions.get(name, ())) > 1

    @staticmethod
    def key(item: pytest.Function) -> int:
        """Equal for items of one function; 0 where that is not known."""
        info = getattr(item, "_fixtureinfo", None)
        return id(info) if info is not None else 0


def make_like(probe: pytest.Function, kind: type[ItemT], *, name: str, sample: str) -> ItemT:
    """An item of the probe's function by pytest's own way, as parametrized with `sample`."""
    item: ItemT = kind.from_parent(
        probe.parent,
        name=f"{name}[{sample}]",
        callobj=probe.obj,
        fixtureinfo=getattr(probe, "_fixtureinfo", None),
        originalname=name,
    )
    parent: Any = item.parent
    if hasattr(item, "_id") and hasattr(parent, "id"):
        # pytest 9.2 keeps ids in parts and compares them so, which --lf depends on; without a call specification it
        # would take "test_x[sample]" for the function's name. Older versions compare texts.
        item._id = parent.id.child(name).with_params(sample)
    return item


# The attributes of an item that are its own; the last two are made when they are first asked for.
_OWN = frozenset({"name", "own_markers", "extra_keyword_matches", "stash", "_report_sections", "user_properties"}) | {
    "funcargs",
    "keywords",
    "_request",
}
# Where pytest keeps the id (9.2 in parts, before as a text), and another name of the stash.
_IDS = ("_id", "_nodeid")
_OLD_STASH = "_store"
_EMPTY = ("extra_keyword_matches", "_report_sections", "user_properties", "funcargs")


class ItemTemplate(Generic[ItemT]):
    """Makes the items of one function at a quarter of the cost of `Function.from_parent`.

    `from_parent` works out for every item what all items of a function share: marks, keywords, fixtures. Shared
    attributes are copied from a template item here, and only the per-item ones are created. Where pytest's items hold
    anything unknown, they are made by pytest.
    """

    def __init__(self, kind: type[ItemT], function_name: str, make: Callable[[str], ItemT]) -> None:
        """make(sample): a new item by pytest's own way; sample: the part of its id in brackets."""
        self._kind = kind
        self._make = make
        self._function_name = function_name
        one, two = state(make("1")), state(make("2"))
        self._shared = [(name, value) for name, value in one.items() if name in two and two[name] is value]
        own = one.keys() - dict(self._shared).keys()
        self.is_known = (
            one.keys() == two.keys()
            and own - {*_IDS, _OLD_STASH} == _OWN
            and len(own & set(_IDS)) == 1
            and not any(one[name] for name in _EMPTY)
            and isinstance(one["own_markers"], list)
            and not len(one["stash"])
            and one.get(_OLD_STASH, one["stash"]) is one["stash"]
        )
        self._marks: list[pytest.Mark] = list(one["own_markers"])
        self._has_old_stash = _OLD_STASH in one
        self._id_before = ""
        self._parent_id: Any = None
        if not self.is_known:
            return
        parent = one["parent"]
        if "_id" in one:
            self._parent_id = parent.id.child(function_name)
        else:
            self._id_before = f"{parent.nodeid}::"

    def make_item(self, sample: str) -> ItemT:
        """A new item. sample: the part of its id in brackets."""
        if not self.is_known:
            return self._make(sample)
        item: Any = object.__new__(self._kind)
        for name, value in self._shared:
            setattr(item, name, value)
        item.name = name = f"{self._function_name}[{sample}]"
        if self._parent_id is not None:
            item._id = self._parent_id.with_params(sample)
        else:
            item._nodeid = self._id_before + name
        item.own_markers = self._marks.copy()
        item.extra_keyword_matches = set()
        item._report_sections = []
        item.user_properties = []
        item.funcargs = {}
        item.stash = stash = pytest.Stash()
        if self._has_old_stash:
            item._store = stash
        made: ItemT = item
        return made


def state(item: pytest.Item) -> dict[str, Any]:
    """All attributes that the item holds itself, in slots or not."""
    slots = [name for kind in type(item).__mro__ for name in vars(kind).get("__slots__", ()) if name != "__dict__"]
    held = {name: getattr(item, name) for name in slots if not name.startswith("__") and hasattr(item, name)}
    return {**held, **vars(item)}


class SetupState:
    """What is set up for the items of a session: its package, module, fixtures."""

    def __init__(self, session: pytest.Session) -> None:
        found: Any = getattr(session, "_setupstate", None)
        self.is_known = callable(getattr(found, "setup", None)) and callable(getattr(found, "teardown_exact", None))
        self._state = found

    def set_up(self, item: pytest.Item) -> None:
        """Set up whatever the item needs, and the item."""
        self._state.setup(item)

    def tear_down(self, next_item: pytest.Item | None) -> None:
        """Tear down whatever the next item does not need; all of it if there is none."""
        self._state.teardown_exact(next_item)


def find_fixture(item: pytest.Function, name: str) -> tuple[str, str] | None:
    """Scope and place (file:line) of the fixture that the item would get by this name; None where there is none.

    Raises LookupError where this pytest keeps its fixtures in another way.
    """
    find = getattr(getattr(item.session, "_fixturemanager", None), "getfixturedefs", None)
    if not callable(find) or not SetupState(item.session).is_known:
        raise LookupError(f"pytest {pytest.__version__} keeps its fixtures in an unknown way")
    found = find(name, item)
    if not found:
        return None
    code = getattr(inspect.unwrap(found[-1].func), "__code__", None)
    return found[-1].scope, f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(found[-1].func)


def run_phase(body: Callable[[], None], when: Phase) -> pytest.CallInfo[None]:
    """`CallInfo.from_call`, which makes five more objects to read two clocks. start, stop: seconds, UTC."""
    excinfo = None
    start, began_s = time.time(), time.perf_counter()
    try:
        body()
    except RERAISED:
        raise
    except BaseException:  # noqa: BLE001 - as in pytest: it becomes the item's outcome
        excinfo = pytest.ExceptionInfo.from_current()
    duration = time.perf_counter() - began_s
    return pytest.CallInfo(None, excinfo, start, start + duration, duration, when, _ispytest=True)


def run_phase_by_pytest(body: Callable[[], None], when: Phase) -> pytest.CallInfo[None]:
    """The fallback for `run_phase`."""
    return pytest.CallInfo.from_call(body, when=when, reraise=RERAISED)


def phase_runner() -> Callable[[Callable[[], None], Phase], pytest.CallInfo[None]]:
    """`run_phase`, or its fallback where this pytest makes its CallInfo in another way."""
    try:
        run_phase(_do_nothing, "call")
    except TypeError:
        return run_phase_by_pytest
    return run_phase


def suppress_filename(terminalreporter: Any, path: Any) -> None:
    """Keep the terminal from printing the name of this file before its next item."""
    if hasattr(terminalreporter, "currentfspath"):
        terminalreporter.currentfspath = path


def hide_progress(terminalreporter: Any) -> None:
    """Keep the terminal from printing percentages from here on."""
    if hasattr(terminalreporter, "_show_progress_info"):
        terminalreporter._show_progress_info = False


# The versions whose terminal does for a report without a letter what `quiet_terminal` does, and nothing else.
QUIET_TERMINALS = frozenset({(8, 4), (9, 0), (9, 1), (9, 2)})


def quiet_terminal(listener: Any) -> Callable[[str, pytest.TestReport], None] | None:
    """What the terminal does with a report that has a category and a word but no letter; None where that is not known.

    listener: an implementation of pytest_runtest_logreport; anything but the terminal's own gives None.
    """
    from _pytest.terminal import TerminalReporter  # noqa: PLC0415 - not in runs without the terminal

    terminal: Any = getattr(listener, "__self__", None)
    if type(terminal) is not TerminalReporter or pytest.version_tuple[:2] not in QUIET_TERMINALS:
        return None
    # Since 9.2 ids are counted in parts, before as texts.
    has_parts, keeps_report = hasattr(pytest.Item, "id"), hasattr(terminal, "_current_logreport")

    def count(category: str, report: Any) -> None:
        if keeps_report:
            terminal._current_logreport = report
        terminal._tests_ran = True
        terminal._add_stats(category, [report])
        terminal._progress_nodeids_reported.add(report.id if has_parts else report.nodeid)

    return count


def has_plain_calls(plugins: Any) -> bool:
    """False where calls of hooks are watched (--debug, pytester), or where pluggy is not known."""
    return getattr(getattr(plugins, "_inner_hookexec", None), "__name__", "") == "_multicall"


def rootdir_of(config: pytest.Config, args: Sequence[str]) -> Path | None:
    """The root folder that pytest would find for other arguments; None where that cannot be worked out."""
    try:
        from _pytest.config.findpaths import determine_setup  # noqa: PLC0415

        def find(arguments: Sequence[str]) -> Path:
            given: dict[str, Any] = {
                "inifile": config.option.inifilename,
                "override_ini": config.option.override_ini,
                "args": arguments,
                "rootdir_cmd_arg": config.option.rootdir,
                "invocation_dir": config.invocation_params.dir,
            }
            known = inspect.signature(determine_setup).parameters
            return Path(determine_setup(**{name: value for name, value in given.items() if name in known})[0])

        # The same as pytest did, or nothing is known.
        same = find([str(text) for text in config.invocation_params.args]) == config.rootpath
        return find(args) if same else None
    except (ImportError, AttributeError, TypeError):
        return None


def _do_nothing() -> None:
    pass
