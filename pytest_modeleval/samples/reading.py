"""Reads the items of a run folder, one at a time. The folder may be anybody's: nothing outside of it is read.

What bounds the memory: the store's readers (no link, pipe or device; lines of at most 64 MB), one record at a time,
and for each record `line_index.MAX_BYTES`. Every value of a line is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_modeleval._support.data_frame import data_frame
from pytest_modeleval._support.item_id import item_id
from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.images.references import parse_reference
from pytest_modeleval.records import ItemKey, JsonObject, Outcome, Response
from pytest_modeleval.samples.line_index import LineIndex
from pytest_modeleval.samples.message_text import message_text, question_text, request_text
from pytest_modeleval.samples.record import Exchange, FailedAttempt, Judgement, SampleRecord, SentImage
from pytest_modeleval.samples.rows import COLUMNS, rows
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import JournalReader
from pytest_modeleval.store.stored_reply import is_reply

# JSON that is nested deeper is shown as a note: encoders and templates have a limit of their own.
MAX_DEPTH = 100
# Of one request; the rest is text.
MAX_IMAGES = 1_000
_BODY_PARTS = ("messages", "tools")
# Fields that a record has in common with its outcome; those of the reply are read from the journal where it has none.
_REPLY_FIELDS = ("finish_reason", "completion_tokens", "total_s")
_OUTCOME_FIELDS = (
    "kind", "value", "measures", "marks", "answer", "target", "cause", "explanation", *_REPLY_FIELDS,
)  # fmt: skip
_NESTED = frozenset({dict, list})


class SampleReader:
    """The items of a run folder. Stays open on a folder that grows: `refresh` takes in what was added.

    contents: of the folder's journals, where the caller holds them; they are not read a second time, and the caller
    keeps them up to date.
    """

    def __init__(self, folder: Path, contents: Contents | None = None) -> None:
        self._journals = JournalReader(folder, has_responses=False) if contents is None else None
        self._lines = LineIndex(folder)
        self._are_lines_read = False
        self.contents = contents or Contents()
        if self._journals is not None:
            self.contents = self._journals.refresh()

    def refresh(self) -> None:
        """Take in all lines that were added. Raises RunFolderError for a journal that is no file."""
        if self._journals is not None:
            self._journals.refresh()
        if self._are_lines_read:
            self._lines.refresh()

    def item_keys(self) -> Iterator[ItemKey]:
        """Every item, in the order of the plan; then those that have an outcome and are in no plan."""
        planned, repeats = _planned(self.contents)
        for benchmark, subsets in planned.items():
            for subset, ids in subsets.items():
                for sample in ids:
                    for repeat in range(repeats[benchmark]):
                        yield ItemKey(benchmark, subset, sample, repeat)
        for key in self.contents.outcomes:
            known = planned.get(key.benchmark, {}).get(key.subset, {})
            if key.sample not in known or key.repeat >= repeats[key.benchmark]:
                yield key

    def index(self) -> Iterator[SampleRecord]:
        """Every item without requests and replies, in the order of `item_keys`."""
        for _, fields in self._brief_fields():
            yield SampleRecord(**fields)

    def brief(self, key: ItemKey) -> SampleRecord:
        """One item without requests and replies; `index` without the work for all others."""
        repeats = max((plan.repeats for plan in self.contents.plans if plan.benchmark == key.benchmark), default=1)
        return SampleRecord(**_brief(key, self.contents.outcomes.get(key), has_repeats=repeats > 1))

    def read(self, keys: Collection[ItemKey] | None = None) -> Iterator[SampleRecord]:
        """The items of `keys` (None: all), whole, in the order of `item_keys`; one at a time is in memory."""
        with self._lines.held_open():
            for key, fields in self._brief_fields():
                if keys is None or key in keys:
                    yield SampleRecord(**{**fields, **self._further_fields(key, fields)})

    def to_frame(self) -> Any:
        """All items as a pandas.DataFrame, one row each (samples.rows.COLUMNS). Raises ImportError without pandas."""
        return data_frame(rows(self.read()), COLUMNS)

    def complete(self, brief: SampleRecord) -> SampleRecord:
        """The whole record of one that `index` gave. The first call reads through the journals."""
        found = {name: getattr(brief, name) for name in _REPLY_FIELDS}
        return replace(brief, **self._further_fields(brief.key, found))

    def _brief_fields(self) -> Iterator[tuple[ItemKey, JsonObject]]:
        _, repeats = _planned(self.contents)
        for key in self.item_keys():
            has_repeats = repeats.get(key.benchmark, 1) > 1
            yield key, _brief(key, self.contents.outcomes.get(key), has_repeats=has_repeats)

    def _further_fields(self, key: ItemKey, brief: Mapping[str, Any]) -> JsonObject:
        """The fields of a record that are read from the journals. brief: the others, of which _REPLY_FIELDS count."""
        if not self._are_lines_read:
            self._lines.refresh()
            self._are_lines_read = True
        outcome = self.contents.outcomes.get(key)
        entries, left_out = self._lines.entries(key)
        exchanges = _exchanges(_asked(entries, outcome))
        last = exchanges[-1].reply if exchanges else Response("")
        return {
            "question": _question(exchanges),
            "model": last.model or None,
            "finish_reason": _known(brief.get("finish_reason"), last.finish_reason),
            "prompt_tokens": last.usage.prompt_tokens,
            "completion_tokens": _known(brief.get("completion_tokens"), last.usage.completion_tokens),
            "reasoning_tokens": last.usage.reasoning_tokens,
            "cached_tokens": last.usage.cached_tokens,
            "first_token_s": last.first_token_s,
            "total_s": _known(brief.get("total_s"), last.total_s or None),
            "attempts": tuple(_attempt(entry) for entry in entries if entry.get("type") == "attempt"),
            "exchanges": exchanges,
            "judgements": tuple(_judgements(entries)),
            "left_out": left_out,
        }


def read_samples(folder: Path, *, keys: Collection[ItemKey] | None = None) -> Iterator[SampleRecord]:
    """The items of a run folder (`keys`: only these), in the order of its plan. Raises RunFolderError."""
    return SampleReader(folder).read(keys)


def read_index(folder: Path) -> Iterator[SampleRecord]:
    """The items of a run folder without requests and replies. Raises RunFolderError."""
    return SampleReader(folder).index()


def _planned(contents: Contents) -> tuple[dict[str, dict[str, dict[str, None]]], dict[str, int]]:
    """Benchmark -> subset -> its samples, over all plans; and benchmark -> repeats."""
    planned: dict[str, dict[str, dict[str, None]]] = {}
    repeats: dict[str, int] = {}
    for plan in contents.plans:
        repeats[plan.benchmark] = max(plan.repeats, repeats.get(plan.benchmark, 1))
        subsets = planned.setdefault(plan.benchmark, {})
        for subset, ids in plan.items.items():
            subsets.setdefault(subset, {}).update(dict.fromkeys(ids))
    return planned, repeats


def _brief(key: ItemKey, outcome: Outcome | None, *, has_repeats: bool) -> JsonObject:
    """The fields of a record that need no journal."""
    fields: JsonObject = {
        "benchmark": key.benchmark,
        "subset": key.subset,
        "sample": key.sample,
        "repeat": key.repeat,
        "id": item_id(key.sample, key.repeat, has_repeats=has_repeats),
    }
    if outcome is not None:
        fields.update((name, getattr(outcome, name)) for name in _OUTCOME_FIELDS)
    return fields


def _known(value: Any, other: Any) -> Any:
    return other if value is None else value


def _asked(entries: Sequence[JsonObject], outcome: Outcome | None) -> list[JsonObject]:
    """The response lines of the model under test that led to the outcome.

    A resumed run may have asked the item with another prompt before. Where it asks once, the graded reply is the only
    one that counts; in a conversation it is the last one.
    """
    asked = [entry for entry in entries if entry.get("type") == "response" and "role" not in entry]
    graded = [place for place, entry in enumerate(asked) if outcome is not None and entry["key"] == outcome.request_key]
    if not graded:
        return asked
    assert outcome is not None
    return asked[graded[0] : graded[0] + 1] if outcome.prompt else asked[: graded[0] + 1]


def _exchanges(entries: Sequence[JsonObject]) -> tuple[Exchange, ...]:
    places: dict[Any, int] = {}
    exchanges = []
    for position, entry in enumerate(entries):
        exchanges.append(_exchange(entry, places))
        places[entry["key"]] = position
    return tuple(exchanges)


def _exchange(entry: Mapping[str, Any], places: Mapping[Any, int]) -> Exchange:
    request, reply, path = entry.get("request"), entry.get("reply"), entry.get("path")
    body = request if isinstance(request, dict) else {}
    after = entry.get("after")
    return Exchange(
        messages=tuple(_fields(message) for message in _listed(body.get("messages")) if isinstance(message, dict)),
        after=places.get(after) if isinstance(after, str) else None,
        tools=tuple(map(_shallow, _listed(body.get("tools")))),
        params=_fields({name: value for name, value in body.items() if name not in _BODY_PARTS}),
        path=path if isinstance(path, str) else "",
        images=tuple(_images(entry)),
        reply=response_from_reply(reply if isinstance(reply, dict) and is_reply(reply) else {}),
    )


def _images(entry: Mapping[str, Any]) -> Iterator[SentImage]:
    for found in _listed(entry.get("images"))[:MAX_IMAGES]:
        if not isinstance(found, dict) or (reference := parse_reference(found.get("file"))) is None:
            continue
        numbers = [found.get(name) for name in ("width", "height", "bytes")]
        width, height, size = (number if type(number) is int else 0 for number in numbers)
        if all(0 < number < 2**40 for number in (width, height, size)):
            # The type is that of the file's ending, whatever else the line says.
            yield SentImage(file=found["file"], media_type=reference.media_type, width=width, height=height, bytes=size)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _fields(found: Mapping[str, Any]) -> JsonObject:
    return {name: _shallow(value) if type(value) in _NESTED else value for name, value in found.items()}


def _shallow(value: Any) -> Any:
    """The value, or a note for one that is nested deeper than MAX_DEPTH."""
    if not isinstance(value, dict | list):
        return value
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    return f"(nested deeper than {MAX_DEPTH} levels; not shown)"


def _inside(value: Any) -> Collection[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _question(exchanges: Sequence[Exchange]) -> str:
    """Of a request that is no chat, what it asks about."""
    if not exchanges:
        return ""
    return question_text(exchanges[0].messages) or request_text(exchanges[-1].params)


def _attempt(entry: Mapping[str, Any]) -> FailedAttempt:
    texts = {name: entry.get(name) for name in ("kind", "cause", "message", "time")}
    return FailedAttempt(**{name: text if isinstance(text, str) else "" for name, text in texts.items()})


def _judgements(entries: Sequence[JsonObject]) -> Iterator[Judgement]:
    for entry in entries:
        if entry.get("type") == "response" and isinstance(role := entry.get("role"), str):
            exchange = _exchange(entry, {})
            yield Judgement(
                role=role,
                model=exchange.reply.model,
                request="\n\n".join(map(message_text, exchange.messages)),
                reply=exchange.reply.text,
            )
