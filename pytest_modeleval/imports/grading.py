"""The values of another tool become outcomes and measures of ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_modeleval.imports.records import ImportedBenchmark, ImportedItem
from pytest_modeleval.metrics import Measure, mean, ratio
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome

ANSWERED = "answered"
"""The figure of a benchmark that gives no sample a credit from 0 to 1: the share of samples with an answer."""
CUT = "a reply was cut at max_tokens"
MOST_EXPLANATION_CHARS = 2000
MOST_ANSWER_CHARS = 200


@dataclass(slots=True)
class Ranges:
    """What was seen of each value over the items of a benchmark."""

    lowest: dict[str, float] = field(default_factory=dict)
    highest: dict[str, float] = field(default_factory=dict)
    ratios: set[str] = field(default_factory=set)
    """Names whose values are k of n."""

    def see(self, values: Mapping[str, MeasureValue]) -> None:
        for name, value in values.items():
            if not name:
                continue
            if isinstance(value, tuple):
                self.ratios.add(name)
            else:
                self.lowest[name] = min(value, self.lowest.get(name, value))
                self.highest[name] = max(value, self.highest.get(name, value))

    def is_share(self, name: str) -> bool:
        """All values lie between 0 and 1, or are k of n."""
        is_seen = name in self.ratios or name in self.lowest
        return is_seen and self.lowest.get(name, 0.0) >= 0.0 and self.highest.get(name, 0.0) <= 1.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How the items of a benchmark are graded."""

    metric: str
    measures: tuple[Measure, ...]
    is_credit: bool
    """The metric is a value of the tool; otherwise it is the share of samples with an answer."""

    def outcome(self, benchmark: str, item: ImportedItem, *, request_key: str, prompt: str) -> Outcome:
        """The outcome of an item. One without a value of the metric has no verdict."""
        kind, value = self._kind_and_credit(item)
        is_graded = kind.is_verdict
        reply = item.reply or {}
        return Outcome(
            key=ItemKey(benchmark, item.subset, item.sample, item.repeat),
            kind=kind,
            value=value,
            answer=None if item.answer is None else item.answer[-MOST_ANSWER_CHARS:],
            cause="" if kind is Kind.RIGHT else item.cause or _CAUSES[kind],
            explanation=item.explanation[:MOST_EXPLANATION_CHARS],
            target=None if item.target is None else item.target[:MOST_ANSWER_CHARS],
            finish_reason=reply.get("finish_reason"),
            completion_tokens=(reply.get("usage") or {}).get("completion_tokens"),
            total_s=reply.get("total_s"),
            request_key=request_key,
            marks=(CUT,) if item.is_cut and kind is not Kind.TRUNCATED and is_graded else (),
            prompt=prompt,
            measures=self._recorded(item) if is_graded else None,
        )

    def _recorded(self, item: ImportedItem) -> dict[str, MeasureValue]:
        answered: dict[str, MeasureValue] = {} if self.is_credit else {ANSWERED: (float(item.has_answer), 1.0)}
        return {name: value for name, value in item.values.items() if name} | answered

    def _kind_and_credit(self, item: ImportedItem) -> tuple[Kind, float]:
        if item.kind is not None or not item.values:
            return item.kind or Kind.GRADER_ERROR, 0.0
        if not self.is_credit:
            return (Kind.RIGHT, 1.0) if item.has_answer else (Kind.NO_ANSWER, 0.0)
        found = item.values.get(self.metric)
        if found is None:
            return Kind.GRADER_ERROR, 0.0
        # Of k of n, all of them.
        credit = found if not isinstance(found, tuple) else float(found[0] == found[1])
        if credit >= 1.0:
            return Kind.RIGHT, 1.0
        return (self._lost_kind(item) if credit == 0.0 else Kind.WRONG), credit

    def _lost_kind(self, item: ImportedItem) -> Kind:
        """Truncated where that changes no figure: a truncated reply has the worst value of every measure."""
        is_worst = all(
            measure.is_higher_better and measure.low == 0.0 and _is_zero(item.values.get(measure.name, 0.0))
            for measure in self.measures
        )
        if item.is_cut and is_worst:
            return Kind.TRUNCATED
        return Kind.WRONG if item.has_answer else Kind.NO_ANSWER


def _is_zero(value: MeasureValue) -> bool:
    return not (value[0] if isinstance(value, tuple) else value)


_CAUSES: Mapping[Kind, str] = {
    Kind.WRONG: "wrong_answer",
    Kind.NO_ANSWER: "no_answer",
    Kind.TRUNCATED: "truncated",
    Kind.GRADER_ERROR: "no_score",
    Kind.SERVER_ERROR: "server_error",
    Kind.TIMEOUT: "timeout",
    Kind.BAD_RESPONSE: "bad_response",
    Kind.NOT_RUN: "not_run",
}


def scale_of(benchmark: ImportedBenchmark, ranges: Ranges) -> Scale:
    """The metric and the measures, from the values of all items."""
    seen = {*ranges.lowest, *ranges.ratios}
    inner = {name for measure in benchmark.declared.values() for name in measure.of}
    names = [name for name in dict.fromkeys((*benchmark.order, *sorted(seen))) if name in seen and name not in inner]
    measures = [_measure(name, benchmark, ranges) for name in names]
    measures += [measure for measure in benchmark.declared.values() if inner_is_seen(measure, seen)]
    primary = next((name for name in names if ranges.is_share(name) and name not in benchmark.lower_is_better), None)
    if primary is None:
        return Scale(ANSWERED, (ratio(ANSWERED), *measures), is_credit=False)
    return Scale(primary, tuple(measures), is_credit=True)


def inner_is_seen(measure: Measure, seen: set[str]) -> bool:
    """Something recorded the values that a measure is made of."""
    return all(name in seen for name in measure.of)


def _measure(name: str, benchmark: ImportedBenchmark, ranges: Ranges) -> Measure:
    is_higher_better = name not in benchmark.lower_is_better
    if name in ranges.ratios:
        return ratio(name, is_higher_better=is_higher_better)
    high = 1.0 if ranges.is_share(name) else None
    return mean(name, is_higher_better=is_higher_better, low=min(0.0, ranges.lowest[name]), high=high)


def with_kind(items: Sequence[ImportedItem], planned: Mapping[str, Sequence[str]], repeats: int) -> list[ImportedItem]:
    """The items, and one that was not run for each planned one of which the outputs hold nothing."""
    known = {(item.subset, item.sample, item.repeat) for item in items}
    missing = [
        ImportedItem(subset=subset, sample=sample, repeat=repeat, kind=Kind.NOT_RUN, cause="not_in_outputs")
        for subset, samples in planned.items()
        for sample in samples
        for repeat in range(repeats)
        if (subset, sample, repeat) not in known
    ]
    return [*items, *missing]


def without_messages(item: ImportedItem) -> ImportedItem:
    """The item without what the journal holds already."""
    usage = (item.reply or {}).get("usage") or {}
    kept = {name: (item.reply or {}).get(name) for name in ("finish_reason", "total_s")}
    reply = None if item.reply is None else {**kept, "usage": usage}
    return replace(item, messages=(), reply=reply, explanation=item.explanation[:MOST_EXPLANATION_CHARS])
