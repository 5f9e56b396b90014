"""The eight needle tasks: values registered for keys, hidden in filler, and asked for by key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from uuid import UUID

from ..long_texts.filler import noise, prose, spread
from ..long_texts.words import distinct
from .problem import Problem

NOISE, PROSE, NEEDLES = "noise", "prose", "needles"
NUMBERS, UUIDS, WORDS = "numbers", "uuids", "words"


@dataclass(frozen=True, slots=True)
class NeedleTask:
    """The parameters that RULER gives one of its needle tasks."""

    haystack: str
    """NOISE, PROSE or NEEDLES: what surrounds the values."""
    key_kind: str = WORDS
    value_kind: str = NUMBERS
    keys: int = 1
    """Keys with a value, besides those of a haystack of needles."""
    values: int = 1
    """Values of each key."""
    queries: int = 1
    """Keys that are asked for."""


TASKS = {
    "niah_single_1": NeedleTask(NOISE),
    "niah_single_2": NeedleTask(PROSE),
    "niah_single_3": NeedleTask(PROSE, value_kind=UUIDS),
    "niah_multikey_1": NeedleTask(PROSE, keys=4),
    "niah_multikey_2": NeedleTask(NEEDLES),
    "niah_multikey_3": NeedleTask(NEEDLES, key_kind=UUIDS, value_kind=UUIDS),
    "niah_multivalue": NeedleTask(PROSE, values=4),
    "niah_multiquery": NeedleTask(PROSE, keys=4, queries=4),
}


def make_problem(task: NeedleTask, seed: str, _length: int) -> Problem:
    """One question of a needle task."""
    random = Random(seed)
    keys = _keys(task.key_kind, random, task.keys)
    values = {key: _values(task.value_kind, random, task.values) for key in keys}
    asked = random.sample(keys, task.queries)
    needles = [_needle(key, value, task.value_kind) for key in keys for value in values[key]]
    random.shuffle(needles)
    what = "number" if task.value_kind == NUMBERS else "code"
    head = f"Some {what}s are registered in the text below. Keep them in mind: one or more are asked for at the end."
    question = f"List every {what} that the text above registers for {', '.join(asked)}. Write each in full."

    def build(units: int) -> str:
        filling = Random(f"{seed} filler")
        sentences = _haystack(task, filling, units, avoid=tuple(keys))
        body = ("\n" if task.haystack != PROSE else " ").join(spread(filling, sentences, needles))
        return f"{head}\n\n{body}\n\n{question}"

    return Problem(build, tuple(value for key in asked for value in values[key]))


def _haystack(task: NeedleTask, random: Random, units: int, *, avoid: tuple[str, ...]) -> list[str]:
    if task.haystack == NOISE:
        return noise(units)
    if task.haystack == PROSE:
        return prose(random, units)
    keys = distinct(random, units, avoid=avoid) if task.key_kind == WORDS else _keys(UUIDS, random, units)
    values = _values(task.value_kind, random, units)
    return [_needle(key, value, task.value_kind) for key, value in zip(keys, values, strict=True)]


def _needle(key: str, value: str, kind: str) -> str:
    return f"One {'number' if kind == NUMBERS else 'code'} registered for {key} is {value}."


def _keys(kind: str, random: Random, count: int) -> list[str]:
    return distinct(random, count) if kind == WORDS else _values(kind, random, count)


def _values(kind: str, random: Random, count: int) -> list[str]:
    """`count` different values."""
    make: Callable[[], str] = (
        (lambda: str(random.randrange(10**6, 10**7))) if kind == NUMBERS else lambda: _uuid(random)
    )
    found: dict[str, None] = {}
    while len(found) < count:
        found[make()] = None
    return list(found)


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))
