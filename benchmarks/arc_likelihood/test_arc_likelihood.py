"""ARC by likelihood: science questions of grades 3 to 9, whose options are scored as texts. See card.md."""

from __future__ import annotations

from pytest_modeleval import Examples, Grade, Likelihood, Model, Option, Sample, Subset, benchmark
from pytest_modeleval.datasets import Row, huggingface
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders import grade_likelihood
from pytest_modeleval.metrics import mean


def to_sample(row: Row) -> Sample:
    choices = row.get("choices")
    texts, labels = ((choices or {}).get(name) for name in ("text", "label")) if isinstance(choices, dict) else ((), ())
    key = row.text("answerKey")
    if not isinstance(texts, list) or not isinstance(labels, list) or len(texts) != len(labels) or key not in labels:
        raise DataError(
            f"expected choices with texts, as many labels, and answerKey among these, found answerKey {key!r:.20} and "
            f"labels {labels!r:.60}, in {row.where}"
        )
    # Labels are letters or numbers, and need not be in order: the place counts.
    target = chr(ord("A") + labels.index(key))
    return Sample(question=row.text("question"), choices=tuple(map(str, texts)), target=target)


def asked(sample: Sample) -> str:
    return f"Question: {sample.question}\nAnswer:"


def context(sample: Sample) -> str:
    """Worked examples with their answers, then the question."""
    shown = [f"{asked(one)} {one.choices[ord(one.target) - ord('A')]}\n\n" for one in sample.examples]
    return "".join(shown) + asked(sample)


async def solve(sample: Sample, model: Model) -> list[Likelihood]:
    return await model.likelihood(context(sample), [f" {choice}" for choice in sample.choices])


@benchmark(
    name="arc_likelihood",
    version="1",
    dataset=huggingface("allenai/ai2_arc", config="{subset}", split="test", local="arc/{subset}_test"),
    subsets=[Subset("ARC-Easy", size=2376), Subset("ARC-Challenge", size=1172)],
    sample=to_sample,
    solve=solve,
    grade=grade_likelihood,
    needs_likelihood=True,
    metric="acc_norm",
    measures=[mean("acc_norm"), mean("acc")],
    options=[Option("shots", 0, low=0, high=25, description="worked examples of the training split")],
    examples=Examples(
        huggingface("allenai/ai2_arc", config="{subset}", split="train", local="arc/{subset}_train"), count="shots"
    ),
)
def test_arc_likelihood(grade: Grade) -> None:
    assert grade, grade.explanation
