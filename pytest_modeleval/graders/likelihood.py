"""Grades choice questions by the likelihood of their options: the most likely one is the answer.

Two measures, as lm-evaluation-harness 0.4.13 has them: `acc` takes the sum of log-probabilities, `acc_norm` divides it
by the option's characters (without the blank in front), so that a long option is not at a loss.
Departure: options that are equally likely, most often equal texts, share the credit; there the first one wins.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modeleval.likelihood_result import Likelihood
from pytest_modeleval.records import Grade, Sample


def grade_likelihood(sample: Sample, found: Sequence[Likelihood]) -> Grade:
    """The grade by `acc_norm`, with the measures `acc` and `acc_norm`, each 0 or 1, or 1/k of k equal options.

    sample.choices: the options as texts, in the order of `found`. sample.target: the letter of the right one.
    """
    right = ord(str(sample.target)) - ord("A")
    if len(found) != len(sample.choices) or not 0 <= right < len(found):
        raise ValueError(f"expected {len(sample.choices)} likelihoods and a letter as target, found {len(found)}")
    sums = [one.logprob for one in found]
    by_length = [one.logprob / max(1, len(text)) for one, text in zip(found, sample.choices, strict=True)]
    credit = {"acc": _credit(sums, right), "acc_norm": _credit(by_length, right)}
    best = by_length.index(max(by_length))
    values = ", ".join(f"{chr(ord('A') + index)} {value:.4f}" for index, value in enumerate(by_length))
    return Grade.partial(
        credit["acc_norm"],
        chr(ord("A") + best),
        cause="tie" if 0 < credit["acc_norm"] < 1 else "less_likely",
        explanation=f"log-probability by character: {values}",
        measures=credit,
    )


def _credit(values: Sequence[float], right: int) -> float:
    """1 if the right one is the highest, 1/k if k are equally high, else 0."""
    highest = max(values)
    return 1 / values.count(highest) if values[right] == highest else 0.0
