"""Text that fills a prompt and says nothing about the question: one repeated paragraph, or prose made by code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from .words import ADJECTIVES, FIRST_NAMES, NOUNS, PLACES

NOISE = (
    "The road is long.",
    "The clouds are white.",
    "The lamp is on.",
    "We walk on.",
    "Up the hill and down.",
)
_VERBS = (
    "admired",
    "borrowed",
    "carried",
    "cleaned",
    "counted",
    "described",
    "drew",
    "forgot",
    "kept",
    "lent",
    "noticed",
)
_STEPS = 40
_FORMS = (
    "{name} {verb} the {adjective} {noun} before the rain came to {place}.",
    "In {place}, the {adjective} {noun} stood next to the {other} for many years.",
    "People who visit {place} remember the {noun} and the {adjective} {other}.",
    "The {adjective} {noun} is worth more than the {other}, as {name} liked to say.",
    "When the {noun} was {adjective}, {name} {verb} it and went home by the {other}.",
    "Most of what {name} knew about the {noun} came from the {adjective} {other}.",
    "There was no {noun} in {place} that year, only the {adjective} {other}.",
    "{name} {verb} the {noun} each morning and found the work {adjective}.",
    "Few letters from {place} speak of the {noun}, and none of the {adjective} {other}.",
    "Whether the {adjective} {noun} belonged to {name} or to the {other} makers was never settled.",
)


def noise(count: int) -> list[str]:
    """`count` sentences of one paragraph that repeats."""
    return [NOISE[index % len(NOISE)] for index in range(count)]


def prose(random: Random, count: int) -> list[str]:
    """`count` sentences, hardly any of them twice."""
    return [_sentence(random) for _ in range(count)]


def _sentence(random: Random) -> str:
    return random.choice(_FORMS).format(
        name=random.choice(FIRST_NAMES),
        verb=random.choice(_VERBS),
        adjective=random.choice(ADJECTIVES),
        noun=random.choice(NOUNS),
        other=random.choice(NOUNS),
        place=random.choice(PLACES),
    )


def spread(random: Random, sentences: Sequence[str], inserts: Sequence[str]) -> list[str]:
    """The sentences with the inserts among them, at places drawn from 40 equal steps from the start to the end."""
    depths = sorted(random.sample(range(_STEPS + 1), len(inserts)))
    return list(_merged(sentences, [depth / _STEPS for depth in depths], inserts))


def placed(sentences: Sequence[str], insert: str, depth: float) -> list[str]:
    """The sentences with one more at a depth from 0 (first) to 1 (last)."""
    return list(_merged(sentences, [depth], [insert]))


def _merged(sentences: Sequence[str], depths: Sequence[float], inserts: Sequence[str]) -> Iterator[str]:
    waiting = sorted(zip((round(depth * len(sentences)) for depth in depths), inserts, strict=True), key=lambda p: p[0])
    start = 0
    for end, insert in waiting:
        yield from sentences[start:end]
        yield insert
        start = end
    yield from sentences[start:]
