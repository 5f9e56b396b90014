"""What a baseline file keeps of outcomes besides the letter of their kind: partial credit, votes, digits of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval.records import JsonObject, Kind, Outcome
from pytest_modeleval.results import PROMPT_DIGITS

# Stands for a prompt that is not known.
NO_PROMPT = "." * PROMPT_DIGITS


def partial_credits(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Credit by "repeat:sample", where it is not what the letter of the kind says."""
    return {
        f"{outcome.key.repeat}:{outcome.key.sample}": outcome.value
        for outcome in outcomes
        if outcome.kind.is_verdict and outcome.value != float(outcome.kind is Kind.RIGHT)
    }


def prompt_digits(prompts: Mapping[tuple[str, str], str], subset: str, samples: Sequence[str]) -> str:
    """The digits of all prompts, one after another; "" where none is known."""
    asked = [prompts.get((subset, sample), NO_PROMPT) for sample in samples]
    return "".join(asked) if any(digits != NO_PROMPT for digits in asked) else ""


def votes_json(outcomes: Sequence[Outcome], place: Mapping[str, int], repeats: int) -> JsonObject:
    """{"votes": one list for each repeat}: which of the different answers to its question each repeat gave.

    place: sample -> its place in the lists. Answers are numbered from 0 in the order of the repeats; None for none.
    """
    rows: list[list[int | None]] = [[None] * len(place) for _ in range(repeats)]
    numbers: dict[str, dict[str, int]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.key.repeat):
        answer = (outcome.answer or "").strip()
        if answer and outcome.kind.is_verdict:
            known = numbers.setdefault(outcome.key.sample, {})
            rows[outcome.key.repeat][place[outcome.key.sample]] = known.setdefault(answer, len(known))
    return {"votes": rows}


def votes(part: Mapping[str, Any], samples: Sequence[str]) -> dict[tuple[int, str], str]:
    """(repeat, sample) -> a text that is the same for equal answers. Raises ValueError where the lists do not fit."""
    rows = part.get("votes", [])
    if rows and (len(rows) != len(part["outcomes"]) or any(len(row) != len(samples) for row in rows)):
        raise ValueError(f"{part['subset']}: votes: expected one list of {len(samples)} for each repeat")
    return {
        (repeat, sample): str(vote)
        for repeat, row in enumerate(rows)
        for sample, vote in zip(samples, row, strict=True)
        if vote is not None
    }
