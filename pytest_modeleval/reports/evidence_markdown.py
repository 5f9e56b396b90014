"""The evidence of a gate as GitHub-flavoured Markdown: a fold with a table and the command to copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_modeleval.gate_evidence import ChangedQuestion
from pytest_modeleval.reports.evidence_text import MOST_SHOWN, commands_of, list_head, question_name
from pytest_modeleval.reports.text_layout import one_line
from pytest_modeleval.results import PASSED, GateVerdict


def evidence_blocks(gate: GateVerdict, escaped: Callable[[str], str]) -> list[str]:
    """Blocks to be separated by empty lines; none where there is nothing to show. The fold of a passed gate is closed.

    escaped: makes a text one that Markdown shows as it is, on one line.
    """
    body = _body(gate, escaped)
    is_open = "" if gate.verdict == PASSED else " open"
    title = f"<details{is_open}><summary>{escaped(gate.name)}: {_title(gate)}</summary>"
    return [title, *body, "</details>"] if body else []


def _body(gate: GateVerdict, escaped: Callable[[str], str]) -> list[str]:
    shown = _shown(gate)
    note = gate.evidence.note if gate.evidence is not None else ""
    return [
        *([_table(shown, escaped)] if shown else []),
        *([escaped(note)] if note else []),
        *(_fence(command) for _, command in commands_of(gate)),
    ]


def _shown(gate: GateVerdict) -> Sequence[ChangedQuestion]:
    return gate.evidence.newly_wrong[:MOST_SHOWN] if gate.evidence is not None else ()


def _title(gate: GateVerdict) -> str:
    shown = _shown(gate)
    return list_head(gate, len(shown)) if shown else "how to see more"


def _table(questions: Sequence[ChangedQuestion], escaped: Callable[[str], str]) -> str:
    cells = [(question_name(question), question.old, question.new) for question in questions]
    rows = [f"| {' | '.join(map(escaped, row))} |" for row in cells]
    return "\n".join(["| Sample | Baseline | This run |", "| --- | --- | --- |", *rows])


def _fence(command: str) -> str:
    # No line of the command can end the fence: it is one line, and three tildes do not stand alone on it.
    return f"~~~text\n{one_line(command)}\n~~~"
