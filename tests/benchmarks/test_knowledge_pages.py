"""The pages of choice questions: rows of every form become samples; what other graders get wrong stays right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.arc_challenge import test_arc_challenge as arc_challenge
from benchmarks.arc_easy import test_arc_easy as arc_easy
from benchmarks.bbh import test_bbh as bbh
from benchmarks.bbh.answers import is_same, stated_answer
from benchmarks.ceval import test_ceval as ceval
from benchmarks.cmmlu import test_cmmlu as cmmlu
from benchmarks.gpqa_diamond import test_gpqa_diamond as gpqa
from benchmarks.hellaswag_mcq import test_hellaswag_mcq as hellaswag
from benchmarks.mmlu import test_mmlu as mmlu
from benchmarks.mmlu.subjects import CATEGORIES
from benchmarks.mmlu_pro import test_mmlu_pro as mmlu_pro
from benchmarks.mmlu_pro.stated_letter import DRESSED, LAST_LONE, TWO_ANSWERS, grade_stated_letter, stated_letter
from benchmarks.truthful_qa_mcq import test_truthful_qa_mcq as truthful_qa
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.evaluation.shuffle import shuffled
from pytest_modeleval.records import Grade, ItemKey, Kind, Sample
from tests.support.samples import declaration, said, samples_of, shared_data

FOUR = {"A": "one", "B": "two", "C": "three", "D": "four"}
ARC = {"question": "?", "choices": {"text": ["x", "y", "z", "w"], "label": ["4", "3", "2", "1"]}, "answerKey": "3"}
MC1 = {"question": "?", "mc1_targets": {"choices": ["yes", "no"], "labels": [1, 0]}}
GPQA = {"Question": "?", "Correct Answer": "4", "Incorrect Answer 1": "5", "Incorrect Answer 2": "6"}


def row(fields: dict[str, Any], subset: str = "part") -> Row:
    """One row of a file."""
    return Row(fields, subset=subset, index=0, file="rows.jsonl", line=1)


def sample(function: Any, fields: dict[str, Any], subset: str = "part") -> Sample:
    """The sample that a page makes of a row."""
    return declaration(function).sample(row(fields, subset))


def grade(function: Any, given: Sample, text: str) -> Grade:
    """The page's verdict."""
    grader = declaration(function).grade
    assert grader is not None
    made = grader(given, said(text))
    assert isinstance(made, Grade)
    return made


def prompt(function: Any, given: Sample) -> str:
    """The text of the page's request."""
    request = declaration(function).request
    assert request is not None
    return str(request(given).messages[0]["content"])


@pytest.mark.parametrize(
    ("function", "fields", "choices", "target"),
    [
        (cmmlu.test_cmmlu, {"Question": "?", **FOUR, "Answer": "B"}, ("one", "two", "three", "four"), "B"),
        (cmmlu.test_cmmlu, {"question": "?", "choices": ["(A) x", "(B) y"], "answer": "(B) y"}, ("x", "y"), "B"),
        (ceval.test_ceval, {"question": "?", **FOUR, "answer": "D"}, ("one", "two", "three", "four"), "D"),
        (arc_easy.test_arc_easy, ARC, ("x", "y", "z", "w"), "B"),
        (arc_challenge.test_arc_challenge, ARC | {"answerKey": "4"}, ("x", "y", "z", "w"), "A"),
        (mmlu.test_mmlu, {"question": "?", "choices": ["a", "b"], "answer": 1}, ("a", "b"), "B"),
        (mmlu_pro.test_mmlu_pro, {"question": "?", "options": ["a", "b", "N/A"], "answer": "B"}, ("a", "b"), "B"),
        (truthful_qa.test_truthful_qa_mcq, MC1, ("yes", "no"), "A"),
        (gpqa.test_gpqa_diamond, GPQA | {"Incorrect Answer 3": "7"}, ("4", "5", "6", "7"), "A"),
        (
            hellaswag.test_hellaswag_mcq,
            {"activity_label": "Pole", "ctx": "[header] He [step] ran.", "endings": ["p", "q"], "label": "1"},
            ("p", "q"),
            "B",
        ),
    ],
)
def test_a_row_becomes_a_sample(function: Any, fields: dict[str, Any], choices: tuple[str, ...], target: str) -> None:
    """Choices and target letter are those of the row, whatever its form; labels of ARC are looked up."""
    made = sample(function, fields)
    assert (made.choices, made.target) == (choices, target)


@pytest.mark.parametrize(
    ("function", "fields"),
    [
        (cmmlu.test_cmmlu, {"question": "?", "choices": ["(B) x", "(A) y"], "answer": "(B) y"}),
        (cmmlu.test_cmmlu, {"question": "?", "choices": ["(A) x", "(B) y"], "answer": "(C) z"}),
        (ceval.test_ceval, {"question": "?", **FOUR, "answer": ""}),
        (arc_easy.test_arc_easy, ARC | {"answerKey": "5"}),
        (arc_easy.test_arc_easy, ARC | {"choices": ["x"]}),
        (truthful_qa.test_truthful_qa_mcq, {"question": "?", "mc1_targets": {"choices": ["a", "b"], "labels": [1, 1]}}),
        (hellaswag.test_hellaswag_mcq, {"activity_label": "", "ctx": "", "endings": ["p"], "label": 1}),
    ],
)
def test_a_damaged_row_is_named(function: Any, fields: dict[str, Any]) -> None:
    """With its file and line."""
    with pytest.raises(DataError, match=r"rows\.jsonl, line 1"):
        sample(function, fields)


@pytest.mark.parametrize(
    "function",
    [mmlu.test_mmlu, cmmlu.test_cmmlu, ceval.test_ceval, arc_easy.test_arc_easy, gpqa.test_gpqa_diamond],
)
def test_prose_is_no_answer(function: Any) -> None:
    """A capital letter in prose is never taken for a choice."""
    given = Sample(question="?", choices=("w", "x", "y", "z"), target="A")
    for text in ("A careful look shows nothing.", "I would say A", "Error: C", ""):
        assert grade(function, given, text).kind is Kind.NO_ANSWER, text


def test_anatomy_is_no_part_of_stem() -> None:
    """The categories are those of the authors: 3,018 questions of STEM, 14,042 in all."""
    assert "anatomy" in CATEGORIES["other"]
    assert "anatomy" not in CATEGORIES["stem"]
    sizes = {name: sum(subjects.values()) for name, subjects in CATEGORIES.items()}
    assert sizes == {"stem": 3018, "humanities": 4705, "social_sciences": 3077, "other": 3242}


@pytest.mark.parametrize(
    ("function", "subsets", "official"),
    [
        (mmlu.test_mmlu, 57, "micro"),
        (cmmlu.test_cmmlu, 67, "macro"),
        (ceval.test_ceval, 52, "macro"),
        (mmlu_pro.test_mmlu_pro, 14, "micro"),
        (bbh.test_bbh, 27, "macro"),
    ],
)
def test_the_official_aggregate_comes_first(function: Any, subsets: int, official: str) -> None:
    """And the other one is declared as well; every part of an aggregate is a subset."""
    declared = declaration(function)
    names = {subset.name for subset in declared.subsets}
    assert len(names) == subsets
    first, second, *categories = declared.aggregates
    assert {first.method, second.method} == {"micro", "macro"}
    assert (first.name, first.method, first.parts) == ("OVERALL", official, None)
    assert all(set(category.parts or ()) <= names for category in categories)


def test_the_groups_of_c_eval_and_cmmlu() -> None:
    """C-Eval Hard has eight subjects; the subjects specific to China count in their field too."""
    parts = {aggregate.name: aggregate.parts or () for aggregate in declaration(ceval.test_ceval).aggregates}
    assert len(parts["ceval_hard"]) == 8
    assert sum(len(parts[name]) for name in ("stem", "social_science", "humanities", "other")) == 52
    parts = {aggregate.name: aggregate.parts or () for aggregate in declaration(cmmlu.test_cmmlu).aggregates}
    assert sum(len(parts[name]) for name in ("stem", "social_science", "humanities", "other")) == 67
    assert set(parts["china"]) & set(parts["other"])


def test_examples_stand_in_front_with_their_explanation() -> None:
    """An explained example shows its reasons, then the line of its answer; the question comes last."""
    example = Sample(question="例", choices=("甲", "乙"), target="B", data={"explanation": "因为乙。"})
    asked = Sample(question="问", choices=("丙", "丁"), target="A", subset="law", examples=(example,))
    text = prompt(ceval.test_ceval, asked)
    assert "关于法学的" in text
    assert text.index("因为乙。\n\n答案：B") < text.index("问题：\n问")
    asked = Sample(question="q", choices=("a", "b"), target="A", subset="college_physics", examples=(example,) * 2)
    assert prompt(mmlu.test_mmlu, asked).count("ANSWER: B") == 2


@pytest.mark.parametrize(
    ("text", "letter", "marks"),
    [
        ("The answer is (C).", "C", []),
        ("the answer is B. No: the answer is (D).", "B", [TWO_ANSWERS]),
        ("So\nAnswer: E", "E", []),
        ("B or C, but more likely D here", "D", [LAST_LONE]),
        ("I cannot say.", None, []),
        ("None of BAD, K or L", None, []),
        ("The answer is **(C)**. I hope this helps.", "C", [DRESSED]),
        ("The answer is $\\boxed{C}$. A note.", "C", [DRESSED]),
        ("The answer is option C. I'm sure.", "C", [DRESSED]),
        ("Answer: **C**\nI am sure.", "C", [DRESSED]),
        ("ANSWER: C\nI checked it.", "C", [DRESSED]),
        ("So \\boxed{C}.\n\nI think so.", "C", [DRESSED]),
        ("The answer is **A dog**. So B", "B", [LAST_LONE]),
        ("Option I is correct", "I", [LAST_LONE]),
        ("The answer is (c).", "C", [DRESSED]),
        ("The answer is\n\n(C)", "C", [DRESSED]),
    ],
)
def test_the_steps_of_mmlu_pro(text: str, letter: str | None, marks: list[str]) -> None:
    """The first stated answer, else the marked one, else a dressed one, else the last lone capital; never a guess."""
    if text == "I cannot say.":
        # "I" is a lone capital from A to J, officially and here.
        letter, marks = "I", [LAST_LONE]
    assert stated_letter(text) == (letter, marks)


@given(
    st.lists(st.sampled_from(["answer:", "Answer: ", "\n", " ", "B", "C", "A", "x", "Answer: J", "or "]), max_size=12)
)
def test_the_marked_letter_is_the_official_one(pieces: list[str]) -> None:
    """The last of the first line that has one, also where its letter stands on the next line."""
    official = re.search(r".*[aA]nswer:\s*([A-J])", text := "".join(pieces))
    if official is not None:
        assert stated_letter(text) == (official[1], [])


@pytest.mark.parametrize("piece", ["x", "Answer: ", "answer is ", "answer is\n", "The answer is **x** "])
def test_a_long_reply_in_a_loop_is_read_at_once(piece: str) -> None:
    """The official pattern takes hours for a line of a million characters."""
    assert stated_letter(piece * (1_000_000 // len(piece)))[0] in (None, "A")


def test_no_letter_is_no_answer() -> None:
    """Where the official code draws a letter at random."""
    made = grade_stated_letter(Sample(question="?", choices=("a", "b"), target="A"), said("nothing"))
    assert (made.kind, made.cause) == (Kind.NO_ANSWER, "no_marker")


def test_recorded_replies_of_mmlu_pro() -> None:
    """The steps give the recorded official prediction for each of 420 replies, but for random guesses (null)."""
    lines = (
        (shared_data("mmlu_pro") / "mmlu_pro" / "recorded_gemini-1.5-flash-002.jsonl").read_text("utf-8").split("\n")
    )
    replies = [json.loads(line) for line in lines if line]
    assert len(replies) == 420
    assert [stated_letter(reply["model_outputs"])[0] for reply in replies] == [reply["pred"] for reply in replies]
    assert sum(TWO_ANSWERS in stated_letter(reply["model_outputs"])[1] for reply in replies) == 6


def test_truthful_qa_is_shuffled(tmp_path: Path) -> None:
    """The right choice stands first in all rows, and in no more than its share of the prompts."""
    data = shared_data("truthful_qa")
    samples = samples_of(truthful_qa.test_truthful_qa_mcq, "mc1", data_dir=data, cache_dir=tmp_path)
    assert [one.target for one in samples] == ["A"] * 817
    assert declaration(truthful_qa.test_truthful_qa_mcq).shuffle == "sample"
    keys = [ItemKey("truthful_qa_mcq", "mc1", one.id, 0) for one in samples]
    moved = [shuffled(one, key, per_repeat=False) for one, key in zip(samples, keys, strict=True)]
    assert sum(one.target == "A" for one in moved) < 300
    assert all(
        one.choices["ABCDEFGHIJKLM".index(str(one.target))] == was.choices[0]
        for one, was in zip(moved, samples, strict=True)
    )


def test_equal_texts_of_gpqa_are_equally_right() -> None:
    """A letter with the text of the right option is right; the order differs between repeats."""
    given = sample(gpqa.test_gpqa_diamond, GPQA | {"Incorrect Answer 3": " 4 "})
    assert grade(gpqa.test_gpqa_diamond, given, "ANSWER: D").kind is Kind.RIGHT
    assert grade(gpqa.test_gpqa_diamond, given, "ANSWER: B").kind is Kind.WRONG
    orders = {
        shuffled(given, ItemKey("gpqa_diamond", "diamond", "diamond-0000", repeat), per_repeat=True).data["permutation"]
        for repeat in range(8)
    }
    assert len(orders) > 3


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is no. So the answer is yes.", "yes"),
        ("So the answer is **(B)**.", "(B)"),
        ("So the answer is ] ) >.\n\nQ: Next?\nA: So the answer is {.", "] ) >"),
        ("So the answer is: 24", "24"),
        ("I am not sure", None),
        ("the answer is .", None),
        ("So the answer is yes.\n\nThis answer is consistent.", "yes"),
        ("The answer is\n\n**no**\n\nbecause it rains", "no"),
        ("**Answer:** no", "no"),
        ("So \\boxed{no}", "no"),
        ("The answer is unclear", "unclear"),
    ],
)
def test_the_last_stated_answer_of_bbh(text: str, answer: str | None) -> None:
    """In a form of the subset; up to the end of its line, and before the reply goes on to another question."""
    subset = {"(B)": "snarks", "24": "object_counting", "] ) >": "dyck_languages"}.get(answer or "", "navigate")
    assert stated_answer(text, subset, {"navigate": "Yes"}.get(subset, answer or "")) == answer


@pytest.mark.parametrize(
    ("subset", "target", "right", "wrong"),
    [
        ("dyck_languages", "] ) >", ["])>", "] ) >", '"] ) >"', "$] ) >$"], ["] )", "] ) }", "", "[ ( < > ) ] > so"]),
        ("dyck_languages", "] }", ["] \\}", "] }"], ["]"]),
        (
            "word_sorting",
            "a b&c d",
            [
                "a, b&c, d",
                "A b&c d",
                "a, b&c, and d",
                "1. a\n2. b&c\n3. d",
                "['a', 'b&c', 'd']",
                "a < b&c < d",
                "a → b&c → d",
            ],
            ["b&c a d", "a b&c", "a and b&c d"],
        ),
        (
            "snarks",
            "(B)",
            [
                "(B)",
                "B",
                "(B) the second",
                "option (B)",
                "$\\boxed{\\text{B}}$",
                "[B]",
                "(b)",
                "'(B)'",
                "3 May, which is (B)",
            ],
            ["(A)", "Both", "b2", "B or C", "not (B)", "(A) and (B)"],
        ),
        (
            "multistep_arithmetic_two",
            "-11520",
            ["-11,520", "-11520.0", "−11520", "$-11520$", "12 - 11532 = -11520"],
            ["11520", "none", "-11520 or 3"],
        ),
        ("object_counting", "8", ["8 objects", "eight", "3 + 5 = 8"], ["80", "8.5", "7 or 8", "objects"]),
        (
            "navigate",
            "No",
            ["no", "NO", "No, you do not.", "No (three steps away)", "**No** because"],
            ["not at all", "Yes", "no way to say", "yes or no", "none"],
        ),
        (
            "boolean_expressions",
            "True",
            ["'True'", "$\\boxed{True}$", "True, as False is not"],
            ["not True", "True or False", "untrue"],
        ),
        (
            "formal_fallacies",
            "valid",
            ["deductively valid", "the argument is valid"],
            ["invalid", "not valid", "valid or invalid"],
        ),
        ("movie_recommendation", "Monsters, Inc", ["monsters, inc"], ["(A)"]),
    ],
)
def test_answers_of_bbh_are_compared_by_their_form(
    subset: str, target: str, right: list[str], wrong: list[str]
) -> None:
    """Brackets as brackets, words in their order, letters, numbers, yes and no, other texts whatever their case."""
    assert [answer for answer in right if not is_same(subset, target, answer)] == []
    assert [answer for answer in wrong if is_same(subset, target, answer)] == []


def test_only_words_of_the_question_are_sorted_words() -> None:
    """What a reply says about its answer later is no list."""
    question = "Sort the following words alphabetically: List: b a c"
    text = "So the answer is a b c.\n\nThis answer is consistent."
    assert stated_answer(text, "word_sorting", "a b c", question) == "a b c"


def test_the_canary_line_is_in_no_prompt() -> None:
    """The worked examples stand in front of the question, without the line and the rule."""
    given = declaration(bbh.test_bbh).examples
    assert given is not None
    assert given.sample is not None
    example = given.sample(
        row({"prompt": "DATA ... canary GUID 26b5\n-----\nSort.\n\nQ: b a\nA: So the answer is a b."})
    )
    text = prompt(bbh.test_bbh, Sample(question="d c", examples=(example,)))
    assert text.startswith("Sort.\n\nQ: b a\n")
    assert text.endswith("Q: d c\nA: Let's think step by step.")
    assert "answer is X" in prompt(bbh.test_bbh, Sample(question="d c"))


@pytest.mark.parametrize(
    ("function", "folder", "count"),
    [
        (mmlu.test_mmlu, "mmlu", 14042),
        (cmmlu.test_cmmlu, "cmmlu", 11582),
        (arc_easy.test_arc_easy, "arc", 2376),
        (arc_challenge.test_arc_challenge, "arc", 1172),
        (mmlu_pro.test_mmlu_pro, "mmlu_pro", 12032),
        (bbh.test_bbh, "bbh", 6511),
        (hellaswag.test_hellaswag_mcq, "hellaswag", 1000),
    ],
)
def test_gold_answers_of_real_rows_grade_right(tmp_path: Path, function: Any, folder: str, count: int) -> None:
    """Every subset has its declared rows, and each row's own answer in the asked form is right."""
    data = shared_data(folder)
    seen = 0
    for subset in declaration(function).subsets:
        samples = samples_of(function, subset.name, data_dir=data, cache_dir=tmp_path)
        assert subset.size == len(samples) or folder == "hellaswag"
        seen += len(samples)
        for one in samples:
            mark = "So the answer is" if folder == "bbh" else "The answer is" if folder == "mmlu_pro" else "ANSWER:"
            assert grade(function, one, f"{mark} {one.target}.").kind is Kind.RIGHT, one
    assert seen == count
