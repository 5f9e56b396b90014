"""The evidence behind the verdicts of a run: the questions that changed, and the commands that show more."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_modeleval.gate_evidence import GateEvidence
from pytest_modeleval.gates import Baseline, Gate, Judgement
from pytest_modeleval.gates.changes import NO_ANSWERS, ByQuestion, by_question, changed_questions, lacks_answers
from pytest_modeleval.gates.gate import Side
from pytest_modeleval.gates.kinds import KINDS
from pytest_modeleval.records import ItemKey, Outcome
from pytest_modeleval.results import PASSED, GateVerdict
from pytest_modeleval.runs.opened_run import shown_path

# What gates with a fixed limit look for; samples of this run explain their figures.
_LIMITS = (Side.BELOW, Side.ABOVE)
# What a gate looks at -> the kinds of the samples that it lost by.
_LOST_KINDS = {"score": "wrong,no_answer,truncated", "truncated": "truncated", "no_answer": "no_answer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFiles:
    """Where a reader finds the two sides of a comparison."""

    run: Path

    baseline: Path | None
    """None where there is none, or where it does not stay as it is."""

    @property
    def compare(self) -> str:
        """The command that compares them; "" without a baseline."""
        return _command("modeleval", "compare", self.baseline, self.run) if self.baseline is not None else ""

    @property
    def show(self) -> str:
        """The command that shows the replies of what is newly wrong; "" without a baseline."""
        return _command("modeleval", "show", self.run, "--newly-wrong", self.baseline) if self.baseline else ""


def verdicts_with_evidence(
    judged: Sequence[Judgement], now: Mapping[ItemKey, Outcome], baseline: Baseline | None, files: ComparedFiles
) -> tuple[GateVerdict, ...]:
    """The verdicts in their order, each with what it was made of. now: the outcomes that the gates saw."""
    compared = any(entry.measurement.against for entry in judged)
    sides = [by_question(side) for side in (baseline.outcomes, now)] if baseline is not None and compared else [{}, {}]
    return tuple(replace(entry.as_verdict(), evidence=_evidence(entry, sides[0], sides[1], files)) for entry in judged)


def _evidence(entry: Judgement, then: ByQuestion, now: ByQuestion, files: ComparedFiles) -> GateEvidence | None:
    if not entry.measurement.against:
        return _of_limit(entry, files.run)
    return _of_comparison(entry, then, now, files)


def _of_limit(entry: Judgement, run: Path) -> GateEvidence | None:
    if entry.verdict == PASSED or entry.measurement.obstacle:
        return None
    show = _show_command(entry.gate, run)
    return GateEvidence(show=show) if show else None


def _of_comparison(entry: Judgement, then: ByQuestion, now: ByQuestion, files: ComparedFiles) -> GateEvidence:
    found, benchmark = entry.measurement, entry.gate.benchmark
    if found.pairs is None:
        return GateEvidence(compare=files.compare)
    if found.measure is not None:
        changed = changed_questions(found.pairs, benchmark, then, now, measure=found.measure.name)
        return GateEvidence(*changed, files.compare)
    wrong, right = changed_questions(found.pairs, benchmark, then, now)
    note = _note(benchmark, then, now) if wrong or right else ""
    return GateEvidence(wrong, right, files.compare, files.show if wrong else "", note)


def _note(benchmark: str, then: ByQuestion, now: ByQuestion) -> str:
    return NO_ANSWERS if lacks_answers(benchmark, then, now) else ""


def _show_command(gate: Gate, run: Path) -> str:
    """Empty where no kind of sample explains the gate's figure, such as a latency."""
    kinds = _LOST_KINDS.get(gate.of, "") if KINDS[gate.kind].side in _LIMITS and not gate.measure else ""
    subset = ["--subset", f"{gate.benchmark}={gate.subset}"] if gate.subset else []
    return _command("modeleval", "show", run, "--kind", kinds, *subset) if kinds else ""


def _command(*parts: str | Path) -> str:
    return shlex.join(shown_path(part) if isinstance(part, Path) else part for part in parts)
