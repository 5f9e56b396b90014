"""Grades short answers read from a document by ANLS (Biten et al. 2019), which forgives single misread characters."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modeleval.graders.short_answer import stated_answer, text_targets
from pytest_modeleval.records import Grade, Response, Sample

# A similarity below it is no credit at all.
THRESHOLD = 0.5


def anls(answer: str, targets: Sequence[str]) -> float:
    """The greatest 1 - (edit distance / length of the longer text) over the targets; 0.0 if that is below 0.5.

    Texts are compared in lower case, with white space at the ends removed and single blanks inside, as the scorer of
    DocVQA does. Exactly 0.5 counts, there too; the paper gives no credit for it.
    """
    return max((_similarity(_folded(answer), _folded(target)) for target in targets), default=0.0)


def edit_distance(first: str, second: str) -> int:
    """The least number of characters to insert, delete or replace (Levenshtein). Costs len(first) * len(second)."""
    row = list(range(len(second) + 1))
    for place, character in enumerate(first, 1):
        diagonal, row[0] = row[0], place
        for column, other in enumerate(second, 1):
            replaced = diagonal + (character != other)
            diagonal = row[column]
            row[column] = min(replaced, row[column] + 1, row[column - 1] + 1)
    return row[-1]


def grade_anls(sample: Sample, response: Response) -> Grade:
    """Credit from 0 to 1 by `anls`: right at 1, partial from 0.5 on.

    sample.target: a text, or a list of texts of which the nearest counts. The answer is what follows the last marker
    `ANSWER:`, else the whole reply. wrong: cause "too_long" if the answer is more than twice as long as every target,
    which is mostly a sentence around the value; else "wrong_answer".
    Raises ValueError if the sample has no usable target.
    """
    targets = text_targets(sample)
    answer = stated_answer(response)
    if answer is None:
        return Grade.no_answer(cause=response.missing_cause or "empty", explanation="the reply is empty")
    value = anls(answer, targets)
    if value >= 1.0:
        return Grade.right(answer)
    explanation = f"expected {targets[0][:80]!r}, found {answer[:80]!r}: similarity {value:.2f}"
    if value > 0.0:
        return Grade.partial(value, answer, cause="misread", explanation=explanation)
    is_long = len(_folded(answer)) > 2 * max(len(_folded(target)) for target in targets)
    return Grade.wrong(answer, cause="too_long" if is_long else "wrong_answer", explanation=explanation)


def _folded(text: str) -> str:
    return " ".join(text.lower().split())


def _similarity(answer: str, target: str) -> float:
    longer = max(len(answer), len(target))
    if longer == 0:
        return 1.0
    # The distance is at least the difference in length: without this a reply of a megabyte would be compared.
    if abs(len(answer) - len(target)) > longer * (1.0 - THRESHOLD):
        return 0.0
    similarity = 1.0 - edit_distance(answer, target) / longer
    return similarity if similarity >= THRESHOLD else 0.0
