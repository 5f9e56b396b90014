"""Rows of scores and sentences of counts, in the same words and roundings for every report. Pure.

The only arithmetic here is sums of counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor, isfinite, log10

from pytest_modeleval.records import UNGRADED, Kind
from pytest_modeleval.reports.text_layout import counted, one_line
from pytest_modeleval.results import (
    SHARE,
    AggregateScore,
    BenchmarkSummary,
    MeasureScore,
    PartScore,
    RunSummary,
    Scale,
    Score,
)

NONE = "-"
# Names of the mean over all subsets that is shown next to the official one (metrics.aggregates).
TWINS = ("MICRO", "MACRO")


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One line of the table of scores.

    metric: its name, with the range and the direction where they are not 0 to 1 and upwards.
    score: four decimals, in another range four digits and the unit;
    "partial" for an aggregate with missing parts, "-" where there is none.
    interval: "0.680-0.913" or "-". value, low, high: the same as numbers, for charts.
    counts: items of every kind; ungraded: items without a verdict. Both None for an aggregate, whose subsets show them,
    and for a part of a subset.
    """

    dataset: str
    metric: str
    subset: str
    num: int
    score: str
    interval: str
    value: float | None
    low: float | None
    high: float | None
    ungraded: int | None = None
    counts: Mapping[Kind, int] | None = None
    is_aggregate: bool = False
    is_partial: bool = False
    is_suspicious: bool = False
    is_part: bool = False
    is_official: bool = False
    scale: Scale = SHARE

    @property
    def is_higher_better(self) -> bool:
        """Of its scores."""
        return self.scale.is_higher_better


def score_rows(summary: RunSummary) -> list[ScoreRow]:
    """One row for each subset, each with its parts below it, then one for each aggregate, benchmark by benchmark."""
    rows = []
    for entry in summary.benchmarks:
        for score in entry.subsets:
            rows.append(_subset_row(entry, score))
            rows += [_part_row(entry, part) for part in entry.parts if part.score.subset == score.subset]
            rows += [_measure_row(entry, found) for found in entry.measures if found.score.subset == score.subset]
        rows += [_aggregate_row(entry, score) for score in entry.aggregates]
    return rows


def score_text(score: float | None) -> str:
    """A score with four decimals; "-" for None. Only a true 0 or 1 prints as 0.0000 or 1.0000."""
    if score is None:
        return NONE
    text = f"{score:.4f}"
    # Rounding would hide one wrong answer among twenty thousand, or one right one.
    if text == "1.0000" and score < 1.0:
        return "0.9999"
    return "0.0001" if text == "0.0000" and score > 0.0 else text


def figure_text(value: float | None, scale: Scale) -> str:
    """A value in its scale: a share as `score_text`; any other with four significant digits and its unit, "1.700 s"."""
    if value is None or scale.is_share:
        return score_text(value)
    return f"{_digits(value)} {one_line(scale.unit)}".rstrip()


def figure_interval_text(low: float | None, high: float | None, scale: Scale) -> str:
    """As `interval_text`, in a scale, without the unit."""
    if low is None or high is None or scale.is_share:
        return interval_text(low, high)
    return f"{_digits(low)}{' to ' if low < 0 else '-'}{_digits(high)}"


def metric_text(name: str, scale: Scale) -> str:
    """A metric with all that its figures need to be read: "tokens (from 0, lower is better)"."""
    is_usual = (scale.low, scale.high) == (0.0, 1.0)
    ends = f"from {scale.low:g}" if scale.high is None else f"{scale.low:g} to {scale.high:g}"
    said = [*([] if is_usual else [ends]), *([] if scale.is_higher_better else ["lower is better"])]
    return f"{one_line(name)} ({', '.join(said)})" if said else one_line(name)


def _digits(value: float) -> str:
    after = 3 - floor(log10(abs(value))) if value and isfinite(value) else 1
    return f"{value:,.{min(max(after, 0), 9)}f}"


def interval_text(low: float | None, high: float | None) -> str:
    """A 95 % interval with three decimals; "-" where there is none."""
    return NONE if low is None or high is None else f"{low:.3f}-{high:.3f}"


def ungraded_of(score: Score) -> int:
    """Items without a verdict, those that left no record at all included."""
    return score.ungraded + unrecorded_of(score)


def run_counts(summary: RunSummary) -> dict[Kind, int]:
    """Items of every kind over the run, in the order of the kinds."""
    scores = [score for entry in summary.benchmarks for score in entry.subsets]
    return {kind: sum(score.counts.get(kind, 0) for score in scores) for kind in Kind}


def unrecorded_items(summary: RunSummary) -> int:
    """Planned items that no count holds. 0 in a sound summary; shown where not, so that the counts always add up."""
    return sum(unrecorded_of(score) for entry in summary.benchmarks for score in entry.subsets)


def counts_sentence(summary: RunSummary) -> str:
    """How many items of each kind, adding up to all that were planned.

    "120 items: 84 right, 30 wrong, 3 no answer, 2 truncated, 1 ungraded (1 timeout)."
    """
    counts = run_counts(summary)
    lost = unrecorded_items(summary)
    total = sum(counts.values()) + lost
    verdicts = [(kind, counts[kind]) for kind in Kind if kind.is_verdict]
    shown = [
        f"{count:,} {kind.label}" for kind, count in verdicts if count or kind in (Kind.RIGHT, Kind.WRONG) or not total
    ]
    parts = ungraded_parts(counts, lost)
    left = sum(counts[kind] for kind in UNGRADED) + lost
    shown.append(f"{left:,} ungraded" + (f" ({parts})" if parts else ""))
    return f"{counted(total, 'item')}: {', '.join(shown)}."


def ungraded_parts(counts: Mapping[Kind, int], unrecorded: int = 0) -> str:
    """Why items have no verdict: "2 timeout, 1 server error"; "" if all have one."""
    parts = [f"{counts.get(kind, 0):,} {kind.label}" for kind in UNGRADED if counts.get(kind, 0)]
    if unrecorded:
        parts.append(f"{unrecorded:,} without a record")
    return ", ".join(parts)


def unrecorded_of(score: Score) -> int:
    """Planned items of a subset that no count holds."""
    return max(0, score.planned * max(1, score.repeats) - score.items - score.stopped_early)


def _subset_row(entry: BenchmarkSummary, score: Score) -> ScoreRow:
    return replace(
        _row(entry, score, metric=entry.metric, name=one_line(score.subset), scale=entry.scale),
        ungraded=ungraded_of(score),
        counts=score.counts,
        is_suspicious=score.is_suspicious,
    )


def _part_row(entry: BenchmarkSummary, part: PartScore) -> ScoreRow:
    name = f"- {one_line(part.group)}" if part.by else one_line(part.score.subset)
    return replace(_row(entry, part.score, metric=part.metric, name=name, scale=_part_scale(entry, part)), is_part=True)


def _measure_row(entry: BenchmarkSummary, measure: MeasureScore) -> ScoreRow:
    name = one_line(measure.score.subset)
    return replace(_row(entry, measure.score, metric=measure.name, name=name, scale=measure.scale), is_part=True)


def _part_scale(entry: BenchmarkSummary, part: PartScore) -> Scale:
    return entry.scale if part.metric == entry.metric else SHARE


def _row(entry: BenchmarkSummary, score: Score, *, metric: str, name: str, scale: Scale) -> ScoreRow:
    """What the rows of a subset and of a part of one have in common."""
    return ScoreRow(
        dataset=one_line(entry.benchmark),
        metric=metric_text(metric, scale),
        subset=name,
        num=score.num,
        score=figure_text(score.score, scale),
        interval=figure_interval_text(score.low, score.high, scale),
        value=score.score,
        low=score.low,
        high=score.high,
        scale=scale,
    )


def _aggregate_row(entry: BenchmarkSummary, score: AggregateScore) -> ScoreRow:
    is_whole = not score.is_partial
    # Only where the other kind of mean over all stands next to it does it need a mark.
    is_official = score.is_official and any(other.name in TWINS for other in entry.aggregates)
    return ScoreRow(
        dataset=one_line(entry.benchmark),
        metric=metric_text(entry.metric, entry.scale),
        subset=one_line(score.name) + (" (official)" if is_official else ""),
        num=score.num,
        # A number here would be read as the score of the whole.
        score=figure_text(score.score, entry.scale) if is_whole else "partial",
        interval=figure_interval_text(score.low, score.high, entry.scale) if is_whole else NONE,
        value=score.score if is_whole else None,
        low=score.low if is_whole else score.at_least,
        high=score.high if is_whole else score.at_most,
        is_aggregate=True,
        is_partial=score.is_partial,
        is_official=is_official,
        scale=entry.scale,
    )
