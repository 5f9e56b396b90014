"""Items read back from journals: all that was sent and said, whatever else a folder holds."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.client.body import encode_body
from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.plan import Plan, PlannedSubset
from pytest_modeleval.records import ItemKey, Kind, Outcome, Request
from pytest_modeleval.samples import line_index
from pytest_modeleval.samples.reading import MAX_DEPTH, SampleReader, read_index, read_samples
from pytest_modeleval.samples.record import SampleRecord
from pytest_modeleval.store.journal import JournalWriter, outcome_line
from pytest_modeleval.store.journal_line import encode_line
from pytest_modeleval.store.requests import compress_request

TOOLS = [({"type": "function", "function": {"name": name}},) for name in ("f", "g")]
ITEM = {"benchmark": "quiz", "subset": "part", "sample": "part-0", "repeat": 0}
KEY = ItemKey("quiz", "part", "part-0")
# What a benchmark may do between two requests: go on, start anew, drop a message, change tools, a parameter, a message.
MOVES = st.sampled_from(["go on", "go on", "go on", "again", "anew", "drop", "tools", "params", "change", "form"])


def moved(history: list[dict[str, Any]], state: dict[str, Any], move: str, number: int) -> list[dict[str, Any]]:
    """The next history. state: tools, params and response_format of the next request."""
    if move == "tools":
        state["tools"] = TOOLS[number % 2]
    if move == "params":
        state["params"] = {"max_tokens": number}
    if move == "form":
        state["response_format"] = {"type": "json_object"} if number % 2 else None
    if move == "anew":
        return [{"role": "user", "content": f"new {number}"}]
    if move == "drop":
        return history[:-1]
    if move == "change":
        return [{**history[0], "content": f"changed {number}"}, *history[1:]] if history else []
    if move == "again":
        return history
    return [
        *history,
        {"role": "assistant", "content": f"said {number}"},
        {"role": "user", "content": f"asked {number}"},
    ]


def answered(key: str, content: str = "", *, messages: Any = (), **fields: Any) -> dict[str, Any]:
    """A response line."""
    request = {"model": "m", "messages": [*messages]}
    return {"type": "response", "key": key, **ITEM, "request": request, "reply": {"content": content}, **fields}


def graded(key: str, kind: Kind = Kind.WRONG, *, item: ItemKey = KEY, **fields: Any) -> dict[str, Any]:
    """A grade line."""
    return outcome_line(Outcome(item, kind, request_key=key, **fields), version="1")


def planned(ids: Iterable[str], repeats: int = 1) -> dict[str, Any]:
    """A plan line."""
    subsets, items = (PlannedSubset("part", is_optional=False),), {"part": list(ids)}
    return Plan(
        benchmark="quiz", version="1", metric="mean_acc", subsets=subsets, items=items, repeats=repeats
    ).to_json()


def records(folder: Path, *lines: Mapping[str, Any]) -> list[SampleRecord]:
    """The items of a journal with these lines."""
    (folder / "journal.jsonl").write_bytes(b"".join(map(encode_line, lines)))
    return list(read_samples(folder))


@given(st.lists(MOVES, min_size=1, max_size=12))
def test_every_request_can_be_read_as_it_was_sent(moves: list[str]) -> None:
    """Whatever an item asks one after another: the record gives the very body of each request."""
    bodies: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder) / "journal.jsonl")
        before: tuple[Request, str] | None = None
        state: dict[str, Any] = {"tools": TOOLS[0], "params": {}, "response_format": None}
        history: list[dict[str, Any]] = [{"role": "user", "content": "first"}]
        for number, move in enumerate(moves):
            history = moved(history, state, move, number)
            request = Request(tuple(history), **state)
            bodies.append(encode_body(request, model="m", params={"temperature": 0}, seed=1))
            key = f"key{number}"
            stored = compress_request(request, bodies[-1], before)
            writer.write({"type": "response", "key": key, **ITEM, **stored, "reply": {"content": f"said {number}"}})
            before = request, key
        writer.write(graded(key))
        writer.close()
        [record] = read_samples(Path(folder))
    found = [record.request_of(position) for position in range(len(moves))]
    assert [orjson.dumps(body, option=orjson.OPT_SORT_KEYS) for body in found] == bodies
    assert [exchange.reply.text for exchange in record.exchanges] == [f"said {number}" for number in range(len(moves))]
    assert record.request == found[-1]


def test_items_stand_in_the_order_of_the_plan(tmp_path: Path) -> None:
    """Over several plans and repeats; one without an outcome is not run, one without a plan comes last."""
    other = ItemKey("old", "s", "x")
    lines = [
        planned(["a", "b"]),
        graded("k", item=other),
        graded("k", Kind.RIGHT, item=ItemKey("quiz", "part", "b", 1)),
    ]
    found = records(tmp_path, *lines, planned(["b", "c"], repeats=2))
    assert [record.id for record in found] == ["a-r0", "a-r1", "b-r0", "b-r1", "c-r0", "c-r1", "x"]
    assert [record.kind for record in found if record.kind is not Kind.NOT_RUN] == [Kind.RIGHT, Kind.WRONG]
    assert [record.key for record in read_index(tmp_path)] == [record.key for record in found]
    assert [record.key for record in read_samples(tmp_path, keys={other})] == [other]


def test_a_single_request_is_the_one_that_was_graded(tmp_path: Path) -> None:
    """What was asked with an older prompt is left out; of a conversation everything up to the graded reply counts."""
    old, new, later = (answered(name, name, messages=[{"role": "user", "content": name}]) for name in ("a", "b", "c"))
    [single] = records(tmp_path, old, new, later, graded("b", prompt="0123"))
    assert (single.question, [exchange.reply.text for exchange in single.exchanges]) == ("b", ["b"])
    [conversation] = records(tmp_path, old, new, later, graded("b"))
    assert [exchange.reply.text for exchange in conversation.exchanges] == ["a", "b"]
    [failed] = records(tmp_path, old, graded("", Kind.SERVER_ERROR))
    assert [exchange.reply.text for exchange in failed.exchanges] == ["a"]


def test_judges_and_failed_attempts_stand_apart(tmp_path: Path) -> None:
    """They are no exchanges with the model under test."""
    failure = {"kind": "timeout", "cause": "idle", "message": "nothing came", "time": "2026-11-27T08:00:00.000Z"}
    judged = answered("j", "VERDICT: A", messages=[{"role": "user", "content": "Is it so?"}], role="judge")
    lines = [{"type": "attempt", "key": "a", **ITEM, "attempt": 1, **failure}, answered("a", "yes"), judged]
    [record] = records(tmp_path, *lines, graded("a"))
    assert [exchange.reply.text for exchange in record.exchanges] == ["yes"]
    found = record.to_json()
    assert found["attempts"] == [failure]
    assert found["judgements"] == [{"role": "judge", "model": "", "request": "Is it so?", "reply": "VERDICT: A"}]


def test_thinking_is_apart_from_the_answer_in_json(tmp_path: Path) -> None:
    """Also where the server sent both in one text; tokens and seconds of the reply are there."""
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "reasoning_tokens": 3, "cached_tokens": 0}
    reply = {"content": "<think>hm</think>ANSWER: B", "usage": usage, "first_token_s": 0.5, "total_s": 1.5}
    [record] = records(tmp_path, answered("k", reply=reply), graded("k", measures={"hits": (1, 2), "share": 0.5}))
    found = record.to_json()
    assert found["exchanges"][0]["reply"]["content"] == "ANSWER: B"
    assert found["exchanges"][0]["reply"]["reasoning"] == "hm"
    assert {name: found[name] for name in usage} == usage
    assert (found["first_token_s"], found["total_s"]) == (0.5, 1.5)
    assert found["measures"] == {"hits": [1, 2], "share": 0.5}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["messages", "role", "k"]), inner),
    max_leaves=6,
)
NAMES = ("type", "key", "repeat", "after", "role", "path", "request", "reply", "cause", "message", "time")


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3), max_size=4))
def test_any_line_is_read_or_passed_over(changes: list[dict[str, Any]]) -> None:
    """Whatever stands in the fields of a line, every record is read and is JSON."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "journal.jsonl").write_bytes(
            b"".join(encode_line({**answered(f"k{number}"), **change}) for number, change in enumerate(changes))
            + encode_line(graded("k0"))
        )
        for record in read_samples(Path(folder)):
            orjson.dumps(record.to_json())
            orjson.dumps(record.request)


def test_deep_json_and_endless_chains_are_cut(tmp_path: Path) -> None:
    """A request nested too deeply to be written again is replaced; a request that continues itself ends."""
    deep: Any = []
    for _ in range(2 * MAX_DEPTH):
        deep = [deep]
    lines = [answered("a", after="a", messages=[{"role": "user", "content": "m"}, {"role": "user", "content": deep}])]
    [record] = records(tmp_path, *lines, graded("a"))
    assert "nested deeper" in orjson.dumps(record.to_json()).decode()


def test_an_item_of_endless_lines_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last lines are read, and how many are not is known."""
    monkeypatch.setattr(line_index, "MAX_LINES", 3)
    [record] = records(tmp_path, *(answered(f"k{number}", str(number)) for number in range(9)), graded("k8"))
    assert ([exchange.reply.text for exchange in record.exchanges], record.left_out) == (["6", "7", "8"], 6)
    monkeypatch.setattr(line_index, "MAX_BYTES", 1)
    assert next(read_samples(tmp_path)).left_out == 9


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """Nothing outside of the folder is read, and nothing is waited for."""
    path, outside = tmp_path / "run" / "journal.jsonl", tmp_path / "secret.jsonl"
    outside.write_bytes(encode_line(graded("k")))
    path.parent.mkdir()
    match kind:
        case "link":
            path.symlink_to(outside)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.mkdir()
    with pytest.raises(RunFolderError):
        SampleReader(path.parent)


def test_a_growing_folder_is_read_on(tmp_path: Path) -> None:
    """Refresh takes in new lines, for outcomes and for replies."""
    records(tmp_path, planned(["part-0"]))
    reader = SampleReader(tmp_path)
    assert [record.exchanges for record in reader.read()] == [()]
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(encode_line(answered("k", "new")) + encode_line(graded("k")))
    reader.refresh()
    [record] = reader.read()
    assert (record.kind, record.reply and record.reply.text) == (Kind.WRONG, "new")
