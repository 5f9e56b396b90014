"""How calls of tools are asked for: as the profile says, else as the server says; another way is another experiment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import LoopbackServer, loopback
from tests.support.suites import Result, Suite, key_answer

ASKED = """
from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders import grade_choice

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}

class Box:
    def __init__(self):
        self.count = 0
    def close(self):
        open("closed.txt", "a").write(f"{self.count}\\n")

def to_sample(row):
    return Sample(question=row.text("question"), choices=row.texts("choices"), target=row.text("answer"))

async def solve(sample, model):
    model.shared(Box).count += 1
    messages = [{"role": "user", "content": f"{model.context_tokens} {sample.question}"}]
    return await model.ask(Request(messages, tools=[TOOL] if model.tool_calls == "native" else ()))

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample, solve=solve,
           grade=grade_choice, offers_tools=True)
def test_quiz(grade):
    assert grade, grade.explanation
"""
WORKERS = pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])


@pytest.fixture
def asked(suite: Suite) -> Suite:
    """A project whose benchmark offers tools."""
    suite.write_benchmark(ASKED)
    suite.write_rows(8)
    return suite


def run(suite: Suite, server: LoopbackServer, said: str = "", *more: str) -> Result:
    """Run it with a profile that says `said`."""
    profile = f'[m]\nurls = ["{server.url}"]\nserved_names = ["test-model"]\ncontext_tokens = 4096\n{said}\n'
    (suite.path / "models.toml").write_text(profile)
    (suite.path / "pytest.ini").write_text("[pytest]\n")
    where = ["--eval-data", str(suite.path / "data"), "--eval-run", str(suite.run_dir)]
    return suite.command("-p", "no:cacheprovider", "--model", "m", *where, *more, "test_quiz.py")


@pytest.fixture
def parserless() -> Iterator[LoopbackServer]:
    """SGLang without a tool-call parser."""
    with loopback(key_answer, info={"/get_model_info": {"model_path": "m", "tool_call_parser": None}}) as server:
        yield server


def with_tools(server: LoopbackServer) -> set[bool]:
    """Whether requests offered tools."""
    return {"tools" in body for body in server.seen.bodies}


@WORKERS
def test_the_profile_decides(asked: Suite, server: LoopbackServer, workers: list[str]) -> None:
    """Text means no tools in any request, one line that says so, and a word in run.json; scores are what they are."""
    result = run(asked, server, 'tool_calls = "text"', *workers)
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.75
    assert with_tools(server) == {False}
    assert (result.out + result.err).count("quiz asks for calls as text, as the profile says") == 1
    kept = json.loads((asked.run_dir / "run.json").read_text())
    assert (kept["tool_calls"], kept["benchmarks"]["quiz"]["tool_calls"]) == ("text", "text")


def test_a_server_without_a_parser_is_asked_in_text(asked: Suite, parserless: LoopbackServer) -> None:
    """Where nobody says, the server does; the line says what to start it with."""
    result = run(asked, parserless)
    assert result.status == 0, result.out + result.err
    assert with_tools(parserless) == {False}
    assert "start it with --tool-call-parser" in result.out + result.err


def test_native_is_native_all_the_same(asked: Suite, parserless: LoopbackServer) -> None:
    """The profile's word is above the server's, and a warning remains."""
    result = run(asked, parserless, 'tool_calls = "native"')
    assert with_tools(parserless) == {True}
    assert "quiz sends tools, but the server has no tool-call parser" in result.out + result.err


def test_another_way_of_asking_is_another_experiment(asked: Suite, server: LoopbackServer) -> None:
    """The folder of native calls refuses text, before a request, and is rescored as it was asked."""
    before = run(asked, server)
    assert (before.status, with_tools(server)) == (0, {True}), before.out
    refused = run(asked, server, 'tool_calls = "text"')
    assert refused.status == 4
    assert "tool calls asked for as native there, as text here" in refused.err
    assert len(server.seen.bodies) == 8
    rescored = asked.command(
        "-p", "no:cacheprovider", "--eval-rescore", str(asked.run_dir), "--eval-data", "data", "test_quiz.py"
    )
    assert rescored.status == 0, rescored.out + rescored.err
    assert rescored.summary == before.summary


def test_text_is_rescored_as_text(asked: Suite, server: LoopbackServer) -> None:
    """Rescoring finds every request again, since it asks the stored way."""
    before = run(asked, server, 'tool_calls = "text"')
    rescored = asked.command(
        "-p", "no:cacheprovider", "--eval-rescore", str(asked.run_dir), "--eval-data", "data", "test_quiz.py"
    )
    assert rescored.status == 0, rescored.out + rescored.err
    assert rescored.summary == before.summary


def test_what_a_run_shares_is_made_once_and_closed(asked: Suite, server: LoopbackServer) -> None:
    """One Box for eight samples, closed at the end; and the context of the profile reaches solve."""
    assert run(asked, server).status == 0
    assert Path(asked.path / "closed.txt").read_text() == "8\n"
    prompts: list[dict[str, Any]] = server.seen.bodies
    assert {body["messages"][0]["content"].split()[0] for body in prompts} == {"4096"}
