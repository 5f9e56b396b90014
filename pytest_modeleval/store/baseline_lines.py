"""What a baseline file keeps of outcomes besides the letter of their kind: partial credit, and digits of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_modeleval.records import Kind, Outcome
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
