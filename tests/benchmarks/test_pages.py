"""The pages of iquiz, aime25, gsm8k, general_mcq, general_qa: row -> sample -> request -> grade, both verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.aime25 import test_aime25 as aime25
from benchmarks.general_mcq import test_general_mcq as general_mcq
from benchmarks.general_qa import test_general_qa as general_qa
from benchmarks.gsm8k import test_gsm8k as gsm8k
from benchmarks.iquiz import test_iquiz as iquiz
from pytest_modeleval.datasets import find_subsets, open_manifest, read_rows
from pytest_modeleval.errors import DataError
from pytest_modeleval.records import Grade, Kind, Sample
from tests.support.samples import declaration, said, samples_of, shared_data

MCQ = {"question": "Which is a fruit?", "choices": ["stone", "pear", "cloud"], "answer": "B"}
CHINESE_MCQ = {"question": "哪一个是水果？", "choices": ["石头", "梨"], "answer": "B", "level": 1}
QA = {"query": "What is frozen water called?", "response": "ice"}
CHINESE_QA = {"query": "水结冰后叫什么？", "response": "冰"}
SUM = {"question": "Two and three apples: how many?", "answer": "2+3=<<2+3=5>>5\n#### 5"}
LARGE = {"question": "A thousand and 234?", "answer": "So many.\n#### 1,234"}
PROBLEM = {"question": "Find $2+68$.", "answer": "70"}
OTHER_PROBLEM = {"problem": "Find $2+68$.", "answer": "70"}

# page, test function, file, subset, row, right replies, wrong replies, replies without an answer
CASES: list[tuple[Any, str, str, dict[str, Any], list[str], list[str], list[str]]] = [
    (
        general_mcq.test_general_mcq,
        "general_mcq/fruit",
        "fruit",
        MCQ,
        ["ANSWER: B", "so\n**ANSWER:** (B)"],
        ["ANSWER: A"],
        ["pear"],
    ),
    (general_mcq.test_general_mcq, "general_mcq/fruit", "fruit", CHINESE_MCQ, ["答案：B"], ["答案：A"], ["B"]),
    (iquiz.test_iquiz, "iquiz/IQ", "IQ", CHINESE_MCQ, ["想一想。\n答案：B", "答案:【B】"], ["答案：A"], ["选梨"]),
    (general_qa.test_general_qa, "general_qa/mixed", "mixed", QA, ["ANSWER: Ice."], ["ANSWER: snow"], ["ice"]),
    (general_qa.test_general_qa, "general_qa/mixed", "mixed", CHINESE_QA, ["答案：冰"], ["答案：雪"], ["冰"]),
    (
        gsm8k.test_gsm8k,
        "gsm8k/test",
        "main",
        SUM,
        ["ANSWER: 5", "\\boxed{5}", "ANSWER: $5.00"],
        ["ANSWER: 6"],
        ["It is 5"],
    ),
    (gsm8k.test_gsm8k, "gsm8k/test", "main", LARGE, ["ANSWER: 1234"], ["ANSWER: 1.234"], [""]),
    (
        aime25.test_aime25,
        "aime25/AIME2025-I",
        "AIME2025-I",
        PROBLEM,
        ["\\boxed{70}", "\\boxed{070}"],
        ["\\boxed{7}"],
        ["70"],
    ),
    (aime25.test_aime25, "aime25/default", "default", OTHER_PROBLEM, ["\\boxed{70}"], ["\\boxed{71}"], ["seventy"]),
]


def write_rows(folder: Path, file: str, *rows: dict[str, Any]) -> None:
    """One JSONL file below the folder."""
    path = folder / f"{file}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def graded(function: Any, sample: Sample, text: str) -> Grade:
    """What the page's grader says of a reply."""
    grade = declaration(function).grade
    assert grade is not None
    made = grade(sample, said(text))
    assert isinstance(made, Grade)
    return made


def prompt(function: Any, sample: Sample) -> str:
    """The text of the page's request."""
    request = declaration(function).request
    assert request is not None
    (message,) = request(sample).messages
    assert message["role"] == "user"
    return str(message["content"])


@pytest.mark.parametrize(("function", "file", "subset", "row", "right", "wrong", "unanswered"), CASES)
def test_row_to_grade(
    tmp_path: Path,
    function: Any,
    file: str,
    subset: str,
    row: dict[str, Any],
    right: list[str],
    wrong: list[str],
    unanswered: list[str],
) -> None:
    """A row becomes a prompt that holds its question, and replies are right, wrong or no answer as they should be."""
    write_rows(tmp_path, file, row)
    (sample,) = samples_of(function, subset, data_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert (sample.id, sample.subset) == (f"{subset}-0000", subset)
    assert sample.question in prompt(function, sample)
    for choice in sample.choices:
        assert choice in prompt(function, sample)
    for replies, kind in ((right, Kind.RIGHT), (wrong, Kind.WRONG), (unanswered, Kind.NO_ANSWER)):
        for reply in replies:
            grade = graded(function, sample, reply)
            assert grade.kind is kind, (reply, grade)
            assert grade.value == (1.0 if kind is Kind.RIGHT else 0.0)


@pytest.mark.parametrize(
    ("function", "file", "subset", "english", "chinese"),
    [
        (general_mcq.test_general_mcq, "general_mcq/both", "both", MCQ, CHINESE_MCQ),
        (general_qa.test_general_qa, "general_qa/both", "both", QA, CHINESE_QA),
    ],
)
def test_the_language_of_the_prompt_is_that_of_the_question(
    tmp_path: Path, function: Any, file: str, subset: str, english: dict[str, Any], chinese: dict[str, Any]
) -> None:
    """Chinese characters in a question bring the Chinese form of the answer; other questions the English one."""
    write_rows(tmp_path, file, english, chinese)
    first, second = samples_of(function, subset, data_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert "ANSWER: X" in prompt(function, first)
    assert "答案：X" in prompt(function, second)
    assert "ANSWER" not in prompt(function, second)


def test_braces_and_percents_in_a_question_stay(tmp_path: Path) -> None:
    """No question is taken for a format."""
    write_rows(tmp_path, "general_qa/odd", {"query": "什么是 {question} %s {0}？", "response": "x"})
    (sample,) = samples_of(general_qa.test_general_qa, "odd", data_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert "{question} %s {0}" in prompt(general_qa.test_general_qa, sample)


@pytest.mark.parametrize("function", [general_mcq.test_general_mcq, general_qa.test_general_qa])
def test_subsets_are_the_files(tmp_path: Path, function: Any) -> None:
    """The subsets of one's own benchmark are the files in its folder."""
    declared = declaration(function)
    for subset in ("zebra", "ant"):
        write_rows(tmp_path, f"{declared.name}/{subset}", MCQ | QA)
    assert declared.subsets == ()
    assert find_subsets(declared.dataset, tmp_path) == ["ant", "zebra"]


@pytest.mark.parametrize(
    ("function", "file", "subset", "row", "field"),
    [
        (general_mcq.test_general_mcq, "general_mcq/bad", "bad", MCQ | {"answer": "D"}, "answer"),
        (general_mcq.test_general_mcq, "general_mcq/bad", "bad", MCQ | {"choices": "pear"}, "choices"),
        (general_qa.test_general_qa, "general_qa/bad", "bad", {"question": "?"}, "query"),
        (general_qa.test_general_qa, "general_qa/bad", "bad", QA | {"response": " "}, "response"),
        (gsm8k.test_gsm8k, "gsm8k/test", "main", SUM | {"answer": "5"}, "answer"),
        (gsm8k.test_gsm8k, "gsm8k/test", "main", SUM | {"answer": "so #### "}, "answer"),
        (aime25.test_aime25, "aime25/AIME2025-II", "AIME2025-II", PROBLEM | {"answer": "n/a"}, "answer"),
        (iquiz.test_iquiz, "iquiz/EQ", "EQ", {"question": "？", "choices": ["a", "b"]}, "answer"),
    ],
)
def test_a_damaged_row_is_named(
    tmp_path: Path, function: Any, file: str, subset: str, row: dict[str, Any], field: str
) -> None:
    """A row that is not what the page needs ends in an error with file, line and field."""
    write_rows(tmp_path, file, row)
    with pytest.raises(DataError, match=f"(?s)'{field}'.*{file}.jsonl, line 1"):
        samples_of(function, subset, data_dir=tmp_path, cache_dir=tmp_path / "cache")


def test_declared_as_their_sources_are() -> None:
    """Subsets, aggregates and limits are those of the sources named on the cards."""
    assert [subset.name for subset in declaration(iquiz.test_iquiz).subsets] == ["IQ", "EQ"]
    assert [(part.name, part.method) for part in declaration(iquiz.test_iquiz).aggregates] == [("OVERALL", "micro")]
    found = [(subset.name, subset.is_optional) for subset in declaration(aime25.test_aime25).subsets]
    assert found == [("AIME2025-I", False), ("AIME2025-II", False), ("default", True)]
    assert declaration(aime25.test_aime25).defaults == {"max_tokens": 65536}
    assert [(part.name, part.method) for part in declaration(aime25.test_aime25).aggregates] == [("OVERALL", "micro")]
    assert [subset.name for subset in declaration(gsm8k.test_gsm8k).subsets] == ["main"]


@pytest.mark.parametrize(
    ("function", "folder", "counts"),
    [
        (iquiz.test_iquiz, "iquiz", {"IQ": 10, "EQ": 10}),
        (aime25.test_aime25, "aime25", {"AIME2025-I": 15, "AIME2025-II": 15, "default": 30}),
        (gsm8k.test_gsm8k, "gsm8k", {"main": 1319}),
    ],
)
def test_gold_answers_of_real_rows_grade_right(
    tmp_path: Path, function: Any, folder: str, counts: dict[str, int]
) -> None:
    """Every real row can be asked, its own answer in the asked form is right, and another answer is wrong."""
    data = shared_data(folder)
    for subset, count in counts.items():
        samples = samples_of(function, subset, data_dir=data, cache_dir=tmp_path)
        assert len(samples) == count
        assert len({sample.id for sample in samples}) == count
        for sample in samples:
            assert sample.question in prompt(function, sample)
            mark = "答案：" if folder == "iquiz" else "ANSWER: "
            assert graded(function, sample, f"{mark}{sample.target}").kind is Kind.RIGHT
            other = ("B" if sample.target == "A" else "A") if sample.choices else "-123456"
            assert graded(function, sample, f"{mark}{other}").kind is Kind.WRONG


def test_both_transcriptions_of_aime_have_the_same_answers(tmp_path: Path) -> None:
    """The optional subset holds the same thirty problems, in the same order."""
    data = shared_data("aime25")
    first, second, both = (
        [sample.target for sample in samples_of(aime25.test_aime25, subset, data_dir=data, cache_dir=tmp_path)]
        for subset in ("AIME2025-I", "AIME2025-II", "default")
    )
    assert first + second == both


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_choices_may_be_columns(tmp_path: Path, ending: str) -> None:
    """Columns A to D, as EvalScope and spreadsheets have them; an empty last column means three choices."""
    mark = "," if ending == "csv" else "\t"
    lines = ["question A B C D answer", "Which? x y z w D", "Or? 1 2 3 - B"]
    text = "\n".join(lines).replace("-", "").replace(" ", mark)
    (tmp_path / "general_mcq").mkdir()
    (tmp_path / "general_mcq" / f"fruit.{ending}").write_text(text)
    declared = declaration(general_mcq.test_general_mcq)
    manifest = open_manifest(
        declared.dataset, "fruit", benchmark="general_mcq", version="2", data_dir=tmp_path,
        cache_dir=tmp_path / "cache", sample_id=None,
    )  # fmt: skip
    samples = [declared.sample(row) for row in read_rows(manifest, declared.dataset, [0, 1])]
    assert [(sample.choices, sample.target) for sample in samples] == [
        (("x", "y", "z", "w"), "D"),
        (("1", "2", "3"), "B"),
    ]
