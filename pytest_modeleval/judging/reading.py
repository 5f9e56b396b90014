"""Reads a verdict out of a judge's reply. Pure. A verdict is a whole label or none: never a guess, never a default."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_modeleval.records import Response

MARKER = "VERDICT"
_KEY = MARKER.lower()
# A line of its own, perhaps in bold, as a heading or a list item; a line that quotes (">", quotation marks) is none.
_LINE = re.compile(rf"^[ \t*_#`-]{{0,20}}{MARKER}[ \t*_`]{{0,20}}[:：=](.*)$", re.IGNORECASE | re.MULTILINE)
_FENCED = re.compile(r"^```[a-z]*[ \t]*\n(.*?)^```", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_DRESS = " \t\r*_`\"'“”‘’「」『』"
_MOST_CHARS = 1 << 20


def read_verdict(response: Response, labels: Sequence[str]) -> str | None:
    """The label that the judge chose, as it stands in `labels`; None where the reply does not name exactly one.

    Thinking does not count, and a reply that was cut has no verdict. The verdict is the text under "verdict" of a JSON
    object, alone or in a fence; else that of the last line "VERDICT: label". Case, and the difference of blank, hyphen
    and underscore, do not count; otherwise the label stands there whole and alone: "CORRECT" is not the label "C".
    """
    if response.is_truncated or response.is_thinking_open or len(response.text) > _MOST_CHARS:
        return None
    text = response.text.strip()
    known = {_normal(label): label for label in labels}
    if (value := _json_verdict(text)) is not None:
        return known.get(_normal(value)) if isinstance(value, str) else None
    lines = _LINE.findall(text)
    return known.get(_normal(lines[-1])) if lines else None


def _json_verdict(text: str) -> Any:
    """The value of "verdict" in a JSON object that is the reply, or its last fenced part; None without such an object.

    An object that holds the key twice, or the verdict as something else than a text, gives a value that is no label.
    """
    for candidate in _candidates(text):
        if values := _verdicts_in(candidate):
            return values[0] if len(values) == 1 else tuple(values)
    return None


def _verdicts_in(text: str) -> list[Any]:
    """Every value of "verdict" in a JSON object; none where the text is no object."""
    try:
        found = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return []
    pairs = [pair for pair in found if isinstance(pair, tuple)] if isinstance(found, list) else []
    return [pair[1] for pair in pairs if pair[0].lower() == _KEY]


def _candidates(text: str) -> Iterator[str]:
    yield text
    fenced = _FENCED.findall(text)
    if fenced and not _LINE.search(text):
        yield fenced[-1]


def _normal(label: str) -> str:
    words = label.strip(_DRESS).removesuffix(".").removesuffix("。").strip(_DRESS)
    return re.sub(r"[\s_\-]+", " ", words).strip().casefold()
