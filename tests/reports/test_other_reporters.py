"""Reporters of other packages, each with a run in its newest release: what they show of samples and gates."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_modeleval.pytest_plugin.compatibility import allure_result
from pytest_modeleval.reports.text_layout import HIDDEN
from tests.support.loopback import Act, Answer, LoopbackServer, Refuse
from tests.support.report_cases import HOSTILE_TEXT
from tests.support.suites import BENCHMARK, Result, Suite, environment, key_answer, without_plugins

GATES = """
[[gate]]
name = "floor"
kind = "floor"
benchmark = "quiz"
floor = 0.9
test = "point"
max_ungraded = 0.5
"""


def run_with(suite: Suite, plugin: str, url: str, *options: str) -> Result:
    """A run in which this plugin takes part."""
    require({"sugar": "pytest_sugar"}.get(plugin, plugin))
    return suite.command(*suite.arguments(url, *options), env={"PYTEST_ADDOPTS": without_plugins(plugin)})


def require(module: str) -> None:
    """Skip the test where the plugin is not installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


HOSTILE = HOSTILE_TEXT.replace("\ud800", "")


def one_refused_one_hostile(body: dict[str, Any], attempt: int) -> Act:
    """One sample without a grade, and one whose reply drives terminals and reorders text."""
    asked = str(body["messages"][-1]["content"])
    if "Question 3 " in asked:
        return Refuse(400)
    return Answer(text=f"{HOSTILE}\nANSWER: D") if "Question 0 " in asked else key_answer(body, attempt)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_allure_has_labels_parameters_status_and_transcript(
    suite: Suite, server: LoopbackServer, options: tuple[str, ...]
) -> None:
    """Lost answers are failed, ungraded ones broken; each sample has a history of its own; ordinary tests as ever."""
    suite.write_rows(8)
    # A body that asserts nothing: the grade alone says that an answer is wrong.
    suite.write_benchmark(
        BENCHMARK.replace("    assert grade, grade.explanation", "    pass") + "\ndef test_mine(): pass\n"
    )
    server.script = one_refused_one_hostile
    result = run_with(suite, "allure_pytest", server.url, "--alluredir=al", "--eval-max-ungraded=1", *options)
    assert result.status == 0, result.out + result.err
    found = {entry["name"]: entry for entry in map(_loaded, (suite.path / "al").glob("*-result.json"))}
    assert Counter(entry["status"] for entry in found.values()) == {"passed": 6, "failed": 2, "broken": 1}
    assert found["test_quiz[part-0003]"]["status"] == "broken"
    wrong = found["test_quiz[part-0004]"]
    assert wrong["statusDetails"]["message"] == "wrong: D is named, B is right"
    labels = [(label["name"], label["value"]) for label in wrong["labels"]]
    expected = [("epic", "test-model"), ("feature", "quiz"), ("story", "part"), ("tag", "wrong")]
    assert [label for label in labels if label in expected] == expected
    parameters = {entry["name"]: (entry["value"], entry.get("excluded", False)) for entry in wrong["parameters"]}
    assert parameters["sample"] == ("'part-0004'", False)
    assert parameters["grade"] == ("0.0", True)
    assert len({entry["historyId"] for entry in found.values()}) == len(found) == 9
    (attached,) = wrong["attachments"]
    text = (suite.path / "al" / attached["source"]).read_text()
    assert text.splitlines()[1] == "quiz part part-0004 wrong: D is named, B is right"
    assert "question\n  Question 4 of part [[D]]\nreply\n  ANSWER: D\n" in text
    texts = [file.read_text() for file in (suite.path / "al").iterdir()]
    assert any("<script>document.title" in text for text in texts)
    assert not any(HIDDEN.search(text) for text in texts)
    assert "epic" not in [label["name"] for label in found["test_mine"]["labels"]]


@pytest.mark.parametrize("listener", [None, object(), SimpleNamespace(allure_logger=object())])
def test_an_allure_of_another_form_is_left_alone(listener: object) -> None:
    """Where the names that are used are missing, there is no result to write to."""
    manager = SimpleNamespace(getplugin=lambda name: listener)
    config: Any = SimpleNamespace(pluginmanager=manager)
    assert allure_result(config) is None


def _loaded(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(file.read_text())
    return loaded


def test_sugar_shows_the_table_and_a_failed_gate(suite: Suite, server: LoopbackServer) -> None:
    """Its reporter is pytest's with other lines: scores and gates stand at the end."""
    suite.write_rows(8)
    (suite.path / "gates.toml").write_text(GATES)
    result = run_with(suite, "sugar", server.url, "--eval-gates=gates.toml", "--force-sugar")
    assert result.status == 1, result.out + result.err
    assert "8 items: 6 right, 2 wrong, 0 ungraded." in result.out
    assert "gate failed: quiz" in result.out
    assert "INTERNALERROR" not in result.out + result.err


def test_rich_is_followed_by_the_table(suite: Suite, server: LoopbackServer) -> None:
    """pytest-rich takes pytest's reporter off on a terminal: earlier lines, the table and places are printed last."""
    require("pytest_rich")
    suite.write_rows(8)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(suite.path)
        env = environment(suite.path, {"PYTEST_ADDOPTS": without_plugins("rich")})
        os.execve(sys.executable, [sys.executable, "-m", "pytest", *suite.arguments(server.url, "--rich")], env)
    text = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            # The last process on the terminal ended.
            break
        if not data:
            break
        text += data
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, text
    _, _, end = text.decode().partition("SUCCEEDED")
    assert "modeleval: 8 samples for test-model" in end
    assert "8 items: 6 right, 2 wrong, 0 ungraded." in end
    assert "run folder:" in end


TAKES_REPORTER_OFF = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    config.pluginmanager.unregister(config.pluginmanager.getplugin("terminalreporter"))
"""


def test_the_table_does_not_go_into_the_output_of_a_reporter_for_programs(suite: Suite, server: LoopbackServer) -> None:
    """As pytest-tap --tap does, which its newest release cannot under pytest 9.2: the table is on standard error."""
    suite.write_rows(8)
    conftest = suite.path / "conftest.py"
    conftest.write_text(TAKES_REPORTER_OFF)
    result = suite.run(server.url)
    assert (result.status, result.out) == (0, "")
    assert "8 items: 6 right, 2 wrong, 0 ungraded." in result.err
    conftest.unlink()
    silent = suite.run(server.url, "-p", "no:terminal")
    assert (silent.status, silent.out, silent.err) == (0, "", "")
