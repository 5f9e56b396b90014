"""Gates over operating points: what one sees of a finished run, and whether a planned run can be judged. Pure.

A gate that names no point is about every point of the run: it fails if one of them fails, at alpha shared out over the
points (Bonferroni), and passes only if each of them passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pytest_modeleval.gates.evidence import Evidence
from pytest_modeleval.gates.gate import Gate
from pytest_modeleval.gates.kinds import KINDS, is_against_baseline
from pytest_modeleval.gates.measurement import Measurement, cannot_judge, finds_nothing
from pytest_modeleval.gates.point_finding import PointFinding, PointScope
from pytest_modeleval.gates.regression import baseline_obstacle, lacks_baseline
from pytest_modeleval.gates.scope import PlannedScope
from pytest_modeleval.results import Baseline, ExperimentIdentity
from pytest_modeleval.stress.point import PointResult

_MOST_NAMED = 8
# How parameters of an identity begin that are options of the page (experiment.named_options).
_OPTION = "option "


def measure_points(gate: Gate, evidence: Evidence, baseline: Baseline | None) -> Measurement:
    """What a gate over operating points sees in a finished run."""
    measured = evidence.points.get(gate.benchmark, ())
    own = [result for result in measured if not result.role and gate.point in ("", result.point)]
    if not own:
        return cannot_judge(gate, _no_such_point(gate, [result.point for result in measured]))
    is_baseline = is_against_baseline(gate)
    if is_baseline and (obstacle := _baseline_obstacle(gate, baseline, evidence.identities.get(gate.benchmark))):
        return replace(cannot_judge(gate, obstacle), lacks_baseline=lacks_baseline(gate, baseline))
    then, against = _other_side(gate, measured, baseline if is_baseline else None)
    found = [_finding(gate, result, evidence, then.get(result.point), against) for result in own]
    return _together(gate, sorted(found, key=lambda finding: (bool(finding.obstacle), finding.p)))


def _other_side(
    gate: Gate, measured: Sequence[PointResult], baseline: Baseline | None
) -> tuple[Mapping[str, PointResult], str]:
    """Point -> the result to compare with, and how messages call it."""
    if baseline is not None:
        results: Iterable[PointResult] = baseline.points.get(gate.benchmark, ())
        return {
            result.point: result for result in results if not result.role
        }, f"{baseline.label} ({baseline.made_utc[:10]})"
    return {result.point: result for result in measured if result.role and result.role == gate.against}, gate.against


def _finding(
    gate: Gate, result: PointResult, evidence: Evidence, before: PointResult | None, against: str
) -> PointFinding:
    look = KINDS[gate.kind].measure_point
    if result.unjudged or look is None:
        return PointFinding(point=result.point, obstacle=result.unjudged or f"a {gate.kind} gate judges no points")
    timings = partial(evidence.timings, gate.benchmark, result.point) if evidence.timings is not None else None
    return look(PointScope(gate=gate, result=result, timings=timings, before=before, against=against))


def _together(gate: Gate, found: Sequence[PointFinding]) -> Measurement:
    """The measurement of a gate from what it sees of each point, the smallest p-value first."""
    judged = [finding for finding in found if not finding.obstacle]
    if not judged:
        return cannot_judge(gate, "; ".join(f"{gate.benchmark} {name}" for name in _obstacles(found)))
    worst = judged[0]
    few = next((finding for finding in judged if finding.num < gate.min_samples), None)
    if few is not None:
        text = f"{gate.benchmark} {few.point}: expected at least {gate.min_samples} requests (min_samples)"
        return cannot_judge(gate, f"{text}, found {few.num}", n=few.num)
    held = [finding.p_held for finding in judged if finding.p_held is not None]
    return Measurement(
        gate=gate,
        seen=worst.value,
        low=worst.low,
        high=worst.high,
        n=worst.num,
        p=min(1.0, worst.p * len(judged)),
        p_held=max(held) if held else None,
        detectable=_detectable(gate, judged),
        against=worst.against,
        points=tuple(found),
        doubt="; ".join(_obstacles(found)),
    )


def _obstacles(found: Iterable[PointFinding]) -> list[str]:
    return [f"{finding.point}: {finding.obstacle}" for finding in found if finding.obstacle]


def _detectable(gate: Gate, judged: Sequence[PointFinding]) -> Callable[[float], float | None]:
    """Level -> the change that is found four times in five at every point."""
    changes = [finding.change.detectable(gate.limit) for finding in judged if finding.change is not None]
    if not changes:
        return finds_nothing
    return lambda alpha: max(found(alpha / len(judged)) or 0.0 for found in changes)


def points_obstacle(planned: PlannedScope) -> str:
    """Why a planned run cannot judge a gate over points, without its full stop; "" if it can."""
    gate, baseline = planned.gate, planned.baseline
    names = [sample for _, sample in planned.questions]
    if gate.point and gate.point not in names:
        return _no_such_point(gate, names)
    if not is_against_baseline(gate):
        return ""
    if obstacle := _baseline_obstacle(gate, baseline, planned.identity):
        return obstacle
    assert baseline is not None
    kept = [result.point for result in baseline.points.get(gate.benchmark, ())]
    if missing := [name for name in names if gate.point in ("", name) and name not in kept]:
        return f"{gate.scope}: {baseline.label} has no {_named(missing)}; it has {_named(kept)}"
    return ""


def _baseline_obstacle(gate: Gate, baseline: Baseline | None, identity: ExperimentIdentity | None) -> str:
    """Why no point of the baseline can be compared; "" if those can that both have.

    Which points there are, how long each was measured and its random prompts are no part of how one was asked: a
    point's name says what was sent and at which load.
    """
    then = baseline.identities.get(gate.benchmark) if baseline is not None else None
    if then is None or identity is None:
        return baseline_obstacle(gate, baseline, identity)
    own = {name: value for name, value in identity.params.items() if not name.startswith(_OPTION)}
    options = {name: value for name, value in then.params.items() if name.startswith(_OPTION)}
    alike = replace(
        identity,
        data_sha256=then.data_sha256,
        prompts={},
        prompt_sha256=then.prompt_sha256,
        params={**own, **options},
    )
    return baseline_obstacle(gate, baseline, alike)


def lacks_points(planned: PlannedScope) -> bool:
    """Whether there is nothing yet to compare with."""
    return is_against_baseline(planned.gate) and lacks_baseline(planned.gate, planned.baseline)


def _no_such_point(gate: Gate, names: Sequence[str]) -> str:
    if not names:
        return f"{gate.scope}: no operating point was measured in this run; select {gate.benchmark} with -k"
    return f"{gate.scope}: this run measures no such point; it measures {_named(names)}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (", ".join(names[:_MOST_NAMED]) or "no points") + more
