"""Labels scored by the likely first tokens of a chat reply: whole runs against a scripted server."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.support import likelihood_server as toy
from tests.support.likelihood_server import ToyModel, toy_model
from tests.support.suites import Result, Suite

PAGE = """
from pytest_modeleval import Grade, Request, Sample, benchmark
from pytest_modeleval.datasets import local

def to_sample(row):
    return Sample(question=row.text("question"), choices=row.texts("choices"), target=row.text("answer"))

async def solve(sample, model):
    return await model.label_scores(Request([{"role": "user", "content": sample.question}]), ["A", "B"])

def grade(sample, found):
    make = Grade.right if found.best == sample.target else Grade.wrong
    return make(f"{found.best} of {found.mass:.2f}")

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample, solve=solve,
           grade=grade, needs_labels=True, defaults={"chat_template_kwargs": {"enable_thinking": False}})
def test_quiz(grade):
    assert grade, grade.explanation
"""
ROWS = [
    {"question": "easy", "choices": ["x", "y"], "answer": "A"},
    {"question": "wrong", "choices": ["x", "y"], "answer": "A"},
    {"question": "prose", "choices": ["x", "y"], "answer": "A"},
]
TOPS = {
    # With the blank A is the more likely one, without it B.
    "easy": {"B": 0.4, "A": 0.3, " A": 0.2},
    "wrong": {"B": 0.6, "A": 0.3},
    "prose": {"The": 0.5, "It": 0.4, "B": 0.05},
}


class Chat(ToyModel):
    """A chat server with top_logprobs. fault: "absent", "equal", "thinking", "too_much", "refused"."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path != "/v1/chat/completions":
            return super().answer(path, body)
        self.asked[path] += 1
        if self.fault == "refused":
            return 400, {"error": {"message": "logprobs are not supported"}}
        top = TOPS.get(body["messages"][-1]["content"], {"A": 0.8, "B": 0.1})
        top = {"equal": {"A": 0.1, "B": 0.1}, "thinking": {"<think>": 0.9, "A": 0.1}}.get(self.fault, top)
        top = {"A": 0.8, "B": 0.7} if self.fault == "too_much" else top
        assert (body["max_tokens"], body["top_logprobs"], body["stream"]) == (1, 20, False)
        assert body["chat_template_kwargs"] == {"enable_thinking": False}
        entries = [{"token": token, "logprob": math.log(p)} for token, p in top.items()]
        logprobs = None if self.fault == "absent" else {"content": [{**entries[0], "top_logprobs": entries}]}
        choice = {"index": 0, "message": {"role": "assistant", "content": "A"}, "finish_reason": "length"}
        return 200, {"id": "c", "model": toy.MODEL, "choices": [{**choice, "logprobs": logprobs}]}


@pytest.fixture
def quiz(suite: Suite) -> Suite:
    """A project whose benchmark scores labels."""
    suite.write_benchmark(PAGE)
    suite.write_raw("".join(json.dumps(row) + "\n" for row in ROWS))
    return suite


def run(suite: Suite, server: ToyModel, *more: str) -> Result:
    """Run it against the server."""
    arguments = [argument.replace("test-model", toy.MODEL) for argument in suite.arguments(server.url, *more)]
    return suite.command(*arguments)


def test_labels_are_scored_and_missing_ones_never(quiz: Suite) -> None:
    """One right, one wrong, one ungraded with its cause; nothing is asked again, and rescoring needs no server."""
    with toy_model("other", make=Chat) as server:
        result = run(quiz, server)
        assert result.status == 6, result.out + result.err
        found = result.subset()
        assert (found["score"], found["num"]) == (0.5, 2)
        journal = (quiz.run_dir / "journal.jsonl").read_text()
        assert "label_not_listed" in journal
        assert "label A is not in the top 3 of the reply's first token, which are 'The', 'It', 'B'" in journal
        asked = server.asked["/v1/chat/completions"]
        assert asked == 4
        run(quiz, server)
        # The check before the first sample alone.
        assert server.asked["/v1/chat/completions"] == asked + 1
    rescored = quiz.run(None, f"--eval-rescore={quiz.run_dir}", run=False)
    assert rescored.subset()["score"] == 0.5


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("refused", 5, "not run: quiz: they need the likely first tokens of a reply, which"),
        ("absent", 5, "expected the likely first tokens of the reply"),
        ("thinking", 5, "the reply begins with thinking"),
        ("equal", 4, "expected tokens of different probabilities"),
        ("too_much", 4, "add up to 1.500"),
    ],
)
def test_a_server_that_cannot_is_found_out_before_the_first_sample(
    quiz: Suite, fault: str, status: int, words: str
) -> None:
    """Not run where it gives none, refused where they cannot be right."""
    with toy_model("other", fault, make=Chat) as server:
        result = run(quiz, server)
        assert server.asked["/v1/chat/completions"] == 1
    assert words in result.out + result.err
    assert result.status == status
