"""A journal that is damaged, hostile, or written by several runs: what counts, what is named, what is refused."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.store.contents import Contents, OutcomeRank
from pytest_modeleval.store.journal import JournalError, JournalReader, JournalWriter, outcome_line, rescored_line
from pytest_modeleval.store.journal_line import MAX_LINE_BYTES, encode_line, is_intact

KEY = ItemKey("quiz", "s", "q1")
PLAN = Plan(benchmark="quiz", version="1", metric="mean_acc", items={"s": ["q1"]})
RIGHT = Outcome(KEY, Kind.RIGHT, 1.0, answer="C", request_key="k")
WRONG = Outcome(KEY, Kind.WRONG, 0.0, answer="B", request_key="k")


def journal(folder: Path, *lines: Mapping[str, object], name: str = "journal.jsonl") -> bytes:
    """A journal with these lines."""
    data = b"".join(encode_line(line) for line in lines)
    (folder / name).write_bytes(data)
    return data


def contents_of(folder: Path) -> Contents:
    """What is read from a folder."""
    return JournalReader(folder).refresh()


@pytest.mark.parametrize("change", ["flipped", "cut", "zeroed", "left out"])
def test_no_single_damage_goes_unnoticed(tmp_path: Path, change: str) -> None:
    """Each byte of a small journal is damaged in turn: what is read is unchanged, or the damage is listed.

    A journal that is cut short has the outcomes of its whole lines and no others, as after a kill.
    """
    response = {"type": "response", "key": "k", "reply": {"content": "ANSWER: C"}}
    wrong, right = outcome_line(WRONG, version="1", invocation=1), outcome_line(RIGHT, version="1", invocation=1)
    whole = journal(tmp_path, PLAN.to_json(), response, wrong, right)
    expected = contents_of(tmp_path)
    assert expected.outcomes == {KEY: RIGHT}
    for at in range(len(whole)):
        mutants = {
            "flipped": [whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :] for bit in (1 << at % 8, 0x20)],
            "cut": [whole[:at]],
            "zeroed": [whole[:at] + bytes(min(16, len(whole) - at)) + whole[at + 16 :]],
            "left out": [whole[:at] + whole[at + 1 :]],
        }[change]
        for mutant in mutants:
            (tmp_path / "journal.jsonl").write_bytes(mutant)
            found = contents_of(tmp_path)
            if change == "cut":
                assert found.outcomes in ({}, {KEY: WRONG}, {KEY: RIGHT})
                assert len(found.outcomes) == (whole[:at].count(b"\n") > 2)
            elif not found.damaged and mutant.endswith(b"\n"):
                same = (found.outcomes, found.plans, set(found.responses))
                assert same == (expected.outcomes, expected.plans, set(expected.responses)), (at, mutant)


def test_lines_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """A line without a checksum and without an invocation counts as it always did."""
    line = {name: value for name, value in outcome_line(RIGHT, version="1").items() if name != "invocation"}
    (tmp_path / "journal.jsonl").write_bytes(orjson.dumps(line) + b"\n")
    found = contents_of(tmp_path)
    assert found.outcomes == {KEY: RIGHT}
    assert found.damaged == []


@pytest.mark.parametrize(
    "change",
    [
        {"value": 1000.0},
        {"value": -0.1},
        {"value": "inf"},
        {"value": True},
        {"repeat": -1},
        {"repeat": 10**18},
        {"repeat": 1.5},
        {"sample": 7},
        {"kind": "excellent"},
        {"kind": "timeout"},
        {"cause": ["x"]},
        {"completion_tokens": "12"},
        {"total_s": -1},
        {"marks": [1]},
        {"time": None},
        {"invocation": "1"},
    ],
    ids=str,
)
def test_a_grade_out_of_range_is_damage(tmp_path: Path, change: dict[str, object]) -> None:
    """Credit lies between 0 and 1, counts are counts: a line from elsewhere is no source of a score of 125."""
    journal(tmp_path, {**outcome_line(RIGHT, version="1"), **change})
    found = contents_of(tmp_path)
    assert found.outcomes == {}
    assert [line.number for line in found.damaged] == [1]
    assert found.damage_note() == f"{tmp_path}: a damaged line is not used: journal.jsonl line 1"


@pytest.mark.parametrize(
    "change",
    [
        {"content": 7},
        {"reasoning_content": ["x"]},
        {"finish_reason": {}},
        {"usage": [1]},
        {"usage": "12"},
        {"total_s": "1"},
        {"tool_calls": "f"},
        {"tool_calls": [7]},
        {"tool_calls": [{"name": "f"}]},
        {"tool_calls": [{"name": "f", "arguments": {}, "id": "c"}]},
        {"model": 1, "id": None},
    ],
    ids=str,
)
def test_a_stored_reply_of_other_types_is_damage(tmp_path: Path, change: dict[str, object]) -> None:
    """It is asked again, instead of failing in the grader whenever the run is taken up."""
    whole = {"content": "ANSWER: C", "finish_reason": None, "tool_calls": [{"name": "f", "arguments": "{}"}]}
    lines = [{"type": "response", "key": "whole", "reply": whole}]
    journal(tmp_path, *lines, {"type": "response", "key": "odd", "reply": {**whole, **change}})
    found = contents_of(tmp_path)
    assert set(found.responses) == {"whole"}
    assert [line.number for line in found.damaged] == [2]


@pytest.mark.parametrize("field", [name for name in PLAN.to_json() if name != "type"])
@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [[]], {"a": 1}, True, -1, 10**18, [{"name": 1}]], ids=str)
def test_a_plan_of_other_types_is_read_or_damage(tmp_path: Path, field: str, value: object) -> None:
    """Whatever stands in a field of a plan line, reading ends; what is accepted can be written and read again."""
    journal(tmp_path, {**PLAN.to_json(), field: value})
    found = contents_of(tmp_path)
    assert len(found.plans) + len(found.damaged) == 1
    for plan in found.plans:
        assert Plan.from_json(orjson.loads(orjson.dumps(plan.to_json()))) == plan
        assert plan.item_keys() is not None


def test_a_plan_too_large_for_the_memory_is_refused() -> None:
    """The bound is on samples x repeats, so that no number in a file makes a process run for ever."""
    line = {**PLAN.to_json(), "repeats": 3 * 10**8}
    with pytest.raises(ValueError, match=r"repeats: expected a whole number from 1 to 100,000, found 300000000"):
        Plan.from_json(line)
    many = {**PLAN.to_json(), "repeats": 100_000, "items": {"s": [f"q{number}" for number in range(101)]}}
    with pytest.raises(ValueError, match=r"expected at most 10,000,000 samples x repeats, found 10,100,000"):
        Plan.from_json(many)


def test_the_line_further_down_counts_whatever_the_clock_said(tmp_path: Path) -> None:
    """A clock that went back between two lines of one journal does not bring an old outcome back."""
    late = {**outcome_line(WRONG, version="1", invocation=1), "time": "2030-01-01T00:00:00.000Z"}
    journal(tmp_path, late, outcome_line(RIGHT, version="1", invocation=2))
    assert contents_of(tmp_path).outcomes == {KEY: RIGHT}


@pytest.mark.parametrize("names", [("journal.jsonl", "journal-gw0.jsonl"), ("journal-gw0.jsonl", "journal.jsonl")])
def test_a_later_invocation_counts_whatever_the_clock_said(tmp_path: Path, names: tuple[str, str]) -> None:
    """In journals of several processes the later use of the folder wins, in whichever order they are read."""
    late = {**outcome_line(WRONG, version="1", invocation=1), "time": "2030-01-01T00:00:00.000Z"}
    journal(tmp_path, late, name=names[0])
    journal(tmp_path, outcome_line(RIGHT, version="1", invocation=2), name=names[1])
    assert contents_of(tmp_path).outcomes == {KEY: RIGHT}


def test_a_process_keeps_what_it_has_just_found() -> None:
    """An outcome of this invocation replaces a stored one that seems to come from the future."""
    contents = Contents()
    contents.enter(WRONG, OutcomeRank(1, "2030-01-01T00:00:00.000Z", Path("a")))
    contents.enter(RIGHT, OutcomeRank(2, "2026-01-01T00:00:00.000Z", Path("b")))
    assert contents.outcomes == {KEY: RIGHT}


def test_a_rescoring_counts_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """Killed before its end, a rescoring leaves the earlier grades; ended, all its grades count."""
    first = outcome_line(WRONG, version="1", invocation=1)
    again = outcome_line(RIGHT, version="2", invocation=2, is_rescore=True)
    journal(tmp_path, first, again)
    assert contents_of(tmp_path).outcomes == {KEY: WRONG}
    assert JournalReader(tmp_path, rescoring=2).refresh().outcomes == {KEY: RIGHT}
    journal(tmp_path, first, again, rescored_line(2))
    assert contents_of(tmp_path).outcomes == {KEY: RIGHT}


def test_a_line_without_an_end_is_skipped_in_bounded_memory(tmp_path: Path) -> None:
    """A line beyond the bound is damage, and the lines after it are read."""
    with (tmp_path / "journal.jsonl").open("wb") as file:
        file.truncate(MAX_LINE_BYTES + 5)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + encode_line(outcome_line(RIGHT, version="1")))
    found = contents_of(tmp_path)
    assert found.outcomes == {KEY: RIGHT}
    assert [line.number for line in found.damaged] == [1]


def test_links_and_pipes_are_no_journals(tmp_path: Path) -> None:
    """Nothing is read from or appended to what a link leads to, and no pipe is waited for."""
    target = tmp_path / "target"
    target.write_bytes(b"")
    run = tmp_path / "run"
    run.mkdir()
    (run / "journal.jsonl").symlink_to(target)
    with pytest.raises(RunFolderError, match="expected a journal, found a link"):
        contents_of(run)
    with pytest.raises(JournalError, match="cannot write the journal"):
        JournalWriter(run / "journal.jsonl")
    (run / "journal.jsonl").unlink()
    os.mkfifo(run / "journal.jsonl")
    with pytest.raises(RunFolderError, match="expected a journal, found a pipe"):
        contents_of(run)
    assert target.read_bytes() == b""


def test_a_checksum_covers_the_whole_line() -> None:
    """The checksum is the CRC-32 of the line without it; a line without one is taken as intact."""
    line = encode_line(outcome_line(dataclasses.replace(RIGHT, answer="é"), version="1"))
    assert is_intact(line)
    assert not is_intact(line.replace(b'"right"', b'"wrong"'))
    assert is_intact(b'{"type":"grade"}\n')
