"""The journal: what is written comes back, whatever was torn; later outcomes win, whatever file they stand in."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.store.contents import JournalOffset
from pytest_modeleval.store.journal import (
    HELD_LINES,
    JournalError,
    JournalReader,
    JournalWriter,
    outcome_from_line,
    outcome_line,
    read_line,
)
from pytest_modeleval.store.journal_line import read_lines
from pytest_modeleval.store.outcome_codec import brief_outcome_to_json, outcome_from_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OUTCOMES = st.builds(
    Outcome,
    key=st.builds(ItemKey, TEXT, TEXT, TEXT, st.integers(0, 5)),
    kind=st.sampled_from(Kind),
    value=st.floats(0, 1),
    answer=st.one_of(st.none(), TEXT),
    cause=TEXT,
    explanation=TEXT,
    target=st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)),
    cluster=TEXT,
    finish_reason=st.one_of(st.none(), st.just("stop")),
    completion_tokens=st.one_of(st.none(), st.integers(0, 10**6)),
    total_s=st.one_of(st.none(), st.floats(0, 1e6)),
    request_key=TEXT,
)


@given(OUTCOMES)
def test_an_outcome_survives_json(outcome: Outcome) -> None:
    """Write, read, equal."""
    line = orjson.loads(orjson.dumps(outcome_line(outcome, version="1")))
    assert outcome_from_line(line) == outcome


@settings(max_examples=60)
@given(keys=st.lists(st.text("abcdef", min_size=4, max_size=4), unique=True, min_size=1, max_size=8), data=st.data())
def test_a_journal_cut_anywhere_keeps_every_whole_line(
    tmp_path_factory: object, keys: list[str], data: st.DataObject
) -> None:
    """Cut at any byte and written on: all whole lines are read, the torn one is not, and later ones are."""
    folder: Path = tmp_path_factory.mktemp("journal")  # type: ignore[attr-defined]
    path = folder / "journal.jsonl"
    writer = JournalWriter(path)
    places = [writer.write({"type": "response", "key": key, "reply": {"content": key}}) for key in keys]
    writer.close()
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = {key for key, place in zip(keys, places, strict=True) if place.offset + place.length <= cut}
    # A line that lacks nothing but its line break is whole too.
    almost = {key for key, place in zip(keys, places, strict=True) if place.offset + place.length == cut + 1}
    writer = JournalWriter(path)
    writer.write({"type": "response", "key": "later", "reply": {"content": "later"}})
    writer.close()
    contents = JournalReader(folder).refresh()
    assert set(contents.responses) == kept | almost | {"later"}
    for key, place in contents.responses.items():
        assert read_line(place)["reply"]["content"] == key


def test_a_reader_follows_a_growing_journal(tmp_path: Path) -> None:
    """Only what was added is read again; half a line waits for its end."""
    path = tmp_path / "journal-gw0.jsonl"
    line = orjson.dumps({"type": "response", "key": "k1", "reply": {}}) + b"\n"
    reader = JournalReader(tmp_path)
    path.write_bytes(line)
    assert set(reader.refresh().responses) == {"k1"}
    other = line.replace(b"k1", b"k2")
    path.write_bytes(line + other[:10])
    assert set(reader.refresh().responses) == {"k1"}
    path.write_bytes(line + other)
    assert set(reader.refresh().responses) == {"k1", "k2"}


def test_the_later_outcome_wins_in_whatever_file(tmp_path: Path) -> None:
    """An old failure in another worker's journal does not hide the grade that came after it."""
    key = ItemKey("b", "s", "1", 0)
    late = {**outcome_line(Outcome(key, Kind.RIGHT, 1.0), version="1"), "time": "2026-11-24T02:00:00.000Z"}
    early = {**outcome_line(Outcome(key, Kind.TIMEOUT), version="1"), "time": "2026-11-24T01:00:00.000Z"}
    (tmp_path / "journal-gw0.jsonl").write_bytes(orjson.dumps(late) + b"\n")
    (tmp_path / "journal-gw1.jsonl").write_bytes(orjson.dumps(early) + b"\n")
    assert JournalReader(tmp_path).refresh().outcomes[key].kind is Kind.RIGHT


def test_lines_that_are_no_entries_say_nothing(tmp_path: Path) -> None:
    """Foreign or damaged lines are passed over."""
    (tmp_path / "journal.jsonl").write_bytes(b'null\n[]\n{"type": "grade"}\n{"type": "response"}\n\xff\xfe\n7\n')
    contents = JournalReader(tmp_path).refresh()
    assert not contents.responses
    assert not contents.outcomes


@settings(max_examples=80)
@given(steps=st.lists(st.tuples(st.sampled_from(["write", "hold", "flush"]), st.integers(0, 300)), max_size=200))
def test_held_lines_come_in_order_and_places_stay_true(tmp_path_factory: object, steps: list[tuple[str, int]]) -> None:
    """Whatever waits: lines stand in the order in which they were given, and each response where its place says."""
    path = tmp_path_factory.mktemp("held") / "journal.jsonl"  # type: ignore[attr-defined]
    writer = JournalWriter(path)
    places: list[tuple[JournalOffset, Any]] = []
    given_lines: list[Any] = []
    for number, (how, length) in enumerate(steps):
        line = {"type": "response", "key": str(number), "reply": {"content": "x" * length}}
        if how == "flush":
            writer.flush()
            assert len(path.read_bytes().splitlines()) == len(given_lines)
            continue
        given_lines.append(line)
        if how == "write":
            places.append((writer.write(line), line))
            assert len(path.read_bytes().splitlines()) == len(given_lines)
        else:
            writer.hold(line)
            assert len(given_lines) - len(path.read_bytes().splitlines()) < HELD_LINES
    writer.close()
    found = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [{name: value for name, value in line.items() if name != "crc"} for line in found] == given_lines
    assert all(read_line(place) == line for place, line in places)


def test_several_threads_may_write_and_hold(tmp_path: Path) -> None:
    """No line is lost, torn or written twice, and every place is that of its line."""
    writer = JournalWriter(tmp_path / "journal.jsonl")
    places: dict[str, JournalOffset] = {}

    def work(name: str) -> None:
        for number in range(300):
            key = f"{name}{number}"
            line = {"type": "response", "key": key, "reply": {"content": key * (number % 7)}}
            if name == "held":
                writer.hold(line)
            else:
                places[key] = writer.write(line)
            if number % 50 == 0:
                writer.flush()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "held")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    contents = JournalReader(tmp_path).refresh()
    assert len((tmp_path / "journal.jsonl").read_bytes().splitlines()) == len(contents.responses) == 900
    assert {key: contents.responses[key] for key in places} == places


def test_a_journal_that_cannot_be_written_says_so_at_its_end() -> None:
    """A held line that does not fit is an error at the latest when the journal is closed, which it is all the same."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    writer = JournalWriter(Path("/dev/full"))
    writer.hold({"type": "grade"})
    with pytest.raises(JournalError, match="No space left"):
        writer.close()
    writer.close()


@pytest.mark.parametrize("change", ["cut", "replace", "append", "remove"])
def test_a_journal_that_another_program_changed_is_an_error_at_its_end(tmp_path: Path, change: str) -> None:
    """What was scored from memory is no longer on disk, or other lines are: the run must not call itself complete."""
    path, other = tmp_path / "journal.jsonl", tmp_path / "other"
    writer = JournalWriter(path)
    writer.write({"type": "grade"})
    if change == "cut":
        os.truncate(path, 5)
    elif change == "replace":
        other.write_bytes(path.read_bytes())
        other.replace(path)
    elif change == "append":
        with path.open("ab") as file:
            file.write(b"{}\n")
    else:
        path.unlink()
    writer.write({"type": "grade"})
    with pytest.raises(JournalError, match="another program changed"):
        writer.close()
    writer.close()


@given(OUTCOMES)
def test_a_report_carries_what_gates_need(outcome: Outcome) -> None:
    """The brief form gives back the outcome without texts of the model, and is read by the same function."""
    brief = orjson.loads(orjson.dumps(brief_outcome_to_json(outcome)))
    kept = ("key", "kind", "value", "cause", "cluster", "completion_tokens", "total_s")
    found = outcome_from_json(brief)
    assert all(getattr(found, name) == getattr(outcome, name) for name in kept)
    assert found.answer is None
    assert found.explanation == ""


def test_a_line_that_would_fill_the_memory_is_not_decoded(tmp_path: Path) -> None:
    """Sixteen megabytes of empty objects are damage; as many brackets inside of a text, or a long plan, are none."""
    path = tmp_path / "journal.jsonl"
    texts = orjson.dumps({"type": "plan", "items": [f"main-{number:07}" for number in range(700_000)]})
    dense, brackets, endless = (
        b"[" + b"{}," * 3_000_000 + b"0]",
        b'{"text":"' + b'{},\\"' * 3_000_000,
        b'"\\' * 5_000_000,
    )
    path.write_bytes(b"\n".join([dense, brackets + b'"}', texts, endless, b""]))
    assert [line is None for _, _, line in read_lines(path, 0)] == [True, False, False, False]
