"""fast_path.keyword_selection: selection by groups selects the items that pytest selects, and reports the same."""

from __future__ import annotations

import json

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.suites import BENCHMARK, Suite

# A hook of a project's own: with it, every item is asked by pytest.
OWN_HOOK = """
def pytest_collection_modifyitems(items):
    print("saw", len(items))
"""
LATE_WRAPPER = """
import pytest

@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_collection_modifyitems(items):
    print("saw", len(items))
    return (yield)
"""
MARKED = (
    BENCHMARK.replace("@benchmark", "import pytest\n@pytest.mark.slow\n@benchmark")
    + """
def other_request(sample):
    return to_request(sample)

other = benchmark(name="second", version="1", dataset=local("quiz/{subset}"), subsets=["part", "hard"],
                  sample=to_sample, request=other_request, grade=grade_choice)

@other
def test_second(grade):
    assert grade
"""
)
ORDINARY = """
import pytest

@pytest.fixture(scope="module", params=[1, 2])
def number(request):
    return request.param

def test_ordinary(number):
    pass

def test_further(number):
    pass
"""
DESELECTED = """
def pytest_deselected(items):
    with open("left.txt", "a") as file:
        file.writelines(item.nodeid + "\\n" for item in items)
"""
SELECTIONS = [
    ["-k", "part and not 0002"],
    ["-k", "hard or (QUIZ and 1)"],
    ["-k", "nothing"],
    ["-k", "quiz and"],
    ["-m", "slow"],
    ["-m", "not slow", "-k", "part"],
    ["--deselect", "test_quiz.py::test_quiz[part-0001]"],
    ["-k", "part", "--eval-shard", "1/2"],
    ["--eval-repeats", "2", "-k", "r1 and second"],
]


class Looked:
    """What one collection gave: every item, those left out, and pytest's last line; in-process, so quick."""

    def __init__(self, suite: Suite, arguments: list[str], *, conftest: str) -> None:
        left = suite.path / "left.txt"
        left.unlink(missing_ok=True)
        (suite.path / "conftest.py").write_text(DESELECTED + conftest, encoding="utf-8")
        result = suite.command(*suite.arguments("http://localhost:1", "--collect-only", "-q", *arguments, run=False))
        lines = result.out.splitlines()
        self.saw = [line for line in lines if line.startswith("saw")]
        self.status = result.status
        self.lines = [line for line in lines if line not in self.saw and " in " not in line]
        self.count = [line.partition(" in ")[0] for line in lines if " in " in line]
        self.errors = result.err
        self.left = sorted(left.read_text(encoding="utf-8").splitlines()) if left.exists() else []

    def everything(self) -> tuple[object, ...]:
        """What must be alike."""
        return self.status, self.lines, self.count, self.errors, self.left


@pytest.fixture
def two(suite: Suite) -> Suite:
    """Two benchmarks of two subsets in one module."""
    suite.write_benchmark(MARKED, subsets=("part", "hard"))
    suite.write_rows(5)
    suite.write_rows(3, subset="hard")
    suite.pytester.makeini("[pytest]\nmarkers =\n    slow: takes long\n")
    return suite


@pytest.mark.parametrize("arguments", SELECTIONS, ids=" ".join)
def test_the_same_is_selected_and_left_out(two: Suite, arguments: list[str]) -> None:
    """Items, their order, counts, messages and pytest_deselected are those of pytest's own way."""
    short = Looked(two, arguments, conftest="")
    long = Looked(two, arguments, conftest=OWN_HOOK)
    assert long.saw
    assert short.everything() == long.everything()


@pytest.mark.parametrize("hook", [OWN_HOOK, LATE_WRAPPER], ids=["hook", "late wrapper"])
def test_whoever_looks_at_the_items_sees_all(two: Suite, hook: str) -> None:
    """A hook of the project's own meets every item, wherever it stands."""
    assert Looked(two, [], conftest=hook).saw == ["saw 16"]


def test_ordinary_tests_among_samples_are_sorted_by_pytest(two: Suite) -> None:
    """Parameters of fixtures reorder tests; samples between them change nothing about it."""
    (two.path / "test_before.py").write_text(ORDINARY, encoding="utf-8")
    arguments = ["test_before.py", "-k", "not hard"]
    short, long = (Looked(two, arguments, conftest=hook) for hook in ("", OWN_HOOK))
    assert "test_before.py::test_further[1]" in short.lines
    assert "test_quiz.py::test_quiz[part-0000]" in short.lines
    assert short.everything() == long.everything()


def test_marks_that_a_project_gives_to_single_items_count(two: Suite) -> None:
    """A conftest that marks items as they are collected makes them unlike the others."""
    hook = """
import pytest

def pytest_itemcollected(item):
    if "0002" in item.name:
        item.add_marker(pytest.mark.slow)
"""
    short = Looked(two, ["-m", "slow", "-k", "second"], conftest=hook)
    long = Looked(two, ["-m", "slow", "-k", "second"], conftest=hook + OWN_HOOK)
    assert short.lines[:2] == ["test_quiz.py::test_second[part-0002]", "test_quiz.py::test_second[hard-0002]"]
    assert short.everything() == long.everything()


def test_new_first_remembers_every_item(two: Suite, server: LoopbackServer) -> None:
    """What pytest keeps for --nf are the ids of all selected items, not those of the stand-ins."""
    arguments = [arg for arg in two.arguments(server.url, "-k", "not 0002") if arg not in ("-p", "no:cacheprovider")]
    result = two.command("-o", "cache_dir=kept", *arguments)
    assert result.status == 0, result.out + result.err
    ids = json.loads((two.path / "kept" / "v" / "cache" / "nodeids").read_text(encoding="utf-8"))
    assert len(ids) == 12
    assert "test_quiz.py::test_second[hard-0001]" in ids
    listed = two.command("-o", "cache_dir=kept", *arguments, "--collect-only", "-q", "--nf", "-k", "quiz")
    assert listed.out.splitlines()[0] == "test_quiz.py::test_quiz[part-0002]"


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_without_paths_the_shipped_benchmarks_are_there(
    suite: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """In any folder, in one process and in the workers of xdist, whose pytest is given no path of the controller's."""
    (suite.path / "test_quiz.py").unlink()
    suite.write_rows(6).rename(suite.path / "data" / "part.jsonl")
    (suite.path / "data" / "general_mcq").mkdir()
    (suite.path / "data" / "part.jsonl").rename(suite.path / "data" / "general_mcq" / "part.jsonl")
    arguments = suite.arguments(server.url, "-k", "general_mcq", *workers)
    result = suite.command(*arguments[:-1])
    assert result.status == 0, result.out + result.err
    assert result.subset()["num"] == 6
    assert sum(server.seen.prompts.values()) == 6
