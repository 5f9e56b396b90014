"""Pages of choice questions in whole runs, against a scripted server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import Answer, LoopbackServer
from tests.support.samples import shared_data
from tests.support.suites import Result, Suite

PAGES = Path(__file__).parents[2] / "benchmarks"
RECORDED = "recorded_gemini-1.5-flash-002.jsonl"


def run(suite: Suite, server: LoopbackServer, name: str, *more: str) -> Result:
    """One page on the suite's own data folder."""
    return suite.command(
        *("-p", "no:cacheprovider", "--model", "test-model", "--model-url", server.url),
        *(f"--eval-data={suite.path / 'data'}", f"--eval-run={suite.run_dir}", *more, str(PAGES / name)),
    )


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSONL file; only line feeds end them."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def test_recorded_replies_of_mmlu_pro_keep_their_predictions(suite: Suite, server: LoopbackServer) -> None:
    """420 recorded replies through the whole program: the official predictions; a random guess is no_answer."""
    source = shared_data("mmlu_pro") / "mmlu_pro"
    rows, replies = lines_of(source / "test.jsonl"), lines_of(source / RECORDED)
    by_id = {reply["question_id"]: reply for reply in replies}
    expected: dict[tuple[str, int], dict[str, Any]] = {}
    counts: dict[str, int] = {}
    script: dict[str, str] = {}
    for row in rows:
        subset = row["category"].replace(" ", "_")
        place = counts.setdefault(subset, 0)
        counts[subset] += 1
        expected[subset, place] = by_id[row["question_id"]]
        options = "\n".join(f"{letter}. {option}" for letter, option in zip("ABCDEFGHIJ", row["options"], strict=False))
        script[f"Question:\n{row['question']}\nOptions:\n{options}\n"] = expected[subset, place]["model_outputs"]
    folder = suite.path / "data" / "mmlu_pro"
    folder.mkdir(parents=True)
    shutil.copy(source / "test.jsonl", folder)

    def reply(body: dict[str, Any], _: int) -> Answer:
        prompt = body["messages"][-1]["content"]
        return Answer(next(text for asked, text in script.items() if asked in prompt))

    server.script = reply
    result = run(suite, server, "mmlu_pro", "--eval-option=mmlu_pro.shots=0")
    assert result.status == 0, result.out[-2000:] + result.err
    grades = [entry for entry in lines_of(suite.run_dir / "journal.jsonl") if entry["type"] == "grade"]
    assert len(grades) == len(expected) == 420
    found = {(entry["subset"], int(entry["sample"].rpartition("-")[2])): entry for entry in grades}
    for key, official in expected.items():
        assert found[key]["answer"] == official["pred"], key
        right = official["pred"] == official["answer"]
        assert found[key]["kind"] == ("no_answer" if official["pred"] is None else "right" if right else "wrong"), key


def test_without_its_examples_mmlu_pro_asks_nothing(suite: Suite, server: LoopbackServer) -> None:
    """The default of five examples is never silently another benchmark: status 4, and the option is named."""
    folder = suite.path / "data" / "mmlu_pro"
    folder.mkdir(parents=True)
    row = {"question": "?", "options": ["a", "b"], "answer": "A", "category": "law"}
    (folder / "test.jsonl").write_text(json.dumps(row) + "\n")
    result = run(suite, server, "mmlu_pro", "--eval-subset=mmlu_pro=law")
    assert result.status == 4, result.out + result.err
    assert "mmlu_pro/validation" in result.err
    assert "--eval-option=mmlu_pro.shots=0" in result.err
    assert not server.seen.prompts


@pytest.mark.parametrize(("options", "official"), [((), 0.5), (("--eval-option=ceval.split=test",), 0.0)])
def test_c_eval_by_split(suite: Suite, server: LoopbackServer, options: tuple[str, ...], official: float) -> None:
    """The mean over subjects is the total, whatever their sizes; the option names the file."""
    folder = suite.path / "data" / "ceval"
    folder.mkdir(parents=True)
    choices = {"A": "x", "B": "y", "C": "z", "D": "w"}
    rows = [{"question": f"q{n}", **choices, "answer": "A", "subject": "law"} for n in range(3)]
    rows += [{"question": "q", **choices, "answer": "B", "subject": "logic"}]
    (folder / "val.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    wrong = [row | {"answer": "C"} for row in rows]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in wrong))
    server.script = lambda *_: Answer("答案:A")
    result = run(suite, server, "ceval", "--eval-option=ceval.shots=0", "--eval-subset=ceval=law,logic", *options)
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    scores = {part["subset"]: part["score"] for part in result.summary["benchmarks"][0]["subsets"]}
    assert (scores["law"] + scores["logic"]) / 2 == official
