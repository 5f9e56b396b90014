"""Outcomes of one subset become its score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb

from pytest_modeleval.metrics.intervals import Interval, mean_interval, wilson
from pytest_modeleval.records import Kind, Outcome
from pytest_modeleval.results import Score


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


@dataclass(slots=True)
class _Question:
    """What is known of one sample over its repeats."""

    values: list[float]
    cluster: str = ""


def score_subset(subset: str, outcomes: Sequence[Outcome], planned_samples: int, *, metric: str) -> Score:
    """The score of one subset.

    outcomes: every item of the subset, those without a verdict too. planned_samples: samples that were to be asked;
    items that are planned and not among the outcomes are counted as not_run.
    metric: "mean_acc" or "acc", the mean credit; "pass@k", where credit 1 is correct and anything less is not.

    Score: one value for each question (the mean over its graded repeats, or pass@k of them), then the mean over
    questions. right and wrong count their credit, no_answer and truncated count 0, everything else never counts; num
    is the number of questions that have a value.
    Interval: Wilson where every value is 0 or 1, each question was asked once, and none are clustered; otherwise
    `mean_interval` over questions. None where that has none.
    Bounds: the score over all planned items if everything ungraded were wrong, and if it were right; both equal the
    score where all is graded, and enclose it, save that pass@k leaves a question with fewer than k graded repeats out
    of the score but not out of the bounds. None where the metric needs more repeats than are asked.
    """
    pass_k = _pass_k(metric)
    counts = dict.fromkeys(Kind, 0)
    questions: dict[str, _Question] = {}
    repeats = 1
    tokens = 0
    causes: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    for outcome in outcomes:
        counts[outcome.kind] += 1
        tokens += outcome.completion_tokens or 0
        repeats = max(repeats, outcome.key.repeat + 1)
        question = questions.setdefault(outcome.key.sample, _Question([], outcome.cluster))
        marks.update(outcome.marks)
        if outcome.kind.is_verdict:
            question.values.append(_credit(outcome))
            if outcome.kind is not Kind.RIGHT:
                causes[outcome.cause] += 1
    planned_samples = max(planned_samples, len(questions))
    counts[Kind.NOT_RUN] += max(0, planned_samples * repeats - len(outcomes))

    values: list[float] = []
    clusters: list[str] = []
    for question in questions.values():
        value = _value(question.values, pass_k)
        if value is not None:
            values.append(value)
            clusters.append(question.cluster)
    score = sum(values) / len(values) if values else None
    interval = _interval(values, clusters, repeats)
    wrong, right = _bounds([question.values for question in questions.values()], planned_samples, repeats, pass_k)
    return Score(
        subset=subset,
        num=len(values),
        planned=planned_samples,
        score=score,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        method=interval.method if interval else "",
        counts=counts,
        repeats=repeats,
        if_ungraded_wrong=wrong,
        if_ungraded_right=right,
        is_suspicious=_is_suspicious(counts, questions.values()),
        completion_tokens=tokens,
        causes=_by_frequency(causes),
        marks=_by_frequency(marks),
    )


def _pass_k(metric: str) -> int | None:
    """The k of "pass@k"; None for a mean. Raises ValueError for any other metric."""
    if metric in ("mean_acc", "acc"):
        return None
    name, _, number = metric.partition("@")
    if name != "pass" or not number.isdecimal() or int(number) < 1:
        raise ValueError(f"expected the metric mean_acc, acc or pass@k with k of at least 1, found {metric!r}")
    return int(number)


def _credit(outcome: Outcome) -> float:
    return outcome.value if outcome.kind in (Kind.RIGHT, Kind.WRONG) else 0.0


def _value(credits_of_repeats: Sequence[float], pass_k: int | None) -> float | None:
    """The value of one question from its graded repeats; None if there are too few."""
    if not credits_of_repeats:
        return None
    if pass_k is None:
        return sum(credits_of_repeats) / len(credits_of_repeats)
    correct = sum(1 for credit in credits_of_repeats if credit >= 1.0)
    return pass_at_k(correct, len(credits_of_repeats), k=pass_k)


def _interval(values: Sequence[float], clusters: Sequence[str], repeats: int) -> Interval | None:
    named = [name for name in clusters if name]
    is_clustered = len(named) > len(set(named))
    if values and repeats == 1 and not is_clustered and all(value in (0.0, 1.0) for value in values):
        return Interval(*wilson(sum(values), len(values)), "wilson")
    return mean_interval(values, clusters if is_clustered else None)


def _bounds(
    credits_by_question: Iterable[Sequence[float]], planned_samples: int, repeats: int, pass_k: int | None
) -> tuple[float | None, float | None]:
    if planned_samples < 1 or (pass_k is not None and repeats < pass_k):
        return None, None
    wrong = right = 0.0
    known = 0
    for graded in credits_by_question:
        known += 1
        missing = max(0, repeats - len(graded))
        wrong += _value([*graded, *([0.0] * missing)], pass_k) or 0.0
        right += _value([*graded, *([1.0] * missing)], pass_k) or 0.0
    return wrong / planned_samples, (right + planned_samples - known) / planned_samples


def _by_frequency(counts: Mapping[str, int]) -> dict[str, int]:
    """The order depends on the counts alone, not on who came first."""
    return {str(name): count for name, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))}


def _is_suspicious(counts: dict[Kind, int], questions: Iterable[_Question]) -> bool:
    """All 0 (which all no_answer is, too): a fault of the harness explains that better than a model does."""
    verdicts = sum(count for kind, count in counts.items() if kind.is_verdict)
    return verdicts >= 2 and not any(value > 0.0 for question in questions for value in question.values)
