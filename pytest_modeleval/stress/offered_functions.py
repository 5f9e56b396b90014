"""Functions that are offered with a request, as an agent offers its tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SUBJECTS = ("weather", "train", "order", "ticket", "invoice", "sensor", "parcel", "room")


def offered_functions(number: int) -> tuple[Mapping[str, Any], ...]:
    """The first `number` functions, in the form of chat completions; the same for every request."""
    return tuple(map(_function, range(number)))


def _function(number: int) -> Mapping[str, Any]:
    subject = _SUBJECTS[number % len(_SUBJECTS)]
    return {
        "type": "function",
        "function": {
            "name": f"find_{subject}_{number}",
            "description": f"Look up the current state of one {subject} by its name and a day.",
            "parameters": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "description": f"Name of the {subject}."},
                    "day": {"type": "string", "description": "A date such as 2026-01-31."},
                },
                "required": ["name"],
            },
        },
    }
