"""The gate kind "ceiling": a share of items, or a quantile of a figure, must not be above a limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from pytest_modeleval._support.schema import choice, number, required, validate
from pytest_modeleval.gates.evidence import QuestionValue
from pytest_modeleval.gates.gate import Gate, GateKind, Side
from pytest_modeleval.gates.mean_test import measure_mean
from pytest_modeleval.gates.measurement import Measurement, cannot_judge
from pytest_modeleval.gates.number_text import bound_text, interval_text, points
from pytest_modeleval.gates.rules import ANY_NUMBER, FRACTION, TEST
from pytest_modeleval.gates.scope import Claim, PlannedScope, Scope
from pytest_modeleval.metrics import Question
from pytest_modeleval.records import Outcome

SHARES = ("truncated", "no_answer", "ungraded")
FIGURES = ("latency_s", "completion_tokens")


def _check(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    is_figure = table.get("of") in FIGURES
    if table.get("measure"):
        if "of" in table:
            yield "of", "expected a measure, or what of the items is counted (of), found both"
        return
    if "ceiling" in table and not is_figure:
        for problem in validate(table["ceiling"], FRACTION):
            yield "ceiling", problem.message
    if "quantile" in table and not is_figure:
        yield "quantile", f"expected with {' or '.join(FIGURES)} only; a share has none"
    if table.get("aggregate"):
        yield "aggregate", "a ceiling counts items: name a subset, or neither for all of them"


def _parse(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "limit": float(table["ceiling"]),
        "of": table.get("of", "score"),
        "quantile": float(table.get("quantile", 0.5)),
        "test": table.get("test", "confident"),
    }


def _measure(scope: Scope) -> Measurement:
    gate = scope.gate
    by_question: dict[Question, list[Outcome]] = {}
    for outcome in scope.now:
        by_question.setdefault((outcome.key.subset, outcome.key.sample), []).append(outcome)
    shares = {
        question: QuestionValue(share, len(found), found[0].cluster)
        for question, found in by_question.items()
        if (share := exceeding_share(gate, found)) is not None
    }
    if not shares:
        return cannot_judge(gate, f"{gate.scope}: no {gate.of.replace('_', ' ')} was recorded in this run")
    found = measure_mean(gate, shares, _allowed_share(gate), is_floor=False)
    if gate.of not in FIGURES:
        return found
    figures = [figure for out in scope.now if out.kind.is_verdict and (figure := figure_of(gate, out)) is not None]
    quantile = float(np.quantile(figures, gate.quantile, method="inverted_cdf"))
    return replace(found, seen=quantile, low=None, high=None, is_beyond=quantile > gate.limit)


def _observe(planned: PlannedScope) -> Claim:
    allowed = _allowed_share(planned.gate)

    def excess(_question: Question, outcomes: Sequence[Outcome]) -> float | None:
        share = exceeding_share(planned.gate, outcomes)
        return None if share is None else share - allowed

    return Claim(planned.questions, excess, worst=allowed, best=1.0 - allowed)


def _allowed_share(gate: Gate) -> float:
    """The share of items that may be above the limit of a figure, or may be what the gate counts."""
    return 1.0 - gate.quantile if gate.of in FIGURES else gate.limit


def exceeding_share(gate: Gate, outcomes: Sequence[Outcome]) -> float | None:
    """The share of one question's items that a ceiling counts; None where nothing is known of any of them."""
    if gate.counts_ungraded:
        return _share([not outcome.kind.is_verdict for outcome in outcomes])
    verdicts = [outcome for outcome in outcomes if outcome.kind.is_verdict]
    if gate.of not in FIGURES:
        return _share([outcome.kind.value == gate.of for outcome in verdicts])
    figures = [figure for outcome in verdicts if (figure := figure_of(gate, outcome)) is not None]
    return _share([figure > gate.limit for figure in figures])


def _share(counted: Sequence[bool]) -> float | None:
    return sum(counted) / len(counted) if counted else None


def figure_of(gate: Gate, outcome: Outcome) -> float | None:
    """Seconds or tokens of one item, whichever the gate is about; None where they were not measured."""
    return outcome.total_s if gate.of == "latency_s" else outcome.completion_tokens


def _explain(found: Measurement, verdict: str) -> str:
    gate = found.gate
    seen = found.seen or 0.0
    what = gate.of.replace("_", " ")
    if gate.of in FIGURES:
        unit = " s" if gate.of == "latency_s" else ""
        name = what.removesuffix(" s")
        value = f"{quantile_text(gate)} {name} {seen:g}{unit} (n={found.n})"
        ceiling = f"{gate.limit:g}{unit}"
    else:
        value = f"{what} share {seen:.4f} {interval_text(found)}"
        ceiling = f"{gate.limit:.4f}"
    return f"{gate.scope} {value} {bound_text(found, verdict, f'above its ceiling {ceiling}')}"


def _sensitivity(gate: Gate, effect: float) -> str:
    if gate.of in FIGURES:
        share = 100.0 * (effect + _allowed_share(gate))
        return f"this is found four times in five once {share:.1f} % of the items are truly above the ceiling"
    return f"a true share {points(effect)} above the ceiling is the nearest found four times in five"


def quantile_text(gate: Gate) -> str:
    """The quantile as people call it: "median", "95th percentile"."""
    return "median" if gate.quantile == 0.5 else f"{100 * gate.quantile:g}th percentile"


CEILING = GateKind(
    name="ceiling",
    side=Side.ABOVE,
    rules={
        "ceiling": required(number(0.0, inf)),
        "of": required(choice(*SHARES, *FIGURES)),
        "quantile": number(0.0, 1.0, is_open=True, is_share=True),
        "test": TEST,
    },
    measured_rules={"ceiling": required(ANY_NUMBER), "of": choice(*SHARES, *FIGURES)},
    check=_check,
    parse=_parse,
    label=lambda gate: "ceiling" if gate.measure else f"{gate.of} ceiling",
    measure=_measure,
    observe=_observe,
    can_pass_early=lambda _gate: True,
    explain=_explain,
    effect="distance beyond the limit",
    sensitivity=_sensitivity,
)
