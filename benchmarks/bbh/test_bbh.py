"""BIG-Bench Hard: 6,511 tasks of reasoning in 27 subsets, with the authors' worked examples. See card.md."""

from __future__ import annotations

from pytest_modeleval import Examples, Grade, Option, Request, Sample, benchmark
from pytest_modeleval.datasets import Row, first_of, huggingface, local
from pytest_modeleval.metrics import macro, micro
from pytest_modeleval.prompts import user

from ..multiple_choice import sized_subsets
from .answers import grade_stated_answer

SIZES = dict.fromkeys(
    (
        "boolean_expressions",
        "date_understanding",
        "disambiguation_qa",
        "dyck_languages",
        "formal_fallacies",
        "geometric_shapes",
        "hyperbaton",
        "logical_deduction_five_objects",
        "logical_deduction_seven_objects",
        "logical_deduction_three_objects",
        "movie_recommendation",
        "multistep_arithmetic_two",
        "navigate",
        "object_counting",
        "reasoning_about_colored_objects",
        "ruin_names",
        "salient_translation_error_detection",
        "sports_understanding",
        "temporal_sequences",
        "tracking_shuffled_objects_five_objects",
        "tracking_shuffled_objects_seven_objects",
        "tracking_shuffled_objects_three_objects",
        "web_of_lies",
        "word_sorting",
    ),
    250,
) | {"causal_judgement": 187, "penguins_in_a_table": 146, "snarks": 178}
FORM = (
    'Reason step by step, and end your reply with "So the answer is X.", where X is the answer in the form asked for.'
)


def subset_of(row: Row) -> str:
    """The column `subset`; on the hub each subset is a configuration of its own, without it."""
    return row.text("subset") if "subset" in row else row.subset


def to_sample(row: Row) -> Sample:
    return Sample(question=row.text("input"), target=row.text("target"))


def to_example(row: Row) -> Sample:
    """The three worked examples as one text, without the canary line of BIG-bench and the rule below it."""
    lines = row.text("prompt").splitlines()
    return Sample(
        question="\n".join(line for line in lines if "canary" not in line.lower() and line != "-----").strip()
    )


def to_request(sample: Sample) -> Request:
    if not sample.examples:
        return Request(user(f"{FORM}\n\n{sample.question}"))
    shown = "\n\n".join(example.question for example in sample.examples)
    return Request(user(f"{shown}\n\nQ: {sample.question}\nA: Let's think step by step."))


@benchmark(
    name="bbh",
    version="1",
    dataset=first_of(
        huggingface("lukaemon/bbh", config="{subset}", split="test", local="bbh/test", subset_of=subset_of),
        huggingface("SaylorTwift/bbh", config="{subset}", split="test", local="bbh/test", subset_of=subset_of),
    ),
    subsets=sized_subsets(SIZES),
    sample=to_sample,
    request=to_request,
    grade=grade_stated_answer,
    options=[Option("examples", 1, low=0, high=1, description="1: the official three worked examples; 0: none.")],
    examples=Examples(local("bbh/cot_prompts", subset_of=subset_of), count="examples", sample=to_example),
    aggregates=[macro("OVERALL"), micro("MICRO")],
)
def test_bbh(grade: Grade) -> None:
    assert grade, grade.explanation
