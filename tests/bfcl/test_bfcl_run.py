"""Whole runs of the shipped BFCL pages against a scripted server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.bfcl_gold import bfcl_folder, bfcl_samples, gold_calls
from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import Result, Suite

PAGES = Path(__file__).resolve().parents[2] / "benchmarks"
# Right answers among the first three questions of each subset, as in the users' own table.
RIGHT = {
    "simple_python": 3,
    "multiple": 3,
    "parallel_multiple": 2,
    "simple_java": 1,
    "simple_javascript": 1,
    "parallel": 3,
}


class Knowing:
    """A server's script that answers the first questions of each subset right, and the rest with a wrong call."""

    def __init__(self, cache: Path) -> None:
        self.calls: dict[str, tuple[tuple[str, str], ...]] = {}
        self.bodies: list[dict[str, Any]] = []
        # Names as tools, and as the data has them, with dots.
        self.names: dict[str, str] = {}
        for subset, right in RIGHT.items():
            for place, sample in enumerate(bfcl_samples(subset, cache)[:3]):
                self.names |= {part["name"].replace(".", "_"): part["name"] for part in sample.data["functions"]}
                calls = tuple((call.name, call.arguments) for call in gold_calls(sample))
                self.calls[sample.question] = calls if place < right else (("no_such_function", "{}"),)

    def __call__(self, body: dict[str, Any], _attempt: int) -> Answer:
        """The calls, as tools or, where none are offered, as text."""
        self.bodies.append(body)
        calls = self.calls[body["messages"][-1]["content"]]
        if body.get("tools"):
            return Answer(text="", calls=calls, finish="tool_calls")
        written = [
            f"{self.names.get(name, name)}({', '.join(f'{k}={v!r}' for k, v in json.loads(text).items())})"
            for name, text in calls
        ]
        return Answer(text=f"[{', '.join(written)}]")


def run(suite: Suite, server: LoopbackServer, name: str, *more: str) -> Result:
    """Run one page with three questions per subset."""
    page = PAGES / name / f"test_{name}.py"
    where = ["--rootdir", str(suite.path), "--eval-run", str(suite.run_dir), "--eval-data", str(bfcl_folder())]
    keyword = f"{name} and ({' or '.join(RIGHT)}) and not live"
    options = ["-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url, "--eval-limit", "3"]
    return suite.command(*options, *where, "-k", keyword, str(page), *more)


@pytest.fixture
def knowing(server: LoopbackServer, tmp_path: Path) -> Knowing:
    """The server, knowing the users' table."""
    script = Knowing(tmp_path / "rows")
    server.script = script
    return script


def test_the_users_table_is_exact_and_says_that_it_is_partial(
    suite: Suite, server: LoopbackServer, knowing: Knowing
) -> None:
    """Six subsets of three: NON_LIVE 0.8056, and an OVERALL that is marked partial with a ceiling of 0.10."""
    result = run(suite, server, "bfcl_v4")
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    (found,) = result.summary["benchmarks"]
    scores = {part["subset"]: part["score"] for part in found["subsets"]}
    assert scores == {subset: pytest.approx(right / 3) for subset, right in RIGHT.items()}
    whole = {part["name"]: part for part in found["aggregates"]}
    assert whole["NON_LIVE"]["score"] == pytest.approx(29 / 36)
    assert (whole["OVERALL"]["score"], whole["OVERALL"]["partial"]) == (None, True)
    assert re.search(r"NON_LIVE +18 +0\.8056", result.out)
    assert re.search(r"OVERALL +18 +partial", result.out)
    assert re.search(r"at most\s+0\.10", result.out)
    assert len(knowing.bodies) == 18
    assert all(body["tool_choice"] == "auto" for body in knowing.bodies)


def test_the_profile_can_have_the_same_page_asked_as_text(
    suite: Suite, server: LoopbackServer, knowing: Knowing
) -> None:
    """tool_calls = "text": the same subsets, no tools in any request, right calls in the text are right."""
    (suite.path / "models.toml").write_text('[test-model]\ntool_calls = "text"\n')
    result = run(suite, server, "bfcl_v4")
    assert result.status == 0, result.out + result.err
    assert result.subset("simple_python")["score"] == 1.0
    assert not any("tools" in body for body in knowing.bodies)
    assert all(body["messages"][0]["role"] == "system" for body in knowing.bodies)
    assert "bfcl_v4 asks for calls as text, as the profile says" in result.out + result.err


def test_rescoring_asks_nothing_and_changes_nothing(suite: Suite, server: LoopbackServer, knowing: Knowing) -> None:
    """The stored replies, graded again, give the same scores."""
    before = run(suite, server, "bfcl_v4")
    again = suite.command(
        "-p", "no:cacheprovider", "--rootdir", str(suite.path), "--model", "test-model", "--eval-limit", "3",
        "--eval-rescore", str(suite.run_dir), "--eval-data", str(bfcl_folder()), "-k", "bfcl_v4 and simple_java",
        str(PAGES / "bfcl_v4" / "test_bfcl_v4.py"),
    )  # fmt: skip
    assert before.status == again.status == 0, again.out + again.err
    assert len(knowing.bodies) == 18
    assert re.search(r"simple_java +3 +0\.3333", again.out)


def test_a_version_that_is_not_known_ends_with_status_4(suite: Suite, server: LoopbackServer) -> None:
    """MODELEVAL_BFCL is checked before anything is asked, and the sentence names what it may be."""
    where = ["--eval-run", str(suite.run_dir), "--eval-data", str(suite.path)]
    options = ["--model", "test-model", "--model-url", server.url, "-k", "simple_python"]
    page = str(PAGES / "bfcl_v4" / "test_bfcl_v4.py")
    result = suite.command("--rootdir", str(suite.path), *options, *where, page, env={"MODELEVAL_BFCL": "2024.1"})
    assert result.status == 4, result.out + result.err
    assert "MODELEVAL_BFCL: expected a version of bfcl-eval" in result.err
    assert "2026.3.23" in result.err
    assert "'2024.1'" in result.err
    assert "Traceback" not in result.out + result.err
    assert not server.seen.prompts
