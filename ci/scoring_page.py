"""What an engine's own interfaces give for known texts: log-probabilities, labels, numbers of tokens.

ci/check_engine.py copies this page next to a run. Each value is a measure of the summary.
"""

from __future__ import annotations

import math

from pytest_modeleval import Grade, LabelScores, Model, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.metrics import Measure, mean

CONTEXT = "The capital of France is"
CONTINUATIONS = (" Paris", " the", " Paris. It is the largest city in France.")
QUESTION = "What is the capital of France? Reply with A or B alone.\nA. Paris\nB. Berlin"


def rows() -> dict[str, list[dict[str, str]]]:
    """One row."""
    return {"known": [{"question": QUESTION}]}


def to_sample(row: Row) -> Sample:
    """The question with letters; the texts are constants."""
    return Sample(question=row.text("question"), target="A")


async def score_texts(sample: Sample, model: Model) -> dict[str, float]:
    """Log-probabilities of the continuations, and numbers of tokens."""
    found = await model.likelihood(CONTEXT, CONTINUATIONS)
    tokens = await model.count_tokens(CONTEXT)
    return {
        "tokens": float(tokens or 0),
        "word": found[0].logprob,
        "other_word": found[1].logprob,
        "sentence": found[2].logprob,
        "sentence_tokens": float(found[2].tokens),
    }


async def score_letters(sample: Sample, model: Model) -> LabelScores:
    """The probabilities of the two letters."""
    return await model.label_scores(Request([{"role": "user", "content": sample.question}]), ["A", "B"])


def grade_texts(sample: Sample, values: dict[str, float]) -> Grade:
    """Always right: the check judges the values."""
    return Grade.right("scored", measures=values)


def grade_letters(sample: Sample, found: LabelScores) -> Grade:
    """Always right, as above."""
    return Grade.right(found.best, measures={"a": found.probabilities["A"], "b": found.probabilities["B"]})


def value(name: str) -> Measure:
    """A measure that may be a log-probability or a count."""
    return mean(name, low=-1000.0, high=None)


@benchmark(
    name="known_texts",
    version="1",
    dataset=inline(rows),
    subsets=["known"],
    sample=to_sample,
    solve=score_texts,
    grade=grade_texts,
    needs_likelihood=True,
    measures=[value(name) for name in ("tokens", "word", "other_word", "sentence", "sentence_tokens")],
)
def test_known_texts(grade: Grade) -> None:
    """By the engine's endpoints for given texts."""
    assert grade, grade.explanation


@benchmark(
    name="known_labels",
    version="1",
    dataset=inline(rows),
    subsets=["known"],
    sample=to_sample,
    solve=score_letters,
    grade=grade_letters,
    needs_labels=True,
    measures=[value("a"), value("b")],
)
def test_known_labels(grade: Grade) -> None:
    """By the likely first tokens of a chat reply."""
    assert grade, grade.explanation


async def decide(sample: Sample, model: Model) -> dict[str, float]:
    """One question by /v1/decisions, and the same text, in SGLang's wording, by the first token of a chat reply."""
    text, question, options = "What is the capital of France?", "Which city is it?", {"A": "Paris", "B": "Berlin"}
    decided = await model.decide(text, question, options)
    lines = [text, "", f"Question: {question}", *(f"{name}: {name} - {city}" for name, city in options.items())]
    asked = "\n".join([*lines, "Answer with the letter of one option only."])
    listed = await model.label_scores(Request([{"role": "user", "content": asked}]), list(options))
    pairs = [(decided.probabilities[name], listed.probabilities[name]) for name in options]
    return {"gap": max(abs(math.log(one / other)) for one, other in pairs), "mass": decided.mass}


@benchmark(
    name="known_decisions",
    version="1",
    dataset=inline(rows),
    subsets=["known"],
    sample=to_sample,
    solve=decide,
    grade=grade_texts,
    needs_labels=True,
    needs_decisions=True,
    measures=[value("gap"), value("mass")],
)
def test_known_decisions(grade: Grade) -> None:
    """By the server's own prompt."""
    assert grade, grade.explanation
