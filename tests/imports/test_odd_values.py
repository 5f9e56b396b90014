"""Whatever stands in outputs of a stranger, a reader gives items or one line that a person can act on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from pytest_modeleval.errors import UserError
from pytest_modeleval.imports.evalscope import read_evalscope
from pytest_modeleval.imports.grading import Ranges, scale_of
from pytest_modeleval.imports.inspect_logs import read_inspect
from pytest_modeleval.imports.lm_eval import read_lm_eval
from pytest_modeleval.imports.records import ImportedRun
from pytest_modeleval.store.journal import outcome_from_line, outcome_line
from pytest_modeleval.store.stored_reply import is_reply
from tests.imports.outputs import evalscope_outputs
from tests.imports.test_inspect_logs import json_log
from tests.imports.test_lm_eval_outputs import lm_eval_outputs

ODD: list[Any] = [None, True, -1, 7, 1e308, 2**60, "", "C", "NaN", "\ud7ff\0../x", [], [[None]], {}, {"a": {"b": 1}}]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything inside of a JSON value."""
    entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, inner in entries:
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def spoil(path: Path, draw: random.Random) -> None:
    """Put something else at one place of one line of a file."""
    lines = path.read_bytes().splitlines()
    number = draw.randrange(len(lines))
    try:
        content = orjson.loads(lines[number])
    except orjson.JSONDecodeError:
        return
    container, key = draw.choice(list(places(content)))
    container[key] = draw.choice(ODD)
    lines[number] = orjson.dumps(content)
    path.write_bytes(b"\n".join(lines))


@pytest.mark.parametrize(
    ("make", "read"),
    [(evalscope_outputs, read_evalscope), (lm_eval_outputs, read_lm_eval), (json_log, read_inspect)],
    ids=["evalscope", "lm-eval", "inspect"],
)
def test_odd_values_give_items_or_a_message(
    tmp_path: Path, make: Callable[[Path], Path], read: Callable[[Path], ImportedRun]
) -> None:
    """Items become outcomes that the journal reads back, and replies that a journal may hold."""
    outputs = make(tmp_path)
    files = [path for path in sorted(tmp_path.rglob("*")) if path.suffix in (".json", ".jsonl")]
    whole = {path: path.read_bytes() for path in files}
    graded = 0
    for seed in range(150):
        draw = random.Random(seed)
        for _ in range(draw.randint(1, 3)):
            spoil(draw.choice(files), draw)
        try:
            for benchmark in read(outputs).benchmarks:
                ranges, items = Ranges(), list(benchmark.items)
                for item in items:
                    ranges.see(item.values)
                scale = scale_of(benchmark, ranges)
                for item in items:
                    made = scale.outcome(benchmark.name, item, request_key="", prompt="")
                    line = orjson.loads(orjson.dumps(outcome_line(made, version=benchmark.version)))
                    graded += outcome_from_line(line).kind.is_verdict
                    assert item.reply is None or is_reply(item.reply)
                orjson.dumps([dict(benchmark.params), benchmark.rows, [*benchmark.planned], benchmark.repeats])
        except UserError:
            pass
        finally:
            for path, content in whole.items():
                path.write_bytes(content)
    assert graded > 150
