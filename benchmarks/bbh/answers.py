"""Reads and compares the answers of BIG-Bench Hard: a letter, a word, a number, sorted words or brackets.

A reply states its answer several times, or speaks about it afterwards ("this answer is consistent"). The last statement
that has the form of an answer of the subset counts, and where none has it, the last one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from string import ascii_uppercase

from pytest_modeleval import Grade, Response, Sample
from pytest_modeleval.graders import extract_choice
from pytest_modeleval.graders.answers.number_words import read_number_words
from pytest_modeleval.graders.marked_answer import missing_answer_cause, tail
from pytest_modeleval.graders.math import is_same_answer
from pytest_modeleval.graders.text import normalise

# The prompt shows questions as "Q: ..."; a model that writes further ones has answered before the first of them.
_NEXT_QUESTION = re.compile(r"\n\s*Q:\s")
_STATED = re.compile(r"(?i:answer)(?:[ \t]+is\b:?|[*_`]{0,3}:)")
# Up to the last brace of the line: the answer may be a brace itself.
_BOXED = re.compile(r"\\boxed\s*\{(.*)\}")
_MAX_STATEMENTS = 100
_MAX_CHARS = 2_000
# Signs of bold type, quotations and LaTeX around a word.
_DRESS = re.compile(r"\\(?:boxed|(?:text|math)(?:bf|rm|it)?)\b|\\[()\[\]]|[$*_`{}\"“”]")
_AFTER_WORD = re.compile(r"\s*(?:\Z|[^\w\s/]|(?:because|since|as|for|given)\b)")
_NEGATION = re.compile(r"\b(?:no|not|never|neither|cannot)\b|n['’]t\b")
_NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.0+)?\Z")
_WORD_PAIRS = (("true", "false"), ("yes", "no"), ("valid", "invalid"))
_LIST_MARK = re.compile(r"(?:\A|(?<=\n))\s*(?:\d+[.)]|[-*•])\s")


@dataclass(frozen=True, slots=True)
class _Form:
    """The form of a subset's answers."""

    has: Callable[[str], bool]
    """True if a statement has this form."""
    is_same: Callable[[str], bool]
    """True if a statement of this form gives the target."""


def statements(text: str) -> Iterator[str]:
    """What follows each "answer is" or "answer:", the last one first; then what is boxed, the last one first.

    A statement runs to the end of its line or to the next statement, without bold signs and the full stop; where its
    line ends at once, it is the next paragraph.
    """
    text = _NEXT_QUESTION.split(tail(text), maxsplit=1)[0]
    found = list(_STATED.finditer(text))[-_MAX_STATEMENTS:]
    end = len(text)
    for mark in reversed(found):
        rest = text[mark.end() : min(end, mark.end() + _MAX_CHARS)]
        end = mark.start()
        line, _, below = rest.partition("\n")
        if statement := _bare(line) or _bare(below.lstrip().partition("\n\n")[0]):
            yield statement
    for boxed in reversed(_BOXED.findall(text[-_MAX_CHARS:])):
        if statement := _bare(boxed):
            yield statement


def _bare(text: str) -> str:
    bare = text.replace("**", "").replace("`", "").strip()
    return bare.removesuffix(".").strip(' "')


def stated_answer(text: str, subset: str, target: str, question: str = "") -> str | None:
    """The last statement that has the form of the subset's answers, else the last one; None without any.

    question: the words to sort are those that stand in it.
    """
    found = list(statements(text))
    form = _form(subset, target, question)
    return next(filter(form.has, found), found[0] if found else None)


def is_same(subset: str, target: str, answer: str, question: str = "") -> bool:
    """Whether the answer is the target. Brackets and letters are read as signs, sorted words as a sequence."""
    form = _form(subset, target, question)
    return form.has(answer) and form.is_same(answer)


def grade_stated_answer(sample: Sample, response: Response) -> Grade:
    """Right if the answer that the reply states is the target. no_answer: the response's own cause, or "no_marker"."""
    target = str(sample.target)
    answer = stated_answer(response.text, sample.subset, target, sample.question)
    if answer is None:
        cause = missing_answer_cause(response)
        return Grade.no_answer(cause=cause, explanation=f'no line says "the answer is ..." ({cause})')
    if is_same(sample.subset, target, answer, sample.question):
        return Grade.right(answer)
    return Grade.wrong(answer, explanation=f"expected {target[:80]}, found {answer[:80]}")


def _form(subset: str, target: str, question: str) -> _Form:
    if subset == "dyck_languages":
        return _read_by(_brackets, target)
    if subset == "word_sorting":
        words = {*_words(question.rpartition("List:")[2]), "and"}
        return _Form(
            lambda answer: not question or words.issuperset(_words(answer)),
            lambda answer: _words(target) in (_words(answer), _without_and(_words(answer))),
        )
    if re.fullmatch(r"\([A-Z]\)", target):
        return _read_by(_letter, target)
    if _NUMBER.match(target):
        return _Form(
            lambda answer: any(word[0].isdigit() or read_number_words(word) for word in re.findall(r"\w+", answer)),
            lambda answer: is_same_answer(target, answer, question=question)[0],
        )
    for pair in _WORD_PAIRS:
        if target.casefold() in pair:
            return _read_by(partial(_word, pair), target)
    return _read_by(lambda answer: normalise(_DRESS.sub(" ", answer)), target)


def _read_by(read: Callable[[str], str | None], target: str) -> _Form:
    """The form of the answers that a function reads; it gives None for any other text."""
    return _Form(lambda answer: read(answer) is not None, lambda answer: read(answer) == read(target))


def _letter(answer: str) -> str | None:
    """The letter that the answer begins with, else the only one in brackets; None for several."""
    named = extract_choice(f"ANSWER: {answer}", ascii_uppercase)
    if named is not None or _NEGATION.search(answer):
        return named
    bracketed = set(re.findall(r"\(([A-Z])\)", answer))
    return bracketed.pop() if len(bracketed) == 1 else None


def _word(pair: tuple[str, str], answer: str) -> str | None:
    """The word of the pair that the answer begins with, else the only one that it holds and does not negate.

    "No" also negates what follows it ("no reason"), so that yes and no are read at the beginning only.
    """
    text = _DRESS.sub(" ", answer).casefold().strip(" '‘’")
    first = re.match(r"\w*", text)
    assert first is not None
    if first[0] in pair and _AFTER_WORD.match(text, first.end()):
        return first[0]
    held = {word for word in pair if re.search(rf"\b{word}\b", text)}
    return held.pop() if len(held) == 1 and "no" not in pair and not _NEGATION.search(text) else None


def _brackets(answer: str) -> str | None:
    """The brackets without what separates them; None for a text with anything else."""
    signs = re.sub(r"""[\s,$"'“”‘’\\]""", "", answer)
    return signs if signs and not signs.strip("()[]{}<>") else None


def _words(answer: str) -> list[str]:
    """The words of a list in lower case, whatever separates or encloses them."""
    text = _LIST_MARK.sub("\n", answer.lower().replace("’", "'").replace("\\", ""))
    words = [word.strip("[](){}'\"“”‘*_`$") for word in re.split(r"[\s,;<>→]+|->", text)]
    return [word for word in words if word]


def _without_and(words: list[str]) -> list[str]:
    """The words without the "and" before the last."""
    return [*words[:-2], words[-1]] if words[-2:-1] == ["and"] else words
