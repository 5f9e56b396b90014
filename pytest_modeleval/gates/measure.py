"""One gate measured by itself: what was seen, how surprising it is, how small a drop could have been seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_modeleval.gates import power
from pytest_modeleval.gates.early_stop import EarlyStop
from pytest_modeleval.gates.evidence import Evidence
from pytest_modeleval.gates.gate import FIGURES, Gate
from pytest_modeleval.gates.mean_gates import measure_ceiling, measure_floor
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.regression import measure_regression
from pytest_modeleval.records import Kind, Outcome
from pytest_modeleval.results import Baseline, Score


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of run and baseline, grouped by benchmark once for all gates."""

    now: Mapping[str, Sequence[Outcome]]
    then: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Evidence, baseline: Baseline | None) -> Outcomes:
        """Group them."""
        now: dict[str, list[Outcome]] = {}
        then: dict[str, list[Outcome]] = {}
        for key, outcome in results.outcomes.items():
            now.setdefault(key.benchmark, []).append(outcome)
        for key, outcome in (baseline.outcomes if baseline is not None else {}).items():
            then.setdefault(key.benchmark, []).append(outcome)
        return cls(now, then)


def measure(
    gate: Gate,
    results: Evidence,
    baseline: Baseline | None,
    outcomes: Outcomes,
    *,
    max_ungraded: float = 0,
    early: EarlyStop | None = None,
) -> Measurement:
    """Measure one gate. max_ungraded, early: see judge_in_detail."""
    summary = next((entry for entry in results.summary.benchmarks if entry.benchmark == gate.benchmark), None)
    scores = [score for score in summary.subsets if gate.subset in ("", score.subset)] if summary else []
    if summary is None or not scores:
        return cannot_judge(
            gate, f"{gate.scope}: nothing of it is in this run; select it with -k, or leave this gate out"
        )
    aggregate = next((entry for entry in summary.aggregates if entry.name == gate.aggregate), None)
    if gate.aggregate and (aggregate is None or aggregate.is_partial):
        note = aggregate.note if aggregate and aggregate.note else "not all of its parts were run"
        return cannot_judge(gate, f"{gate.scope} is incomplete, {note}; run its missing parts")
    is_stopped = early is not None and early.is_decided(gate)
    if text := _ungraded(gate, scores, max_ungraded, is_stopped=is_stopped):
        return cannot_judge(gate, text)
    now = [out for out in outcomes.now.get(gate.benchmark, ()) if gate.subset in ("", out.key.subset)]
    if is_stopped:
        # What was not asked was not needed: it is no missing verdict.
        now = [out for out in now if out.kind is not Kind.NOT_RUN]
    if gate.kind == "regression":
        then = outcomes.then.get(gate.benchmark, ())
        found = measure_regression(gate, results, baseline, now=now, then=then, metric=summary.metric)
        whole = aggregate or (scores[0] if len(scores) == 1 else None)
        if whole is not None and not found.obstacle and found.pairs is not None and not found.pairs.unpaired:
            found = replace(found, low=whole.low, high=whole.high)
    elif gate.kind == "floor":
        found = measure_floor(gate, results, now, summary.metric)
        if aggregate is not None and not found.obstacle:
            found = replace(found, low=aggregate.low, high=aggregate.high)
    else:
        found = measure_ceiling(gate, now)
    if not found.obstacle and found.n < gate.min_samples:
        text = f"{gate.scope}: expected at least {gate.min_samples} questions (min_samples), found {found.n}"
        return cannot_judge(gate, text, n=found.n, is_undecided=True)
    return _sequential(found, early) if early is not None and not found.obstacle else found


def _ungraded(gate: Gate, scores: Sequence[Score], max_ungraded: float, *, is_stopped: bool) -> str:
    """Why too much is ungraded; "" if it is within the limit, or if counting it is the very task of the gate.

    What was never asked is of no use to that gate either: it is neither answered nor lost.
    """
    kinds = {kind: sum(score.counts.get(kind, 0) for score in scores) for kind in Kind if not kind.is_verdict}
    if is_stopped:
        del kinds[Kind.NOT_RUN]
    if gate.of == "ungraded":
        kinds = {kind: number for kind, number in kinds.items() if kind is Kind.NOT_RUN}
    items, count = sum(score.items for score in scores), sum(kinds.values())
    allowed = max_ungraded if gate.max_ungraded is None else gate.max_ungraded
    most = allowed * items if gate.max_ungraded is not None or 0 < allowed < 1 else allowed
    if count <= most:
        return ""
    named = ", ".join(f"{number} {kind.label}" for kind, number in kinds.items() if number)
    return (
        f"{gate.scope}: {count} of {items} items have no verdict ({named}), more than the {most:g} allowed;"
        " the same command again asks for them again"
    )


def _sequential(found: Measurement, early: EarlyStop) -> Measurement:
    """The finding with the anytime-valid p-value of a run that was allowed to stop, and the drop that this finds."""
    gate = found.gate
    p = early.p_value(gate)
    if p is None:
        return found
    planned = max(found.n, early.planned(gate))
    if found.pairs is None:
        limit = 1.0 - gate.quantile if gate.of in FIGURES else gate.limit
        return replace(
            found,
            p=p,
            is_early=True,
            detectable=lambda alpha: power.detectable_shortfall_early(
                planned, limit, alpha=alpha, is_floor=gate.kind == "floor"
            ),
        )
    return replace(
        found,
        p=p,
        is_early=True,
        detectable=lambda alpha: power.detectable_drop_of_means(
            planned, found.noise, alpha=alpha, margin=gate.limit, is_early=True
        ),
    )
