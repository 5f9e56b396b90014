"""What `model.likelihood` gives for each continuation. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely the model finds a text as the continuation of a context."""

    logprob: float
    """The sum of the log-probabilities of its tokens, natural logarithm; at most 0 but for rounding."""
    tokens: int
    """How many tokens it has, at least 1."""
    is_greedy: bool
    """Each of its tokens is the most likely one at its place."""
