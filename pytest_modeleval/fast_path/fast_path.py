"""The short way through pytest for a sample that needs nothing special.

pytest's protocol costs about half a millisecond an item, most of it spent on capturing output, on log handlers and
on fixtures; a good server gives an answer every millisecond. A sample whose answer is there, whose fixtures are all
ours, and in whose way no plugin stands, is therefore run and reported directly: its test body, then
`pytest_runtest_makereport` and `pytest_runtest_logreport` as ever. Where nobody but pytest itself looks at the protocol
of single items, those that follow and whose answers are there too are taken along inside of the same call. Everything
else goes the ordinary way: errors, --pdb, -v, marks, fixtures of the project, plugins that look at the phases of an
item. Of errors one goes the short way too, for thousands may have it at once: that the server is gone. See
docs/decisions.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, Literal

import pytest

from pytest_modeleval.collection.items import ANSWER_FIXTURES, SampleItem
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.fast_path.gc_tuning import freeze_gc, relax_gc
from pytest_modeleval.fast_path.report_dispatch import ReportDispatcher
from pytest_modeleval.pytest_plugin.skipped_by_gate import SkippedByGate

# Hooks of an item's phases, and who of pytest itself implements them. What these do for a phase (capture output, add
# log handlers, look for warnings and unraisable exceptions, evaluate skip marks) a short way item does without.
PHASE_HOOKS = ("pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown", "pytest_pyfunc_call")
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
        "xdist.remote",
        "__channelexec__",
    }
)
# Who needs neither an announcement of the item nor reports of a setup and a teardown that passed.
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
# Why a sample has no answer when the server is gone for good, see dispatch.dispatcher: thousands may have it at once.
SERVER_LOST = "server_lost"
# Who of pytest itself is told of errors.
EXCEPTION_INTERACT_PLUGINS = frozenset({"_pytest.faulthandler", "_pytest.debugging", "_pytest.pytester"})
# Who looks at the protocol of an item, of pytest itself and of us. With these alone, one call may run several items:
# they look for warnings and faults while it lasts, whichever item has them.
PROTOCOL_PLUGINS = frozenset(
    {
        "_pytest.assertion",
        "_pytest.faulthandler",
        "_pytest.runner",
        "_pytest.unittest",
        "_pytest.warnings",
        "pytest_modeleval.pytest_plugin.evaluation_plugin",
        "pytest_modeleval.fast_path.fast_path",
    }
)
# Who of pytest and of us makes a report, beside those named above.
REPORT_PLUGINS = frozenset({"_pytest.tmpdir", "pytest_modeleval.pytest_plugin.evaluation_plugin"})
SPECIAL_OPTIONS = ("usepdb", "trace", "setuponly", "setupshow", "setupplan", "runxfail")
SPECIAL_MARKS = frozenset({"skip", "skipif", "xfail", "usefixtures", "filterwarnings"})


class FastPath:
    """Decides once per run and once per benchmark who may go the short way, and walks it.

    report_of(item, call, may_wait): what pytest_runtest_makereport would give; may_wait says that nobody reads the
    journal before the protocol of the item is over. following(item): the item after it if its answer is there
    (`arrival` set), else None; asked again and again until it says so.
    """

    def __init__(
        self,
        config: pytest.Config,
        report_of: Callable[[SampleItem, pytest.CallInfo[None], bool], pytest.TestReport],
        following: Callable[[SampleItem], SampleItem | None],
    ) -> None:
        self._report_of = report_of
        self._following = following
        hooks = config.pluginmanager
        self._is_open = (
            config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) <= 0
            and not any(config.getoption(option, False) for option in SPECIAL_OPTIONS)
            and not _ini(config, "log_cli")
            and all(_owners(hooks, name) <= SKIPPABLE_PHASE_PLUGINS for name in PHASE_HOOKS)
        )
        self._is_announced = not (
            _owners(hooks, "pytest_runtest_logstart") | _owners(hooks, "pytest_runtest_logfinish")
            <= CALL_PHASE_ONLY_PLUGINS
        )
        self._needs_phases = (
            hasattr(config, "workerinput")
            or not _owners(hooks, "pytest_runtest_logreport") <= CALL_PHASE_ONLY_PLUGINS
            # The terminal then counts setups to find the end of a module.
            or _ini(config, "console_output_style") == "times"
        )
        makers = _owners(hooks, "pytest_runtest_makereport")
        if not config.getoption("htmlpath", None):
            # pytest-html only adds extras, for its own page.
            makers.discard("pytest_html.plugin")
        self._is_hooked = not makers <= SKIPPABLE_PHASE_PLUGINS | REPORT_PLUGINS
        self._is_interacting = not _owners(hooks, "pytest_exception_interact") <= EXCEPTION_INTERACT_PLUGINS
        self._is_alone = _owners(hooks, "pytest_runtest_protocol") <= PROTOCOL_PLUGINS
        self._is_unwatched = self._is_alone and not self._needs_phases
        self._call = _pytests_call_info if _is_call_info_other() else _call_info
        self._allowed: dict[int, bool] = {}
        self._telling = ReportDispatcher(config)
        self._parent: pytest.Collector | None = None
        self._hook: Any = None
        self._last: pytest.Item | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Take the item, and what follows it if that can be; or leave it to pytest."""
        self._come_to(item)
        if not isinstance(item, SampleItem) or item.arrival is None or not self._takes(item):
            return None
        if item.parent is not self._parent:
            # The hooks of conftest files depend on the file only; pytest looks them up for every item.
            self._parent, self._hook = item.parent, item.ihook
        self._telling.look(self._hook)
        try:
            return self._run_with_followers(item)
        finally:
            self._telling.flush()

    def _run_with_followers(self, item: SampleItem) -> bool | None:
        """The item, then those after it that have the same parent and are answered; None if it goes pytest's way."""
        if not self._run(item):
            return None
        following = self._following(item) if self._is_alone else None
        while following is not None:
            self._come_to(following)
            if not self._run(following):
                # It has its answer; the run loop comes to it next.
                return True
            following.is_over = True
            following.release()
            following = self._following(following)
        return True

    def _come_to(self, item: pytest.Item) -> None:
        """Tear down what an item that went the ordinary way left for its neighbours, once those are over.

        It leaves its module set up for the next item. If that goes the short way, and so do all others up to the next
        module, nobody has torn the old one down, and pytest refuses to set up the new one.
        """
        last, self._last = self._last, item
        if last is None or last.parent is item.parent:
            return
        call = pytest.CallInfo.from_call(
            lambda: item.session._setupstate.teardown_exact(item),
            when="teardown",
            reraise=(pytest.exit.Exception, KeyboardInterrupt),
        )
        if call.excinfo is not None:
            report = last.ihook.pytest_runtest_makereport(item=last, call=call)
            last.ihook.pytest_runtest_logreport(report=report)

    def _run(self, item: SampleItem) -> bool:
        """Run and report one item. False if it must go the ordinary way; then nothing was reported of it."""
        if not self._takes(item):
            return False
        try:
            item.fill()
        except SkippedByGate as unneeded:
            self._walk(item, _raiser(unneeded), when="setup")
            return True
        except Ungraded as error:
            if error.cause != SERVER_LOST or self._is_interacting:
                return False
            self._walk(item, _raiser(error), when="setup")
            return True
        except Exception:  # noqa: BLE001 - raised again, and reported, in the item's ordinary setup
            return False
        self._walk(item, item.run_body)
        return True

    def _takes(self, item: SampleItem) -> bool:
        """True if nothing about this item needs the ordinary way."""
        if not self._is_open:
            return False
        info = item._fixtureinfo  # shared by all items of a benchmark, see collection.items
        is_allowed = self._allowed.get(id(info))
        if is_allowed is None:
            ours = {*ANSWER_FIXTURES, "request"}
            is_allowed = self._allowed[id(info)] = (
                set(info.names_closure) <= ours
                and all(len(info.name2fixturedefs.get(name, ())) <= 1 for name in ANSWER_FIXTURES)
                and not any(mark.name in SPECIAL_MARKS for mark in item.iter_markers())
            )
        return is_allowed

    def _walk(self, item: SampleItem, body: Callable[[], None], *, when: Literal["setup", "call"] = "call") -> None:
        """Run the body and report it. The item is filled already (`SampleItem.fill`), or its setup says why not."""
        hook, tell = self._hook, self._telling.tell
        if self._is_announced:
            hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        if self._needs_phases and when == "call":
            tell(_passed(item, "setup"))
        call = self._call(body, when)
        if self._is_hooked:
            report = hook.pytest_runtest_makereport(item=item, call=call)
        else:
            report = self._report_of(item, call, self._is_unwatched)
        tell(report)
        if self._needs_phases:
            tell(_passed(item, "teardown"))
        if self._is_announced:
            hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


class FastPathPlugin:
    """Switches the fast path on for the run loop, once every plugin has been registered."""

    def __init__(
        self,
        config: pytest.Config,
        report_of: Callable[[SampleItem, pytest.CallInfo[None], bool], pytest.TestReport],
        following: Callable[[SampleItem], SampleItem | None],
    ) -> None:
        self._config = config
        self._report_of = report_of
        self._following = following

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """Register the fast path; collect garbage less often while items run."""
        fast_path = FastPath(self._config, self._report_of, self._following)
        self._config.pluginmanager.register(fast_path, "modeleval-fast-path-protocol")
        freeze_gc()
        with relax_gc():
            result = yield
        # pytest collects garbage five times at the end, over every report and item.
        freeze_gc()
        return result


Phase = Literal["setup", "call"]
# What a phase passes on to pytest instead of noting it.
PASSED_ON = (pytest.exit.Exception, KeyboardInterrupt)


def _call_info(body: Callable[[], None], when: Phase) -> pytest.CallInfo[None]:
    """As CallInfo.from_call of pytest, which makes five more objects to read two clocks. start, stop: seconds, UTC."""
    excinfo = None
    start, began_s = time.time(), time.perf_counter()
    try:
        body()
    except PASSED_ON:
        raise
    except BaseException:  # noqa: BLE001 - as pytest: it becomes the item's outcome
        excinfo = pytest.ExceptionInfo.from_current()
    duration = time.perf_counter() - began_s
    return pytest.CallInfo(None, excinfo, start, start + duration, duration, when, _ispytest=True)


def _pytests_call_info(body: Callable[[], None], when: Phase) -> pytest.CallInfo[None]:
    return pytest.CallInfo.from_call(body, when=when, reraise=PASSED_ON)


def _is_call_info_other() -> bool:
    """This pytest's CallInfo is not made as `_call_info` makes it."""
    try:
        _call_info(_nothing, "call")
    except TypeError:
        return True
    return False


def _ini(config: pytest.Config, name: str) -> object:
    """A setting of a plugin of pytest, which may be switched off; None then."""
    try:
        return config.getini(name)
    except ValueError:
        return None


def _owners(manager: pytest.PytestPluginManager, hook: str) -> set[str]:
    """The modules that implement a hook."""
    caller: Any = getattr(manager.hook, hook)
    return {impl.function.__module__ for impl in caller.get_hookimpls()}


def _passed(item: SampleItem, when: Literal["setup", "teardown"]) -> pytest.TestReport:
    return pytest.TestReport.from_item_and_call(item, pytest.CallInfo.from_call(_nothing, when=when))


def _raiser(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def _nothing() -> None:
    """What is done in a setup and a teardown that have nothing to do."""
