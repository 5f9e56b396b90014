"""Stop asking as soon as every gate's verdict is certain. Pure: outcomes go in, what is still needed comes out.

--eval-stop-early and --eval-repeat-until-decided leave out items by it (`runs/item_filter.py`).

Samples are taken into account in the planned order, a seeded random one, never in the order of arrival: quick answers
come first and are not like slow ones. Each gate keeps two bettors (see betting.py): one against the gate's claim,
whose anytime p-value fails the gate, and one against the opposite, which passes it. Where neither wins, all samples
are asked, and the gate passes. A gate is also decided when the samples that are left could no longer fail it.

A passed verdict that comes early errs with a chance of at most alpha if the true drop is beyond the margin. Without a
margin nothing but the number of samples left can pass a regression gate early: there is no room in which to show that
nothing dropped.

`runs.item_filter` acts on the decision: items that no gate needs are not asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from pytest_modeleval.gates.betting import Wealth
from pytest_modeleval.gates.exact_tests import holm
from pytest_modeleval.gates.gate import Gate, GateFile
from pytest_modeleval.gates.kinds import KINDS
from pytest_modeleval.gates.observation import observe
from pytest_modeleval.gates.scope import Claim, planned_scopes
from pytest_modeleval.metrics import Aggregate, Question
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.results import Baseline, ExperimentIdentity

# Totals of decimal fractions that are this close to 0 are 0.
_ROUNDING = 1e-9


def seeded_order(keys: Sequence[ItemKey], seed: int = 0) -> list[ItemKey]:
    """The samples in a random order that depends on their ids and the seed alone; repeats stay together."""

    def place(key: ItemKey) -> tuple[bytes, int]:
        text = "\0".join((str(seed), key.benchmark, key.subset, key.sample))
        return hashlib.sha256(text.encode()).digest(), key.repeat

    return sorted(keys, key=place)


def passed_only_late(gates: GateFile) -> list[str]:
    """Names of the gates that can fail early but are passed only when next to nothing is left to ask."""
    return [gate.name for gate in gates.gates if gate.measure or not KINDS[gate.kind].can_pass_early(gate)]


class _GateProgress:
    """The progress of one gate: the questions that it still waits for, and its two bettors."""

    def __init__(self, gate: Gate, claim: Claim) -> None:
        self.gate = gate
        self.claim = claim
        self.against = Wealth(claim.worst, claim.best)
        self.is_impossible = bool(claim.obstacle) or not claim.questions
        # Questions share a cluster, so that they are no independent bets: the fixed test on all of them is used.
        self.is_whole_set = claim.is_whole_set
        self._towards = Wealth(claim.best, claim.worst)
        # Questions are looked at in the planned order: the place of the next one, and how many had a verdict.
        self._next = 0
        self._seen = 0
        self._total = 0.0
        self._parts = frozenset(subset for subset, _ in claim.questions)
        # An aggregate has no score while one of its parts has none.
        self._unseen_parts = set(self._parts) if gate.aggregate else set()

    @property
    def remaining(self) -> int:
        """Questions that have not been looked at."""
        return len(self.claim.questions) - self._next

    @property
    def _is_bound(self) -> bool:
        """It must go on, whatever was seen: with fewer than min_samples the run could not be judged."""
        return self.is_whole_set or bool(self._unseen_parts) or self._seen < self.gate.min_samples

    def covers(self, benchmark: str, subset: str) -> bool:
        """The gate counts questions of this subset."""
        if not self.gate.covers(benchmark, subset):
            return False
        return not self.gate.aggregate or not self._parts or subset in self._parts

    def advance(self, finished: Mapping[Question, Sequence[Outcome]]) -> None:
        """Look at every question up to the first that has not ended."""
        questions = self.claim.questions
        while self._next < len(questions) and questions[self._next] in finished:
            question = questions[self._next]
            self._next += 1
            self._unseen_parts.discard(question[0])
            outcomes = finished[question]
            self.is_whole_set |= any(outcome.cluster for outcome in outcomes)
            badness = self.claim.badness(question, outcomes)
            if badness is not None:
                self._seen += 1
                self._total += badness
                self.against.observe(badness)
                self._towards.observe(-badness)

    def is_passed(self, alpha: float) -> bool:
        """No further answer can fail it, or the opposite of what would fail it is shown."""
        if self._is_bound:
            return False
        if not self.gate.is_confident:
            return self._total + self.remaining * self.claim.best <= _ROUNDING
        is_shown = self.claim.best > 0 and KINDS[self.gate.kind].can_pass_early(self.gate) and self._towards.p <= alpha
        return is_shown or not self.against.can_reach(alpha, self.remaining)

    def is_failed(self, adjusted: float, alpha: float) -> bool:
        """No further answer can pass it. adjusted: its p-value after Holm."""
        if self._is_bound:
            return False
        if not self.gate.is_confident:
            return self._seen > 0 and self._total - self.remaining * self.claim.worst > _ROUNDING
        return adjusted <= alpha


class EarlyStop:
    """Which samples are still needed for the verdicts of a run.

    plan: every item that is to be asked, in the order of asking, made by seeded_order. Gates over benchmarks that
    are not in the plan, or whose baseline is missing or incomparable, wait for nothing: no answer can judge them.
    """

    def __init__(
        self,
        gates: GateFile,
        plan: Sequence[ItemKey],
        baseline: Baseline | None,
        *,
        metrics: Mapping[str, str],
        identities: Mapping[str, ExperimentIdentity] | None = None,
        aggregates: Mapping[str, Sequence[Aggregate]] | None = None,
    ) -> None:
        self._file = gates
        self._repeats: dict[tuple[str, Question], int] = {}
        self._arrived: dict[tuple[str, Question], list[Outcome]] = {}
        self._finished: dict[str, dict[Question, list[Outcome]]] = {}
        for key in plan:
            place = (key.benchmark, (key.subset, key.sample))
            self._repeats[place] = self._repeats.get(place, 0) + 1
        scopes = planned_scopes(
            gates, plan, baseline, metrics=metrics, identities=identities or {}, aggregates=aggregates or {}
        )
        self._all_progress = [_GateProgress(planned.gate, observe(planned)) for planned in scopes]
        self._subsets = {(benchmark, question[0]) for benchmark, question in self._repeats}
        self._stopped: tuple[frozenset[str], frozenset[tuple[str, str]]] | None = None
        # Asked for far more often than it can change.
        self._decided_names: set[str] | None = None

    def observe(self, outcome: Outcome) -> None:
        """An item has ended, with a verdict or without."""
        question = (outcome.key.subset, outcome.key.sample)
        place = (outcome.key.benchmark, question)
        if place not in self._repeats:
            return
        arrived = self._arrived.setdefault(place, [])
        arrived.append(outcome)
        if len(arrived) == self._repeats[place]:
            finished = self._finished.setdefault(place[0], {})
            finished[question] = self._arrived.pop(place)
            self._decided_names = None
            for progress in self._all_progress:
                if progress.gate.benchmark == place[0]:
                    progress.advance(finished)

    def p_value(self, gate: Gate) -> float | None:
        """The anytime-valid p-value of a gate; None where the fixed test on the whole set must be used."""
        progress = self._progress_of(gate)
        return None if progress.is_whole_set or not gate.is_confident or progress.is_impossible else progress.against.p

    def planned(self, gate: Gate) -> int:
        """Questions that this gate could see if all were asked."""
        return len(self._progress_of(gate).claim.questions)

    def is_decided(self, gate: Gate) -> bool:
        """No further answer can change the verdict."""
        return self._is_progress_decided(self._progress_of(gate))

    def stopped_subsets(self) -> frozenset[tuple[str, str]]:
        """(benchmark, subset) pairs that gates look at, and of which none of them needs another answer.

        What no gate looks at is never among them: it is asked for its score.
        """
        decided = frozenset(
            progress.gate.name for progress in self._all_progress if self._is_progress_decided(progress)
        )
        if self._stopped is None or self._stopped[0] != decided:
            found = {
                subset
                for subset in self._subsets
                if (names := {progress.gate.name for progress in self._all_progress if progress.covers(*subset)})
                and names <= decided
            }
            self._stopped = decided, frozenset(found)
        return self._stopped[1]

    def _is_progress_decided(self, progress: _GateProgress) -> bool:
        return progress.is_impossible or not progress.remaining or progress.gate.name in self._decided_gates()

    def _progress_of(self, gate: Gate) -> _GateProgress:
        return next(progress for progress in self._all_progress if progress.gate.name == gate.name)

    def _decided_gates(self) -> set[str]:
        if self._decided_names is None:
            self._decided_names = self._find_decided_gates()
        return self._decided_names

    def _find_decided_gates(self) -> set[str]:
        tests = {t.gate.name: t.against.p for t in self._all_progress if t.gate.is_confident and not t.is_impossible}
        adjusted = holm(tests) if self._file.is_holm else tests
        return {
            progress.gate.name
            for progress in self._all_progress
            if progress.is_passed(progress.gate.alpha)
            or progress.is_failed(adjusted.get(progress.gate.name, 1.0), progress.gate.alpha)
        }
