"""docs/writing-a-benchmark.md: the page in it is at most 40 lines and runs as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Suite

DOCUMENT = Path(__file__).parents[2] / "docs" / "writing-a-benchmark.md"
CAPITALS = {"France": "Paris", "Spain": "Madrid", "Japan": "Tokyo"}


@pytest.fixture
def page() -> str:
    """The first block of Python in the document."""
    return whole_pages()[0]


def whole_pages() -> list[str]:
    """The blocks of Python that are whole modules."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return re.findall(r"<!-- the tests run this block as it stands -->\n```python\n(.*?)```", text, re.DOTALL)


def test_the_pages_are_short() -> None:
    """A user's own benchmark takes at most 40 lines, blank ones included; with examples and two options, too."""
    assert [len(page.splitlines()) <= 40 for page in whole_pages()] == [True, True]


def test_the_page_runs_as_it_stands(page: str, suite: Suite, server: LoopbackServer) -> None:
    """Two files of rows become two subsets and an aggregate; a wrong capital is wrong, and nothing is registered."""

    def script(body: dict[str, Any], attempt: int) -> Answer:
        asked = body["messages"][-1]["content"]
        right = next(capital for country, capital in CAPITALS.items() if country in asked)
        return Answer(text=f"Let me think.\nANSWER: {'Seville' if right == 'Madrid' else right}.")

    server.script = script
    (suite.path / "test_capitals.py").write_text(page, encoding="utf-8")
    for subset, countries in (("europe", ("France", "Spain")), ("asia", ("Japan",))):
        file = suite.path / "data" / "capitals" / f"{subset}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = (f'{{"country": "{country}", "capital": "{CAPITALS[country]}"}}\n' for country in countries)
        file.write_text("".join(rows), encoding="utf-8")
    arguments = [argument for argument in suite.arguments(server.url) if argument != "test_quiz.py"]
    result = suite.command(*arguments, "test_capitals.py")
    assert result.status == 0, result.out + result.err
    assert (result.subset("europe")["score"], result.subset("asia")["score"]) == (0.5, 1.0)
    assert result.summary is not None
    (overall,) = result.summary["benchmarks"][0]["aggregates"]
    assert (overall["name"], overall["num"]) == ("OVERALL", 3)
    assert overall["score"] == pytest.approx(2 / 3)


def test_the_choice_page_runs_as_it_stands(suite: Suite, server: LoopbackServer) -> None:
    """Five solved questions in front, choices in a drawn order, and both options change what is asked."""
    choices = ["one", "two", "three"]
    for split in ("val", "test", "dev"):
        file = suite.path / "data" / "school" / split / "astronomy.jsonl"
        file.parent.mkdir(parents=True)
        rows = [
            {"question": f"{split} {number}?", "choices": choices, "answer": "B" if split == "dev" else 2}
            for number in range(6)
        ]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def script(body: dict[str, Any], attempt: int) -> Answer:
        asked = body["messages"][-1]["content"]
        letter = re.findall(r"(?m)^\W*([A-C])\W+three$", asked)[-1]
        return Answer(text=f"ANSWER: {letter}")

    server.script = script
    (suite.path / "test_school.py").write_text(whole_pages()[1], encoding="utf-8")
    common = ("-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url, "--eval-limit=3")
    for split, more in (("val", ()), ("test", ("--eval-option=school.split=test", "--eval-option=school.shots=0"))):
        run = (f"--eval-data={suite.path / 'data'}", f"--eval-run={suite.path / split}", *more, "test_school.py")
        result = suite.command(*common, *run)
        assert result.status == 0, result.out + result.err
    prompts = [body["messages"][-1]["content"] for body in server.seen.bodies]
    assert [(prompt.count("dev "), "test " in prompt) for prompt in prompts] == [(5, False)] * 3 + [(0, True)] * 3
