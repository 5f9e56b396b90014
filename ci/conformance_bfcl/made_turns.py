"""Multi-turn answers made from the true calls: right ones, and wrong ones of several kinds. Seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_modeleval.graders.calls.python_text import parse_call

Call = list[Any]  # [name, {parameter: value}]
Turns = list[list[list[Call]]]  # turns of steps of calls


def true_turns(truth: list[list[str]], parameters: Mapping[str, list[str]]) -> Turns:
    """The true calls, one step per turn, all arguments by name."""
    return [[[_named(call, parameters) for call in turn]] if turn else [] for turn in truth]


def _named(text: str, parameters: Mapping[str, list[str]]) -> Call:
    name, positional, keywords = parse_call(text)
    return [name, {**dict(zip(parameters.get(name, ()), positional, strict=False)), **keywords}]


def variants(identifier: str, turns: Turns) -> Iterator[tuple[str, Turns]]:
    """About ten answers to one question."""
    source = random.Random(identifier)
    yield "true calls", turns
    yield "one call per step", [[[call] for step in turn for call in step] for turn in turns]
    yield (
        "all in the first turn",
        [[[call for turn in turns for step in turn for call in step]], *([] for _ in turns[1:])],
    )
    yield "no calls", [[] for _ in turns]
    for _ in range(2):
        yield "a call dropped", _changed(turns, source, lambda calls, at: calls.pop(at))
    for _ in range(2):
        yield "an argument altered", _changed(turns, source, lambda calls, at: _alter(calls, at, source))
    yield "an argument dropped", _changed(turns, source, _drop_argument)
    yield "a call doubled", _changed(turns, source, lambda calls, at: calls.insert(at, calls[at]))
    yield "two calls swapped", _changed(turns, source, _swap)
    yield "an unknown call", _changed(turns, source, lambda calls, at: calls.insert(at, ["no_such_function", {"a": 1}]))
    yield "a last turn dropped", [*turns[:-1], []]


def _changed(turns: Turns, source: random.Random, change: Any) -> Turns:
    copied = [[[list(call) for call in step] for step in turn] for turn in turns]
    steps = [step for turn in copied for step in turn if step]
    if steps:
        step = source.choice(steps)
        change(step, source.randrange(len(step)))
    return copied


def _alter(calls: list[Call], at: int, source: random.Random) -> None:
    name, keywords = calls[at]
    changed = dict(keywords)
    if changed:
        key = source.choice(sorted(changed))
        value = changed[key]
        if isinstance(value, bool):
            changed[key] = not value
        elif isinstance(value, int | float):
            changed[key] = value + 1
        else:
            changed[key] = f"{value}_x" if isinstance(value, str) else "x"
    calls[at] = [name, changed]


def _drop_argument(calls: list[Call], at: int) -> None:
    name, keywords = calls[at]
    calls[at] = [name, dict(list(keywords.items())[1:])]


def _swap(calls: list[Call], at: int) -> None:
    other = (at + 1) % len(calls)
    calls[at], calls[other] = calls[other], calls[at]
