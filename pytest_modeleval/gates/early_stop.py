"""Stop asking as soon as every gate's verdict is certain. Pure: it is told outcomes and says what is still needed.

Samples are taken into account in the planned order, a seeded random one, never in the order of arrival: quick answers
come first and are not like slow ones. Each gate keeps two bettors (see betting.py): one against the gate's claim,
whose anytime p-value fails the gate, and one against the opposite, which passes it. Where neither wins, all samples
are asked, and the gate passes. A gate is also decided when the samples that are left could no longer fail it.

A passed verdict that comes early errs with a chance of at most alpha if the true drop is beyond the margin. Without a
margin nothing but the number of samples left can pass a regression gate early: there is no room in which to show that
nothing dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pytest_modeleval.experiment import why_incomparable
from pytest_modeleval.gates.betting import Wealth
from pytest_modeleval.gates.evidence import (
    Question,
    Values,
    question_values,
    question_weights,
    subset_shares,
)
from pytest_modeleval.gates.exact_tests import holm
from pytest_modeleval.gates.gate import FIGURES, Gate, GateFile
from pytest_modeleval.metrics import Aggregate
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.results import Baseline, ExperimentIdentity


def seeded_order(keys: Sequence[ItemKey], seed: int = 0) -> list[ItemKey]:
    """The samples in a random order that depends on their ids and the seed alone; repeats stay together."""

    def place(key: ItemKey) -> tuple[bytes, int]:
        text = "\0".join((str(seed), key.benchmark, key.subset, key.sample))
        return hashlib.sha256(text.encode()).digest(), key.repeat

    return sorted(keys, key=place)


@dataclass(slots=True)
class _Track:
    """One gate on its way: which questions it still waits for, and who has bet what."""

    gate: Gate
    questions: list[Question]
    badness: Callable[[Question, Sequence[Outcome]], float | None]
    worst: float
    best: float
    next_: int = 0
    seen: int = 0
    total: float = 0.0
    is_impossible: bool = False
    is_whole_set: bool = False
    against: Wealth = field(init=False)
    towards: Wealth = field(init=False)
    parts: frozenset[str] = field(init=False)
    unseen: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.against = Wealth(self.worst, self.best)
        self.towards = Wealth(self.best, self.worst)
        self.parts = frozenset(subset for subset, _ in self.questions)
        # An aggregate has no score while one of its parts has none.
        self.unseen = set(self.parts) if self.gate.aggregate else set()

    @property
    def is_bound(self) -> bool:
        """It must go on, whatever was seen: with fewer than min_samples the run could not be judged."""
        return self.is_whole_set or bool(self.unseen) or self.seen < self.gate.min_samples

    @property
    def remaining(self) -> int:
        return len(self.questions) - self.next_

    def looks_at(self, benchmark: str, subset: str) -> bool:
        """The gate is about questions of this subset."""
        if self.gate.benchmark != benchmark or self.gate.subset not in ("", subset):
            return False
        return not self.gate.aggregate or not self.parts or subset in self.parts

    def advance(self, finished: Mapping[Question, Sequence[Outcome]]) -> None:
        while self.next_ < len(self.questions) and self.questions[self.next_] in finished:
            question = self.questions[self.next_]
            self.next_ += 1
            self.unseen.discard(question[0])
            outcomes = finished[question]
            self.is_whole_set |= any(outcome.cluster for outcome in outcomes)
            found = self.badness(question, outcomes)
            if found is not None:
                self.seen += 1
                self.total += found
                self.against.see(found)
                self.towards.see(-found)

    def is_passed(self, alpha: float) -> bool:
        if self.is_bound:
            return False
        if self.gate.test == "point":
            return self.total + self.remaining * self.best <= 1e-9
        is_shown = self.best > 0 and self._has_room and self.towards.p <= alpha
        return is_shown or not self.against.can_reach(alpha, self.remaining)

    @property
    def _has_room(self) -> bool:
        """A regression gate without a margin claims nothing that could be shown by betting on its opposite."""
        return self.gate.kind != "regression" or self.gate.limit > 0.0

    def is_failed(self, adjusted: float, alpha: float) -> bool:
        if self.is_bound:
            return False
        if self.gate.test == "point":
            return self.seen > 0 and self.total - self.remaining * self.worst > 1e-9
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
        questions: dict[str, list[Question]] = {}
        for key in plan:
            question = (key.subset, key.sample)
            if (key.benchmark, question) not in self._repeats:
                questions.setdefault(key.benchmark, []).append(question)
            self._repeats[key.benchmark, question] = self._repeats.get((key.benchmark, question), 0) + 1
        self._tracks: list[_Track] = []
        for gate in gates.gates:
            declared = (aggregates or {}).get(gate.benchmark, ())
            asked = [q for q in questions.get(gate.benchmark, []) if not gate.subset or q[0] == gate.subset]
            metric = metrics.get(gate.benchmark, "mean_acc")
            self._tracks.append(
                _track(gate, asked, baseline, identities=identities or {}, declared=declared, metric=metric)
            )
        self._scopes = {(benchmark, question[0]) for benchmark, question in self._repeats}
        self._closed: tuple[frozenset[str], frozenset[tuple[str, str]]] | None = None
        # Asked for far more often than it can change.
        self._certain_now: set[str] | None = None

    def see(self, outcome: Outcome) -> None:
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
            self._certain_now = None
            for track in self._tracks:
                if track.gate.benchmark == place[0]:
                    track.advance(finished)

    def p_value(self, gate: Gate) -> float | None:
        """The anytime-valid p-value of a gate; None where the fixed test on the whole set must be used."""
        track = self._track(gate)
        return None if track.is_whole_set or gate.test == "point" or track.is_impossible else track.against.p

    def planned(self, gate: Gate) -> int:
        """Questions that this gate could see if all were asked."""
        return len(self._track(gate).questions)

    def is_decided(self, gate: Gate) -> bool:
        """No further answer can change the verdict."""
        return self._is_settled(self._track(gate))

    @property
    def is_over(self) -> bool:
        """Every gate is decided: nothing more need be asked."""
        return all(self._is_settled(track) for track in self._tracks)

    def is_needed(self, key: ItemKey) -> bool:
        """Some undecided gate still waits for this item."""
        return any(track.looks_at(key.benchmark, key.subset) and not self._is_settled(track) for track in self._tracks)

    def closed(self) -> frozenset[tuple[str, str]]:
        """(benchmark, subset) pairs that gates look at, and of which none of them needs another answer.

        What no gate looks at is never among them: it is asked for its score.
        """
        settled = frozenset(track.gate.name for track in self._tracks if self._is_settled(track))
        if self._closed is None or self._closed[0] != settled:
            found = {
                scope
                for scope in self._scopes
                if (names := {track.gate.name for track in self._tracks if track.looks_at(*scope)}) and names <= settled
            }
            self._closed = settled, frozenset(found)
        return self._closed[1]

    def _is_settled(self, track: _Track) -> bool:
        return track.is_impossible or not track.remaining or track.gate.name in self._certain()

    def _track(self, gate: Gate) -> _Track:
        return next(track for track in self._tracks if track.gate.name == gate.name)

    def _certain(self) -> set[str]:
        if self._certain_now is None:
            self._certain_now = self._find_certain()
        return self._certain_now

    def _find_certain(self) -> set[str]:
        tests = {t.gate.name: t.against.p for t in self._tracks if t.gate.test != "point" and not t.is_impossible}
        adjusted = holm(tests) if self._file.is_holm else tests
        return {
            track.gate.name
            for track in self._tracks
            if track.is_passed(track.gate.alpha)
            or track.is_failed(adjusted.get(track.gate.name, 1.0), track.gate.alpha)
        }


def _track(
    gate: Gate,
    asked: list[Question],
    baseline: Baseline | None,
    *,
    identities: Mapping[str, ExperimentIdentity],
    declared: Sequence[Aggregate],
    metric: str,
) -> _Track:
    if gate.kind == "ceiling":
        allowed = 1.0 - gate.quantile if gate.of in FIGURES else gate.limit

        def too_much(question: Question, outcomes: Sequence[Outcome]) -> float | None:
            share = exceeding_share(gate, outcomes)
            return None if share is None else share - allowed

        return _Track(gate, asked, too_much, worst=allowed, best=1.0 - allowed)
    before: dict[Question, Values] = {}
    is_impossible = False
    if gate.kind == "regression":
        is_impossible = baseline is None or bool(
            why_incomparable(baseline.identities.get(gate.benchmark), identities.get(gate.benchmark), gate.benchmark)
        )
        if baseline is not None and not is_impossible:
            then = [outcome for key, outcome in baseline.outcomes.items() if key.benchmark == gate.benchmark]
            before = question_values(then, metric)
            asked = [q for q in asked if q in before and before[q].value is not None]
    weights: Mapping[Question, float] = dict.fromkeys(asked, 1.0)
    if gate.aggregate:
        sizes: dict[str, int] = {}
        for subset, _ in asked:
            sizes[subset] = sizes.get(subset, 0) + 1
        shares = subset_shares(declared, gate.aggregate, sizes)
        is_impossible |= shares is None
        asked = [q for q in asked if shares is None or q[0] in shares]
        weights = dict(zip(asked, question_weights(asked, shares).tolist(), strict=True))
    heaviest = max(weights.values(), default=1.0)

    def shortfall(question: Question, outcomes: Sequence[Outcome]) -> float | None:
        value = question_values(outcomes, metric)[question].value
        if value is None:
            return None
        wanted = gate.limit if gate.kind == "floor" else (before[question].value or 0.0) - gate.limit
        return float(np.round((wanted - value) * weights[question], 12))

    if gate.kind == "floor":
        worst, best = (1.0 - gate.limit) * heaviest, gate.limit * heaviest
    else:
        worst, best = (1.0 + gate.limit) * heaviest, (1.0 - gate.limit) * heaviest
    return _Track(gate, asked, shortfall, worst, best, is_impossible=is_impossible or not asked)


def exceeding_share(gate: Gate, outcomes: Sequence[Outcome]) -> float | None:
    """The share of one question's items that a ceiling counts; None where nothing can be said of any of them."""
    if gate.of == "ungraded":
        return sum(not outcome.kind.is_verdict for outcome in outcomes) / len(outcomes) if outcomes else None
    verdicts = [outcome for outcome in outcomes if outcome.kind.is_verdict]
    if gate.of not in FIGURES:
        return sum(outcome.kind.value == gate.of for outcome in verdicts) / len(verdicts) if verdicts else None
    figures = [figure for outcome in verdicts if (figure := figure_of(gate, outcome)) is not None]
    return sum(figure > gate.limit for figure in figures) / len(figures) if figures else None


def figure_of(gate: Gate, outcome: Outcome) -> float | None:
    """Seconds or tokens of one item, whichever the gate asks for; None where they were not measured."""
    return outcome.total_s if gate.of == "latency_s" else outcome.completion_tokens
