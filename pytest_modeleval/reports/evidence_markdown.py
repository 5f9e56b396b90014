"""Gates as GitHub-flavoured Markdown: a table of all, and for each a fold with its evidence and commands to copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_modeleval.gate_evidence import ChangedQuestion
from pytest_modeleval.reports.evidence_text import MOST_SHOWN, commands_of, list_head, question_name
from pytest_modeleval.reports.text_layout import one_line
from pytest_modeleval.results import FAILED, PASSED, GateVerdict


def gate_table(gates: Sequence[GateVerdict], escaped: Callable[[str], str]) -> str:
    """One row for each gate: verdict, figure and change, before the sentences. escaped: as of `evidence_blocks`."""
    head = [
        "| Verdict | Gate | Figure | Change | Newly wrong | Newly right |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*head, *(_gate_row(gate, escaped) for gate in gates)])


def _gate_row(gate: GateVerdict, escaped: Callable[[str], str]) -> str:
    change = f"{-100 * gate.drop:+.1f} points" if gate.drop is not None else "-"
    figure = f"{gate.score:.4g}" if gate.score is not None else "-"
    counts = ["-" if count is None else f"{count:,}" for count in (gate.newly_wrong, gate.newly_right)]
    name = escaped(gate.name)
    verdict = f"**{escaped(gate.verdict)}**" if gate.verdict == FAILED else escaped(gate.verdict)
    return f"| {' | '.join([verdict, name, figure, change, *counts])} |"


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
