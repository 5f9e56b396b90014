"""The two tasks with questions over documents: lives of people who never were, made by code."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ..long_texts.words import ADJECTIVES, FIRST_NAMES, LAST_NAMES, NOUNS, PLACES
from .problem import Problem

_TRADES = ("baker", "boatbuilder", "botanist", "cartographer", "clockmaker", "composer", "glassblower", "painter")


@dataclass(frozen=True, slots=True)
class Life:
    """The facts of one document."""

    name: str
    place: str
    year: int
    work: str
    """The title of their best-known work, without its article."""


def one_document(seed: str, _length: int) -> Problem:
    """The answer stands in one document."""
    random = Random(seed)
    (life,) = _lives(random, 1, avoid=())
    question, target = random.choice(
        (
            (f"In which town was {life.name} born?", (life.place,)),
            (f"In which year was {life.name} born?", (str(life.year),)),
            (f"Who made the {life.work}?", (life.name, ", ".join(reversed(life.name.split(" ", 1))))),
        )
    )
    return Problem(lambda units: _prompt(seed, [(life, "")], units, question), target, is_any=True)


def two_documents(seed: str, _length: int) -> Problem:
    """One document names the teacher, another one says where the teacher was born."""
    random = Random(seed)
    pupil, teacher = _lives(random, 2, avoid=())
    question = f"In which town was the teacher of {pupil.name} born?"
    known = [(pupil, teacher.name), (teacher, "")]
    return Problem(lambda units: _prompt(seed, known, units, question), (teacher.place,), is_any=True)


def _prompt(seed: str, known: list[tuple[Life, str]], units: int, question: str) -> str:
    """known: lives that the question is about, each with the name of a teacher or ""."""
    random = Random(f"{seed} filler")
    others = _lives(random, units, avoid=tuple(life.name for life, _ in known))
    texts = [_document(random, life, "") for life in others]
    for life, teacher in known:
        texts.insert(random.randrange(len(texts) + 1), _document(random, life, teacher))
    shown = "\n\n".join(f"Document {number}:\n{text}" for number, text in enumerate(texts, 1))
    return (
        f"Answer the question from the documents below. Reply with the answer alone.\n\n{shown}\n\n"
        f"The documents end here. Reply with the answer alone.\n\nQuestion: {question}"
    )


def _lives(random: Random, count: int, *, avoid: tuple[str, ...]) -> list[Life]:
    """`count` people of different names, none of `avoid`."""
    names = dict.fromkeys(avoid)
    wanted = len(names) + count
    while len(names) < wanted:
        names[f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"] = None
    return [
        Life(
            name,
            random.choice(PLACES),
            random.randrange(1600, 1900),
            f"{random.choice(ADJECTIVES).title()} {random.choice(NOUNS).title()} of {random.choice(PLACES)}",
        )
        for name in list(names)[len(names) - count :]
    ]


def _document(random: Random, life: Life, teacher: str) -> str:
    trade, tool = random.choice(_TRADES), random.choice(NOUNS)
    learned = (
        f"{teacher} was the teacher"
        if teacher
        else f"An uncle with the {random.choice(ADJECTIVES)} {tool} was the teacher"
    )
    return (
        f"{life.name} was a {trade}, born in {life.place} in {life.year}. {learned} of {life.name}, who later made "
        f"the {life.work}. It was shown once, next to the {random.choice(ADJECTIVES)} {random.choice(NOUNS)}."
    )
