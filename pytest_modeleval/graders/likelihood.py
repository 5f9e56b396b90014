"""Grades choice questions by the likelihood of their options: the most likely one is the answer.

`grade_likelihood` has two measures, as lm-evaluation-harness 0.4.13 has them: `acc` takes the sum of log-probabilities,
`acc_norm` divides it by the option's characters (without the blank in front), so that a long option is not at a loss.
Departure: options that are equally likely, most often equal texts, share the credit; there the first one wins.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modeleval.likelihood_result import LabelScores, Likelihood
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


LEAST_MASS = 0.05
"""Below it the model answers with no label at all, and which of them is the least unlikely says little."""


def grade_labels(sample: Sample, found: LabelScores) -> Grade:
    """The most likely label is the answer; `mass`, the probability of all labels together, is a measure.

    sample.target: a label. Raises ValueError if it was not scored. Equal labels share the credit, as above.
    """
    target = str(sample.target)
    if target not in found.probabilities:
        raise ValueError(f"expected {target!r} among the labels, found {', '.join(found.probabilities)}")
    measures = {"mass": min(1.0, found.mass)}
    shown = ", ".join(f"{label} {value:.4f}" for label, value in found.probabilities.items())
    if found.mass < LEAST_MASS:
        return Grade.no_answer(cause="low_mass", explanation=f"probabilities: {shown}", measures=measures)
    values = list(found.probabilities.values())
    credit = _credit(values, list(found.probabilities).index(target))
    return Grade.partial(
        credit,
        found.best,
        cause="tie" if 0 < credit < 1 else "less_likely",
        explanation=f"probabilities: {shown}",
        measures=measures,
    )
