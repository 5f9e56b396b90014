"""How often a judge is right on statements whose truth is known: for the corrected measures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pytest_modeleval.metrics import Measure, corrected
from pytest_modeleval.records import MeasureValue

SUPPORT, STATED, RELEVANCE = "support", "stated", "relevance"
TASKS = (SUPPORT, STATED, RELEVANCE)
TASK_OF = {
    "answer_correctness": STATED,
    "faithfulness": SUPPORT,
    "context_recall": SUPPORT,
    "context_precision": RELEVANCE,
}
Rate = tuple[float, float]


def rate_names(task: str) -> tuple[str, str]:
    """The names under which the rates of a task are recorded: sensitivity, specificity."""
    return f"{task}_sensitivity", f"{task}_specificity"


def corrected_measures() -> list[Measure]:
    """A measure for each judged one, with the judge's errors taken out; never in place of the plain one."""
    return [
        corrected(f"{name}_corrected", of=name, sensitivity=f"judge_{rates[0]}", specificity=f"judge_{rates[1]}")
        for name, task in TASK_OF.items()
        for rates in [rate_names(task)]
    ]


@dataclass(frozen=True, slots=True)
class JudgeRates:
    """Of one judge, from a stored run of judge_statements."""

    identity: str
    """Of the judge that was measured."""
    label: str
    """The record, for messages."""
    rates: Mapping[str, Rate]
    """Name of the rate -> (right, of); a task without labelled things has none."""

    @classmethod
    def of(cls, identity: str, label: str, measured: Iterable[Mapping[str, MeasureValue] | None]) -> JudgeRates:
        """The sums of what the items of a run recorded."""
        sums: dict[str, Rate] = {}
        names = [name for task in TASKS for name in rate_names(task)]
        for recorded in measured:
            for name in names:
                value = (recorded or {}).get(name)
                if isinstance(value, tuple):
                    right, of = sums.get(name, (0.0, 0.0))
                    sums[name] = right + value[0], of + value[1]
        return cls(identity, label, {name: rate for name, rate in sums.items() if rate[1]})

    @property
    def measures(self) -> dict[str, MeasureValue]:
        """What every item records, so that the journal alone tells how it was corrected."""
        return {f"judge_{name}": rate for name, rate in self.rates.items()}
