"""The samples of a run packed for the page: compressed chunks of JSON lines, and an index of light columns. Pure.

A chunk is zlib-compressed JSON lines, one a sample, in the order of the run. The index has what the list, the filters
and the charts need, column by column; texts that repeat (benchmark, subset, kind, cause, finish reason) are codes.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_modeleval.records import JsonObject, Kind

CHUNK_BYTES = 1 << 20
LEVEL = 5
_SHOWN = 120
# Characters of a question that are kept to find the common beginning of a subset's prompts.
_QUESTION = 700
_CODED = ("benchmark", "subset", "kind", "cause", "finish_reason")
_NUMBERS = {
    "value": "value",
    "tokens": "completion_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "prompt_tokens": "prompt_tokens",
    "total_s": "total_s",
    "first_token_s": "first_token_s",
}


class SampleIndex:
    """The light columns of all samples, and where each chunk begins."""

    def __init__(self) -> None:
        self.count = 0
        self._names: dict[str, dict[str, int]] = {name: {} for name in _CODED}
        # Kinds have the order of docs/kinds.md, whichever comes first.
        self._names["kind"] = {kind.value: code for code, kind in enumerate(Kind)}
        texts = ("id", "question", "answer", "target")
        self._columns: dict[str, list[Any]] = {name: [] for name in (*_CODED, *_NUMBERS, *texts, "retries")}
        self._prompts: dict[tuple[int, int], _Prompts] = {}
        self._chunks: list[JsonObject] = []

    def add(self, sample: Mapping[str, Any]) -> None:
        """Take in a sample (SampleRecord.to_json)."""
        columns = self._columns
        for name in _CODED:
            text = str(sample.get(name) or "")
            columns[name].append(self._names[name].setdefault(text, len(self._names[name])))
        for name, field in _NUMBERS.items():
            columns[name].append(sample.get(field))
        columns["id"].append(str(sample.get("id") or sample.get("sample") or ""))
        question = (sample.get("question") or "")[:_QUESTION]
        columns["question"].append(question)
        self._prompts.setdefault((columns["benchmark"][-1], columns["subset"][-1]), _Prompts()).add(question)
        columns["answer"].append(_short(sample.get("answer")))
        columns["target"].append(_short(sample.get("target")))
        columns["retries"].append(len(sample.get("attempts") or ()))
        self.count += 1

    def add_chunk(self, packed: bytes, count: int) -> None:
        """The last `count` samples that were taken in are in this chunk."""
        digest = hashlib.sha256(packed).hexdigest()[:16]
        self._chunks.append({"id": digest, "start": self.count - count, "count": count})

    def epoch(self) -> str:
        """Stays the same while `to_json` only adds rows: those that were given before are as they were."""
        lengths = [found.common_length for found in self._prompts.values()]
        return hashlib.sha256(json.dumps(lengths).encode()).hexdigest()[:16]

    def to_json(self, start: int = 0) -> JsonObject:
        """The form that the page's script reads. start: of the columns only the rows from this one on."""
        columns = {name: values[start:] for name, values in self._columns.items()}
        return {
            "schema": 1,
            "count": self.count,
            "names": {name: list(codes) for name, codes in self._names.items()},
            "columns": {**columns, "question": self._questions(start)},
            "chunks": self._chunks,
        }

    def packed(self) -> bytes:
        """The same, compressed as a chunk is."""
        return zlib.compress(json_line(self.to_json()), LEVEL)

    def _questions(self, start: int) -> list[str]:
        """Beginnings of the questions, without the instructions that all prompts of a subset begin with."""
        rows = (self._columns[name][start:] for name in ("benchmark", "subset", "question"))
        lengths = {place: found.common_length for place, found in self._prompts.items()}
        return [
            " ".join(text[lengths[benchmark, subset] :].split())[:_SHOWN]
            for benchmark, subset, text in zip(*rows, strict=True)
        ]


class _Prompts:
    """The prompts of a subset: what all of them begin with is what the first and the last in order begin with."""

    def __init__(self) -> None:
        self._count = 0
        self._first = self._last = ""

    def add(self, text: str) -> None:
        self._first = min(self._first, text) if self._count else text
        self._last = max(self._last, text)
        self._count += 1

    @property
    def common_length(self) -> int:
        """Characters that all texts begin with, up to the end of a line or a word; 0 for a single text."""
        return _common_length(self._first, self._last) if self._count > 1 else 0


def pack(samples: Iterable[Mapping[str, Any]], index: SampleIndex, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The chunks of samples (SampleRecord.to_json); the index is filled as they are taken. One chunk is in memory."""
    packer, size, count, parts = zlib.compressobj(LEVEL), 0, 0, []
    for sample in samples:
        index.add(sample)
        line = json_line(sample)
        parts.append(packer.compress(line))
        size += len(line)
        count += 1
        if size >= chunk_bytes:
            yield _finished(packer, parts, index, count)
            packer, size, count, parts = zlib.compressobj(LEVEL), 0, 0, []
    if count:
        yield _finished(packer, parts, index, count)


def _finished(packer: Any, parts: list[bytes], index: SampleIndex, count: int) -> bytes:
    packed = b"".join([*parts, packer.flush()])
    index.add_chunk(packed, count)
    return packed


def json_line(value: Any) -> bytes:
    """A value as one line of JSON that a browser reads: valid UTF-8, no NaN."""
    import orjson  # noqa: PLC0415 - the module is imported by reports that write no JSON

    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE, default=str)
    except TypeError:
        # Halves of surrogate pairs, huge integers, nesting beyond orjson's limit: the escaped form of Python's encoder.
        return _escaped_line(value)


def _escaped_line(value: Any) -> bytes:
    try:
        return json.dumps(_finite(value), default=str).encode() + b"\n"
    except (ValueError, RecursionError):
        named = {name: value[name] for name in ("benchmark", "subset", "id", "kind") if name in value}
        return json.dumps({**named, "explanation": "this sample cannot be shown"}, default=str).encode() + b"\n"


def _finite(value: Any) -> Any:
    """The value without NaN and infinity, which are no JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def _short(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json_line(value).decode()
    return " ".join(text[: 4 * _SHOWN].split())[:_SHOWN]


def _common_length(first: str, last: str) -> int:
    pairs = enumerate(zip(first, last, strict=False))
    length = next((place for place, (one, other) in pairs if one != other), len(first))
    if length == len(first):
        return 0
    return first.rfind("\n", 0, length) + 1 or first.rfind(" ", 0, length) + 1
