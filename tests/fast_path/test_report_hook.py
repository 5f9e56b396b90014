"""fast_path.report_hook calls the implementations that the hook would call, in the same order."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pluggy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.fast_path.report_hook import ReportHook
from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite

SPEC, IMPL = pluggy.HookspecMarker("pytest"), pluggy.HookimplMarker("pytest")
STATE = """
import json
import pytest

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    def plain(value):
        if isinstance(value, (str, int, type(None))):
            return value
        if isinstance(value, dict):
            return {str(key): plain(part) for key, part in value.items()}
        if isinstance(value, (list, set, tuple)):
            return sorted(str(plain(part)) for part in value)
        return getattr(value, "nodeid", str(value) if type(value).__name__ == "NodeId" else type(value).__name__)
    with open("state.json", "w") as file:
        json.dump({name: plain(value) for name, value in vars(reporter).items()}, file)
"""
PLAIN = """
def pytest_runtest_logreport(report):
    pass
"""
WRAPPED = """
@pytest.hookimpl(wrapper=True)
def pytest_runtest_logreport(report):
    return (yield)
"""


class Specs:
    """The two hooks whose implementations are looked up."""

    @SPEC
    def pytest_runtest_logreport(self, report: Any) -> None:
        """As pytest has it."""

    @SPEC(firstresult=True)
    def pytest_report_teststatus(self, report: Any, config: Any) -> None:
        """As pytest has it."""


def listener(name: str, kind: str, heard: list[Any]) -> Any:
    """A plugin that records its calls."""

    class Plain:
        @IMPL(tryfirst=kind == "first", trylast=kind == "last")
        def pytest_runtest_logreport(self, report: Any) -> None:
            heard.append((name, report))

    class WithoutArgument:
        @IMPL
        def pytest_runtest_logreport(self) -> None:
            heard.append((name, None))

    class Around:
        @IMPL(wrapper=True)
        def pytest_runtest_logreport(self, report: Any) -> Any:
            heard.append((name, "before", report))
            result = yield
            heard.append((name, "after", report))
            return result

    return {"without": WithoutArgument, "around": Around}.get(kind, Plain)()


def hook_over(plugins: list[Any]) -> tuple[ReportHook, pluggy.PluginManager]:
    """A ReportHook over a plugin manager that has these plugins."""
    manager = pluggy.PluginManager("pytest")
    manager.add_hookspecs(Specs)
    for plugin in plugins:
        manager.register(plugin)
    config: Any = SimpleNamespace(pluginmanager=manager, hook=manager.hook, get_verbosity=lambda name: 0)
    return ReportHook(config), manager


KINDS = st.lists(st.sampled_from(["plain", "first", "last", "without", "around"]), max_size=6)


@given(KINDS, KINDS)
def test_implementations_are_called_as_by_the_hook(kinds: list[str], later: list[str]) -> None:
    """The same calls in the same order, also after further plugins were registered."""
    heard: list[Any] = []
    report_hook, manager = hook_over([listener(f"{place}", kind, heard) for place, kind in enumerate(kinds)])
    for number in range(2):
        report_hook.prepare(manager.hook)
        report_hook.call(f"report {number}")  # type: ignore[arg-type]
        direct = heard.copy()
        heard.clear()
        manager.hook.pytest_runtest_logreport(report=f"report {number}")
        assert direct == heard
        heard.clear()
        for place, kind in enumerate(later):
            manager.register(listener(f"later {place}", kind, heard), f"{number} {place}")


def test_watched_hook_calls_are_seen() -> None:
    """Where calls of hooks are watched (--debug, pytester), the hook itself is called."""
    heard: list[Any] = []
    seen: list[str] = []
    report_hook, manager = hook_over([listener("one", "plain", heard)])
    report_hook.prepare(manager.hook)
    undo = manager.add_hookcall_monitoring(
        lambda name, impls, kwargs: seen.append(name), lambda outcome, name, impls, kwargs: None
    )
    report_hook.prepare(manager.hook)
    report_hook.call("report")  # type: ignore[arg-type]
    undo()
    report_hook.prepare(manager.hook)
    report_hook.call("report")  # type: ignore[arg-type]
    assert seen == ["pytest_runtest_logreport"]
    assert heard == [("one", "report")] * 2


@pytest.mark.parametrize("style", ["progress", "count", "times"])
def test_the_terminal_ends_as_if_the_hook_had_been_called(suite: Suite, server: LoopbackServer, style: str) -> None:
    """All that pytest's terminal keeps and prints, ordinary tests among the samples; the wrapper asks for the hook."""
    suite.write_rows(30)
    (suite.path / "test_before.py").write_text("import pytest_modeleval\ndef test_a(): pass\ndef test_b(): pass\n")
    states, outputs = [], []
    for number, conftest in enumerate((STATE, STATE + PLAIN, STATE + WRAPPED)):
        (suite.path / "conftest.py").write_text(conftest)
        suite.run_dir = suite.path / f"run{number}"
        arguments = suite.arguments(server.url, "-rA", "-o", f"console_output_style={style}")[:-1]
        result = suite.command(*arguments, "test_before.py", "test_quiz.py")
        assert result.status == 0, result.out + result.err
        state = json.loads((suite.path / "state.json").read_text())
        if number == 0 and style != "times":
            # Setups and teardowns are reported only where another plugin than pytest's implements the hook.
            state["stats"][""] = sorted([*state["stats"][""], *2 * sample_ids(30)])
        states.append(state)
        outputs.append(re.sub(rf"run{number}|\s*\d+(\.\d+)?[mu]?s\b", "", result.out))
    assert states[0] == states[1] == states[2]
    assert outputs[0] == outputs[1] == outputs[2]
    assert len(states[0]["_progress_nodeids_reported"]) == 32


def sample_ids(count: int) -> list[str]:
    """Of the samples of a Suite."""
    return [f"test_quiz.py::test_quiz[part-{index:04d}]" for index in range(count)]
