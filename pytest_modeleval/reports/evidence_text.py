"""The evidence of a gate as lines of text: the terminal, JUnit and pytest-html show the same."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modeleval.gate_evidence import ChangedQuestion, GateEvidence
from pytest_modeleval.records import sample_name
from pytest_modeleval.reports.text_layout import one_line, shorten
from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED, GateVerdict

MOST_SHOWN = 10
# In the terminal: a run with a gate for each of 57 subsets shows no more than so many lists.
MOST_LISTS = 5
_RANKS = {FAILED: 0, CANNOT_JUDGE: 1, PASSED: 2}
_ID_WIDTH, _RESULT_WIDTH = 60, 48


def evidence_lines(gate: GateVerdict, *, most: int = MOST_SHOWN) -> list[str]:
    """The first newly wrong questions with both results, and the command that shows more; not wrapped.

    most: questions; 0 for the command alone.
    """
    found = gate.evidence
    if found is None:
        return []
    listed = _list(gate, found, most) if most else []
    return [*listed, *(f"{what}: {one_line(command)}" for what, command in commands_of(gate))]


def commands_of(gate: GateVerdict) -> list[tuple[str, str]]:
    """(what it shows, command): those of a gate that a reader may want to look behind."""
    found = gate.evidence
    if found is None or not (_has_changes(found) or gate.verdict != PASSED):
        return []
    return [(what, command) for what, command in (("both sides", found.compare), ("replies", found.show)) if command]


def listed_gates(gates: Sequence[GateVerdict]) -> frozenset[str]:
    """Names of the gates whose questions are listed where space is short: failed ones first, at most MOST_LISTS."""
    having = [gate for gate in gates if gate.evidence is not None and gate.evidence.newly_wrong]
    having.sort(key=lambda gate: _RANKS.get(gate.verdict, len(_RANKS)))
    return frozenset(gate.name for gate in having[:MOST_LISTS])


def list_head(gate: GateVerdict, listed: int) -> str:
    """What stands above the newly wrong questions: "newly wrong, the first 10 of 112"."""
    total = gate.newly_wrong or 0
    return "newly wrong" if total <= listed else f"newly wrong, the first {listed} of {total:,}"


def question_name(question: ChangedQuestion) -> str:
    """A question as a sentence names it, on one line."""
    return one_line(sample_name(question.subset, question.id))


def _list(gate: GateVerdict, found: GateEvidence, most: int) -> list[str]:
    shown = found.newly_wrong[:most]
    head = [f"{list_head(gate, len(shown))}:"] if shown else []
    note = [f"({one_line(found.note)})"] if found.note else []
    return [*head, *(f"  {_line(question)}" for question in shown), *note]


def _has_changes(found: GateEvidence) -> bool:
    return bool(found.newly_wrong or found.newly_right)


def _line(question: ChangedQuestion) -> str:
    old, new = (shorten(one_line(text), _RESULT_WIDTH) for text in (question.old, question.new))
    return f"{shorten(question_name(question), _ID_WIDTH)}: {old} -> {new}"
