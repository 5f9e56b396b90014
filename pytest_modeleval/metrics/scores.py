"""Outcomes of one subset become its score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_modeleval.metrics.intervals import Interval, mean_interval, wilson
from pytest_modeleval.metrics.judgements import doubt, widened
from pytest_modeleval.metrics.measures import Measure
from pytest_modeleval.metrics.questions import (
    Answers,
    QuestionMetric,
    answers_by_question,
    question_metric,
    question_value,
)
from pytest_modeleval.records import Kind, Outcome
from pytest_modeleval.results import Score


def score_subset(
    subset: str,
    outcomes: Sequence[Outcome],
    planned_samples: int,
    *,
    metric: str,
    measures: Sequence[Measure] = (),
) -> Score:
    """The score of one subset.

    outcomes: every item of the subset, those without a verdict too. planned_samples: samples that were to be asked;
    items that are planned and not among the outcomes are counted as not_run.
    metric: "mean_acc" or "acc", the mean credit; "pass@k", "pass^k" or "vote@k", where credit 1 is correct and
    anything less is not; or the name of one of `measures`. Raises ValueError for any other.

    Score: one value for each question (the mean over its graded repeats, or pass@k and its like), then the mean over
    questions. right and wrong count their credit, no_answer and truncated count 0, everything else never counts; num
    is the number of questions that have a value. Of a measure: `figures.figure_of`, in the measure's own range.
    Interval: Wilson where every value is 0 or 1, each question was asked once, and none are clustered; otherwise
    `mean_interval` over questions. None where that has none.
    Where a judge was asked several times, its disagreement widens the interval (`judgements`).
    Bounds: the score over all planned items if everything ungraded were wrong, and if it were right; both equal the
    score where all is graded, and enclose it, save that pass@k leaves a question with fewer than k graded repeats out
    of the score but not out of the bounds. None where the metric needs more repeats than are asked, and of a measure
    where something is ungraded.
    """
    measure = next((found for found in measures if found.name == metric), None)
    counts = dict.fromkeys(Kind, 0)
    repeats = 1
    tokens = 0
    causes: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    for outcome in outcomes:
        counts[outcome.kind] += 1
        tokens += outcome.completion_tokens or 0
        repeats = max(repeats, outcome.key.repeat + 1)
        marks.update(outcome.marks)
        if outcome.kind.is_verdict and outcome.kind is not Kind.RIGHT:
            causes[outcome.cause] += 1
    questions = list(answers_by_question(outcomes).values())
    planned_samples = max(planned_samples, len(questions))
    counts[Kind.NOT_RUN] += max(0, planned_samples * repeats - len(outcomes))

    is_graded = all(kind.is_verdict for kind, count in counts.items() if count)
    figure = (
        _of_credits(questions, planned_samples, repeats, question_metric(metric), judge_doubt=doubt(outcomes))
        if measure is None
        else _of_measure(measure, outcomes, is_graded=is_graded)
    )
    interval = figure.interval
    return Score(
        subset=subset,
        num=figure.num,
        planned=planned_samples,
        score=figure.score,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        method=interval.method if interval else "",
        counts=counts,
        repeats=repeats,
        if_ungraded_wrong=figure.if_ungraded_wrong,
        if_ungraded_right=figure.if_ungraded_right,
        is_suspicious=_is_suspicious(counts, questions),
        completion_tokens=tokens,
        causes=_by_frequency(causes),
        marks=_by_frequency(marks),
    )


@dataclass(frozen=True, slots=True)
class _Figure:
    num: int
    score: float | None
    interval: Interval | None
    if_ungraded_wrong: float | None
    if_ungraded_right: float | None


def _of_credits(
    questions: Sequence[Answers], planned_samples: int, repeats: int, metric: QuestionMetric, *, judge_doubt: float
) -> _Figure:
    values: list[float] = []
    clusters: list[str] = []
    for question in questions:
        value = question_value(question, metric)
        if value is not None:
            values.append(value)
            clusters.append(question.cluster)
    score = sum(values) / len(values) if values else None
    interval = widened(
        _interval(values, clusters, repeats),
        score,
        doubt=judge_doubt,
        # One verdict decides a question where it is not averaged with those of the other repeats.
        change=1.0 / max(1, len(values) * (repeats if metric.k is None else 1)),
        high=1.0,
    )
    return _Figure(len(values), score, interval, *_bounds(questions, planned_samples, repeats, metric))


def _of_measure(measure: Measure, outcomes: Sequence[Outcome], *, is_graded: bool) -> _Figure:
    # Imported here: it brings numpy, and most benchmarks declare no measure.
    from pytest_modeleval.metrics.figures import figure_of  # noqa: PLC0415

    figure = figure_of(measure, outcomes)
    bound = figure.value if is_graded else None
    return _Figure(figure.num, figure.value, figure.interval, bound, bound)


def _interval(values: Sequence[float], clusters: Sequence[str], repeats: int) -> Interval | None:
    named = [name for name in clusters if name]
    is_clustered = len(named) > len(set(named))
    if values and repeats == 1 and not is_clustered and all(value in (0.0, 1.0) for value in values):
        return Interval(*wilson(sum(values), len(values)), "wilson")
    return mean_interval(values, clusters if is_clustered else None)


def _bounds(
    questions: Iterable[Answers], planned_samples: int, repeats: int, metric: QuestionMetric
) -> tuple[float | None, float | None]:
    if planned_samples < 1 or (metric.k is not None and repeats < metric.k):
        return None, None
    wrong = right = 0.0
    known = 0
    for question in questions:
        known += 1
        missing = max(0, repeats - len(question.credits))
        if missing and metric.method == "vote@k":
            # Votes that are not in may decide either way.
            right += 1.0
            continue
        if not missing:
            value = question_value(question, metric) or 0.0
            wrong, right = wrong + value, right + value
            continue
        wrong += question_value(Answers([*question.credits, *([0.0] * missing)], texts=question.texts), metric) or 0.0
        right += question_value(Answers([*question.credits, *([1.0] * missing)], texts=question.texts), metric) or 0.0
    return wrong / planned_samples, (right + planned_samples - known) / planned_samples


def _by_frequency(counts: Mapping[str, int]) -> dict[str, int]:
    """The order depends on the counts alone, not on who came first."""
    return {str(name): count for name, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))}


def _is_suspicious(counts: dict[Kind, int], questions: Iterable[Answers]) -> bool:
    """All 0 (which all no_answer is, too): a fault of the harness explains that better than a model does."""
    verdicts = sum(count for kind, count in counts.items() if kind.is_verdict)
    return verdicts >= 2 and not any(value > 0.0 for question in questions for value in question.credits)
