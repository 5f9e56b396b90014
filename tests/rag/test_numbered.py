"""Verdicts on numbered things: exactly one on each, or nothing is read."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.rag.numbered import NotNumbered, numbered_schema, read_numbered
from pytest_modeleval.rag.statements import Split, read_split
from pytest_modeleval.records import Response

LABELS = ("SUPPORTED", "UNSUPPORTED")
LISTS = st.lists(st.sampled_from(LABELS), min_size=1, max_size=30)


def lines_of(labels: list[str]) -> list[str]:
    """A line for each verdict."""
    return [f"{number}: {label}" for number, label in enumerate(labels, start=1)]


@settings(max_examples=60)
@given(LISTS, st.sampled_from(["lines", "json", "short json", "fenced"]), st.randoms())
def test_what_is_written_is_read(labels: list[str], form: str, chance: random.Random) -> None:
    """In any order, as lines, JSON, or JSON in a fence."""
    lines = lines_of(labels)
    chance.shuffle(lines)
    pairs = [line.split(": ") for line in lines]
    text = {
        "lines": "\n".join(lines),
        "json": json.dumps({number: {"reason": "1: SUPPORTED", "verdict": label} for number, label in pairs}),
        "short json": json.dumps(dict(pairs)),
        "fenced": "Here:\n```json\n" + json.dumps(dict(pairs)) + "\n```\n",
    }[form]
    assert read_numbered(Response(text), len(labels), LABELS) == tuple(labels)


@settings(max_examples=60)
@given(LISTS, st.sampled_from(["drop", "double", "invent", "renumber", "unknown"]), st.data())
def test_a_dropped_doubled_or_invented_number_is_not_read(labels: list[str], fault: str, data: st.DataObject) -> None:
    """Whichever it is; the message names it."""
    place = data.draw(st.integers(0, len(labels) - 1))
    lines = lines_of(labels)
    number = place + 1
    if fault == "drop":
        del lines[place]
    elif fault == "double":
        lines.insert(0, lines[place])
    elif fault == "invent":
        lines.append(f"{len(labels) + 1}: SUPPORTED")
    elif fault == "renumber":
        lines[place] = "0: SUPPORTED"
    else:
        lines[place] = f"{number}: PERHAPS"
    with pytest.raises(NotNumbered) as caught:
        read_numbered(Response("\n".join(lines)), len(labels), LABELS)
    named = len(labels) + 1 if fault == "invent" else number
    assert str(named) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1: supported.\n2) **UNSUPPORTED** - says 3: nothing\n", ("SUPPORTED", "UNSUPPORTED")),
        ("**1.** SUPPORTED\n- 2: unsupported: not there", ("SUPPORTED", "UNSUPPORTED")),
        ("<think-less> prose first\n1. SUPPORTED\n2. SUPPORTED", ("SUPPORTED", "SUPPORTED")),
        ("1: SUPPORTED or UNSUPPORTED\n2: SUPPORTED", None),
        ("1: NOT SUPPORTED\n2: SUPPORTED", None),
        ("> 1: SUPPORTED\n2: SUPPORTED", None),
        ("1: SUPPORTED", None),
        ('{"1": "SUPPORTED", "1": "UNSUPPORTED", "2": "SUPPORTED"}', None),
        ('{"1": {"verdict": "SUPPORTED", "verdict": "UNSUPPORTED"}, "2": "SUPPORTED"}', None),
        ('{"1": true, "2": "SUPPORTED"}', None),
        ('{"1": "SUPPORTED", "2": "SUPPORTED", "note": "x"}', None),
        ('["SUPPORTED", "SUPPORTED"]', None),
        ("[" * 100_000, None),
        ("1: SUPPORTED\n2: SUPPORTED\n" + "x" * (1 << 20), None),
        ("", None),
    ],
)
def test_forms_of_two_verdicts(text: str, found: tuple[str, ...] | None) -> None:
    """A label is whole or none; nothing is guessed."""
    if found is None:
        with pytest.raises(NotNumbered):
            read_numbered(Response(text), 2, LABELS)
    else:
        assert read_numbered(Response(text), 2, LABELS) == found


def test_a_cut_reply_is_not_read() -> None:
    """Even if all numbers are there: the last label may be longer."""
    with pytest.raises(NotNumbered, match="was cut"):
        read_numbered(Response("1: SUPPORTED", finish_reason="length"), 1, LABELS)
    with pytest.raises(NotNumbered, match="was cut"):
        read_split(Response("DECLINES: no\n1. a", finish_reason="length"))


def test_the_schema_demands_every_number() -> None:
    """A server that holds replies to it lets none be dropped or invented."""
    schema = numbered_schema(3, LABELS)["json_schema"]["schema"]
    assert schema["required"] == ["1", "2", "3"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("DECLINES: no\n1. One is.\n2. Two is.", Split(("One is.", "Two is."))),
        ("**DECLINES:** yes", Split((), declines=True)),
        ("DECLINES: no\n1. One is.\n2. Two is.\n3. one is.", Split(("One is.", "Two is."))),
        ("DECLINES: yes\n1. One is.", Split(("One is.",))),
        ('{"declines": false, "statements": ["a\\n2. b", "", " c "]}', Split(("a 2. b", "c"))),
        ('```json\n{"declines": true, "statements": []}\n```', Split((), declines=True)),
        ("1. One is.", None),
        ("DECLINES: no\nDECLINES: yes", None),
        ("DECLINES: no\n1. One.\n3. Three.", None),
        ('{"declines": "no", "statements": []}', None),
        ('{"declines": false, "statements": [1]}', None),
        ("DECLINES: no\n" + "\n".join(f"{n}. s" for n in range(1, 102)), None),
        ("DECLINES: no\n1. " + "x" * 2001, None),
    ],
)
def test_statements_are_read_or_refused(text: str, found: Split | None) -> None:
    """Numbered from 1 on without a gap, bounded, each on one line so that none can hold the next number."""
    if found is None:
        with pytest.raises(NotNumbered):
            read_split(Response(text))
    else:
        assert read_split(Response(text)) == found
