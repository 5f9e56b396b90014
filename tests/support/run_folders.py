"""Run folders made of journal lines, without a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from pytest_modeleval.evaluation.model_handle import item_fields
from pytest_modeleval.indexes import Index
from pytest_modeleval.metrics import mean, ratio
from pytest_modeleval.plan import Plan, PlannedSubset, declared_to_json
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.store.journal import outcome_line
from pytest_modeleval.store.journal_line import encode_line
from tests.support.point_cases import a_point

RUN = {
    "schema": 1,
    "model": "test-model",
    "served": "test-model",
    "identity": "0123",
    "started": "2026-11-27T08:00:00.000Z",
    "finished": "2026-11-27T08:10:00.000Z",
    "complete": True,
    "invocations": [{"time": "2026-11-27T08:00:00.000Z", "command": ["pytest"]}],
}


def response(key: ItemKey, said: str, *, question: str = "", **reply: Any) -> dict[str, Any]:
    """The response line of an item that is asked once."""
    name = f"{key.subset}/{key.sample}/{key.repeat}"
    return {
        "type": "response",
        "key": name,
        "benchmark": key.benchmark,
        "subset": key.subset,
        "sample": key.sample,
        "repeat": key.repeat,
        "time": "2026-11-27T08:00:01.000Z",
        "request": {"model": "test-model", "messages": [{"role": "user", "content": question or f"Q {key.sample}"}]},
        "reply": {
            "content": said,
            "finish_reason": "stop",
            "model": "test-model",
            "usage": {"prompt_tokens": 12, "completion_tokens": 3},
            "first_token_s": 0.25,
            "total_s": 0.5,
            **reply,
        },
    }


def grade(key: ItemKey, kind: Kind, **fields: Any) -> dict[str, Any]:
    """The grade line of that response."""
    value = 1.0 if kind is Kind.RIGHT else 0.0
    given = {"value": value, "completion_tokens": 3, "total_s": 0.5, "prompt": "0123456789abcdef", **fields}
    name = f"{key.subset}/{key.sample}/{key.repeat}"
    return outcome_line(Outcome(key, kind, request_key=name, **given), version="1")


def plan(items: Mapping[str, Sequence[str]], *, benchmark: str = "quiz", repeats: int = 1) -> dict[str, Any]:
    """The plan line of a benchmark."""
    subsets = tuple(PlannedSubset(name, is_optional=False) for name in items)
    data = {name: {"origin": f"{benchmark}/{name}.jsonl", "sha256": "0" * 64, "rows": 10} for name in items}
    made = Plan(
        benchmark=benchmark, version="1", metric="mean_acc", subsets=subsets, items=items, repeats=repeats, data=data
    )
    return made.to_json()


def write_run(folder: Path, lines: Iterable[Mapping[str, Any]], **run: Any) -> Path:
    """Write run.json and the journal; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_bytes(orjson.dumps({**RUN, **run}))
    (folder / "journal.jsonl").write_bytes(b"".join(map(encode_line, lines)))
    return folder


def quiz_run(folder: Path, *, wrong: Iterable[int] = (1, 3), **run: Any) -> Path:
    """Twelve items of two subsets; those with an index in `wrong` are wrong."""
    keys = [ItemKey("quiz", subset, f"{subset}-{index}") for subset in ("easy", "hard") for index in range(6)]
    lost = set(wrong)
    lines = [plan({"easy": [f"easy-{n}" for n in range(6)], "hard": [f"hard-{n}" for n in range(6)]})]
    for index, key in enumerate(keys):
        is_lost = index in lost
        said, kind = ("ANSWER: B", Kind.WRONG) if is_lost else ("ANSWER: A", Kind.RIGHT)
        fields = {"cause": "wrong_letter", "explanation": "B is named, A is right"} if is_lost else {}
        lines += [
            response(key, f"<think>thought {index}</think>{said}"),
            grade(key, kind, answer=said[-1], target="A", **fields),
        ]
    return write_run(folder, lines, **run)


def repeated_run(folder: Path, steps: int, *, wrong: int, **run: Any) -> Path:
    """Three questions three times, of each the first `wrong` repeats wrong; a measure, half of an index, a point."""
    made = plan({"main": ["a", "b", "c"]}, benchmark="steps", repeats=3)
    lines = [{**made, "measures": declared_to_json([ratio("steps"), mean("took", high=None, unit="s")])}]
    for sample in "abc":
        for repeat in range(3):
            key = ItemKey("steps", "main", sample, repeat)
            kind = Kind.WRONG if repeat < wrong else Kind.RIGHT
            lines.append(response(key, f"reply {repeat} to {sample}"))
            lines.append(grade(key, kind, answer=f"answer {repeat}", measures={"steps": (steps, 4), "took": 1.5}))
    timed = a_point(busy=16 + wrong, facts={"token_counts": "exact"}, failures={}).to_json()
    lines.append({"type": "point", "key": "p", **item_fields(ItemKey("steps", "main", "a", 0)), "point": timed})
    indexes = [Index("ours", {"steps": 1, "other": 1}).as_json()]
    return write_run(folder, lines, indexes=indexes, **run)


def varied_run(folder: Path) -> Path:
    """Everything that an export has to carry: repeats, partial credit, thinking, calls, a conversation, a judge.

    Items without a verdict, with and without a reply, and names that lead out of a folder.
    """
    lines = [plan({"a/../b": ["x", "../y"], "plain": ["x", "z"]}, repeats=2), *_odd_items(), *_conversation()]
    return write_run(folder, lines, model="org/model")


def _odd_items() -> Iterable[dict[str, Any]]:
    yield plan({"none": ["n"]}, benchmark="empty")
    for index, (subset, sample) in enumerate((("a/../b", "x"), ("a/../b", "../y"), ("plain", "x"))):
        for repeat in range(2):
            key = ItemKey("quiz", subset, sample, repeat)
            kind = Kind.RIGHT if repeat else (Kind.WRONG, Kind.NO_ANSWER, Kind.TRUNCATED)[index]
            reason = "length" if kind is Kind.TRUNCATED else "stop"
            yield response(key, "<think>why</think>=cmd|' /C calc'!A0", finish_reason=reason, question=f"Q{index}")
            yield grade(key, kind, answer="=1+1", target="é\u202e", explanation="-x", measures={"hits": (1, 2)})
    partial, refused = ItemKey("quiz", "plain", "z"), ItemKey("quiz", "plain", "z", 1)
    calls = [{"name": "f", "arguments": '{"x": [1]}', "id": "c"}, {"name": "g", "arguments": "no json"}]
    yield response(partial, "", tool_calls=calls, finish_reason="tool_calls")
    yield grade(partial, Kind.WRONG, value=0.25, cause="partial")
    yield {**grade(refused, Kind.SERVER_ERROR, cause="http_400"), "key": ""}


def _conversation() -> Iterable[dict[str, Any]]:
    key = ItemKey("talk", "main", "t")
    yield plan({"main": ["t", "u"]}, benchmark="talk")
    first = response(key, "", question="Call it", tool_calls=[{"name": "f", "arguments": "{}", "id": "1"}])
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    added = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "7"},
    ]
    yield first
    yield {**response(key, "It is 7"), "key": "second", "after": first["key"], "request": {"messages": added}}
    yield {**response(key, "VERDICT: right", question="Is it?"), "key": "judged", "role": "judge"}
    yield {**grade(key, Kind.RIGHT, prompt=""), "key": "second"}
    other = ItemKey("talk", "main", "u")
    yield response(other, "It is 8")
    yield grade(other, Kind.GRADER_ERROR, cause="ValueError", explanation="boom")
