"""From the outcomes of one question to its value: the one home of credit, used by the score table and by gates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb

from pytest_modeleval.records import Kind, Outcome

# (subset, sample id)
Question = tuple[str, str]


@dataclass(slots=True)
class Answers:
    """The graded answers to one question, over its repeats."""

    credits: list[float]
    """One number from 0 to 1 for each repeat with a verdict."""

    cluster: str = ""
    """Questions of one non-empty cluster share a passage or template; "" stands alone."""


def pass_at_k(correct: int, total: int, *, k: int) -> float | None:
    """Chance that at least one of k repeats, drawn from total without replacement, is correct (0 to 1).

    Unbiased: 1 - C(total - correct, k) / C(total, k) (Chen et al. 2021, "Evaluating Large Language Models Trained on
    Code", arXiv:2107.03374, section 2.1).
    None when total < k: too few repeats were graded for the estimate to exist.
    """
    if k < 1 or not 0 <= correct <= total:
        raise ValueError(f"expected k of at least 1 and 0 <= correct <= total, found k={k}, {correct} of {total}")
    if total < k:
        return None
    return 1.0 - comb(total - correct, k) / comb(total, k)


def k_of(metric: str) -> int | None:
    """The k of "pass@k"; None for a mean. Raises ValueError for any other metric."""
    if metric in ("mean_acc", "acc"):
        return None
    name, _, number = metric.partition("@")
    if name != "pass" or not number.isdecimal() or int(number) < 1:
        raise ValueError(f"expected the metric mean_acc, acc or pass@k with k of at least 1, found {metric!r}")
    return int(number)


def credit(outcome: Outcome) -> float:
    """What an outcome with a verdict adds to the score, 0 to 1: no answer and a truncated one add nothing."""
    return outcome.value if outcome.kind in (Kind.RIGHT, Kind.WRONG) else 0.0


def question_value(credits_of_repeats: Sequence[float], k: int | None) -> float | None:
    """The value of one question from its graded repeats: their mean, or pass@k where `k` is given.

    Under pass@k only full credit is correct. None where too few repeats have a verdict.
    """
    if not credits_of_repeats:
        return None
    if k is None:
        return sum(credits_of_repeats) / len(credits_of_repeats)
    correct = sum(1 for credit in credits_of_repeats if credit >= 1.0)
    return pass_at_k(correct, len(credits_of_repeats), k=k)


def answers_by_question(outcomes: Iterable[Outcome]) -> dict[Question, Answers]:
    """The graded answers to every question of one benchmark, in the order in which questions first occur.

    A question of which nothing has a verdict is there, without credits.
    """
    found: dict[Question, Answers] = {}
    for outcome in outcomes:
        question = (outcome.key.subset, outcome.key.sample)
        answers = found.get(question)
        if answers is None:
            answers = found[question] = Answers([], outcome.cluster)
        if outcome.kind.is_verdict:
            answers.credits.append(credit(outcome))
        if outcome.cluster:
            answers.cluster = outcome.cluster
    return found
