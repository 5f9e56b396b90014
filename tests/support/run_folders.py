"""Run folders made of journal lines, without a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from pytest_modeleval.plan import Plan, PlannedSubset
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.store.journal import outcome_line
from pytest_modeleval.store.journal_line import encode_line

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
