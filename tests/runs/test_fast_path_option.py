"""--eval-fast-path, and the header line that says whether the fast path is on, and why not."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Sequence

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.suites import BENCHMARK, Result, Suite, without_plugins

# Names of entry points -> the modules that must be installed.
PLUGINS = {
    "asyncio": "pytest_asyncio",
    "anyio": "anyio",
    "timeout": "pytest_timeout",
    "pytest_cov": "pytest_cov",
    "pytest_mock": "pytest_mock",
    "randomly": "pytest_randomly",
    "rerunfailures": "pytest_rerunfailures",
    "repeat": "pytest_repeat",
    "benchmark": "pytest_benchmark",
    "sugar": "pytest_sugar",
}
SAYS = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    print("\\nshort protocol:", session.config.pluginmanager.hasplugin("modeleval-short-protocol"))
"""
UNKNOWN = """
from pytest_modeleval import pytest_private

class Unknown(pytest_private.{name}):
    def __init__(self, owner):
        super().__init__(owner)
        self.is_known = False

pytest_private.{name} = Unknown
"""
WATCHER = """
import pytest

def pytest_runtest_setup(item):
    pass
"""
LOOKS_AT_REPORTS = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    with open("phases.txt", "a") as file:
        file.write(f"{item.name} {call.when} {report.outcome}\\n")
    return report
"""
FIXTURES = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def whole():
    note("begin")
    yield
    note("end")

@pytest.fixture(autouse=True)
def each(request, whole):
    note("set up " + request.node.name)
    yield
    note("torn down " + request.node.name)

@pytest.fixture
def asked_for(tmp_path_factory):
    return 5

def note(text):
    with open("notes.txt", "a") as file:
        file.write(text + "\\n")
"""
ASKS_FOR_MORE = BENCHMARK.replace(
    "def test_quiz(grade):", "def test_quiz(grade, asked_for):\n    assert asked_for == 5"
)


def installed(*names: str) -> tuple[str, ...]:
    """The names of entry points, where they are installed; skips the test where one is missing."""
    for name in names:
        if importlib.util.find_spec(PLUGINS[name]) is None:
            pytest.skip(f"{PLUGINS[name]} is not installed")
    return names


def run_with(suite: Suite, url: str, *options: str, plugins: Sequence[str] = ()) -> Result:
    """A run in which these plugins take part, of a conftest that says whether the short protocol was registered."""
    conftest = suite.path / "conftest.py"
    if SAYS not in (conftest.read_text() if conftest.exists() else ""):
        conftest.write_text((conftest.read_text() if conftest.exists() else "") + SAYS)
    return suite.command(*suite.arguments(url, *options), env={"PYTEST_ADDOPTS": without_plugins(*plugins)})


def header(result: Result) -> str:
    """The part of the header line after "modeleval: "; the short protocol agrees with it."""
    found = re.findall(r"^modeleval: (fast path .*)$", result.out, re.M)
    assert len(found) == 1, result.out + result.err
    assert f"short protocol: {found[0] == 'fast path on'}" in result.out
    return str(found[0])


@pytest.mark.parametrize("plugins", [*[(name,) for name in PLUGINS], tuple(PLUGINS)], ids="+".join)
def test_plugins_that_are_installed_and_unused_leave_it_on(
    suite: Suite, server: LoopbackServer, plugins: tuple[str, ...]
) -> None:
    """Each of the common plugins alone, and all of them together."""
    suite.write_rows(12)
    result = run_with(suite, server.url, plugins=installed(*plugins))
    assert result.status == 0, result.out + result.err
    assert header(result) == "fast path on"
    assert "9 passed, 3 wrong" in result.out


@pytest.mark.parametrize(
    ("plugin", "options", "reason"),
    [
        ("timeout", ["--timeout=60"], "pytest-timeout implements pytest_runtest_call"),
        ("timeout", ["-o", "timeout=60"], "pytest-timeout implements pytest_runtest_call"),
        ("pytest_cov", ["--cov=test_quiz", "--cov-report="], "pytest-cov implements pytest_runtest_call"),
        ("rerunfailures", ["--reruns=0"], "pytest-rerunfailures implements pytest_runtest_teardown"),
        ("rerunfailures", ["-o", "reruns=0"], "pytest-rerunfailures implements pytest_runtest_teardown"),
    ],
    ids=["timeout", "timeout of an ini key", "coverage", "reruns", "reruns of an ini key"],
)
def test_a_plugin_that_is_used_closes_it(
    suite: Suite, server: LoopbackServer, plugin: str, options: list[str], reason: str
) -> None:
    """A time limit or a measurement of the test body needs the full protocol; the header names the plugin."""
    suite.write_rows(4)
    result = run_with(suite, server.url, *options, plugins=installed(plugin))
    assert result.status == 0, result.out + result.err
    assert header(result) == f"fast path off ({reason})"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-p", "watcher"], "watcher implements pytest_runtest_setup"),
        (["--setup-show"], "--setup-show"),
        (["-o", "log_cli=true"], "log_cli is on"),
        (["-v"], "-v prints a line for each item"),
        (["--eval-fast-path=off"], "--eval-fast-path"),
        (["-o", "eval_fast_path=off"], "--eval-fast-path"),
    ],
    ids=["-p", "--setup-show", "log_cli", "-v", "option", "ini key"],
)
def test_the_header_says_what_closed_it(suite: Suite, server: LoopbackServer, options: list[str], reason: str) -> None:
    """A plugin that watches phases, an option of pytest, our own option."""
    suite.write_rows(4)
    (suite.path / "watcher.py").write_text(WATCHER)
    result = suite.python(
        "-c",
        "import sys, pytest; sys.path.insert(0, '.'); sys.exit(pytest.main(sys.argv[1:]))",
        *suite.arguments(server.url, *options),
    )
    assert result.status == 0, result.out + result.err
    assert f"modeleval: fast path off ({reason})" in result.out


@pytest.mark.parametrize(
    ("name", "reason"),
    [("SetupState", "sets up items in an unknown way"), ("FixtureNames", "keeps fixtures of items in an unknown way")],
)
def test_a_pytest_without_a_private_name_switches_it_off(
    suite: Suite, server: LoopbackServer, name: str, reason: str
) -> None:
    """The last line about the fast path says so: nothing runs by the short protocol, and the result is the same."""
    suite.write_rows(12)
    (suite.path / "conftest.py").write_text(UNKNOWN.format(name=name) + SAYS)
    # A new interpreter: a forked one has imported the name already.
    result = suite.python("-m", "pytest", *suite.arguments(server.url))
    assert result.status == 0, result.out + result.err
    lines = re.findall(r"^modeleval: fast path .*$", result.out, re.M)
    assert lines[-1] == f"modeleval: fast path off (pytest {pytest.__version__} {reason})"
    assert "short protocol: False" in result.out
    assert "9 passed, 3 wrong" in result.out


def test_only_auto_and_off_are_accepted(suite: Suite, server: LoopbackServer) -> None:
    """Another value is a usage error that names both, from the variable too."""
    suite.write_rows(4)
    result = suite.run(server.url, "--eval-fast-path", "on")
    assert (result.status, "--eval-fast-path: expected auto or off, found 'on'" in result.err) == (4, True)
    result = suite.command(*suite.arguments(server.url), env={"MODELEVAL_FAST_PATH": "never"})
    assert (result.status, "expected auto or off, found 'never'" in result.err) == (4, True)
    assert not server.seen.prompts


def test_a_conftest_below_that_closes_it_is_named(suite: Suite, server: LoopbackServer) -> None:
    """It is loaded during collection, after the header: a second line corrects the first."""
    suite.write_rows(4)
    below = suite.path / "below"
    below.mkdir()
    (below / "conftest.py").write_text(WATCHER)
    (suite.path / "test_quiz.py").rename(below / "test_quiz.py")
    result = suite.command(*suite.arguments(server.url)[:-1], ".")
    assert result.status == 0, result.out + result.err
    lines = re.findall(r"^modeleval: fast path .*$", result.out, re.M)
    assert lines[0] == "modeleval: fast path on"
    assert re.fullmatch(r"modeleval: fast path off \(.*conftest implements pytest_runtest_setup\)", lines[1])


@pytest.mark.parametrize("source", [BENCHMARK, ASKS_FOR_MORE], ids=["automatic", "asked for"])
def test_fixtures_of_the_project_run_on_it(suite: Suite, server: LoopbackServer, source: str) -> None:
    """Each is set up and torn down once for its scope, in the same order as without the fast path."""
    suite.write_rows(12)
    suite.write_benchmark(source)
    (suite.path / "conftest.py").write_text(FIXTURES)
    notes = suite.path / "notes.txt"
    result = run_with(suite, server.url)
    assert result.status == 0, result.out + result.err
    assert header(result) == "fast path on"
    short = notes.read_text().splitlines()
    notes.unlink()
    suite.run_dir = suite.path / "other"
    assert run_with(suite, server.url, "--eval-fast-path=off").status == 0
    assert short == notes.read_text().splitlines()
    assert (short[0], short[-1], len(short)) == ("begin", "end", 26)


@pytest.mark.parametrize("plugins", [(), ("rerunfailures",), ("benchmark",)], ids="+".join)
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_fixture_that_fails_is_an_error_of_its_sample(
    suite: Suite, server: LoopbackServer, place: str, plugins: tuple[str, ...]
) -> None:
    """In its setup or its teardown, the same reports as without the fast path; other plugins see each phase or none."""
    installed(*plugins)
    suite.write_rows(8)
    fail = '    if "0003" in request.node.name: raise RuntimeError("broken fixture")\n'
    before, after = (fail, "") if place == "before" else ("", fail)
    (suite.path / "conftest.py").write_text(
        f"import pytest\n@pytest.fixture(autouse=True)\ndef each(request):\n{before}    yield\n{after}"
    )
    ends = []
    for option in ("auto", "off"):
        suite.run_dir = suite.path / option
        result = run_with(suite, server.url, f"--eval-fast-path={option}", plugins=plugins)
        assert "RuntimeError: broken fixture" in result.out
        found = re.search(r"=+ (.*) in [\d.]+s", result.out)
        assert found is not None
        ends.append((result.status, found[1], json.dumps(result.subset()["counts"])))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("plugins", [(), ("rerunfailures",)], ids="+".join)
def test_a_plugin_that_changes_reports_sees_each_phase(
    suite: Suite, server: LoopbackServer, plugins: tuple[str, ...]
) -> None:
    """Setup, call and teardown of each sample, in the same order as without the fast path, which stays on."""
    installed(*plugins)
    suite.write_rows(8)
    (suite.path / "conftest.py").write_text(LOOKS_AT_REPORTS)
    phases = suite.path / "phases.txt"
    result = run_with(suite, server.url, plugins=plugins)
    assert result.status == 0, result.out + result.err
    assert header(result) == "fast path on"
    short = phases.read_text().splitlines()
    phases.unlink()
    suite.run_dir = suite.path / "other"
    assert run_with(suite, server.url, "--eval-fast-path=off", plugins=plugins).status == 0
    assert short == phases.read_text().splitlines()
    assert len(short) == 24
