"""`modeleval show`: overview, chosen samples, and that no character of a model drives the terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from pytest_modeleval.cli import main
from pytest_modeleval.records import ItemKey, Kind
from tests.support.page_cases import hostile_answers
from tests.support.run_folders import grade, plan, quiz_run, response, write_run


def shown(capsys: pytest.CaptureFixture[str], *arguments: str | Path, status: int = 0) -> str:
    """What the command prints."""
    assert main(["show", *map(str, arguments)]) == status
    found = capsys.readouterr()
    return found.err if status else found.out


def test_the_overview_has_table_worst_subsets_and_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without options: scores, the weakest subsets first, and the command that shows the wrong ones."""
    run = quiz_run(tmp_path / "run", wrong=[1, 6, 7, 8])
    text = shown(capsys, run)
    assert "quiz     mean_acc  hard" in text
    assert "12 items: 8 right, 4 wrong" in text
    assert text.index("0.5000  quiz=hard  3 wrong") < text.index("0.8333  quiz=easy  1 wrong")
    assert f"show the wrong ones: modeleval show {run} --kind wrong" in text


def test_samples_are_chosen_by_kind_subset_and_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with question, reply, target, answer and cause; thinking is one line unless it is asked for."""
    run = quiz_run(tmp_path / "run", wrong=[1, 6, 7])
    text = shown(capsys, run, "--kind", "wrong", "--subset", "quiz=hard", "--limit", "1")
    assert "2 samples, the first 1 shown; --limit shows more" in text
    assert "quiz hard hard-0  wrong: B is named" in text.replace("hard-0 wrong", "hard-0  wrong")
    for said in (
        "question\n  Q hard-0",
        "thinking: 9 characters; --thinking shows it",
        "reply\n  ANSWER: B",
        "target    A",
        "answer    B",
        "cause     wrong_letter",
        "tokens    12 in, 3 out, 0.50 s",
    ):
        assert said in text
    assert "thought" not in text
    assert "thinking\n  thought 0" in shown(capsys, run, "--sample", "easy-0", "--thinking")
    assert shown(capsys, run, "--kind", "wrong,right").startswith("12 samples")


def test_newly_wrong_samples_stand_with_the_earlier_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What lost credit since another run, and how much gained some."""
    old, new = quiz_run(tmp_path / "old", wrong=[1, 2]), quiz_run(tmp_path / "new", wrong=[2, 8])
    text = shown(capsys, new, "--newly-wrong", old)
    assert text.startswith("1 newly wrong sample; 1 newly right")
    assert "quiz hard hard-2" in text
    assert "before    right, 'A'" in text


def test_newly_wrong_samples_of_the_gates_need_no_other_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What summary.json has as evidence of a gate is shown below it, and chooses samples by itself."""
    run = quiz_run(tmp_path / "run", wrong=[8])
    assert "name the earlier run or baseline" in shown(capsys, run, "--newly-wrong", status=4)
    changed = {"benchmark": "quiz", "subset": "hard", "id": "hard-2", "old": "right 'A'", "new": "wrong 'B'"}
    gate = {"name": "g", "verdict": "failed", "reason": "g: a drop", "kind": "regression", "newly_wrong": 1}
    gate["evidence"] = {"newly_wrong": [changed], "newly_right": [], "compare": "modeleval compare a b"}
    (run / "summary.json").write_bytes(orjson.dumps({"gates": [gate]}))
    assert "hard-2: right 'A' -> wrong 'B'" in shown(capsys, run)
    text = shown(capsys, run, "--newly-wrong")
    assert text.startswith("1 newly wrong sample; 0 newly right")
    assert "before    right 'A'" in text
    gate["newly_wrong"] = "many"
    (run / "summary.json").write_bytes(orjson.dumps({"gates": [gate]}))
    assert "hard-2" not in shown(capsys, run)


def test_conversations_judges_and_failed_attempts_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each request with what it added; the judge's words; why an attempt failed. --full leaves nothing out."""
    key = ItemKey("quiz", "part", "a")
    first = response(key, "", question="Call it", tool_calls=[{"name": "f", "arguments": '{"x": 1}', "id": "1"}])
    first["request"]["tools"] = [
        {"type": "function", "function": {"name": "f", "parameters": {"properties": {"x": {}}}}}
    ]
    added = [{"role": "assistant", "content": "old"}, {"role": "tool", "content": "result 7"}]
    second = {**response(key, "Done"), "key": "second", "after": first["key"], "request": {"messages": added}}
    judge = {**response(key, "VERDICT: no", question="Is it done?"), "key": "judge", "role": "judge"}
    failed = {**first, "type": "attempt", "kind": "timeout", "cause": "idle", "message": "", "key": "x"}
    outcome = {**grade(key, Kind.WRONG, prompt=""), "key": "second"}
    run = write_run(tmp_path / "run", [plan({"part": ["a"]}), failed, first, second, judge, outcome])
    text = shown(capsys, run, "--sample", "a")
    for said in (
        'request 1 of 2\nquestion\n  Call it\noffered   f(x)\ncall\n  f({"x": 1})\nrequest 2 of 2',
        "tool\n  result 7\nreply\n  Done\njudge\n  VERDICT: no",
        "failed    idle (1x)",
    ):
        assert said in text
    assert "old" not in text
    assert "assistant\n  old" in (whole := shown(capsys, run, "--sample", "a", "--full"))
    assert "judge, asked\n  Is it done?" in whole


def test_long_texts_are_cut_and_full_shows_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reply of a megabyte costs a screenful, its end included."""
    key = ItemKey("quiz", "part", "a")
    reply = "start" + "x" * 1_000_000 + "the end"
    run = write_run(tmp_path / "run", [plan({"part": ["a"]}), response(key, reply), grade(key, Kind.WRONG)])
    text = shown(capsys, run, "--sample", "a")
    assert len(text) < 10_000
    assert "start" in text
    assert "the end" in text
    assert "--full shows them" in text
    assert reply in shown(capsys, run, "--sample", "a", "--full")


def test_no_character_drives_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every text of a model, of data or of a run file is made visible, wherever it stands."""
    texts = [text.encode(errors="replace").decode() for text in hostile_answers("http://127.0.0.1:9")]
    texts += ["\x1b]0;title\x07\x1b[2J\x9b31m", "a\u202eb\u2066", "\r\x08\x7f"]
    lines = [plan({"part\x1b[1m": [f"{number}\x1b[5m" for number in range(len(texts))]})]
    for number, text in enumerate(texts):
        key = ItemKey("quiz", "part\x1b[1m", f"{number}\x1b[5m")
        call = {"name": text, "arguments": text, "id": ""}
        lines += [
            response(key, text, question=text, reasoning_content=text, tool_calls=[call]),
            grade(key, Kind.WRONG, answer=text, cause=text, explanation=text, target=text, marks=(text,)),
        ]
    run = write_run(tmp_path / "run", lines, model="m\x1b[31m")
    out = shown(capsys, run) + shown(capsys, run, "--kind", "wrong", "--limit", "999", "--full")
    assert not [char for char in out if (ord(char) < 32 and char not in "\n\t") or char in "\x7f\x9b\u202e\u2066"]
    assert out.count("\\x1b]0;title") > 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--kind", "wring"], "--kind: expected kinds such as wrong,no_answer, found 'wring'; did you mean 'wrong'?"),
        (["--subset", "hrad"], "did you mean 'hard'?"),
        (["--sample", "easy-9"], "found 'easy-9'; did you mean"),
        (["--sample", "easy-0", "--kind", "wrong"], "the other options leave it out"),
        (["--limit", "0"], "--limit: expected at least 1, found 0"),
        (["--newly-wrong", "nowhere"], "expected a run folder"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """Status 4, and what to write instead."""
    run = quiz_run(tmp_path / "run")
    text = shown(capsys, run, *arguments, status=4)
    assert sentence in text
    assert text.count("\n") == 1


def test_a_terminal_gets_a_pager(tmp_path: Path) -> None:
    """$PAGER receives the text where the output is a terminal, and may end before it has read all of it."""
    run = quiz_run(tmp_path / "run", wrong=range(12))
    master, slave = pty.openpty()
    pager = f"{sys.executable} -c \"print('paged:', input())\""
    command = [sys.executable, "-m", "pytest_modeleval.cli", "show", str(run), "--kind", "wrong"]
    done = subprocess.run(command, stdout=slave, env={**os.environ, "PAGER": pager}, timeout=60, check=False)
    os.close(slave)
    assert done.returncode == 0
    assert os.read(master, 1000).decode().splitlines() == ["paged: 12 samples"]
    os.close(master)
