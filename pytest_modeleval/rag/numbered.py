"""Verdicts on numbered things: the judge has to give exactly one on each number. Pure.

A reply that leaves a number out, gives one twice or invents one is not read at all: nothing in it counts for the other
numbers, and a number without a verdict is never taken for a "no" or a "yes".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_modeleval.records import Response

_MOST_CHARS = 1 << 20
_MOST_SHOWN = 5
_FENCED = re.compile(r"^```[a-z]*[ \t]*\n(.*?)^```", re.IGNORECASE | re.MULTILINE | re.DOTALL)
# "3: SUPPORTED", "**3.** supported - the second passage says so"; a line that quotes (">") is none.
_LINE = re.compile(r"^[ \t*_#-]{0,8}(\d{1,6})[*_]{0,2}[ \t]*[:.)][ \t*_`]{0,8}([^\n]*)$", re.MULTILINE)
_WORD = re.compile(r"([A-Za-z]+(?:[ _-][A-Za-z]+)?)[*_`.]{0,3}[ \t]*(?:[-–—:;,(].*)?$")


class NotNumbered(Exception):
    """The reply does not give one verdict on each number; the message says which are wrong."""


def read_numbered(response: Response, count: int, labels: Sequence[str]) -> tuple[str, ...]:
    """The label of each number from 1 to `count`, in order. Raises NotNumbered.

    The reply is a JSON object {"1": {"verdict": label}, ...} or {"1": label, ...}, perhaps fenced, or lines "1: label".
    Thinking does not count, and a reply that was cut is not read.
    """
    given = [(number, _label(text, labels)) for number, text in _pairs(response)]
    numbers = [number for number, _ in given]
    _check_numbers(numbers, count)
    unknown = sorted(number for number, label in given if label is None)
    if unknown:
        raise NotNumbered(f"no verdict of {', '.join(labels)} on {_listed(unknown)}")
    found = {number: label for number, label in given if label is not None}
    return tuple(found[number] for number in range(1, count + 1))


def _check_numbers(numbers: Sequence[int], count: int) -> None:
    wanted = range(1, count + 1)
    faults = [
        ("none on", sorted(set(wanted) - set(numbers))),
        ("more than one on", sorted({number for number in numbers if numbers.count(number) > 1})),
        ("one on", sorted({number for number in numbers if number not in wanted})),
    ]
    texts = [f"{what} {_listed(found)}" for what, found in faults if found]
    if texts:
        raise NotNumbered(f"expected one verdict on each number from 1 to {count}, found {', '.join(texts)}")


def _pairs(response: Response) -> list[tuple[int, str]]:
    if response.is_truncated or response.is_thinking_open:
        raise NotNumbered("the reply was cut (raise max_tokens in the judge's profile)")
    if len(response.text) > _MOST_CHARS:
        raise NotNumbered(f"the reply has {len(response.text):,} characters")
    text = response.text.strip()
    for candidate in (text, *_FENCED.findall(text)[-1:]):
        if (pairs := _json_pairs(candidate)) is not None:
            return pairs
    return [(int(number), found) for number, found in _LINE.findall(text)]


def _json_pairs(text: str) -> list[tuple[int, str]] | None:
    """Number and verdict of every entry of a JSON object, repeated ones too; None where the text is none."""
    try:
        found = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, _Pairs):
        return None
    # A key that is no number stands for none of them.
    return [(int(key) if key.isdecimal() and len(key) < 7 else 0, _verdict_of(value)) for key, value in found]


class _Pairs(list[tuple[str, Any]]):
    """The entries of a JSON object."""


def _verdict_of(value: Any) -> str:
    if isinstance(value, _Pairs):
        verdicts = [entry for key, entry in value if key.lower() == "verdict"]
        value = verdicts[0] if len(verdicts) == 1 else None
    return value if isinstance(value, str) else ""


def _label(text: str, labels: Sequence[str]) -> str | None:
    """The label that stands at the beginning of a text, whole; what follows it after a dash does not count."""
    known = {_normal(label): label for label in labels}
    word = _WORD.match(text.strip())
    return known.get(_normal(word[1])) if word is not None else None


def _normal(label: str) -> str:
    return re.sub(r"[\s_-]+", " ", label).strip().casefold()


def _listed(numbers: Iterable[int]) -> str:
    found = list(numbers)
    more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return ", ".join(map(str, found[:_MOST_SHOWN])) + more


def numbered_form(count: int, labels: Sequence[str], *, by_schema: bool) -> str:
    """How the verdicts are asked for, at the end of a request."""
    quoted = ", ".join(f'"{label}"' for label in labels)
    if by_schema:
        return (
            f'Reply with one JSON object and nothing else. Its keys are the numbers "1" to "{count}", each once; each '
            f'value is {{"reason": a few words, "verdict": one of {quoted}}}.'
        )
    return (
        f"Reply with {count} line{'s' if count > 1 else ''} and nothing else, one for each number from 1 to {count}, "
        f"in this form:\nNUMBER: VERDICT - a few words of reason\nwhere VERDICT is one of {quoted}."
    )


def numbered_schema(count: int, labels: Sequence[str]) -> Mapping[str, Any]:
    """The response format that lets no number be left out."""
    entry = {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "verdict": {"type": "string", "enum": list(labels)}},
        "required": ["reason", "verdict"],
        "additionalProperties": False,
    }
    numbers = [str(number) for number in range(1, count + 1)]
    schema = {
        "type": "object",
        "properties": dict.fromkeys(numbers, entry),
        "required": numbers,
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "verdicts", "strict": True, "schema": schema}}
