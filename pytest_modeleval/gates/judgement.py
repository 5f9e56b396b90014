"""Gates, a run and a baseline become verdicts. Pure.

First every gate is measured by itself, to a p-value or a bare comparison; then Holm's adjustment looks at all of them
together; only then is anything passed or failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_modeleval.gates.early_stop import EarlyStop
from pytest_modeleval.gates.evidence import Evidence
from pytest_modeleval.gates.exact_tests import holm
from pytest_modeleval.gates.gate import Gate, GateFile
from pytest_modeleval.gates.measure import Outcomes, measure
from pytest_modeleval.gates.measurement import Measurement
from pytest_modeleval.gates.verdict_text import reason
from pytest_modeleval.records import ItemKey
from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED, Baseline, GateVerdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the figures behind it.

    p: of this gate alone; adjusted_p: after Holm; alpha: what it is held against; all None where nothing was tested.
    detectable: smallest drop (or
    distance beyond the limit) that this gate finds four times in five, at the level alpha_each that it had; None
    where it finds none, or where bare numbers were compared. n: questions judged.
    is_undecided: more repeats or samples could turn "cannot judge" into a verdict. found: what the gate saw.
    """

    gate: Gate
    verdict: str
    reason: str
    n: int
    p: float | None = None
    adjusted_p: float | None = None
    alpha: float | None = None
    alpha_each: float | None = None
    detectable: float | None = None
    is_undecided: bool = False
    found: Measurement | None = None

    def as_verdict(self) -> GateVerdict:
        """The same as a noun of the summary."""
        found = self.found
        pairs = found.pairs if found is not None else None
        is_seen = found is not None and not found.obstacle
        return GateVerdict(
            self.gate.name,
            self.verdict,
            self.reason,
            kind=self.gate.kind,
            score=found.seen if found is not None and is_seen else None,
            low=found.low if found is not None and is_seen else None,
            high=found.high if found is not None and is_seen else None,
            n=self.n,
            p=self.p,
            adjusted_p=self.adjusted_p,
            alpha=self.alpha,
            detectable=self.detectable,
            newly_wrong=pairs.losses if pairs is not None else None,
            newly_right=pairs.gains if pairs is not None else None,
        )


def judge(
    gates: GateFile,
    results: Evidence,
    baseline: Baseline | None,
    *,
    max_ungraded: float = 0,
    early: EarlyStop | None = None,
    looks: int = 1,
) -> tuple[GateVerdict, ...]:
    """The verdict of every gate, in the order of the file; see judge_in_detail."""
    detailed = judge_in_detail(gates, results, baseline, max_ungraded=max_ungraded, early=early, looks=looks)
    return tuple(entry.as_verdict() for entry in detailed)


def judge_in_detail(
    gates: GateFile,
    results: Evidence,
    baseline: Baseline | None,
    *,
    max_ungraded: float = 0,
    early: EarlyStop | None = None,
    looks: int = 1,
) -> tuple[Judgement, ...]:
    """The verdict of every gate with its figures.

    max_ungraded: items without a verdict that a gate may have and still be judged: a number of items, or below 1 a
    share of them. early: what a run that stopped early has seen; its anytime p-values then take the place of the
    fixed tests. looks: how often these gates are judged on a growing run (--eval-repeat-until-decided K); alpha is
    shared out over the looks, so that all of them together raise a false alarm with a chance of at most alpha.
    """
    outcomes = Outcomes.of(results, baseline)
    findings = [
        measure(gate, results, baseline, outcomes, max_ungraded=max_ungraded, early=early) for gate in gates.gates
    ]
    tests = {found.gate.name: found.p for found in findings if found.p is not None}
    adjusted = holm(tests) if gates.is_holm else tests
    family = len(tests) if gates.is_holm else 1
    return tuple(_decide(found, adjusted, family, looks, baseline) for found in findings)


def to_repeat(judgements: Sequence[Judgement], keys: Iterable[ItemKey]) -> list[ItemKey]:
    """Of these items, the ones whose repetition could turn "cannot judge" into a verdict.

    Only gates that lack data are served; one without a baseline stays as it is however often it asks. Judge the
    growing run with looks= the most looks there will be, or the last look decides too easily.
    """
    undecided = [entry.gate for entry in judgements if entry.is_undecided]
    return [
        key
        for key in keys
        if any(gate.benchmark == key.benchmark and gate.subset in ("", key.subset) for gate in undecided)
    ]


def _decide(
    found: Measurement, adjusted: Mapping[str, float], family: int, looks: int, baseline: Baseline | None
) -> Judgement:
    gate = found.gate
    if found.obstacle:
        return Judgement(gate, CANNOT_JUDGE, found.obstacle, found.n, is_undecided=found.is_undecided, found=found)
    if found.p is None:
        verdict = FAILED if found.is_beyond else PASSED
        return Judgement(gate, verdict, reason(found, verdict, baseline), found.n, found=found)
    alpha = gate.alpha / looks
    each = alpha / max(1, family)
    p = adjusted[gate.name]
    detectable = found.detectable(each)
    verdict, is_undecided = FAILED if p <= alpha else PASSED, False
    if verdict == PASSED and (detectable is None or detectable > found.most_detectable):
        verdict, is_undecided, detectable = CANNOT_JUDGE, True, None
    elif verdict == PASSED and gate.detect is not None and detectable is not None and detectable > gate.detect:
        verdict, is_undecided = CANNOT_JUDGE, True
    text = reason(found, verdict, baseline, p=p, alpha=alpha, family=family, looks=looks, detectable=detectable)
    return Judgement(gate, verdict, text, found.n, found.p, p, alpha, each, detectable, is_undecided, found)
