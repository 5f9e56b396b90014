"""What the pages of choice questions in benchmarks/ share: subjects as subsets, options in columns, the request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from string import ascii_uppercase

from pytest_modeleval import Request, Sample, Subset
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.prompts import choice_prompt, user

_LETTERED = re.compile(r"\s*[(（]([A-Z])[)）]\s*(.*)\Z", re.DOTALL)


def sized_subsets(sizes: Mapping[str, int]) -> list[Subset]:
    """Subsets in alphabetical order. sizes: subset -> rows of the published data."""
    return [Subset(name, size=sizes[name]) for name in sorted(sizes)]


def columns(row: Row, names: Iterable[str] = "ABCD") -> tuple[str, ...]:
    """Options that stand in columns of their own; a number in one of them becomes its text."""
    return tuple(str(row[name]) if isinstance(row[name], int | float) else row.text(name) for name in names)


def title(subset: str) -> str:
    """The subject in a sentence: "college_physics" -> "college physics"."""
    return subset.replace("_", " ")


def choice_request(language: str = "en", titles: Mapping[str, str] | None = None) -> Callable[[Sample], Request]:
    """A request function: choice_prompt with the worked examples of the sample and the title of its subject.

    titles: subset -> its subject; None: no subject is named.
    """

    def to_request(sample: Sample) -> Request:
        subject = (titles or {}).get(sample.subset, "")
        return Request(
            user(
                choice_prompt(
                    sample.question, sample.choices, language=language, examples=sample.examples, subject=subject
                )
            )
        )

    return to_request


def lettered(row: Row, choices: str, answer: str) -> tuple[tuple[str, ...], str]:
    """Options that carry their letters, "(A) text", without them, and the letter of the answer, "(B) text" or "B".

    Raises DataError where the letters are not A, B, C in this order, or the answer is none of them.
    """
    marked = [_LETTERED.match(text) for text in row.texts(choices)]
    letters = "".join(found[1] if found else "?" for found in marked)
    if not letters or letters != ascii_uppercase[: len(letters)]:
        raise DataError(f"expected options '(A) ...', '(B) ...' in field {choices!r}, found {letters}, in {row.where}")
    named = _LETTERED.match(row.text(answer))
    target = named[1] if named else row.letter(answer, len(letters))
    if target not in letters:
        raise DataError(f"expected one of {letters} in field {answer!r}, found {target!r}, in {row.where}")
    return tuple(found[2] for found in marked if found), target


def labelled_choices(row: Row, field: str, key: str) -> tuple[tuple[str, ...], str]:
    """Options {"text": [...], "label": [...]}, and the letter of the place at which the label of the answer stands.

    Labels may be letters or digits, in any order: they are looked up and never computed with.
    """
    found = row[field]
    texts, labels = (found.get("text"), found.get("label")) if isinstance(found, dict) else (None, None)
    if not isinstance(texts, list) or not isinstance(labels, list) or len(texts) != len(labels):
        raise DataError(f"expected equally long lists 'text' and 'label' in field {field!r}, in {row.where}")
    if labels.count(answer := row.text(key)) != 1:
        raise DataError(f"expected one of the labels {labels} in field {key!r}, found {answer!r}, in {row.where}")
    return tuple(map(str, texts)), ascii_uppercase[labels.index(answer)]


def by_letter(choices: Iterable[str]) -> dict[str, str]:
    """Letter -> option, in order from A."""
    return dict(zip(ascii_uppercase, choices, strict=False))
