"""From the outcomes of one question to its value: the one home of credit, used by the score table and by gates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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

    texts: list[str | None] = field(default_factory=list)
    """The extracted answer of each of these repeats; None where there is none."""


@dataclass(frozen=True, slots=True)
class QuestionMetric:
    """How the repeats of one question become its value, from 0 to 1."""

    method: str
    """"mean", "pass@k" (one of k is correct), "pass^k" (all k are), "vote@k" (the most frequent of k answers is)."""

    k: int | None = None
    """None for the mean."""


MEAN = QuestionMetric("mean")


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


def pass_hat_k(correct: int, total: int, *, k: int) -> float | None:
    """Chance that k repeats, drawn from total without replacement, are all correct (0 to 1).

    Unbiased: C(correct, k) / C(total, k) (Yao et al. 2024, "tau-bench", arXiv:2406.12045, section 4).
    None when total < k.
    """
    if k < 1 or not 0 <= correct <= total:
        raise ValueError(f"expected k of at least 1 and 0 <= correct <= total, found k={k}, {correct} of {total}")
    return comb(correct, k) / comb(total, k) if total >= k else None


def vote_at_k(answers: Sequence[str | None], are_correct: Sequence[bool], *, k: int) -> float | None:
    """Whether the most frequent of the first k answers is correct, 0 or 1; tied answers share 1 equally.

    Majority voting (Wang et al. 2022, "Self-Consistency", arXiv:2203.11171). A repeat without an answer casts no vote;
    with no vote at all the value is 0. None with fewer than k repeats.
    """
    if k < 1:
        raise ValueError(f"expected k of at least 1, found {k}")
    if len(answers) < k:
        return None
    votes: dict[str, list[bool]] = {}
    for answer, is_correct in list(zip(answers, are_correct, strict=True))[:k]:
        if answer is not None and answer.strip():
            votes.setdefault(answer.strip(), []).append(is_correct)
    most = max(map(len, votes.values()), default=0)
    winners = [flags for flags in votes.values() if len(flags) == most]
    # Graders read the same answer the same way; where one did not, the answer is as correct as most of its grades.
    return sum(1 for flags in winners if 2 * sum(flags) > len(flags)) / len(winners) if winners else 0.0


def question_metric(metric: str) -> QuestionMetric:
    """Of "mean_acc", "acc", "pass@k", "pass^k" or "vote@k". Raises ValueError for anything else."""
    if metric in ("mean_acc", "acc"):
        return MEAN
    found = re.fullmatch(r"(pass@|pass\^|vote@)([1-9][0-9]{0,5})", metric)
    if found is None:
        raise ValueError(
            f"expected the metric mean_acc, acc, pass@k, pass^k or vote@k with k of at least 1, found {metric!r}"
        )
    return QuestionMetric(f"{found[1]}k", int(found[2]))


def is_question_metric(metric: str) -> bool:
    """It is one of those that `question_metric` knows, rather than a measure."""
    try:
        question_metric(metric)
    except ValueError:
        return False
    return True


def credit(outcome: Outcome) -> float:
    """What an outcome with a verdict adds to the score, 0 to 1: no answer and a truncated one add nothing."""
    return outcome.value if outcome.kind in (Kind.RIGHT, Kind.WRONG) else 0.0


def question_value(answers: Answers, metric: QuestionMetric = MEAN) -> float | None:
    """The value of one question from its graded repeats, 0 to 1.

    But for the mean, only full credit is correct. None where too few repeats have a verdict.
    """
    if not answers.credits:
        return None
    if metric.k is None:
        return sum(answers.credits) / len(answers.credits)
    flags = [credit >= 1.0 for credit in answers.credits]
    if metric.method == "vote@k":
        return vote_at_k(answers.texts, flags, k=metric.k)
    estimate = pass_at_k if metric.method == "pass@k" else pass_hat_k
    return estimate(sum(flags), len(flags), k=metric.k)


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
            answers.texts.append(outcome.answer)
        if outcome.cluster:
            answers.cluster = outcome.cluster
    return found
