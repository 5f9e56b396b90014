"""Whole runs with pictures: every byte reaches the server, the journal keeps hashes, stored replies are found again."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from pytest_modeleval.records import ItemKey
from pytest_modeleval.reports.sample_text import Detail, sample_lines
from pytest_modeleval.runs.image_check import why_no_images
from pytest_modeleval.samples.reading import SampleReader
from pytest_modeleval.server_facts import ModelFacts, ServerFacts
from pytest_modeleval.store.journal import journal_lines
from pytest_modeleval.store.journal_line import encode_line
from tests.support import pictures
from tests.support.loopback import Answer, LoopbackServer, Refuse
from tests.support.suites import Suite, without_times

PAGE = """
from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders import grade_choice
from pytest_modeleval.prompts import user

def to_sample(row):
    data = {"images": [row.image(name) for name in ("first", "second") if row.get(name)]}
    return Sample(question=row.text("question"), choices=("w", "x", "y", "z"), target=row.text("answer"), data=data)

def to_request(sample):
    first, *more = sample.data["images"]
    return Request(user("Look:", first, sample.question, *more))

@benchmark(name="quiz", version="1", dataset=local("quiz/{subset}"), subsets=["part"], sample=to_sample,
           request=to_request, grade=grade_choice, defaults={"max_tokens": 64})
def test_quiz(grade):
    assert grade, grade.explanation
"""
COUNT = 6


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Suite:
    """Rows with pictures in base64, of the data's folder, and of several formats; each row has pictures of its own."""
    made = Suite(pytester)
    made.write_benchmark(PAGE)
    rows = []
    for number in range(COUNT):
        first: Any = {"bytes_base64": base64.b64encode(picture(number)).decode(), "path": "x.png"}
        if number % 3 == 1:
            first = f"pictures/{number}.png"
        rows.append({"question": f"Which? {number}", "answer": "ABCD"[number % 4], "first": first})
        if number % 2:
            rows[-1]["second"] = base64.b64encode(pictures.jpeg(number + 1, 9)).decode()
    made.write_raw("".join(json.dumps(row) + "\n" for row in rows))
    (made.path / "data" / "quiz" / "pictures").mkdir()
    for number in range(COUNT):
        (made.path / "data" / "quiz" / "pictures" / f"{number}.png").write_bytes(picture(number))
    return made


def picture(number: int) -> bytes:
    """The first picture of a row."""
    return pictures.png(40 + number, 30, (number, 2, 3))


def looking_answer(body: dict[str, Any], attempt: int) -> Answer | Refuse:
    """Right where the pictures are those of the row, byte for byte, in their order; the refusal says what else came."""
    content = body["messages"][-1]["content"]
    if content[0]["text"] == "Which colour is the disc?":
        # The check before the first question.
        return Answer(text="red")
    number = int(str(content[2]["text"]).removeprefix("Which? "))
    expected = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": _url("png", picture(number))}},
        {"type": "text", "text": f"Which? {number}"},
    ]
    if number % 2:
        expected.append({"type": "image_url", "image_url": {"url": _url("jpeg", pictures.jpeg(number + 1, 9))}})
    return Answer(text=f"ANSWER: {'ABCD'[number % 4]}") if content == expected else Refuse(400, text="other bytes")


def _url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def test_pictures_go_out_whole_and_into_the_journal_by_hash(suite: Suite, server: LoopbackServer) -> None:
    """Sent byte for byte; kept once in the run folder; resumed, rescored, and found in journals with base64.

    A picture that the server refuses is ungraded, not asked twice, and the table says what helps.
    """
    text = "image item with length 4641, which exceeds the pre-allocated encoder cache size 3721"
    server.script = lambda body, attempt: (
        Refuse(400, text=text) if "Which? 2" in str(body) else looking_answer(body, attempt)
    )
    refused = suite.run(server.url)
    assert refused.status == 6, refused.out + refused.err
    assert refused.subset()["counts"]["server_error"] == 1
    assert refused.summary is not None
    assert refused.summary["run"]["failed_attempts"] == {"image_too_large": 1}
    assert "--limit-mm-per-prompt" in refused.out

    asked = len(server.seen.bodies)
    server.script = looking_answer
    first = suite.run(server.url)
    assert first.status == 0, first.out + first.err
    assert first.subset()["score"] == 1.0
    # The check before the first question, and the one that was refused.
    assert len(server.seen.bodies) == asked + 2
    run = suite.run_dir
    files = sorted(path.name for path in (run / "images").iterdir())
    assert len(files) == COUNT + COUNT // 2
    assert sum(name.endswith(".jpg") for name in files) == COUNT // 2
    text = b"".join(journal_lines(run)).decode()
    assert "base64" not in text
    record = _record(run, "part-0001")
    (exchange,) = record.exchanges
    assert [(image.media_type, image.width, image.height) for image in exchange.images] == [
        ("image/png", 41, 30), ("image/jpeg", 2, 9),
    ]  # fmt: skip
    assert (run / exchange.images[0].file).read_bytes() == picture(1)
    assert exchange.images[0].bytes == len(picture(1))
    assert re.fullmatch(r"Look:\n\[image \w{12}\]\nWhich\? 1\n\[image \w{12}\]", record.question)

    shown = " ".join(" ".join(sample_lines(record, Detail())).split())
    assert f"image {exchange.images[0].file} image/png, 41 x 30 pixels, {len(picture(1))} bytes" in shown

    asked = len(server.seen.bodies)
    rescored = suite.command(*suite.arguments(None, f"--eval-rescore={run}", run=False))
    assert rescored.status == 0, rescored.out + rescored.err
    assert without_times(rescored.summary)["benchmarks"] == without_times(first.summary)["benchmarks"]
    assert len(server.seen.bodies) == asked

    old = _with_base64(run)
    replayed = suite.command(*suite.arguments(None, f"--eval-rescore={old}", run=False))
    assert replayed.status == 0, replayed.out + replayed.err
    assert replayed.subset()["counts"]["right"] == COUNT
    question = _record(old, "part-0001").question
    assert "[image data:image/png;base64," in question
    assert len(question) < 500


def _record(run: Path, sample: str) -> Any:
    (found,) = SampleReader(run).read({ItemKey("quiz", "part", sample)})
    return found


def _with_base64(run: Path) -> Path:
    """A copy of a run as an earlier version would have written it: base64 in the journal, no folder of pictures."""
    copy = run.with_name("old")
    shutil.copytree(run, copy)
    lines = []
    for line in journal_lines(run):
        entry = orjson.loads(line)
        entry.pop("crc")
        for found in entry.pop("images", ()):
            url = f"data:{found['media_type']};base64,{base64.b64encode((run / found['file']).read_bytes()).decode()}"
            entry = orjson.loads(orjson.dumps(entry).replace(found["file"].encode(), url.encode()))
        lines.append(encode_line(entry))
    (copy / "journal.jsonl").write_bytes(b"".join(lines))
    shutil.rmtree(copy / "images")
    return copy


def test_a_server_that_takes_no_pictures_is_found_before_the_first_question(
    suite: Suite, server: LoopbackServer
) -> None:
    """By its refusal of a drawn picture, once; or by what it says of itself, without asking. One line says why."""
    text = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
    server.script = lambda body, attempt: Refuse(500, text=text)
    refused = suite.run(server.url)
    assert "not run: quiz: they need pictures, and openai-compatible at http" in refused.out
    assert "image input is not supported" in refused.out
    assert len(server.seen.bodies) == 1
    assert refused.status != 0
    planned = suite.run(server.url, "--eval-dry-run", run=False)
    assert "Which? 0" in planned.out
    assert "base64" not in planned.out
    said = ServerFacts(model="m", urls=(server.url,), kind="sglang", takes_images=False)
    model = ModelFacts(name="m", server=said, identity="i")
    assert "sglang at http" in why_no_images(model, {}, key=None)
    assert len(server.seen.bodies) == 1
