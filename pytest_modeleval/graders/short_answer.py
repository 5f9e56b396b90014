"""Reads a short answer from a reply that may be nothing else: what follows the last marker, or the whole reply."""

from __future__ import annotations

from pytest_modeleval.graders.marked_answer import marked_line, tail
from pytest_modeleval.records import Response, Sample

MAX_ANSWER_CHARS = 20_000


def stated_answer(response: Response) -> str | None:
    """What follows the last marker `ANSWER:`, else the whole reply, at most 20,000 characters; None if empty."""
    text = tail(response.text)
    answer = marked_line(text) or text.strip()
    return answer[-MAX_ANSWER_CHARS:] or None


def text_targets(sample: Sample) -> list[str]:
    """The target as a list of texts that are not blank. Raises ValueError if it is anything else."""
    found = list(sample.target) if isinstance(sample.target, list | tuple) else [sample.target]
    if not found or not all(isinstance(target, str) and target.strip() for target in found):
        raise ValueError(f"sample {sample.id}: expected a text or a list of texts as target, found {sample.target!r}")
    return found
