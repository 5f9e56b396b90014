"""What `model.likelihood` gives for each continuation, and `model.label_scores`. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class LabelScores:
    """How likely the model's reply begins with each of some labels."""

    probabilities: Mapping[str, float]
    """Label -> its probability as the first token of the reply, with and without a blank before it."""

    @property
    def mass(self) -> float:
        """The probability that the reply begins with one of them; a low one says that the model answers otherwise."""
        return sum(self.probabilities.values())

    @property
    def best(self) -> str:
        """The most likely label; of equals the first."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])
