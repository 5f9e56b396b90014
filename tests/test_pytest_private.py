"""Private names stand in one module for pytest and one for xdist, and each has a fallback that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pluggy
import pytest
from _pytest.terminal import TerminalReporter

from pytest_modeleval import pytest_private
from pytest_modeleval.collection.items import SampleItem
from pytest_modeleval.distributed import xdist_private
from pytest_modeleval.fast_path.run_loop import RunLoop
from pytest_modeleval.pytest_private import (
    FixtureNames,
    ItemTemplate,
    SetupState,
    has_plain_calls,
    make_like,
    quiet_terminal,
    state,
)

PACKAGE = Path(pytest_private.__file__).parent
# Attributes that only pytest or pluggy define, and modules of theirs that are not public.
PRIVATE = re.compile(
    r"\._(fixtureinfo|initrequest|request|id|nodeid|store|report_sections|setupstate|ispytest|repr_failure_py|tw|fixturemanager"
    r"|current_logreport|tests_ran|add_stats|progress_nodeids_reported|show_progress_info|inner_hookexec|tmp_path_factory)\b"
    r"|_ispytest|_multicall|\bcurrentfspath\b|\btorun\b"
    r"|\b_active_nodes\b|\b_down\b|\bworker_testreport\b"
    r"|^\s*(?:from|import) (?:_pytest|xdist)\b",
    re.MULTILINE,
)
# An annotation that is only read by the type checker.
FOR_TYPES = {"collection/items.py": {"from _pytest"}}
MODULE = """
import pytest

@pytest.fixture
def further():
    return 1

@pytest.mark.slow
@pytest.mark.parametrized_like(1, a=2)
def test_quiz(grade, further):
    assert grade
test_quiz.word = 3
"""


def test_private_names_stand_in_one_module() -> None:
    """No other modules of the package use a private name of pytest, pluggy or xdist."""
    found = {
        str(file.relative_to(PACKAGE)): {match.group(0).strip() for match in PRIVATE.finditer(file.read_text("utf-8"))}
        for file in sorted(PACKAGE.rglob("*.py"))
        if file not in (Path(pytest_private.__file__), Path(xdist_private.__file__))
    }
    assert {name: names for name, names in found.items() if names and names != FOR_TYPES.get(name)} == {}


class Bench:
    """A collected module with one function, and items of it. made: how many pytest made."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        pytester.makeini("[pytest]\nmarkers =\n    slow: s\n    parametrized_like: p\n")
        self.module: Any = pytester.getmodulecol(MODULE)
        # Its collection finds the fixtures of the module.
        self.module.collect()
        self.probe = pytest.Function.from_parent(self.module, name="test_quiz", callobj=self.module.obj.test_quiz)
        self.made = 0

    def make(self, sample: str) -> SampleItem:
        """By pytest."""
        self.made += 1
        return make_like(self.probe, SampleItem, name="test_quiz", sample=sample)

    def template(self) -> ItemTemplate[SampleItem]:
        """A template of the function's items."""
        return ItemTemplate(SampleItem, "test_quiz", self.make)


@pytest.fixture
def bench(pytester: pytest.Pytester) -> Bench:
    """A Bench in a folder of its own."""
    return Bench(pytester)


def shown(item: SampleItem) -> dict[str, Any]:
    """All that an item holds, as values that can be compared; lazy attributes are made."""
    held = {**state(item), "keywords": item.keywords, "_request": item._request}
    return {
        name: (type(value), dict(value) if name == "keywords" else vars(value).keys() if name == "_request" else value)
        for name, value in held.items()
        if name not in ("stash", "_store")
    }


@pytest.mark.parametrize("sample", ["part-0003", "part-0003-r2", "a::b[c]/d", "\u6d4b\u8bd5 x", ""])
def test_an_item_of_the_template_equals_one_by_pytest(bench: Bench, sample: str) -> None:
    """The same attributes with the same values and types, the same id, the same answers to pytest's questions."""
    template = bench.template()
    assert template.is_known
    made_before = bench.made
    item = template.make_item(sample)
    assert bench.made == made_before
    made = bench.make(sample)
    assert shown(item) == shown(made)
    assert state(item).keys() == state(made).keys()
    assert (item.nodeid, item.name, item.originalname) == (made.nodeid, made.name, made.originalname)
    assert item.stash is state(item).get("_store", item.stash)
    assert list(item.iter_markers()) == list(made.iter_markers())
    assert (item.listchain()[:-1], item.listextrakeywords()) == (made.listchain()[:-1], made.listextrakeywords())
    assert (item.function, item.module, item.cls, item.fixturenames) == (
        made.function,
        made.module,
        made.cls,
        made.fixturenames,
    )
    assert repr(item) == repr(made)


def test_nothing_is_shared_that_plugins_write_to(bench: Bench) -> None:
    """A change of one item shows in no other, nor in items made later."""
    template = bench.template()
    one, two = template.make_item("1"), template.make_item("2")
    one.add_marker("xfail")
    one.extra_keyword_matches.add("word")
    one.user_properties.append(("a", 1))
    one.add_report_section("call", "stdout", "text")
    one.funcargs["x"] = 1
    one.keywords["further"] = True
    key = pytest.StashKey[int]()
    one.stash[key] = 1
    for other in (two, template.make_item("3")):
        assert shown(other) == shown(bench.make(other.name[len("test_quiz[") : -1]))
        assert key not in other.stash
    assert "xfail" in one.keywords
    assert one.get_closest_marker("xfail") is not None


def test_fixture_values_survive_the_late_request(bench: Bench) -> None:
    """The request is made when first asked for, and leaves the arguments that were filled in before."""
    item = bench.template().make_item("1")
    item.funcargs["grade"] = 5
    assert item.request.node is item
    assert item.funcargs == {"grade": 5}
    assert item.request is item.request


def test_items_of_an_unknown_pytest_are_made_by_pytest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fallback of ItemTemplate: an item that holds an unknown attribute is not copied."""
    stock = pytest.Function._initrequest

    def with_more(self: pytest.Function) -> None:
        stock(self)
        self.novelty = object()  # type: ignore[attr-defined]

    monkeypatch.setattr(pytest.Function, "_initrequest", with_more)
    template = bench.template()
    made_before = bench.made
    item = template.make_item("part-1")
    assert not template.is_known
    assert bench.made == made_before + 1
    assert item.name == "test_quiz[part-1]"
    assert hasattr(item, "novelty")


def test_a_phase_runs_as_pytest_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """run_phase and its fallback, taken where CallInfo has other arguments, give the same results."""

    def fail() -> None:
        raise ValueError("no")

    for body in (fail, lambda: None):
        ours, stock = (run(body, "call") for run in (pytest_private.run_phase, pytest_private.run_phase_by_pytest))
        assert (ours.when, ours.excinfo is None) == (stock.when, stock.excinfo is None)
        assert ours.duration >= 0
        assert ours.start <= ours.stop
    with pytest.raises(KeyboardInterrupt):
        pytest_private.run_phase(_interrupt, "call")
    assert pytest_private.phase_runner() is pytest_private.run_phase

    def refuse(*_: object, **__: object) -> None:
        raise TypeError("unexpected keyword argument")

    with monkeypatch.context() as patch:
        patch.setattr(pytest.CallInfo, "__init__", refuse)
        found = pytest_private.phase_runner()
    assert found is pytest_private.run_phase_by_pytest


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_missing_names_are_noticed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `_fixtureinfo` and `_setupstate`, or with another run loop, the fast path is known to be impossible."""
    assert FixtureNames(bench.probe).is_known
    assert {"grade", "further"} <= FixtureNames(bench.probe).closure
    session = bench.module.session
    assert SetupState(session).is_known
    assert RunLoop.is_known()
    monkeypatch.delattr(bench.probe, "_fixtureinfo")
    assert not FixtureNames(bench.probe).is_known
    assert FixtureNames.key(bench.probe) == 0
    monkeypatch.delattr(session, "_setupstate")
    assert not SetupState(session).is_known
    monkeypatch.setattr(pytest, "version_tuple", (99, 0))
    assert not RunLoop.is_known()


def test_a_terminal_without_the_name_is_left_alone() -> None:
    """Fallback of suppress_filename: nothing is written to another terminal."""
    other = object()
    pytest_private.suppress_filename(other, Path("x"))
    assert not hasattr(other, "currentfspath")


def test_only_a_known_terminal_is_counted_for(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """quiet_terminal: the terminal of a known pytest; no other plugin, no subclass, no other version."""
    config = pytester.parseconfig()
    terminal = TerminalReporter(config)

    class Other(TerminalReporter):  # type: ignore[misc] # final, and a plugin may do it all the same
        pass

    assert quiet_terminal(terminal.pytest_runtest_logreport) is not None
    assert quiet_terminal(Other(config).pytest_runtest_logreport) is None
    assert quiet_terminal(print) is None
    monkeypatch.setattr(pytest, "version_tuple", (99, 0))
    assert quiet_terminal(terminal.pytest_runtest_logreport) is None


def test_an_unknown_pluggy_has_no_plain_calls() -> None:
    """has_plain_calls: without the name, or with another function under it, the hook is called."""
    assert has_plain_calls(pluggy.PluginManager("x"))
    assert not has_plain_calls(object())
    manager = pluggy.PluginManager("x")
    undo = manager.add_hookcall_monitoring(lambda *_: None, lambda *_: None)
    assert not has_plain_calls(manager)
    undo()
    assert has_plain_calls(manager)


def test_an_unknown_xdist_is_left_alone(pytester: pytest.Pytester) -> None:
    """Fallbacks for xdist: no last reports are taken, and the reports of a worker cannot be those of another item."""
    xdist_private.take_last_reports(object())
    assert not xdist_private.is_down(object())
    config = pytester.parseconfig()
    assert xdist_private.worker_cursor(config) is None

    class WorkerInteractor:
        item_index = 0

    known = WorkerInteractor()
    config.pluginmanager.register(known)
    enter = xdist_private.worker_cursor(config)
    assert enter is not None
    enter(7)
    assert known.item_index == 7
