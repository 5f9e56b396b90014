"""Do vectors of sentences lie as close as people find the sentences alike? One item a pair. See card.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_modeleval import Grade, Model, Option, Sample, benchmark
from pytest_modeleval.datasets import Row, local
from pytest_modeleval.errors import DataError
from pytest_modeleval.metrics import pearson, spearman
from pytest_modeleval.retrieval.search import top_k


@dataclass(frozen=True, slots=True)
class Likeness:
    """What the vectors say of a pair."""

    similarity: float
    marks: tuple[str, ...]
    """Which of the sentences the server read in part."""


def to_sample(row: Row) -> Sample:
    sentences = [row.text("sentence1"), row.text("sentence2")]
    for name, sentence in zip(("sentence1", "sentence2"), sentences, strict=True):
        if not sentence.strip():
            raise DataError(f"expected a sentence in field {name!r}, found an empty text, in {row.where}; correct it")
    return Sample(question="\n".join(sentences), target=_score(row), data={"sentences": sentences})


def _score(row: Row) -> float:
    value = row["score"]
    try:
        score = float(value) if isinstance(value, int | float | str) else math.nan
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise DataError(f"expected a number in field 'score', found {value!r:.60}, in {row.where}; correct the row")
    return score


async def solve(sample: Sample, model: Model) -> Likeness:
    # Both sentences with the same prefix: their order means nothing.
    vectors = await model.embed(sample.data["sentences"], kind="query", prefix=str(sample.options["prefix"]) or None)
    similarity = top_k(vectors[:1], vectors[1:], 1, sample.options["similarity"]).scores[0, 0]
    return Likeness(float(similarity), model.vector_marks())


def grade(sample: Sample, found: Likeness) -> Grade:
    """Every pair with two vectors is right; the figure is the correlation over all pairs."""
    measures = {"similarity": found.similarity, "gold": sample.target}
    explanation = f"people say {sample.target:g}"
    return Grade.right(f"{found.similarity:.4f}", explanation, marks=found.marks, measures=measures)


@benchmark(
    name="sts",
    version="1",
    dataset=local("sts/{subset}"),
    options=[
        Option(
            "prefix", "", description="put before both sentences; empty: query_prefix of the profile, if it has one"
        ),
        Option("similarity", "cosine", choices=("cosine", "dot"), description="of the two vectors"),
    ],
    sample=to_sample,
    solve=solve,
    grade=grade,
    needs_embeddings=True,
    metric="spearman",
    measures=[
        spearman("spearman", of=("similarity", "gold"), low=0.0),
        pearson("pearson", of=("similarity", "gold")),
    ],
)
def test_sts(grade: Grade) -> None:
    assert grade, grade.explanation
