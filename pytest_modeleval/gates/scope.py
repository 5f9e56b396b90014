"""What a gate looks at: in a finished run (`Scope`), or in one that may stop early (`PlannedScope`, `Claim`). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_modeleval.gates.evidence import count_by_subset, question_weights
from pytest_modeleval.gates.gate import Gate, GateFile
from pytest_modeleval.metrics import Aggregate, Measure, Question, is_question_metric, subset_weights
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.results import AggregateScore, Baseline, ExperimentIdentity, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of a finished run, and of its baseline, that one gate judges."""

    gate: Gate

    metric: str

    scores: Sequence[Score]
    """Of the subsets in its scope, at least one."""

    aggregate: AggregateScore | None
    """The gate's aggregate with its score; None if the gate names none."""

    declared: Sequence[Aggregate]
    """The aggregates of the benchmark, every part named."""

    now: Sequence[Outcome]
    """The run's outcomes in the gate's scope."""

    then: Sequence[Outcome]
    """The baseline's outcomes of the benchmark."""

    baseline: Baseline | None

    identity: ExperimentIdentity | None
    """How the run asked this benchmark."""

    measure: Measure | None = None
    """The measure that the gate is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedScope:
    """The questions that one gate can see in a run that has asked nothing yet."""

    gate: Gate
    metric: str

    questions: Sequence[Question]
    """In the order of asking."""

    declared: Sequence[Aggregate]
    """The aggregates of the benchmark, every part named."""

    baseline: Baseline | None

    identity: ExperimentIdentity | None
    """How the run is going to ask this benchmark."""

    @property
    def is_measured(self) -> bool:
        """A named measure is judged: the gate names it, or the metric is one."""
        if self.gate.measure or self.gate.of != "score":
            return bool(self.gate.measure)
        return not is_question_metric(self.metric)

    def weights_of(self, questions: Sequence[Question]) -> dict[Question, float] | None:
        """The weight in the gate's score of each question that it counts, mean 1; None where a part has no question."""
        if not self.gate.aggregate:
            return dict.fromkeys(questions, 1.0)
        shares = subset_weights(self.declared, self.gate.aggregate, count_by_subset(questions))
        if shares is None:
            return None
        counted = [question for question in questions if question[0] in shares]
        return dict(zip(counted, question_weights(counted, shares).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a gate claims of the questions that are asked: their mean badness is at most 0 (see betting.py)."""

    questions: Sequence[Question]
    """Those that it counts, in the order of asking."""

    badness: Callable[[Question, Sequence[Outcome]], float | None]
    """The badness of a question from all of its outcomes; None where they have no verdict that counts."""

    worst: float
    """Badness is never below -worst."""

    best: float
    """Badness is never above best."""

    obstacle: str = ""
    """Why no answer can judge the gate, without its full stop; "" if answers can."""

    lacks_baseline: bool = False
    """The obstacle is that there is nothing yet to compare with."""

    is_whole_set: bool = False
    """It is judged at the end only, on all questions."""

    def least_p(self) -> float:
        """No p-value of the gate can be smaller, however bad the answers.

        The largest stake on the worst answer multiplies the wealth of a bettor by (worst + best) / worst; the exact
        tests, which look once, have the same bound: (1 - floor)^n, ceiling^n, ((1 + margin) / 2)^n.
        """
        return float((self.worst / (self.worst + self.best)) ** len(self.questions))


def impossible(questions: Sequence[Question], obstacle: str, *, lacks_baseline: bool = False) -> Claim:
    """The claim of a gate that cannot be judged whatever is answered."""
    return Claim(
        questions, lambda _question, _outcomes: None, 1.0, 1.0, obstacle=obstacle, lacks_baseline=lacks_baseline
    )


def planned_scopes(
    gates: GateFile,
    plan: Iterable[ItemKey],
    baseline: Baseline | None,
    *,
    metrics: Mapping[str, str],
    identities: Mapping[str, ExperimentIdentity],
    aggregates: Mapping[str, Sequence[Aggregate]],
) -> list[PlannedScope]:
    """What each gate can see of a run that asks these items, in this order."""
    questions: dict[str, dict[Question, None]] = {}
    for key in plan:
        questions.setdefault(key.benchmark, {})[key.subset, key.sample] = None
    return [
        PlannedScope(
            gate=gate,
            metric=metrics.get(gate.benchmark, "mean_acc"),
            questions=[q for q in questions.get(gate.benchmark, ()) if gate.subset in ("", q[0])],
            declared=aggregates.get(gate.benchmark, ()),
            baseline=baseline,
            identity=identities.get(gate.benchmark),
        )
        for gate in gates.gates
    ]
