"""Whether a judge is trusted, and the gates that are withheld where it is not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_modeleval.experiment import model_text
from pytest_modeleval.gates.feasibility import Obstacle
from pytest_modeleval.gates.gate import Gate, GateFile, Side
from pytest_modeleval.gates.judge_gate import RECORDED
from pytest_modeleval.gates.kinds import KINDS
from pytest_modeleval.gates.measured import measure_figure
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.number_text import interval_text, p_text
from pytest_modeleval.gates.scope import Scope
from pytest_modeleval.results import Baseline, ExperimentIdentity

_JUDGE = "role judge"
Identities = Mapping[str, ExperimentIdentity]


def is_judge_gate(gate: Gate) -> bool:
    """It is about the judge of other benchmarks."""
    return KINDS[gate.kind].side is Side.SHOWN


def trust(found: Measurement, identities: Identities, *, looks: int = 1) -> Measurement:
    """A judge gate's measurement as its verdict: a statement where the judge is trusted, else an obstacle.

    Measurements of other gates stay as they are.

    The judge is trusted where the claim "its figure is at most the limit" is rejected at alpha, so that a judge at or
    below the limit is trusted with a chance of at most alpha. identities: benchmark -> how this run asked it. looks:
    among how many looks at a growing run alpha is shared out.
    """
    gate = found.gate
    if _stands(found):
        return found
    if obstacle := _other_judge(gate, identities):
        return cannot_judge(gate, obstacle, n=found.n)
    return _settled(found, looks)


def _stands(found: Measurement) -> bool:
    """It is no judge gate's, or one that is settled."""
    return not is_judge_gate(found.gate) or bool(found.obstacle or found.statement)


def _settled(found: Measurement, looks: int) -> Measurement:
    gate = found.gate
    p, alpha = 1.0 if found.p is None else found.p, gate.alpha / looks
    seen = f"{gate.scope} {found.seen or 0.0:.4f} {interval_text(found)}"
    limit = f"above {gate.limit:g} (one-sided p {p_text(p)}, alpha {alpha:g})"
    if p <= alpha:
        return replace(found, p=None, statement=f"{seen} is {limit}.")
    doubt = f"{seen} is not shown to be {limit}; take another judge, or more labelled pairs."
    return replace(found, p=None, obstacle=doubt)


def measure_record(gate: Gate, record: Baseline, identities: Identities, *, looks: int = 1) -> Measurement:
    """A judge gate over a stored run of judge_check, which must be one of the judge of this run."""
    if obstacle := _record_obstacle(gate, record, identities):
        return cannot_judge(gate, obstacle)
    found = measure_figure(_record_scope(gate, record))
    if not found.obstacle and found.n < gate.min_samples:
        text = f"{gate.scope}: expected at least {gate.min_samples} questions (min_samples), found {found.n}"
        return cannot_judge(gate, text, n=found.n)
    return trust(found, {}, looks=looks)


def _record_scope(gate: Gate, record: Baseline) -> Scope:
    return Scope(
        gate=gate,
        metric="",
        scores=(),
        aggregate=None,
        declared=(),
        now=[outcome for outcome in record.outcomes.values() if gate.covers(outcome.key.benchmark, outcome.key.subset)],
        then=(),
        baseline=None,
        identity=None,
        measure=RECORDED[gate.measure],
    )


def withhold(measured: Sequence[Measurement]) -> list[Measurement]:
    """The same with an obstacle for each gate over scores whose judge is not trusted."""
    doubted = _doubted(measured)
    return [_withheld(found, doubted.get(found.gate.benchmark)) for found in measured]


def _doubted(measured: Sequence[Measurement]) -> dict[str, Measurement]:
    """Benchmark -> the judge gate that does not trust its judge."""
    judges = [found for found in measured if is_judge_gate(found.gate)]
    return {benchmark: found for found in judges if found.obstacle for benchmark in found.gate.judged}


def _withheld(found: Measurement, doubt: Measurement | None) -> Measurement:
    if doubt is None or not _depends_on_judge(found):
        return found
    gate = found.gate
    return cannot_judge(gate, f"{gate.scope}: the judge is not trusted: {doubt.obstacle}", n=found.n)


def _depends_on_judge(found: Measurement) -> bool:
    """A judge decides what it is going to say: seconds, tokens and the share of cut replies do not come from one."""
    return not found.obstacle and found.gate.of == "score" and not is_judge_gate(found.gate)


def judge_obstacles(gates: GateFile, records: Mapping[str, Baseline], identities: Identities) -> Iterator[Obstacle]:
    """The gates over stored runs of a judge that will not trust it: known before the first request."""
    for gate in gates.gates:
        if gate.name in records:
            found = measure_record(gate, records[gate.name], identities)
            if found.obstacle:
                held = f"gates over scores of {', '.join(gate.judged)} cannot judge either"
                yield Obstacle(gate, f"{found.obstacle.rstrip('.')}; {held}.")


def _judges(gate: Gate, identities: Identities) -> set[str]:
    """The judges that this run has for what the gate is about."""
    return {_judge_of(identities.get(name)) for name in gate.judged} - {""}


def _judge_of(identity: ExperimentIdentity | None) -> str:
    return str(identity.params.get(_JUDGE, "")) if identity is not None else ""


def _record_obstacle(gate: Gate, record: Baseline, identities: Identities) -> str:
    """Why a record says nothing about the judge of this run; "" if it does."""
    judges, identity = _judges(gate, identities), record.facts.get("identity")
    if not judges:
        return f"{gate.scope}: no benchmark of {', '.join(gate.judged)} has a judge in this run; give --judge NAME"
    if not identity:
        return f"{gate.scope}: {record.label} does not say which model was measured; bless it again with --eval-bless"
    measured = model_text(record.facts.get("served"), identity)
    if judges != {measured}:
        return f"{gate.scope}: {record.label} measured {measured}, the judge of this run is {', '.join(sorted(judges))}"
    return ""


def _other_judge(gate: Gate, identities: Identities) -> str:
    """Why a benchmark of this run says nothing about its judge; "" if it does, or if a stored run is looked at."""
    if gate.record:
        return ""
    judges, asked = _judges(gate, identities), _judges(replace(gate, judged=(gate.benchmark,)), identities)
    if not asked:
        return f"{gate.scope}: it asks the model under test, not the judge; name a stored run of the judge (record)"
    if judges != asked:
        return f"{gate.scope}: no benchmark of {', '.join(gate.judged)} in this run has the judge that it asks"
    return ""
