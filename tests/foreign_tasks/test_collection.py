"""--eval-tasks in whole runs: a task of a package that the test declares, and packages that are missing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from pytest_modeleval.errors import DataError, SettingsError
from pytest_modeleval.foreign_tasks.loading import declare_tasks
from pytest_modeleval.foreign_tasks.names import PACKAGES, TaskName
from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite

# A package of the test's own: two subsets, one of which asks a question that its grader cannot grade.
CONFTEST = """
import sys
from types import ModuleType
from pytest_modeleval.foreign_tasks import names

def declare(name, cache_dir):
    from pytest_modeleval import Grade, Request, Sample
    from pytest_modeleval.datasets import inline
    from pytest_modeleval.errors import SettingsError
    from pytest_modeleval.foreign_tasks.loading import declared_task
    if name == "odd":
        raise SettingsError("--eval-tasks toy:odd: it needs a camera")

    async def solve(sample, model):
        return await model.ask(Request([{"role": "user", "content": sample.question}]))

    def grade(sample, response):
        if sample.subset == "bad":
            raise RuntimeError("its grader fell over")
        return Grade.right(response.text)

    return declared_task({
        "name": names.item_name("toy", name), "version": "1", "subsets": ["good", "bad"],
        "dataset": inline(lambda: {"good": [{"q": "[[A]]"}, {"q": "[[B]]"}], "bad": [{"q": "[[C]]"}]}),
        "sample": lambda row: Sample(question=row.text("q")), "solve": solve, "grade": grade,
    }, notes=["toy: its third metric is not carried over"])

names.PACKAGES["toy"] = ("toy", ())
module = ModuleType("pytest_modeleval.foreign_tasks.toy_benchmark")
module.declare = declare
sys.modules[module.__name__] = module
"""


def arguments(suite: Suite, url: str, *more: str) -> list[str]:
    """A run of --eval-tasks, without paths of tests."""
    return ["-p", "no:cacheprovider", "--model=test-model", f"--model-url={url}", f"--eval-run={suite.run_dir}", *more]


def test_a_task_of_another_package_runs_as_a_benchmark(suite: Suite, server: LoopbackServer) -> None:
    """Only it is collected; its grader's exception is no zero; what it lacks is said; it is graded again as stored."""
    (suite.path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    suite.write_rows(2)
    result = suite.command(*arguments(suite, server.url, "--eval-tasks=toy:Quiz-1"))
    assert result.status == 6, result.out + result.err
    assert "toy: its third metric is not carried over" in result.out
    assert "eval_tasks.py::toy_quiz_1[bad-0000]" in result.out
    assert result.summary is not None
    assert [entry["benchmark"] for entry in result.summary["benchmarks"]] == ["toy_quiz_1"]
    assert result.subset("good")["score"] == 1.0
    assert result.subset("bad")["score"] is None
    asked = len(server.seen.bodies)
    again = suite.command(
        "-p", "no:cacheprovider", f"--eval-rescore={suite.run_dir}", "--eval-tasks=toy:Quiz-1", "-k", "good"
    )
    assert again.status == 6, again.out + again.err
    assert len(server.seen.bodies) == asked


def test_a_task_that_cannot_run_is_refused(suite: Suite, server: LoopbackServer) -> None:
    """One line, status 4, and nothing is asked."""
    (suite.path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    result = suite.command(*arguments(suite, server.url, "--eval-tasks=toy:odd"))
    assert result.status == 4, result.out + result.err
    assert "toy:odd: it needs a camera" in result.err
    assert not server.seen.bodies


def test_faults_of_a_package_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package that fails as it loads a task, and one that is not installed."""

    def declare(name: str, cache_dir: Path) -> None:
        raise OSError(f"no {name} in {cache_dir.name}\nsecond line")

    module = ModuleType("pytest_modeleval.foreign_tasks.toy_benchmark")
    module.__dict__["declare"] = declare
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(PACKAGES, "toy", ("toy", ()))
    monkeypatch.setitem(PACKAGES, "absent", ("absent-extra", ("no_such_package",)))
    with pytest.raises(DataError, match=r"toy:x: its package cannot load it \(OSError: no x in [^\n]*\);"):
        declare_tasks([TaskName("toy", "x")], cache_dir=tmp_path)
    with pytest.raises(SettingsError, match=r"pip install 'pytest-modeleval\[absent-extra\]'"):
        declare_tasks([TaskName("absent", "x")], cache_dir=tmp_path)
