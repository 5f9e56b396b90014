"""One question of ruler: how its prompt of any length is made, and what has to be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A question whose answer does not depend on the length of its prompt."""

    build: Callable[[int], str]
    """Number of units of filler -> the whole prompt; always the same for the same number."""
    target: tuple[str, ...]
    """The texts that the answer has to contain."""
    is_any: bool = False
    """One of them is enough."""
