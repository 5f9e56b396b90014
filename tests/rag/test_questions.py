"""Generated questions: passages and their order, what is left out, and the set that the command writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval import cli
from pytest_modeleval.rag import questions
from pytest_modeleval.rag.questions import PASSAGE_CHARS, Generated, check, choose, passages_of, read_generated
from tests.support.loopback import Answer, loopback

PASSAGE = passages_of("d1", "The Loire is the longest river of France and flows into the sea near Nantes.")[0]


@given(st.text(max_size=200).map(lambda text: text * 40))
def test_passages_hold_the_document(text: str) -> None:
    """In order, bounded, with nothing lost but blanks at the cuts."""
    found = passages_of("d", text)
    assert all(0 < len(passage.text) <= PASSAGE_CHARS for passage in found)
    assert "".join("".join(passage.text.split()) for passage in found) == "".join(text.split())


def test_passages_are_chosen_alike_and_from_every_document() -> None:
    """A seed gives the same choice; no document gives two before each gave one."""
    passages = [one for name in "abc" for one in passages_of(name, f"{name} word " * 2_000)]
    first = choose(passages, 5, seed=3)
    assert first == choose(passages, 5, seed=3)
    assert {passage.document for passage in first[:3]} == {"a", "b", "c"}
    assert first != choose(passages, 5, seed=4)


@pytest.mark.parametrize(
    ("question", "answer", "fault"),
    [
        ("Which French river is longer than all others?", "The Loire", ""),
        ("Is it true: the longest river of France and flows into the sea?", "Yes", questions.QUOTES),
        ("Why is the Loire the longest one?", "Loire", questions.NAMES_ANSWER),
        ("Which river does the passage name?", "The Loire", questions.NAMES_PASSAGE),
        ("Near which city does the longest French river end?", "Nantes", questions.DUPLICATE),
    ],
)
def test_a_question_that_cannot_test_retrieval_is_left_out(question: str, answer: str, fault: str) -> None:
    """One reason each, counted."""
    before = Generated("Near which city does the longest French river end", "Nantes", PASSAGE)
    kept, faults = check([before, Generated(question, answer, PASSAGE), None])
    assert len(kept) == (1 if fault else 2)
    assert faults == ({fault: 1, questions.UNREADABLE: 1} if fault else {questions.UNREADABLE: 1})


@pytest.mark.parametrize(
    "reply", ["", "prose", "[]", '{"question": "q"}', "[" * 90_000, '{"question": "%s", "answer": 1}' % ("x" * 501)]
)
def test_a_reply_out_of_form_is_no_question(reply: str) -> None:
    """Nothing is guessed."""
    assert read_generated(PASSAGE, reply) is None


def test_the_command_writes_a_marked_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same one twice: rows that the benchmark rag reads, with hashes and the identity of the model."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("one", "two", "three"):
        (docs / f"{name}.md").write_text(f"The colour of {name} is {name}-red.", encoding="utf-8")

    def write(body: dict[str, Any], attempt: int) -> Answer:
        name = str(body["messages"][-1]["content"]).partition("The colour of ")[2].split()[0]
        made = {"question": f"Which colour has {name}?", "answer": "no colour" if name != "two" else "two"}
        return Answer(text=json.dumps(made))

    files = [tmp_path / "data" / "rag" / f"{number}.jsonl" for number in (1, 2)]
    with loopback(write) as server:
        for file in files:
            status = cli.main(
                ["rag-questions", str(docs), "--model", "test-model", "--url", server.url, "--into", str(file)]
            )
            assert status == 0
    out = capsys.readouterr().out
    assert "2 of 3 questions of test-model kept" in out
    assert "left out: 1 has the answer in the question" in out
    assert files[0].read_bytes() == files[1].read_bytes()
    rows = [json.loads(line) for line in files[0].read_text("utf-8").splitlines()]
    assert {row["relevant"][0] for row in rows} == {"one.md", "three.md"}
    assert all(row["generated_by"] == "test-model" and len(row["document_sha256"]) == 64 for row in rows)
    assert len({row["model_identity"] for row in rows}) == 1
    assert cli.main(["rag-questions", str(tmp_path / "none"), "--model", "m", "--url", "http://x", "--into", "y"]) == 4
