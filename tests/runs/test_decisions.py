"""Options scored by /v1/decisions: whole runs against a scripted server, and what SGLang 0.5.23 answered on a CPU."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import likelihood_server as toy
from tests.support.likelihood_server import ToyModel, toy_model
from tests.support.suites import Result, Suite

PAGE = """
from pytest_modeleval import Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders import grade_labels
from pytest_modeleval.metrics import mean

def to_sample(row):
    return Sample(question=row.text("question"), choices=row.texts("choices"), target=row.text("answer"))

async def solve(sample, model):
    return await model.decide(sample.question, "Which?", dict(zip("AB", sample.choices)))

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample, solve=solve,
           grade=grade_labels, needs_decisions=True, measures=[mean("mass")])
def test_quiz(grade):
    assert grade, grade.explanation
"""
ROWS = [{"question": name, "choices": ["x", "y"], "answer": "A"} for name in ("easy", "wrong", "prose", "long")]
SHARES = {"easy": (0.75, 0.25, 0.8), "wrong": (0.25, 0.75, 0.8), "prose": (0.75, 0.25, 0.01)}


class Decider(ToyModel):
    """/v1/decisions in the shape of its kind. fault: "equal", "reversed", "absent", "reworded", "sum", "swapped"."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON."""
        if path != "/v1/decisions":
            return super().answer(path, body)
        self.asked[path] += 1
        if self.fault == "absent":
            return 501, {"error": {"message": "The model does not support the Decisions API"}}
        # Both engines refuse fields that they do not know.
        assert set(body) <= {"model", "input", "questions", "prompt_format_version", "chat_template_kwargs"}
        (question,) = body["questions"]
        names = [each["name" if self.kind == "sglang" else "value"] for each in self.options(question)]
        if body["input"] == "long":
            return 400, {"error": {"message": "the prompt has 9000 tokens, which does not fit the context length"}}
        first, second, mass = self.shares(body["input"], names)
        if self.kind == "vllm":
            entries = [{"value": name, "probability": p} for name, p in zip(names, (first, second), strict=True)]
            best = max(first, second)
            answer = {"type": "choice", "name": "q", "choice": names[0], "probabilities": entries}
            usage = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}
            return 200, {"model": toy.MODEL, "answers": [answer | {"confidence": best * mass}], "usage": usage}
        assert body["prompt_format_version"] == 1
        answer = {"type": "choice", "probabilities": dict(zip(names, (first, second), strict=True)), "label_mass": mass}
        version = 2 if self.fault == "reworded" else 1
        return 200, {"model": toy.MODEL, "prompt_format_version": version, "answers": {"q": answer}}

    def options(self, question: dict[str, Any]) -> list[dict[str, Any]]:
        """As they were sent."""
        sent: list[dict[str, Any]] = question["options" if self.kind == "sglang" else "choices"]
        return sent[::-1] if self.fault == "swapped" else sent

    def shares(self, text: str, names: list[str]) -> tuple[float, float, float]:
        """Of both options, and the mass of their letters."""
        if text in SHARES:
            return SHARES[text]
        if self.fault == "equal":
            return 0.5, 0.5, 0.9
        if self.fault == "sum":
            return 0.9, 0.8, 0.9
        is_first = (names[0] == "Paris") != (self.fault == "reversed")
        return (0.9, 0.1, 0.9) if is_first else (0.2, 0.8, 0.9)


@pytest.fixture
def quiz(suite: Suite) -> Suite:
    """A project whose benchmark has options scored."""
    suite.write_benchmark(PAGE)
    suite.write_raw("".join(json.dumps(row) + "\n" for row in ROWS))
    return suite


def run(suite: Suite, server: ToyModel, *more: str) -> Result:
    """Run it against the server."""
    arguments = [argument.replace("test-model", toy.MODEL) for argument in suite.arguments(server.url, *more)]
    return suite.command(*arguments)


@pytest.mark.parametrize("kind", ["sglang", "vllm"])
def test_options_are_scored_by_the_server(quiz: Suite, kind: str) -> None:
    """Right, wrong, no answer where no letter is likely, ungraded where it is refused; rescored without server."""
    with toy_model(kind, make=Decider) as server:
        result = run(quiz, server)
        assert result.status == 6, result.out + result.err
        # Two for the check, one for each sample.
        assert server.asked["/v1/decisions"] == 6
    found = result.subset()
    assert (found["score"], found["num"]) == (pytest.approx(1 / 3), 3)
    assert '"low_mass"' in (quiz.run_dir / "journal.jsonl").read_text()
    assert result.summary is not None
    (mass,) = result.summary["benchmarks"][0]["measures"]
    assert (mass["name"], mass["score"]) == ("mass", pytest.approx((0.8 + 0.8 + 0.01) / 3))
    rescored = quiz.run(None, f"--eval-rescore={quiz.run_dir}", run=False)
    assert rescored.subset()["score"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("kind", "fault", "status", "words"),
    [
        ("vllm", "absent", 5, "not run: quiz: they need probabilities of options from /v1/decisions"),
        ("llama.cpp", "", 5, "The model does not support"),
        ("sglang", "equal", 4, "expected options of different probabilities"),
        ("sglang", "reversed", 4, "expected 'Paris' rather than 'banana'"),
        ("sglang", "reworded", 4, "prompt_format_version 2 in place of 1"),
        ("vllm", "sum", 4, "add up to 1"),
        ("vllm", "swapped", 4, "other options than were sent"),
    ],
)
def test_a_server_that_cannot_decide_is_found_out_before_the_first_sample(
    quiz: Suite, kind: str, fault: str, status: int, words: str
) -> None:
    """Not run where there is no such endpoint, refused where its figures cannot be right."""
    with toy_model(kind, "absent" if kind == "llama.cpp" else fault, make=Decider) as server:
        result = run(quiz, server)
        assert server.asked["/v1/decisions"] <= 2
    assert words in result.out + result.err
    assert result.status == status


def test_a_suspicious_subset_shows_probabilities_and_no_empty_replies(quiz: Suite) -> None:
    """All wrong: the remark shows what the letters got."""
    quiz.write_raw("".join(json.dumps(ROWS[1]) + "\n" for _ in range(5)))
    with toy_model("sglang", make=Decider) as server:
        result = run(quiz, server)
    assert "suspicious" in result.out
    assert "probabilities: A 0.2000, B 0.6000" in result.out
    assert "(empty)" not in result.out


def test_a_system_prompt_is_refused_by_name(quiz: Suite) -> None:
    """/v1/decisions has no place for one; without a word it would be left out."""
    (quiz.path / "system.txt").write_text("Be brief.")
    with toy_model("sglang", make=Decider) as server:
        result = run(quiz, server, "--eval-system=system.txt")
    assert "leave out --eval-system" in result.out
    assert result.status == 5
