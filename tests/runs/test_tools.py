"""Tools outside of the model, subsets that need something set, and what they are asked with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_modeleval.evaluation.model_handle import ModelHandle
from tests.support.loopback import LoopbackServer, Refuse
from tests.support.suites import Suite, key_answer

# Every use of the tool that really happens leaves a line in a file.
TOOL = """
import os
from pathlib import Path
from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.declaration import Subset
from pytest_modeleval.graders import grade_choice
from pytest_modeleval.metrics import macro

USED = Path(__file__).with_name("used.txt")

def to_sample(row):
    return Sample(question=row.text("question"), choices=row.texts("choices"), target=row.text("answer"))

async def solve(sample, model):
    async def look_up():
        with USED.open("a") as file:
            file.write(sample.id + "\\n")
        return {"page": len(USED.read_text())}
    first = await model.use_tool("look_up", {"of": sample.id}, look_up)
    again = await model.use_tool("look_up", {"of": sample.id}, look_up)
    said = f"{first['page']} {again['page']} {sample.question}"
    return await model.ask(Request(messages=[{"role": "user", "content": said}]))

VARIANT, MISSING = os.environ.get("LOOK_UP", ""), "" if os.environ.get("LOOK_UP") else "set LOOK_UP to an address"

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), sample=to_sample, solve=solve, grade=grade_choice,
           subsets=["part", Subset("other", missing=MISSING, variant=VARIANT)],
           aggregates=[macro("BOTH", of=("part", "other"))])
def test_quiz(grade):
    assert grade, grade.explanation
"""


@pytest.fixture
def looking(suite: Suite) -> Suite:
    """A project whose benchmark looks things up."""
    suite.write_benchmark(TOOL)
    for subset in ("part", "other"):
        suite.write_rows(4, subset=subset)
    return suite


def run(suite: Suite, server: LoopbackServer, *more: str, look_up: str = "here") -> Any:
    """Run it with LOOK_UP set."""
    return suite.command(*suite.arguments(server.url, *more), env={"LOOK_UP": look_up})


def used(suite: Suite) -> int:
    """How often the tool was really used."""
    return len((suite.path / "used.txt").read_text().split())


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_rescoring_sees_the_results_of_tools_again(looking: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """The stored run is graded to the same summary: nothing is looked up, nobody asked, nothing need be set."""
    before = run(looking, server, *workers)
    asked = len(server.seen.bodies)
    assert (before.status, used(looking), asked) == (0, 16, 8), before.out
    again = looking.command(
        "-p", "no:cacheprovider", "--eval-rescore", str(looking.run_dir), "--eval-data", "data", "test_quiz.py"
    )
    assert again.status == 0, again.out + again.err
    assert (used(looking), len(server.seen.bodies)) == (16, asked)
    assert again.summary == before.summary
    assert "not collected" not in again.out


def test_an_item_that_is_asked_again_keeps_what_it_was_told(looking: Suite, server: LoopbackServer) -> None:
    """A sample that ended without a verdict goes on with the results it had, so that its request is the same."""
    server.script = lambda body, attempt: Refuse(400)
    assert run(looking, server, "-k", "part").status == 6
    server.script = key_answer
    result = run(looking, server, "-k", "part")
    assert result.status == 0, result.out
    assert used(looking) == 8
    assert set(server.seen.prompts.values()) == {2}


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_what_needs_something_set_is_left_out_with_one_line(
    looking: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """Never a zero: the subset is not asked, one line says what to set, the aggregate is partial and names it."""
    result = run(looking, server, *workers, look_up="")
    assert result.status == 0, result.out
    assert result.out.count("not collected: quiz other: set LOOK_UP to an address") == 1
    assert result.summary is not None
    (found,) = result.summary["benchmarks"]
    assert [part["subset"] for part in found["subsets"]] == ["part"]
    (both,) = found["aggregates"]
    assert (both["score"], both["partial"], both["missing"]) == (None, True, ["other"])
    assert both["at_most"] == pytest.approx((0.75 + 1) / 2)


def test_the_line_comes_only_where_the_subset_was_wanted(looking: Suite, server: LoopbackServer) -> None:
    """-k for another subset says nothing; -k for this one alone selects nothing and says why."""
    assert "not collected" not in run(looking, server, "-k", "part", look_up="").out
    alone = run(looking, server, "-k", "other", "--collect-only", "-q", look_up="")
    assert alone.status == 5
    assert "set LOOK_UP to an address" in alone.out


def test_another_variant_is_another_experiment(looking: Suite, server: LoopbackServer) -> None:
    """A folder made with one source of results is not gone on with another; subsets that need none do not mind."""
    assert run(looking, server).status == 0
    other = run(looking, server, look_up="there")
    assert other.status == 4
    assert "subset other asked with here there, there here" in other.err
    assert run(looking, server, "-k", "part", look_up="there").status == 0


@pytest.mark.parametrize(
    ("context", "answer", "room"), [(4096, 1024, 3072), (None, 1024, None), (4096, None, None), (100, 200, 0)]
)
def test_a_prompt_may_fill_what_the_answer_leaves(context: int | None, answer: int | None, room: int | None) -> None:
    """Context less max_tokens; None where either is not known."""
    site: Any = SimpleNamespace(model=SimpleNamespace(context_tokens=context))
    item: Any = SimpleNamespace(plan=SimpleNamespace(params={"max_tokens": answer}))
    assert ModelHandle(site, item).prompt_tokens == room


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_a_mistake_found_while_a_module_is_imported_ends_with_status_4(
    suite: Suite, server: LoopbackServer, workers: list[str]
) -> None:
    """A page that reads a variable of its own says what is wrong with it; that is no fault of the page."""
    suite.write_rows(3)
    (suite.path / "test_page.py").write_text(
        "import pytest_modeleval\nfrom pytest_modeleval.errors import SettingsError\n"
        "raise SettingsError('MY_VARIABLE: expected a number, found x')\n"
    )
    result = suite.run(server.url, *workers, "test_page.py")
    assert result.status == 4, result.out + result.err
    assert "MY_VARIABLE: expected a number, found x" in result.err
    assert "Traceback" not in result.out + result.err
    assert not server.seen.prompts
    assert not Path(suite.run_dir, "summary.json").exists()
