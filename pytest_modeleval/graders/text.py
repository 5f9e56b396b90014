"""Short answers compared as text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from pytest_modeleval.graders.marker import marked_line, missing_answer_cause, tail
from pytest_modeleval.records import Grade, Response, Sample

MAX_ANSWER_CHARS = 2_000
_FINAL = " .。!！?？,，;；:：\"'“”‘’*_`"


def normalise(text: str) -> str:
    """The text as it is compared: NFKC, case folded, runs of white space one space, outer punctuation cut off."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return re.sub(r"\s+", " ", folded).strip(_FINAL)


def grade_exact(sample: Sample, response: Response) -> Grade:
    """Right if the text after the last marker equals the target, both normalised.

    sample.target: a string or number, or a list of them, any of which is right.
    The marker is `ANSWER:` or `答案：` (see graders.marker); the answer runs to the end of its line. Without a marker,
    or with more than 2,000 characters after it, there is no answer.
    Raises ValueError where the sample has no usable target.
    """
    targets = _targets(sample)
    answer = marked_line(tail(response.text))
    if answer is None:
        cause = missing_answer_cause(response)
        return Grade.no_answer(cause=cause, explanation=f"the reply holds no line ANSWER: ... ({cause})")
    if len(answer) > MAX_ANSWER_CHARS:
        return Grade.no_answer(cause="answer_too_long", explanation=f"{len(answer)} characters follow the marker")
    if normalise(answer) in {normalise(target) for target in targets}:
        return Grade.right(answer)
    return Grade.wrong(answer, explanation=f"expected {targets[0][:80]!r}, found {answer[:80]!r}")


def grade_contains(sample: Sample, response: Response) -> Grade:
    """Right if a target occurs in the reply as whole words, both normalised. No marker is needed.

    A check of the wiring rather than of a model: a reply that names every option is right, too.
    """
    targets = _targets(sample)
    if not response.text.strip():
        return Grade.no_answer(cause=response.missing_cause, explanation="the reply is empty")
    text = normalise(tail(response.text))
    for target in targets:
        if re.search(rf"(?<!\w){re.escape(normalise(target))}(?!\w)", text):
            return Grade.right(target)
    return Grade.wrong(cause="not_found", explanation=f"{targets[0][:80]!r} does not occur in the reply")


def _targets(sample: Sample) -> list[str]:
    given: Iterable[object] = sample.target if isinstance(sample.target, list | tuple) else [sample.target]
    targets = [str(target) for target in given if isinstance(target, str | int | float)]
    targets = [target for target in targets if normalise(target)]
    if not targets:
        raise ValueError(f"sample {sample.id}: expected a text or a list of texts as target, found {sample.target!r}")
    return targets
