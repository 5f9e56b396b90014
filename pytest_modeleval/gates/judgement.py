"""Gates, a run and a baseline become verdicts. Pure.

First every gate is measured by itself, to a p-value or a bare comparison; then Holm's adjustment looks at all of them
together; only then is anything passed or failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from pytest_modeleval.gates.early_stop import EarlyStop
from pytest_modeleval.gates.evidence import Evidence, by_benchmark
from pytest_modeleval.gates.exact_tests import holm
from pytest_modeleval.gates.gate import Gate, GateFile
from pytest_modeleval.gates.kinds import KINDS
from pytest_modeleval.gates.measured import judged_measure, measure_figure
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.points import measure_points
from pytest_modeleval.gates.scope import Scope
from pytest_modeleval.gates.trust import measure_record, trust, withhold
from pytest_modeleval.gates.verdict_text import explain
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import (
    BLIND_ABOVE,
    CANNOT_JUDGE,
    FAILED,
    PASSED,
    AggregateScore,
    Baseline,
    BenchmarkSummary,
    GateVerdict,
    Score,
)

_NO_RECORDS: Mapping[str, Baseline] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the figures behind it."""

    gate: Gate
    verdict: str
    reason: str

    measurement: Measurement
    """What the gate saw."""

    adjusted_p: float | None = None
    """The p-value after Holm; None where nothing was tested."""

    alpha: float | None = None
    """What adjusted_p is held against."""

    detectable: float | None = None
    """The smallest drop (or distance beyond the limit) that this gate finds four times in five at its level, which is
    alpha over the number of tests. None where it finds none, or where bare numbers were compared."""

    is_undecided: bool = False
    """More repeats or samples could turn "cannot judge" into a verdict."""

    @property
    def n(self) -> int:
        """Questions judged."""
        return self.measurement.n

    @property
    def p(self) -> float | None:
        """The p-value of this gate alone; None where it has no verdict or bare numbers were compared."""
        return self.measurement.p

    def as_verdict(self) -> GateVerdict:
        """The verdict as the summary holds it."""
        found = self.measurement
        is_share = found.measure is None or found.measure.scale.is_share
        return GateVerdict(
            self.gate.name,
            self.verdict,
            self.reason,
            kind=self.gate.kind,
            score=found.seen,
            low=found.low,
            high=found.high,
            n=found.n,
            p=found.p,
            adjusted_p=self.adjusted_p,
            alpha=self.alpha,
            limit=self.gate.limit,
            # In points only where the figure is a share.
            detectable=self.detectable if is_share else None,
            measure=found.measure.name if found.measure is not None else (self.gate.measure if found.points else ""),
            point=found.points[0].point if found.points else "",
            unit=found.points[0].unit if found.points else "",
            newly_wrong=found.pairs.losses if found.pairs is not None else None,
            newly_right=found.pairs.gains if found.pairs is not None else None,
            drop=found.pairs.drop if found.pairs is not None and is_share else None,
        )


def judge(
    gates: GateFile,
    results: Evidence,
    baseline: Baseline | None,
    *,
    max_ungraded: float = 0,
    early: EarlyStop | None = None,
    looks: int = 1,
    records: Mapping[str, Baseline] = _NO_RECORDS,
) -> tuple[GateVerdict, ...]:
    """The verdict of every gate, in the order of the file; the parameters are those of judge_in_detail."""
    detailed = judge_in_detail(
        gates, results, baseline, max_ungraded=max_ungraded, early=early, looks=looks, records=records
    )
    return tuple(entry.as_verdict() for entry in detailed)


def judge_in_detail(
    gates: GateFile,
    results: Evidence,
    baseline: Baseline | None,
    *,
    max_ungraded: float = 0,
    early: EarlyStop | None = None,
    looks: int = 1,
    records: Mapping[str, Baseline] = _NO_RECORDS,
) -> tuple[Judgement, ...]:
    """The verdict of every gate with its figures.

    max_ungraded: items without a verdict that a gate may have and still be judged: a number of items, or below 1 a
    share of them. early: what a run that stopped early has seen; its anytime p-values then take the place of the
    fixed tests. looks: how often these gates are judged on a growing run (--eval-repeat-until-decided K); alpha is
    shared out over the looks, so that all of them together raise a false alarm with a chance of at most alpha.
    records: judge gate -> the stored run of the judge that it names.
    """
    now = by_benchmark(results.outcomes)
    then = by_benchmark(baseline.outcomes) if baseline is not None else {}
    measured = [
        measure_record(gate, records[gate.name], results.identities, looks=looks)
        if gate.name in records
        else _measure(
            gate,
            results,
            baseline,
            now=now.get(gate.benchmark, []),
            then=then.get(gate.benchmark, []),
            max_ungraded=max_ungraded,
            early=early,
        )
        for gate in gates.gates
    ]
    measured = withhold([trust(found, results.identities, looks=looks) for found in measured])
    tests = {found.gate.name: found.p for found in measured if found.p is not None}
    adjusted = holm(tests) if gates.is_holm else tests
    family = len(tests) if gates.is_holm else 1
    return tuple(_decide(found, adjusted, family, looks) for found in measured)


def to_repeat(judgements: Sequence[Judgement], keys: Iterable[ItemKey]) -> list[ItemKey]:
    """Of these items, the ones whose repetition could turn "cannot judge" into a verdict.

    Only gates that lack data are served; one without a baseline stays as it is however often it asks. Judge the
    growing run with looks= the most looks there will be, or the last look decides too easily.
    """
    undecided = [entry.gate for entry in judgements if entry.is_undecided]
    return [key for key in keys if any(gate.covers(key.benchmark, key.subset) for gate in undecided)]


def _measure(
    gate: Gate,
    results: Evidence,
    baseline: Baseline | None,
    *,
    now: Sequence[Outcome],
    then: Sequence[Outcome],
    max_ungraded: float,
    early: EarlyStop | None,
) -> Measurement:
    """Measure one gate. now, then: the outcomes of its benchmark in run and baseline."""
    if gate.is_of_points:
        return measure_points(gate, results, baseline)
    summary = next((entry for entry in results.summary.benchmarks if entry.benchmark == gate.benchmark), None)
    is_stopped = early is not None and early.is_decided(gate)
    if obstacle := _obstacle(gate, summary, max_ungraded, is_stopped=is_stopped):
        return cannot_judge(gate, obstacle)
    assert summary is not None
    measure = judged_measure(gate, summary.metric, results.measures.get(gate.benchmark, ()))
    look = measure_figure if gate.measure or measure is not None else KINDS[gate.kind].measure
    found = look(
        Scope(
            gate=gate,
            metric=summary.metric,
            scores=_scores(gate, summary),
            aggregate=_aggregate(gate, summary),
            declared=results.aggregates.get(gate.benchmark, ()),
            now=_counted(gate, now, is_stopped=is_stopped),
            then=then,
            baseline=baseline,
            identity=results.identities.get(gate.benchmark),
            measure=measure,
        )
    )
    if not found.obstacle and found.n < gate.min_samples:
        text = f"{gate.scope}: expected at least {gate.min_samples} questions (min_samples), found {found.n}"
        return cannot_judge(gate, text, n=found.n, is_undecided=True)
    return _looked_at_early(found, early) if early is not None and not found.obstacle else found


def _counted(gate: Gate, outcomes: Sequence[Outcome], *, is_stopped: bool) -> list[Outcome]:
    """The outcomes that the gate looks at.

    Where the gate stopped the run, an item that was not asked was not needed: it is no missing verdict.
    """
    own = [outcome for outcome in outcomes if gate.subset in ("", outcome.key.subset)]
    return [outcome for outcome in own if outcome.kind is not Kind.NOT_RUN] if is_stopped else own


def _obstacle(gate: Gate, summary: BenchmarkSummary | None, max_ungraded: float, *, is_stopped: bool) -> str:
    """Why a gate of any kind cannot look at this run; "" if it can."""
    scores = _scores(gate, summary) if summary is not None else []
    if summary is None or not scores:
        return f"{gate.scope}: nothing of it is in this run; select it with -k, or leave this gate out"
    aggregate = _aggregate(gate, summary)
    if gate.aggregate and (aggregate is None or aggregate.is_partial):
        note = aggregate.note if aggregate and aggregate.note else "not all of its parts were run"
        return f"{gate.scope} is incomplete, {note}; run its missing parts"
    return _too_much_ungraded(gate, scores, max_ungraded, is_stopped=is_stopped)


def _scores(gate: Gate, summary: BenchmarkSummary) -> list[Score]:
    return [score for score in summary.subsets if gate.subset in ("", score.subset)]


def _aggregate(gate: Gate, summary: BenchmarkSummary) -> AggregateScore | None:
    return next((entry for entry in summary.aggregates if entry.name == gate.aggregate), None)


def _too_much_ungraded(gate: Gate, scores: Sequence[Score], max_ungraded: float, *, is_stopped: bool) -> str:
    """Why too much is ungraded; "" if it is within the limit.

    A gate that counts ungraded items is not stopped by them; but an item that was never asked is of no use to it
    either, since it is neither answered nor lost.
    """
    kinds = {kind: sum(score.counts.get(kind, 0) for score in scores) for kind in _missing_kinds(gate, is_stopped)}
    items, count = sum(score.items for score in scores), sum(kinds.values())
    is_own = gate.max_ungraded is not None
    allowed = gate.max_ungraded if gate.max_ungraded is not None else max_ungraded
    most = allowed * items if is_own or 0 < allowed < 1 else allowed
    if count <= most:
        return ""
    named = ", ".join(f"{number} {kind.label}" for kind, number in kinds.items() if number)
    return (
        f"{gate.scope}: {count} of {items} items have no verdict ({named}), more than the {most:g} allowed;"
        " the same command again asks for them again"
    )


def _missing_kinds(gate: Gate, is_stopped: bool) -> list[Kind]:
    """The kinds of items that a gate misses. An item that was not needed (is_stopped) is not missed."""
    lost: list[Kind] = []
    if not gate.counts_ungraded:
        lost = [kind for kind in Kind if not kind.is_verdict and kind is not Kind.NOT_RUN]
    return lost if is_stopped else [*lost, Kind.NOT_RUN]


def _looked_at_early(found: Measurement, early: EarlyStop) -> Measurement:
    """The measurement with the anytime-valid p-value of a run that may stop, and the effect that this finds."""
    p = early.p_value(found.gate)
    if p is None:
        return found
    planned = max(found.n, early.planned(found.gate))
    return replace(found, p=p, is_early=True, detectable=lambda alpha: found.detectable_early(planned, alpha))


def _is_blind(found: Measurement, detectable: float) -> bool:
    """The gate could not have seen what it must see.

    That is its `detect`; without one, the distance at which the bare number lies beyond a fixed limit, where that is
    more than a few points: a score of 0.55 does not pass a floor of 0.80 because there were only 20 questions. (A run
    that stopped early has settled its verdict by then.)
    """
    if found.gate.detect is not None:
        return detectable > found.gate.detect
    return not found.is_early and BLIND_ABOVE < found.beyond < detectable


def _tested(found: Measurement, p: float, alpha: float) -> str:
    """The verdict by p-values alone."""
    if p <= alpha:
        return FAILED
    is_kept = found.p_held is None or found.p_held <= alpha
    return PASSED if is_kept and not found.doubt else CANNOT_JUDGE


def _decide(found: Measurement, adjusted: Mapping[str, float], family: int, looks: int) -> Judgement:
    gate = found.gate
    if found.obstacle:
        return Judgement(gate, CANNOT_JUDGE, found.obstacle, found, is_undecided=found.is_undecided)
    if found.statement:
        return Judgement(gate, PASSED, found.statement, found)
    if found.p is None:
        verdict = FAILED if found.is_beyond else PASSED
        return Judgement(gate, verdict, explain(found, verdict), found)
    alpha = gate.alpha / looks
    p = adjusted[gate.name]
    detectable = found.detectable(alpha / max(1, family))
    verdict, is_undecided = _tested(found, p, alpha), False
    if found.p_held is not None:
        # It passes for what it has shown, not for want of a failure, so that there is nothing that it could miss.
        text = explain(found, verdict, p=p, alpha=alpha, family=family)
        return Judgement(gate, verdict, text, found, adjusted_p=p, alpha=alpha)
    if verdict == PASSED and (detectable is None or detectable > found.most_detectable):
        verdict, is_undecided, detectable = CANNOT_JUDGE, True, None
    elif verdict == PASSED and detectable is not None and _is_blind(found, detectable):
        verdict, is_undecided = CANNOT_JUDGE, True
    text = explain(found, verdict, p=p, alpha=alpha, family=family, looks=looks, detectable=detectable)
    return Judgement(
        gate, verdict, text, found, adjusted_p=p, alpha=alpha, detectable=detectable, is_undecided=is_undecided
    )
