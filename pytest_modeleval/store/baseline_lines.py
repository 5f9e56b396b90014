"""What a baseline file keeps of outcomes besides letters: partial credit, votes, digits of prompts, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval._support import redact
from pytest_modeleval._support.shorten import printable
from pytest_modeleval.records import JsonObject, Kind, Outcome
from pytest_modeleval.results import PROMPT_DIGITS

# Stands for a prompt that is not known.
NO_PROMPT = "." * PROMPT_DIGITS
# Characters of an answer: a letter or a number is kept whole, of a program the beginning.
MOST_OF_ANSWER = 100


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


def answer_texts(outcomes: Sequence[Outcome], place: Mapping[str, int], repeats: int) -> list[str]:
    """One text for each repeat: a line with the answer of each sample, empty without one. Empty where all lines are.

    place: sample -> its line.
    """
    lines = [[""] * len(place) for _ in range(repeats)]
    for outcome in outcomes:
        if outcome.answer and outcome.kind.is_verdict:
            kept = printable(redact.text(outcome.answer), MOST_OF_ANSWER)
            lines[outcome.key.repeat][place[outcome.key.sample]] = kept
    return ["\n".join(row) for row in lines] if any(map(any, lines)) else []


def kept_answers(part: Mapping[str, Any], samples: Sequence[str]) -> dict[tuple[int, str], str]:
    """(repeat, sample) -> its answer, where it has one. Raises ValueError where the lines do not fit the samples."""
    found: dict[tuple[int, str], str] = {}
    for repeat, text in enumerate(part.get("answers", ())):
        lines = text.split("\n")
        if len(lines) != len(samples):
            raise ValueError(f"{part['subset']}: expected the answers of {len(samples)} samples, found {len(lines)}")
        found.update(
            ((repeat, sample), printable(line, MOST_OF_ANSWER))
            for sample, line in zip(samples, lines, strict=True)
            if line
        )
    return found
