"""MMMU and MMMU-Pro in a whole run: recorded replies keep their official verdicts, and pictures arrive byte by byte."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.mmmu.grading import GUESS
from benchmarks.mmmu.open_answers import is_open_answer_right
from benchmarks.mmmu.subjects import SUBJECTS
from tests.benchmarks.test_mmmu_rules import OFFICIAL_GUESSES, recorded
from tests.support import pictures
from tests.support.loopback import Act, Answer, LoopbackServer, Refuse
from tests.support.suites import Suite

PAGES = Path(__file__).parents[2] / "benchmarks"
PIXEL = base64.b64encode(pictures.png()).decode()


def images_of(text: str) -> dict[str, dict[str, str]]:
    """A small picture for each place of a text whose own pictures are not here; the hub has seven at most."""
    return {f"image_{number}": {"bytes_base64": PIXEL} for number in set(re.findall(r"<image ([1-7])>", text))}


def mmmu_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the hub has it; its question is its id, for the questions are not here."""
    options = list(row.get("index2ans", {}).values())
    kind = "multiple-choice" if options else "open"
    answer = row["answer"] if isinstance(row["answer"], str) else repr(row["answer"])
    text = f"<image 1> Question [{row['id']}]"
    images = images_of(text + repr(options))
    return {
        "id": row["id"],
        "question": text,
        "question_type": kind,
        "options": repr(options),
        "answer": answer,
    } | images


def pro_row(row: Mapping[str, Any], real: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A row as the hub has it, with its own pictures where they are here."""
    fields = {name: row[name] for name in ("id", "options", "answer", "subject")}
    own = {name: value for name, value in real.get(row["id"], {}).items() if name.startswith("image_")}
    marked = row["question"] + f" [{row['id']}]"
    return fields | {"question": marked} | (own or images_of(row["question"] + row["options"]))


class Checker:
    """The server's script: the reply of a question, if each of its pictures came as it is and where it belongs."""

    def __init__(self, rows: list[dict[str, Any]], replies: Mapping[str, str]) -> None:
        self.rows = {row["id"]: row for row in rows}
        self.replies = replies
        self.pictures = 0

    def __call__(self, body: dict[str, Any], _: int) -> Act:
        parts = body["messages"][-1]["content"]
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        found = re.findall(r"\[((?:test|validation)_\w+_\d+)\]", text)
        if not found:
            # The question before the first sample, whether pictures are taken at all.
            return Answer("red")
        (asked,) = found
        problem = self.problem(asked, parts)
        return Refuse(400, text=problem) if problem else Answer(self.replies[asked])

    def problem(self, asked: str, parts: list[dict[str, Any]]) -> str:
        """What is wrong with the parts of a message; "" if nothing is."""
        row = self.rows[asked]
        wanted = {name: base64.b64decode(value["bytes_base64"]) for name, value in row.items() if "image_" in name}
        before = ""
        for part in parts:
            if part["type"] == "text":
                before = part["text"]
                continue
            name = f"image_{re.findall(r'<image ([0-9])>', before)[-1]}"
            head, _, data = part["image_url"]["url"].partition(",")
            if head != "data:image/png;base64" or base64.b64decode(data, validate=True) != wanted.pop(name, None):
                return f"{asked}: {name} is another picture"
            self.pictures += 1
        return f"{asked}: no {', '.join(wanted)}" if wanted else ""


def test_recorded_replies_keep_their_verdicts(suite: Suite, server: LoopbackServer) -> None:
    """450 replies to MMMU, 865 to MMMU-Pro and 12 questions with their own pictures: verdicts and every byte."""
    mmmu = recorded("mmmu/recorded_qwen_vl.jsonl")
    pro = recorded("mmmu_pro/recorded_gpt-4o_standard10_cot.jsonl.gz")
    real = {row["id"]: row for row in recorded("mmmu_pro/with_images.jsonl")}
    unrecorded = [row for row in real.values() if row["id"] not in {found["id"] for found in pro}]
    files: dict[str, list[dict[str, Any]]] = {}
    for row in mmmu:
        subject = row["id"].removeprefix("validation_").rpartition("_")[0]
        files.setdefault(f"mmmu/{subject}", []).append(mmmu_row(row))
    files["mmmu_pro/standard10"] = [pro_row(row, real) for row in (*pro, *unrecorded)]
    for name, rows in files.items():
        path = suite.path / "data" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    rows_of_pro = {row["id"] for row in files["mmmu_pro/standard10"]}
    checkers = {
        "mmmu": Checker([row for name, rows in files.items() if "pro" not in name for row in rows], replies_of(mmmu)),
        "mmmu_pro": Checker(
            files["mmmu_pro/standard10"],
            replies_of(pro) | {row["id"]: f"Answer: ({row['answer']})" for row in unrecorded},
        ),
    }

    def script(body: dict[str, Any], attempt: int) -> Act:
        # The same question may stand in both benchmarks.
        is_mmmu = any("Question [" in part.get("text", "") for part in body["messages"][-1]["content"])
        return checkers["mmmu" if is_mmmu else "mmmu_pro"](body, attempt)

    server.script = script
    result = suite.command(
        *("-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url),
        *(f"--eval-data={suite.path / 'data'}", f"--eval-run={suite.run_dir}"),
        *("--eval-subset=mmmu_pro=standard10", f"--eval-subset=mmmu={','.join(SUBJECTS)}"),
        *(str(PAGES / "mmmu"), str(PAGES / "mmmu_pro")),
    )
    assert result.status == 0, result.out[-3000:] + result.err
    lines = (suite.run_dir / "journal.jsonl").read_text("utf-8").splitlines()
    grades = {
        (entry["benchmark"], entry["sample"]): entry for entry in map(json.loads, lines) if entry["type"] == "grade"
    }
    assert len(grades) == 450 + len(rows_of_pro)
    guesses = {f"validation_{name}" for name in OFFICIAL_GUESSES.split()}
    for row in mmmu:
        found = grades["mmmu", row["id"]]
        if "index2ans" not in row:
            targets = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
            assert (found["kind"] == "right") is is_open_answer_right(row["response"], targets)
        assert (found["kind"] == "no_answer") is (row["id"] in guesses)
        assert (GUESS in found.get("marks", ())) is (row["id"] in guesses)
    for row in pro:
        found = grades["mmmu_pro", f"standard10-{row['id']}"]
        assert (found["answer"], found["kind"] == "right") == (row["pred_indexs"], row["if_right"]), row["id"]
    assert all(grades["mmmu_pro", f"standard10-{row['id']}"]["kind"] == "right" for row in unrecorded)
    assert checkers["mmmu"].pictures >= 450
    assert checkers["mmmu_pro"].pictures >= len(rows_of_pro)


def replies_of(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Id -> the recorded reply."""
    return {row["id"]: row["response"] for row in rows}
