"""Whether the fast path is on: for the run (`eligibility`), and for the items of one benchmark (`need_of`).

A plugin is known by the module of its hook implementations. Every module that is not named here switches the fast path
off: a run is then slower and never different.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import pytest

from pytest_modeleval.collection.items import ANSWER_FIXTURES, SampleItem
from pytest_modeleval.pytest_private import FixtureNames, SetupState

PHASE_HOOKS = ("pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown", "pytest_pyfunc_call")
# Modules whose implementations of the phase hooks a sample does without: they capture output, add log handlers, look
# for warnings and unraisable exceptions, evaluate skip marks, or run coroutine functions.
SKIPPABLE_PHASE_PLUGINS = frozenset(
    {
        "_pytest.capture",
        "_pytest.logging",
        "_pytest.runner",
        "_pytest.skipping",
        "_pytest.python",
        "_pytest.unittest",
        "_pytest.threadexception",
        "_pytest.unraisableexception",
        "_pytest.warnings",
        "_pytest.faulthandler",
        "_pytest.pastebin",
        "_pytest.setuponly",
        "_pytest.setupplan",
        "_hypothesis_pytestplugin",
        "anyio.pytest_plugin",
        "pytest_asyncio.plugin",
        # Looks at the mark and the fixture `benchmark`; items that have either use pytest's protocol.
        "pytest_benchmark.plugin",
        # Seeds `random` anew in each phase. A benchmark whose samples use `random` seeds it itself.
        "pytest_randomly",
        "xdist.remote",
        "__channelexec__",
    }
)
# Modules that need neither an announcement of the item nor reports of a setup and a teardown that passed.
CALL_PHASE_ONLY_PLUGINS = frozenset(
    {
        "_pytest.terminal",
        "_pytest.logging",
        "_pytest.main",
        "_pytest.runner",
        "_pytest.cacheprovider",
        "_pytest.stepwise",
        "_pytest.subtests",
        "_pytest.faulthandler",
        "pytest_modeleval.pytest_plugin.run_controller",
    }
)
# Modules that look at errors of phases, and do nothing about a server that is gone.
EXCEPTION_INTERACT_PLUGINS = frozenset({"_pytest.faulthandler", "_pytest.debugging", "_pytest.pytester"})
# Modules that look at the protocol of an item. With these alone one call may run several items: they look for warnings
# and faults while it lasts, whichever item has them.
PROTOCOL_PLUGINS = frozenset(
    {
        "_pytest.assertion",
        "_pytest.faulthandler",
        "_pytest.runner",
        "_pytest.unittest",
        "_pytest.warnings",
        "pytest_modeleval.pytest_plugin.item_plugin",
        "pytest_modeleval.fast_path.short_protocol",
    }
)
# Modules that change reports only in ways that samples do not need.
REPORT_PLUGINS = frozenset({"_pytest.tmpdir", "pytest_modeleval.pytest_plugin.item_plugin"})
SPECIAL_OPTIONS = {
    "usepdb": "--pdb",
    "trace": "--trace",
    "setuponly": "--setup-only",
    "setupshow": "--setup-show",
    "setupplan": "--setup-plan",
    "runxfail": "--runxfail",
}
# Marks and fixtures that work in pytest's own phases.
SPECIAL_MARKS = frozenset(
    {
        *("skip", "skipif", "xfail", "usefixtures", "filterwarnings"),
        *("anyio", "asyncio", "benchmark", "flaky", "timeout"),
    }
)
SPECIAL_FIXTURES = frozenset(
    {
        *("capsys", "capsysbinary", "capteesys", "capfd", "capfdbinary", "caplog", "tmp_path", "tmpdir", "subtests"),
        *("benchmark", "benchmark_weave"),
    }
)


@dataclass(frozen=True, slots=True)
class Eligibility:
    """How far the fast path goes in this run."""

    reason_off: str
    """Why it is off, such as "pytest-cov implements pytest_runtest_call"; "" if it is on."""
    calls_logstart: bool
    """Some plugin needs pytest_runtest_logstart and pytest_runtest_logfinish."""
    needs_phases: bool
    """Some plugin needs reports of setup and teardown too."""
    calls_makereport: bool
    """Some plugin changes reports: they are made by pytest_runtest_makereport."""
    calls_exception_interact: bool
    """Some plugin needs pytest_exception_interact for every error."""
    may_group_items: bool
    """No plugin watches the protocol of single items: one call may run several."""


class Need(Enum):
    """What an item needs of pytest."""

    NOTHING = auto()
    FIXTURES = auto()
    """Its fixtures are set up and torn down by pytest."""
    PROTOCOL = auto()
    """The fast path is off for it."""


def need_of(item: SampleItem) -> Need:
    """What an item needs of pytest: the same for all items of its benchmark."""
    names = FixtureNames(item)
    if not names.is_known or any(mark.name in SPECIAL_MARKS for mark in item.iter_markers()):
        return Need.PROTOCOL
    ours = {*ANSWER_FIXTURES, "request"}
    if names.closure <= ours and not any(map(names.is_overridden, ANSWER_FIXTURES)):
        return Need.NOTHING
    return Need.PROTOCOL if names.closure & SPECIAL_FIXTURES else Need.FIXTURES


def eligibility(session: pytest.Session) -> Eligibility:
    """How far the fast path goes, with the plugins that are registered now."""
    config = session.config
    hooks = config.pluginmanager
    unused = {module for module, is_unused in UNUSED_IF.items() if is_unused(config)}
    skippable = SKIPPABLE_PHASE_PLUGINS | unused
    report_makers = _owners(hooks, "pytest_runtest_makereport")
    if not config.getoption("htmlpath", None):
        # pytest-html only adds extras, for its own page.
        report_makers.discard("pytest_html.plugin")
    return Eligibility(
        reason_off=_option_that_needs_pytest(config)
        or _plugin_that_needs_pytest(hooks, skippable)
        or _unknown_pytest(session),
        calls_logstart=not (
            _owners(hooks, "pytest_runtest_logstart") | _owners(hooks, "pytest_runtest_logfinish")
            <= CALL_PHASE_ONLY_PLUGINS
        ),
        needs_phases=(
            hasattr(config, "workerinput")
            or not _owners(hooks, "pytest_runtest_logreport") <= CALL_PHASE_ONLY_PLUGINS | unused
            # The terminal then counts setups to find the end of a module.
            or _ini(config, "console_output_style") == "times"
        ),
        calls_makereport=not report_makers <= skippable | REPORT_PLUGINS,
        calls_exception_interact=not _owners(hooks, "pytest_exception_interact") <= EXCEPTION_INTERACT_PLUGINS | unused,
        may_group_items=_owners(hooks, "pytest_runtest_protocol") <= PROTOCOL_PLUGINS | unused,
    )


def _option_that_needs_pytest(config: pytest.Config) -> str:
    if config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) > 0:
        return "-v prints a line for each item"
    for option, flag in SPECIAL_OPTIONS.items():
        if config.getoption(option, False):
            return flag
    return "log_cli is on" if _ini(config, "log_cli") else ""


def _plugin_that_needs_pytest(hooks: pytest.PytestPluginManager, skippable: frozenset[str]) -> str:
    for hook in PHASE_HOOKS:
        caller: Any = getattr(hooks.hook, hook)
        for impl in caller.get_hookimpls():
            if impl.function.__module__ not in skippable:
                return f"{_plugin_name(hooks, impl)} implements {hook}"
    return ""


def _unknown_pytest(session: pytest.Session) -> str:
    """Why private names of pytest that the short protocol uses are not there; before collection no item is known."""
    if not SetupState(session).is_known:
        return f"pytest {pytest.__version__} sets up items in an unknown way"
    first = next((item for item in session.items if isinstance(item, SampleItem)), None)
    is_known = first is None or FixtureNames(first).is_known
    return "" if is_known else f"pytest {pytest.__version__} keeps fixtures of items in an unknown way"


def _plugin_name(hooks: pytest.PytestPluginManager, impl: Any) -> str:
    """The distribution of a plugin, such as pytest-cov; else its module."""
    package = str(impl.function.__module__).partition(".")[0]
    for plugin, distribution in hooks.list_plugin_distinfo():
        module = getattr(plugin, "__name__", None) or type(plugin).__module__
        if plugin is impl.plugin or module.partition(".")[0] == package:
            return str(distribution.metadata["Name"])
    return str(impl.function.__module__)


def _has_no_timeout(config: pytest.Config) -> bool:
    """pytest-timeout is installed and no time limit is set; an item with the mark `timeout` uses pytest's protocol."""
    return not (config.getoption("timeout", None) or os.environ.get("PYTEST_TIMEOUT") or _ini(config, "timeout"))


def _has_no_reruns(config: pytest.Config) -> bool:
    """pytest-rerunfailures is installed and runs nothing again; the mark flaky is refused for samples anyway."""
    return (
        config.getoption("force_reruns", None) is None
        and config.getoption("reruns", None) is None
        and not _ini(config, "reruns")
    )


UNUSED_IF: Mapping[str, Callable[[pytest.Config], bool]] = {
    "pytest_timeout": _has_no_timeout,
    "pytest_rerunfailures": _has_no_reruns,
}
"""Modules that do nothing for an item while a condition holds."""


def _ini(config: pytest.Config, name: str) -> object:
    """A setting of a plugin, which may be switched off or not installed; None then."""
    try:
        return config.getini(name)
    except ValueError:
        return None


def _owners(manager: pytest.PytestPluginManager, hook: str) -> set[str]:
    """The modules that implement a hook."""
    caller: Any = getattr(manager.hook, hook)
    return {impl.function.__module__ for impl in caller.get_hookimpls()}
