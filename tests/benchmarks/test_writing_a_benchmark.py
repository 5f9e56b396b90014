"""docs/writing-a-benchmark.md: the page in it is at most 40 lines and runs as it stands."""

from __future__ import annotations

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
    found = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_page_is_short(page: str) -> None:
    """A user's own benchmark takes at most 40 lines, blank ones included."""
    assert len(page.splitlines()) <= 40


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
