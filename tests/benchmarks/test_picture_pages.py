"""Pages of questions about pictures: row -> sample -> request -> grade, and a whole run over drawn pictures."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chartqa import test_chartqa as chartqa
from benchmarks.general_vmcq import test_general_vmcq as general_vmcq
from benchmarks.general_vqa import test_general_vqa as general_vqa
from benchmarks.mmbench import test_mmbench as mmbench
from benchmarks.mmmu import test_mmmu as mmmu
from benchmarks.mmmu.grading import EARLIER, GUESS, LACKS, OTHER
from benchmarks.mmmu.subjects import DOMAINS, SUBJECTS
from benchmarks.mmmu_pro import test_mmmu_pro as mmmu_pro
from benchmarks.ocrbench import test_ocrbench as ocrbench
from benchmarks.ocrbench.inclusion import COUNT, LONG, SINGLE, holds
from benchmarks.picture_questions import interleaved, written_list
from pytest_modeleval import Image
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.records import Grade, Kind, Request, Response, Sample
from tests.support import pictures
from tests.support.loopback import Act, Answer, LoopbackServer
from tests.support.samples import declaration, said, samples_of
from tests.support.suites import Suite

PAGES = Path(__file__).parents[2] / "benchmarks"
RED, GREEN, BLUE = (pictures.png(2, 2, colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def field(data: bytes) -> dict[str, str]:
    """A picture as JSON holds it."""
    return {"bytes_base64": base64.b64encode(data).decode(), "path": "picture.png"}


def a_row(subset: str = "part", **fields: Any) -> Row:
    """A row of a file that is nowhere."""
    return Row(fields, subset=subset, index=0, file="part.jsonl", line=1)


def sent(request: Request) -> list[str | bytes]:
    """The texts and the bytes of the pictures of a request, in order."""
    parts = request.messages[-1]["content"]
    return [
        part["text"] if part["type"] == "text" else base64.b64decode(part["image_url"]["url"].partition(",")[2])
        for part in parts
    ]


def graded(function: Any, sample: Sample, text: str) -> Grade:
    """What the page's grader says of a reply."""
    grade = declaration(function).grade
    assert grade is not None
    made = grade(sample, said(text))
    assert isinstance(made, Grade)
    return made


MMMU_ROW = {
    "id": "validation_Art_1",
    "question": "Compare <image 2> with <image 1>, then <image 2> again.",
    "options": "['<image 3>', \"it's <b>\", 'both']",
    "answer": "B",
    "question_type": "multiple-choice",
    "image_1": field(RED),
    "image_2": field(GREEN),
    "image_3": field(BLUE),
    "image_4": None,
}


def test_pictures_stand_where_the_text_names_them() -> None:
    """Each behind its first place, options included; the words stay."""
    sample = mmmu.to_sample(a_row("Art", **MMMU_ROW))
    assert sample.choices == ("<image 3>", "it's <b>", "both")
    one, green, two, red, three, blue, rest = sent(mmmu.to_request(sample))
    assert (green, red, blue) == (GREEN, RED, BLUE)
    assert (one, two) == ("Compare <image 2>", " with <image 1>")
    assert three == ", then <image 2> again.\n\n(A) <image 3>"
    assert str(rest).startswith("\n(B) it's <b>\n(C) both\n\n")


def test_a_picture_that_no_text_names_comes_first() -> None:
    """It belongs to the row, so it is sent."""
    row = MMMU_ROW | {"question": "What is it?", "options": "[<image 2>, <image 3>]"}
    assert sent(mmmu.to_request(mmmu.to_sample(a_row("Art", **row))))[0] == RED
    assert mmmu.to_sample(a_row("Art", **row)).choices == ("<image 2>", "<image 3>")


@given(st.lists(st.sampled_from(["<image 1>", "<image 2>", "<image 7>", "a", "\n", "<image", "> "]), max_size=12))
def test_no_text_and_no_picture_is_lost(parts: list[str]) -> None:
    """The texts together are the text, and each picture comes once."""
    images = {1: Image.read(RED), 2: Image.read(GREEN)}
    made = interleaved("".join(parts), images)
    assert "".join(part for part in made if isinstance(part, str)) == "".join(parts)
    assert sorted(part.sha256 for part in made if isinstance(part, Image)) == sorted(
        image.sha256 for image in images.values()
    )


def test_lists_as_python_writes_them() -> None:
    """With numbers and with LaTeX, whose single backslashes Python would warn of."""
    row = a_row(options="['\\sqrt{2}', 3, \"it's\"]", other=["x", 2.5])
    assert written_list(row, "options") == ("\\sqrt{2}", "3", "it's")
    assert written_list(row, "other") == ("x", "2.5")


@pytest.mark.parametrize("value", ["['a'", "5", "{'a': 1}", "[[1]]", "(" * 10_000, "__import__('os')", None, 5])
def test_a_list_that_is_none_is_named(value: Any) -> None:
    """Nothing but a list of texts is read, and nothing is run."""
    with pytest.raises(DataError, match=r"expected a list of texts in field 'options'.*part\.jsonl, line 1"):
        written_list(a_row(options=value), "options")


def test_grades_of_mmmu() -> None:
    """Both kinds of questions; a guess of the official code is no answer, and marks say what the verdict hangs on."""
    choice = mmmu.to_sample(a_row("Art", **MMMU_ROW))
    assert graded(mmmu.test_mmmu, choice, "Answer: (B)").kind is Kind.RIGHT
    assert graded(mmmu.test_mmmu, choice, "Answer: (C)").cause == "wrong_letter"
    officially_a = graded(mmmu.test_mmmu, choice, "Not (A), as I said.\nAnswer: B")
    assert (officially_a.answer, officially_a.marks) == ("A", (OTHER,))
    guess = graded(mmmu.test_mmmu, choice, "No idea")
    assert (guess.kind, guess.cause, guess.marks) == (Kind.NO_ANSWER, "no_marker", (GUESS,))
    assert graded(mmmu.test_mmmu, choice, "").cause == "empty"
    row = {**MMMU_ROW, "question_type": "open", "options": "[]", "answer": "['24/7', '3.429']"}
    open_one = mmmu.to_sample(a_row("Art", **row))
    assert (open_one.choices, open_one.target) == ((), ["24/7", "3.429"])
    assert graded(mmmu.test_mmmu, open_one, "The answer is 3.43").marks == ()
    assert graded(mmmu.test_mmmu, open_one, "So 3.43 at first\nThe answer is 4").marks == (EARLIER,)
    assert graded(mmmu.test_mmmu, open_one, "The answer is 4").kind is Kind.WRONG
    assert graded(mmmu.test_mmmu, open_one, " ").kind is Kind.NO_ANSWER
    lacking = mmmu.to_sample(a_row("Art", **MMMU_ROW | {"question": "<image 9>"}))
    assert graded(mmmu.test_mmmu, lacking, "(B)").marks == (LACKS,)
    with pytest.raises(DataError, match="expected an answer in field 'answer'"):
        mmmu.to_sample(a_row("Art", **row | {"answer": "[]"}))


def test_subjects_of_mmmu() -> None:
    """30 subjects in six domains, each in one; the declaration names them all."""
    assert len(SUBJECTS) == len(set(SUBJECTS)) == 30
    assert len(DOMAINS) == 6
    declared = declaration(mmmu.test_mmmu)
    assert [subset.name for subset in declared.subsets] == list(SUBJECTS)
    assert [aggregate.name for aggregate in declared.aggregates] == ["OVERALL", *DOMAINS, "MACRO"]


def test_mmmu_pro_as_one_picture() -> None:
    """The picture comes first and holds the question; the options are known to the grader only."""
    row = a_row("vision", id="test_Art_1", image=field(RED), options=["x", "y"], answer="B", subject="Art")
    sample = mmmu_pro.to_sample(row)
    sample = Sample(choices=sample.choices, target=sample.target, data=sample.data, subset="vision")
    red, text = sent(mmmu_pro.to_request(sample))
    assert red == RED
    assert "in the picture" in str(text)
    assert "y" not in re.findall(r"\b\w\b", str(text))
    assert graded(mmmu_pro.test_mmmu_pro, sample, "Answer: B, I think").kind is Kind.RIGHT
    assert sample.data["domain"] == "ART_AND_DESIGN"


BENCH_ROW = {
    "index": "241",
    "question": "Which colour?",
    "hint": "nan",
    "A": "red",
    "B": "green",
    "C": "blue",
    "D": "nan",
    "answer": "B",
    "image": field(GREEN),
    "L2-category": "finegrained_perception",
}


class Rotations:
    """Stands for the model: answers each rotation by a function of its options."""

    def __init__(self, choose: Any) -> None:
        self.choose = choose
        self.asked: list[list[str]] = []

    async def ask(self, request: Request) -> Response:
        (text,) = [part for part in sent(request) if isinstance(part, str)]
        options = re.findall(r"^[A-D]\) (.*)$", text, re.MULTILINE)
        self.asked.append(options)
        return said(self.choose(options))


@pytest.mark.parametrize(
    ("choose", "passes", "kind", "cause", "hits", "asked"),
    [
        (lambda options: f"ANSWER: {'ABC'[options.index('green')]}", "circular", Kind.RIGHT, "", 3, 3),
        # Whoever always says B is right once, by its place.
        (lambda _: "ANSWER: B", "circular", Kind.WRONG, "position", 1, 3),
        (lambda _: "ANSWER: B", "once", Kind.RIGHT, "", 1, 1),
        (lambda options: f"ANSWER: {'ABC'[options.index('red')]}", "circular", Kind.WRONG, "wrong_letter", 0, 3),
        (lambda _: "green", "circular", Kind.NO_ANSWER, "no_marker", 0, 3),
    ],
)
def test_mmbench_asks_every_rotation(choose: Any, passes: str, kind: Kind, cause: str, hits: int, asked: int) -> None:
    """All rotations have to be right; what is empty or "nan" is no option and no hint."""
    made = mmbench.to_sample(a_row("en", **BENCH_ROW))
    assert (made.question, made.choices) == ("Which colour?", ("red", "green", "blue"))
    sample = Sample(made.question, made.choices, made.target, made.data, subset="en", options={"passes": passes})
    model: Any = Rotations(choose)
    grade = mmbench.grade(sample, asyncio.run(mmbench.solve(sample, model)))
    assert (grade.kind, grade.cause) == (kind, cause)
    assert grade.measures is not None
    assert grade.measures["rotations"] == (hits, asked)
    assert model.asked == [["red", "green", "blue"], ["green", "blue", "red"], ["blue", "red", "green"]][:asked]


def test_rows_of_mmbench_that_are_rotations_are_left_out(tmp_path: Path) -> None:
    """The hub's file has them behind index 1,000,000; a gap in the options is refused."""
    rows = [BENCH_ROW, BENCH_ROW | {"index": 1_000_241, "A": "green"}, BENCH_ROW | {"index": 242}]
    (tmp_path / "mmbench").mkdir()
    (tmp_path / "mmbench" / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    samples = samples_of(mmbench.test_mmbench, "en", data_dir=tmp_path, cache_dir=tmp_path)
    assert [sample.id for sample in samples] == ["en-241", "en-242"]
    with pytest.raises(DataError, match="without a gap"):
        mmbench.to_sample(a_row("en", **BENCH_ROW | {"B": ""}))


@pytest.mark.parametrize(
    ("reply", "answer", "is_formula", "is_held"),
    [
        ("The sign says STOP\nhere", "stop here", False, True),
        ("no stop", "stop here", False, False),
        (r"it is \frac { A } {b}", r"\frac{A}{b}", True, True),
        (r"\frac{a}{b}", r"\frac{A}{b}", True, False),
    ],
)
def test_inclusion(reply: str, answer: str, is_formula: bool, is_held: bool) -> None:
    """Small letters and line ends do not count, for formulas blanks; capitals of formulas do."""
    assert holds(reply, answer, is_formula=is_formula) is is_held


def test_the_count_of_ocrbench() -> None:
    """The mean of 1000 and 0 is the official count; marks name what the rule lets through."""
    fields: dict[str, Any] = {
        "question": "?",
        "question_type": "Doc-oriented VQA",
        "dataset": "docVQA",
        "image": field(RED),
    }
    sample = ocrbench.to_sample(a_row(**fields, answer=["7", "seven"]))
    right = graded(ocrbench.test_ocrbench, sample, "seven")
    assert (right.kind, right.measures, right.marks) == (Kind.RIGHT, {COUNT: 1000.0}, ())
    assert graded(ocrbench.test_ocrbench, sample, "17").marks == (SINGLE,)
    assert graded(ocrbench.test_ocrbench, sample, "seven " + "and so on " * 20).marks == (LONG,)
    assert graded(ocrbench.test_ocrbench, sample, "8").measures == {COUNT: 0.0}
    assert graded(ocrbench.test_ocrbench, sample, "").kind is Kind.NO_ANSWER
    for answer in ([], [""], "", " "):
        with pytest.raises(DataError, match=r"expected (an answer|answers)"):
            ocrbench.to_sample(a_row(**fields, answer=answer))


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_pictures_come_through_parquet_byte_by_byte(tmp_path: Path, ending: str) -> None:
    """The hubs' struct of bytes and path, and the same in base64."""
    path = tmp_path / "chartqa" / f"test.{ending}"
    path.parent.mkdir()
    rows: list[dict[str, Any]] = [
        {"type": kind, "question": "Which year?", "answer": "2015", "image": {"bytes": data, "path": None}}
        for kind, data in (("human_test", RED), ("augmented_test", GREEN))
    ]
    if ending == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row | {"image": field(row["image"]["bytes"])}) + "\n" for row in rows))
    for subset, data in (("human", RED), ("augmented", GREEN)):
        (sample,) = samples_of(chartqa.test_chartqa, subset, data_dir=tmp_path, cache_dir=tmp_path)
        assert sample.data["image"].data == data
        request = declaration(chartqa.test_chartqa).request
        assert request is not None
        picture, text = sent(request(sample))
        assert picture == data
        assert str(text).startswith("Which year?")
        assert graded(chartqa.test_chartqa, sample, "ANSWER: 2016").kind is Kind.WRONG


# What a user's row may have wrong, and what the one sentence says.
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"image": "no.png"}, r"found the path 'no\.png', which cannot be read \(No such file"),
    ({"picture": "red.png"}, r"expected a field 'image', found 'query', 'response', 'picture'"),
    ({"image": "https://example.org/a.png"}, r"found the address 'https://example\.org/a\.png'; .* option"),
    ({"image": "../secret.png"}, "leads out of the folder"),
    ({"image": "notes.txt"}, "expected an image, found"),
    ({"image": None}, "expected an image, found None"),
    ({"images": ["red.png", "no.png"]}, r"found the path 'no\.png'.*field 'images'"),
    ({"image": "red.png", "query": "See <image 2>"}, "found none for '<image 2>' among the 1 of the row"),
    ({"image": "red.png", "response": " "}, "expected an answer in field 'response'"),
]


@pytest.mark.parametrize(("fields", "message"), FAULTS)
def test_faults_of_own_pictures_are_named(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    """One sentence with file and line, before any request."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "red.png").write_bytes(RED)
    (tmp_path / "secret.png").write_bytes(RED)
    (folder / "notes.txt").write_text("no picture")
    row = Row({"query": "?", "response": "red"} | fields, subset="s", index=0, file="s.jsonl", line=3, folder=folder)
    with pytest.raises(DataError, match=message) as caught:
        general_vqa.to_sample(row)
    assert "s.jsonl, line 3" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_forms_of_a_users_row(tmp_path: Path) -> None:
    """One picture, numbered ones, a list; EvalScope's fields of general_vmcq; Chinese questions."""
    (tmp_path / "red.png").write_bytes(RED)
    (tmp_path / "green.png").write_bytes(GREEN)

    def parts(page: Any, **fields: Any) -> list[str | bytes]:
        row = Row(fields, subset="s", index=0, file="s.jsonl", line=1, folder=tmp_path)
        return sent(page.to_request(page.to_sample(row)))

    one = parts(general_vqa, image="red.png", query="Which colour?", response="red")
    assert one[0] == RED
    assert "ANSWER: X" in str(one[1])
    listed = parts(general_vqa, images=["red.png", "green.png"], query="这是什么颜色？", response="红")
    assert listed[:2] == [RED, GREEN]
    assert "答案：X" in str(listed[2])
    choice = {"question": "<image 1> or <image 2>?", "options": ["one", "two"], "answer": "B"}
    numbered = parts(general_vmcq, image_1="red.png", image_2="green.png", **choice)
    assert [part for part in numbered if isinstance(part, bytes)] == [RED, GREEN]
    as_options = {"question": "Which is red?", "choices": '["<image 1>", "<image 2>"]', "answer": 0}
    assert parts(general_vmcq, image_1="red.png", image_2="green.png", **as_options)[1::2] == [RED, GREEN]


@pytest.mark.parametrize(
    ("grading", "reply", "value"),
    [
        ("exact", "ANSWER: 104", 0.0),
        ("exact", "ANSWER: hundred", 1.0),
        ("relaxed", "ANSWER: 104", 1.0),
        ("anls", "ANSWER: hundrad", 6 / 7),
        ("contains", "It is a hundred.", 1.0),
    ],
)
def test_the_gradings_of_general_vqa(tmp_path: Path, grading: str, reply: str, value: float) -> None:
    """One of four rules, over one response or several."""
    (tmp_path / "red.png").write_bytes(RED)
    fields = {"image": "red.png", "query": "How many?", "response": ["100", "hundred"]}
    row = Row(fields, subset="s", index=0, file="s.jsonl", line=1, folder=tmp_path)
    sample = dataclasses.replace(general_vqa.to_sample(row), options={"grading": grading})
    assert graded(general_vqa.test_general_vqa, sample, reply).value == pytest.approx(value)


def test_a_whole_run_over_drawn_pictures(suite: Suite, server: LoopbackServer) -> None:
    """Six pages in one run, a folder of pictures among them: each picture arrives, verdicts and figures are right."""
    colours = {"red": RED, "green": GREEN, "blue": BLUE}
    documents = [
        {"question": "Which colour?", "answers": [name], "image": field(data)} for name, data in colours.items()
    ]
    files: dict[str, list[dict[str, Any]]] = {
        "docvqa/validation": documents,
        "infovqa/validation": documents,
        "chartqa/test": [
            {"type": f"{kind}_test", "question": "Which colour?", "answer": name, "image": field(data)}
            for kind in ("human", "augmented")
            for name, data in colours.items()
        ],
        "ocrbench/test": [
            {"question": "?", "question_type": "Doc-oriented VQA", "dataset": "docVQA", "answer": [name]}
            | {"image": field(data)}
            for name, data in colours.items()
        ],
        "mmbench/en": [
            BENCH_ROW | {"index": place, "answer": "ABC"[place], "image": field(data)}
            for place, data in enumerate(colours.values())
        ],
        "general_vqa/own": [
            {"image": f"pictures/{name}.png", "query": "Which colour?", "response": name} for name in colours
        ],
    }
    for name, rows in files.items():
        path = suite.path / "data" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (suite.path / "data" / "general_vqa" / "pictures").mkdir()
    for name, data in colours.items():
        (suite.path / "data" / "general_vqa" / "pictures" / f"{name}.png").write_bytes(data)

    def script(body: dict[str, Any], _: int) -> Act:
        """Sees what the picture shows, but takes blue for black."""
        url = next(part["image_url"]["url"] for part in body["messages"][-1]["content"] if "image_url" in part)
        shown = base64.b64decode(url.partition(",")[2])
        # The first question of all is about a picture of the run's own.
        seen = next((name for name, data in colours.items() if data == shown), "red")
        text = str(body["messages"][-1]["content"])
        options = re.findall(r"\\n([A-D])\) (\w+)", text)
        letters = {option: letter for letter, option in options}
        return Answer(f"ANSWER: {letters[seen]}" if options else f"ANSWER: {'black' if seen == 'blue' else seen}")

    server.script = script
    result = suite.command(
        *("-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url),
        *(f"--eval-data={suite.path / 'data'}", f"--eval-run={suite.run_dir}", "--eval-subset=mmbench=en"),
        *(f"--eval-subset={name}=validation" for name in ("docvqa", "infovqa")),
        *("--eval-subset=chartqa=human,augmented", "--eval-subset=ocrbench=test", "--eval-subset=general_vqa=own"),
        *(str(PAGES / name.partition("/")[0]) for name in files),
    )
    assert result.status == 0, result.out[-3000:] + result.err
    assert result.summary is not None
    scores = {
        (bench["benchmark"], part["subset"]): part["score"]
        for bench in result.summary["benchmarks"]
        for part in bench["subsets"]
    }
    assert scores.pop(("mmbench", "en")) == 1.0
    # "black" is at distance 4 of "blue", of 5.
    assert {round(score, 6) for score in scores.values()} == {round(2 / 3, 6)}
    assert len(scores) == 6
    assert sum(server.seen.paths.values()) >= 3 * 6 + 9
