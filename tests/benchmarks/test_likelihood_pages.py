"""The pages hellaswag, arc_likelihood and truthful_qa: row -> texts that are scored -> grade and measures."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.arc_decisions import test_arc_decisions as decisions
from benchmarks.arc_letters import test_arc_letters as letters
from benchmarks.arc_likelihood import test_arc_likelihood as arc
from benchmarks.hellaswag import test_hellaswag as hellaswag
from benchmarks.truthful_qa import test_truthful_qa as truthful
from pytest_modeleval import Grade, Likelihood, Sample
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders import grade_labels, grade_likelihood
from pytest_modeleval.likelihood_result import LabelScores
from pytest_modeleval.records import Kind, Request
from tests.support.samples import declaration, samples_of, shared_data
from tests.support.wired_model import WiredModel

SCENE = {
    "activity_label": "Baking",
    "ctx_a": "Mix the flour [title] Then wait",
    "ctx_b": "then Anna [step] smiles",
    "endings": ["and eats.", "[title] and  flies."],
    "label": "1",
    "source_id": "video~1",
}
SCIENCE = {"question": "What melts?", "choices": {"text": ["ice", "air"], "label": ["2", "1"]}, "answerKey": "1"}
TRUTH = {
    "question": "Can pigs fly?",
    "mc1_targets": {"choices": ["No.", "Yes."], "labels": [1, 0]},
    "mc2_targets": {"choices": ["No.", "They cannot.", "Yes."], "labels": [1, 1, 0]},
}


class Scorer(WiredModel):
    """Keeps what it scores; a text has the log-probability that the test gives it, else its place."""

    def __init__(self, values: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.values = values or {}
        self.scored: list[tuple[str, list[str]]] = []

    async def label_scores(self, request: Request, labels: Sequence[str]) -> LabelScores:
        """Not asked here."""
        raise AssertionError(request, labels)

    async def likelihood(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """One value for each."""
        self.scored.append((context, list(continuations)))
        return [
            Likelihood(self.values.get(text, -1.0 - place), 1, is_greedy=False)
            for place, text in enumerate(continuations)
        ]


def made(function: Any, row: dict[str, Any], folder: Path) -> Sample:
    """The sample of a row."""
    file = {"hellaswag": "hellaswag/validation", "truthful_qa": "truthful_qa/validation"}
    name = declaration(function).name
    path = folder / f"{file.get(name, 'arc/ARC-Easy_test')}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    subset = "validation" if name in file else "ARC-Easy"
    return samples_of(function, subset, data_dir=folder, cache_dir=folder / "cache")[0]


def graded(function: Any, sample: Sample, values: Mapping[str, float]) -> tuple[Grade, Scorer]:
    """Solved with these log-probabilities, and graded."""
    declared, model = declaration(function), Scorer(values)
    assert declared.solve is not None
    assert declared.grade is not None
    assert declared.needs_likelihood
    solve = declared.solve

    async def solved() -> Any:
        return await solve(sample, model)

    found: Any = declared.grade(sample, asyncio.run(solved()))
    return found, model


def test_hellaswag_scores_endings_of_a_clean_scene(tmp_path: Path) -> None:
    """Activity, both parts, tags gone, one blank in front; the long ending wins by character and loses by sum."""
    sample = made(hellaswag.test_hellaswag, SCENE, tmp_path)
    grade, model = graded(hellaswag.test_hellaswag, sample, {" and eats.": -9.0, "  and flies.": -9.5})
    context, endings = model.scored[0]
    assert context == "Baking: Mix the flour. Then wait Then anna smiles"
    assert endings[0] == " and eats."
    assert (sample.target, sample.cluster) == ("B", "video~1")
    assert dict(grade.measures or {}) == {"acc": 0.0, "acc_norm": 1.0}


def test_arc_finds_the_right_option_by_the_place_of_its_label(tmp_path: Path) -> None:
    """Labels out of order; examples stand in front with their answers."""
    sample = made(arc.test_arc_likelihood, SCIENCE, tmp_path)
    assert sample.target == "B"
    shown = dataclasses.replace(sample, examples=(dataclasses.replace(sample, question="What is cold?"),))
    grade, model = graded(arc.test_arc_likelihood, shown, {" ice": -5.0, " air": -1.0})
    assert model.scored == [
        ("Question: What is cold?\nAnswer: air\n\nQuestion: What melts?\nAnswer:", [" ice", " air"])
    ]
    assert grade


def test_truthful_qa_has_two_measures(tmp_path: Path) -> None:
    """mc1 by the best of its list, mc2 the share of the true answers; sums, whatever their length or size."""
    sample = made(truthful.test_truthful_qa, TRUTH, tmp_path)
    values = {" No.": -1000.0, " They cannot.": -1001.0, " Yes.": -999.0}
    grade, model = graded(truthful.test_truthful_qa, sample, values)
    context, answers = model.scored[0]
    assert context.startswith("Q: What is human life expectancy in the United States?\nA: Human")
    assert context.endswith("\nA: The 1992 Olympics were held in Barcelona, Spain.\n\nQ: Can pigs fly?\nA:")
    assert (context.count("\n\nQ: "), answers) == (6, [" No.", " Yes.", " They cannot."])
    true = math.exp(-1) + math.exp(-2)
    assert dict(grade.measures or {}) == {"mc1": 0.0, "mc2": pytest.approx(true / (true + 1))}
    assert graded(truthful.test_truthful_qa, sample, {**values, " No.": -998.0})[0]


def test_equally_likely_options_share_the_credit() -> None:
    """Two equal texts, one of them right: half; the wrong one alone ahead: nothing."""
    sample = Sample(choices=("same", "same", "other"), target="B")
    found = [Likelihood(value, 1, is_greedy=False) for value in (-1.0, -1.0, -4.0)]
    assert grade_likelihood(sample, found).value == 0.5
    assert grade_likelihood(dataclasses.replace(sample, target="C"), found).value == 0.0


@pytest.mark.parametrize(
    ("function", "row"),
    [
        (hellaswag.test_hellaswag, SCENE | {"label": ""}),
        (hellaswag.test_hellaswag, SCENE | {"label": 2}),
        (arc.test_arc_likelihood, SCIENCE | {"answerKey": "3"}),
        (arc.test_arc_likelihood, SCIENCE | {"choices": ["ice", "air"]}),
        (truthful.test_truthful_qa, TRUTH | {"mc1_targets": {"choices": ["No."], "labels": [0]}}),
        (truthful.test_truthful_qa, TRUTH | {"mc2_targets": {"choices": ["No."], "labels": [1]}}),
        (truthful.test_truthful_qa, TRUTH | {"mc2_targets": None}),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, function: Any, row: dict[str, Any]) -> None:
    """No label, one beyond the endings, another form, no true or no false answer."""
    with pytest.raises(DataError, match=r"line 1"):
        made(function, row, tmp_path)


@pytest.mark.parametrize(
    ("function", "folder", "subset", "count", "most"),
    [
        (hellaswag.test_hellaswag, "hellaswag", "validation", 1000, 4),
        (arc.test_arc_likelihood, "arc", "ARC-Easy", 2376, 5),
        (arc.test_arc_likelihood, "arc", "ARC-Challenge", 1172, 5),
        (truthful.test_truthful_qa, "truthful_qa", "validation", 817, 25),
    ],
)
def test_real_rows_can_be_scored(
    tmp_path: Path, function: Any, folder: str, subset: str, count: int, most: int
) -> None:
    """Each row gives a context without a blank at its end, and options that are no empty texts."""
    samples = samples_of(function, subset, data_dir=shared_data(folder), cache_dir=tmp_path)
    assert len(samples) == count
    for sample in samples:
        _, model = graded(function, sample, {})
        context, texts = model.scored[0]
        assert context == context.rstrip()
        assert 2 <= len(texts) <= most
        assert all(text.startswith(" ") and text.strip() for text in texts)
        assert "[" not in context or folder != "hellaswag"


class Letters(WiredModel):
    """Gives each letter the probability that the test says, whatever the form."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = values
        self.texts: list[str] = []

    async def label_scores(self, request: Request, labels: Sequence[str]) -> LabelScores:
        """By the first token of a reply."""
        self.texts.append(str(request.messages[-1]["content"]))
        return LabelScores(dict(zip(labels, self.values, strict=True)))

    async def decide(self, text: str, question: str, options: Mapping[str, str]) -> LabelScores:
        """By the server's prompt."""
        self.texts.append(f"{text} {question} {dict(options)}")
        return LabelScores(dict(zip(options, self.values, strict=True)))


@pytest.mark.parametrize(
    ("function", "asked"),
    [
        (letters.test_arc_letters, "What melts?\n\nA. ice\nB. air\n\nReply with the letter of the right option alone."),
        (decisions.test_arc_decisions, "What melts? Which option is right? {'A': 'ice', 'B': 'air'}"),
    ],
)
def test_arc_takes_the_most_likely_letter(tmp_path: Path, function: Any, asked: str) -> None:
    """Right, wrong, half for a tie, and no answer where none of the letters is likely; `mass` in each."""
    sample = made(function, SCIENCE, tmp_path)
    solve = declaration(function).solve
    assert solve is not None
    grades = []
    for values in ((0.1, 0.6), (0.6, 0.1), (0.3, 0.3), (0.01, 0.03)):
        model = Letters(*values)
        grades.append(grade_labels(sample, asyncio.run(cast("Coroutine[Any, Any, LabelScores]", solve(sample, model)))))
        assert model.texts == [asked]
    assert [(grade.value, grade.kind) for grade in grades[1:]] == [
        (0.0, Kind.WRONG),
        (0.5, grades[2].kind),
        (0.0, Kind.NO_ANSWER),
    ]
    assert (grades[0].value, grades[3].cause) == (1.0, "low_mass")
    assert [dict(grade.measures or {})["mass"] for grade in grades] == pytest.approx([0.7, 0.7, 0.6, 0.04])
    with pytest.raises(ValueError, match="expected 'B' among the labels"):
        grade_labels(sample, LabelScores({"A": 0.5, "C": 0.5}))
