"""ruler and needle: prompts of the length that is asked for, made by code, the same in every run."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.long_texts import fitting
from benchmarks.long_texts.fitting import LongReply
from benchmarks.needle import test_needle as needle
from benchmarks.ruler import test_ruler as ruler
from benchmarks.ruler.rows import ANSWER_TOKENS, CHARS_PER_TOKEN, NEEDLE_ANSWER_TOKENS, TASKS, rows
from pytest_modeleval.errors import SettingsError, Ungraded
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Kind, Response, Sample, Usage
from tests.support import likelihood_server as toy
from tests.support.likelihood_server import ToyModel, toy_model
from tests.support.loopback import LoopbackServer
from tests.support.no_vectors import NoVectors
from tests.support.suites import Result, Suite

PIECE = re.compile(r"[A-Za-z]{1,5}|\d|[^\sA-Za-z\d]")
PAGES = Path(__file__).parents[2] / "benchmarks"


class WordModel(NoVectors):
    """A model whose tokens are pieces of words; it repeats the prompt. has_tokenizer: whether it gives their number."""

    def __init__(self, context: int | None = None, *, has_tokenizer: bool = True) -> None:
        self.context_tokens = context
        self.prompt_tokens = None if context is None else max(0, context - 4096)
        self.has_tokenizer = has_tokenizer
        self.counted: list[int] = []
        self.requests: list[Any] = []

    async def count_tokens(self, text: str) -> int | None:
        """The pieces of the text."""
        if not self.has_tokenizer:
            return None
        self.counted.append(len(PIECE.findall(text)))
        return self.counted[-1]

    async def ask(self, request: Any) -> Response:
        """The prompt."""
        self.requests.append(request)
        text = request.messages[-1]["content"]
        return Response(text, content=text, usage=Usage(prompt_tokens=len(PIECE.findall(text))))


def sample_of(task: str, length: int, number: int = 0) -> Sample:
    """One sample of ruler."""
    from pytest_modeleval.datasets import Row

    fields = {"task": task, "length": length, "number": number}
    return ruler.to_sample(Row(fields, subset="s", index=0, file="f", line=1))


def solved(sample: Sample, model: WordModel) -> LongReply:
    """The reply of ruler's solve."""
    return asyncio.run(ruler.solve(sample, cast("Model", model)))


@pytest.mark.parametrize("task", TASKS)
def test_a_prompt_has_the_length_that_is_asked_for(task: str) -> None:
    """96 to 100 % of the tokens, less those kept for the answer, after a few counts; every target is in it."""
    sample, model = sample_of(task, 8192), WordModel()
    reply = solved(sample, model)
    wanted = 8192 - ANSWER_TOKENS.get(task, NEEDLE_ANSWER_TOKENS)
    assert 0.96 * wanted <= reply.tokens <= wanted
    assert len(model.counted) <= 8
    text = reply.response.text
    assert [target for target in sample.target if target in text] or task.startswith("qa")
    grade = ruler.grade(sample, reply)
    assert (grade.value, grade.measures) == (1.0, {"prompt_tokens": float(reply.tokens)})
    assert not grade.marks
    assert solved(sample_of(task, 8192), WordModel()).response.text == text
    assert solved(sample_of(task, 8192, 1), WordModel()).response.text != text


@pytest.mark.parametrize("task", TASKS)
def test_without_a_tokenizer_the_length_is_an_estimate_and_said_to_be(task: str) -> None:
    """The number of characters decides; the figure is still the server's own count."""
    model = WordModel(has_tokenizer=False)
    reply = solved(sample_of(task, 4096), model)
    assert len(reply.response.text) / CHARS_PER_TOKEN[task] == pytest.approx(4096, rel=0.1)
    grade = ruler.grade(sample_of(task, 4096), reply)
    assert grade.marks == ("the prompt's length was estimated: the server offers no tokenizer",)
    assert grade.measures == {"prompt_tokens": float(len(PIECE.findall(reply.response.text)))}


def test_all_targets_count_but_one_is_enough_for_a_question() -> None:
    """Two of four values are half; one of three names of an answer is all of it; case is ignored."""
    four = Sample(target=["1111111", "2222222", "3333333", "4444444"], data={"is_any": False})
    said = LongReply(Response("1111111 and 4444444"), 100, 100, is_counted=True)
    assert ruler.grade(four, said).value == 0.5
    names = Sample(target=["Paul", "Paul Berg", "Berg, Paul"], data={"is_any": True})
    assert ruler.grade(names, LongReply(Response("PAUL."), 100, 100, is_counted=True)).value == 1.0
    assert ruler.grade(names, LongReply(Response(""), 100, 100, is_counted=True)).kind is Kind.NO_ANSWER


@settings(max_examples=40)
@given(tokens=st.integers(50, 20_000), words=st.integers(1, 40), fixed=st.integers(0, 60), guess=st.floats(1.0, 12.0))
def test_any_text_is_fitted_below_the_wanted_length(tokens: int, words: int, fixed: int, guess: float) -> None:
    """Whatever a unit weighs and however wrong the first guess is: never longer, and little shorter."""
    model = WordModel()

    def build(units: int) -> str:
        return "w " * (fixed + units * words)

    if fixed + words > tokens:
        return
    found = asyncio.run(fitting.fit(cast("Model", model), build, tokens, chars_per_token=guess))
    assert found.tokens <= tokens
    assert found.tokens >= 0.96 * tokens - 2 * words


def test_the_answer_gets_what_room_the_context_leaves() -> None:
    """max_tokens shrinks where prompt and answer would not fit; a context below the length is no score."""
    model = WordModel(8192)
    reply = solved(sample_of("vt", 8192), model)
    assert model.requests[-1].params == {"max_tokens": 8192 - reply.planned - fitting.TEMPLATE_TOKENS}
    with pytest.raises(Ungraded, match="4096 tokens") as failure:
        solved(sample_of("vt", 8192), WordModel(4096))
    assert failure.value.cause == "context_exceeded"


def test_an_unknown_length_is_refused() -> None:
    """With the lengths that there are."""
    assert {name for name, part in rows({"lengths": "4k, 8192", "samples": 3}).items() if len(part) == 3} == {
        f"{task}-{length}" for task in TASKS for length in (4096, 8192)
    }
    with pytest.raises(SettingsError, match="1k,4k,8k,16k,32k,64k,128k, found '5k'"):
        rows({"lengths": "5k"})


def test_a_needle_is_found_in_any_words() -> None:
    """The keeper's name anywhere in the reply; the first name alone is not enough."""
    sample = Sample(target="Ida Dahlberg", data={})
    for text, is_right in (("It is kept by IDA  Dahlberg.", True), ("Ida", False), ("Someone else", False)):
        assert bool(needle.grade(sample, LongReply(Response(text), 100, 100, is_counted=True))) is is_right


class EchoModel(ToyModel):
    """A toy model that also chats: it repeats the prompt, and counts its words."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path != "/v1/chat/completions":
            return super().answer(path, body)
        text = body["messages"][-1]["content"]
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": len(toy.encode(text)) + 9, "completion_tokens": 3}
        return 200, {"model": toy.MODEL, "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


def run(suite: Suite, url: str, page: str, *more: str, model: str = toy.MODEL) -> Result:
    """One page at 1k tokens."""
    return suite.command(
        *("-p", "no:cacheprovider", "--model", model, "--model-url", url, f"--eval-run={suite.run_dir}"),
        *(f"--eval-option={page}.lengths=1k", *more, str(PAGES / page)),
    )


def test_ruler_in_a_whole_run(suite: Suite) -> None:
    """13 tasks, their mean, the length by the server's tokenizer; the journal holds counts, not tokens; rescored."""
    with toy_model("vllm", make=EchoModel) as server:
        server.context = 200_000
        result = run(suite, server.url, "ruler", "--eval-limit=1")
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    (found,) = result.summary["benchmarks"]
    assert [entry["score"] for entry in found["subsets"]] == [1.0] * 13
    scores = {entry["name"]: entry["score"] for entry in found["aggregates"]}
    assert scores["1k"] == pytest.approx(1.0)
    assert "AVG" not in scores
    lengths = [entry["score"] for entry in found["measures"] if entry["name"] == "prompt_tokens"]
    assert all(850 <= length <= 1024 for length in lengths)
    assert server.asked["/tokenize"] <= 13 * 8
    journal = (suite.run_dir / "journal.jsonl").read_text()
    counts = [line for line in map(json.loads, journal.splitlines()) if line["type"] == "tool"]
    assert all(line["tool"] == "count_tokens" and isinstance(line["result"], int) for line in counts)
    again = suite.command(
        *("-p", "no:cacheprovider", f"--eval-rescore={suite.run_dir}", "--eval-option=ruler.lengths=1k"),
        *("--eval-limit=1", str(PAGES / "ruler")),
    )
    assert again.status == 0, again.out + again.err


class ProxiedModel(EchoModel):
    """Behind a proxy that passes chats only."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return (404, {"error": {"message": "not found"}}) if path == "/tokenize" else super().answer(path, body)


def test_a_tokenizer_that_cannot_be_reached_is_none(suite: Suite) -> None:
    """The length is estimated, each item says so, and no item is lost."""
    with toy_model("vllm", make=ProxiedModel) as server:
        server.context = 200_000
        result = run(suite, server.url, "needle", "--eval-limit=2")
    assert result.status == 0, result.out + result.err
    journal = [json.loads(line) for line in (suite.run_dir / "journal.jsonl").read_text().splitlines()]
    marks = [line["marks"] for line in journal if line["type"] == "grade"]
    assert marks == [["the prompt's length was estimated: the server offers no tokenizer"]] * 2


def test_a_server_that_cuts_prompts_gives_no_score(suite: Suite, server: LoopbackServer) -> None:
    """It counts 7 tokens of each prompt: ungraded, with the reason; needle has a row for each depth."""
    result = run(suite, server.url, "needle", "--eval-option=needle.samples=1", model="test-model")
    assert result.status == 6, result.out + result.err
    assert result.summary is not None
    (part,) = result.summary["benchmarks"][0]["subsets"]
    assert part["counts"]["bad_response"] == len(needle.DEPTHS)
    assert "prompt_cut" in result.out
