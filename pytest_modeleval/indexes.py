"""An index over benchmarks: a weighted mean of their figures, declared by a project in its conftest.py."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.errors import DeclarationError

_NAME = re.compile(r"[A-Za-z][\w.+-]{0,63}\Z")
_MOST_PARTS = 200


@dataclass(frozen=True, slots=True)
class Index:
    """The weighted mean of the figures by which benchmarks are known.

    A conftest.py declares it:

        from pytest_modeleval import Index

        def pytest_modeleval_indexes():
            return [Index("our_index", {"gsm8k": 1, "mmlu_pro": 2})]

    The figure of a benchmark is its first declared aggregate, or the score of its only subset. Raises DeclarationError.
    """

    name: str
    weights: Mapping[str, float]
    """Benchmark -> weight; they are divided by their sum."""
    least: int = 1
    """Benchmarks that have to be in a run for it to be shown."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.match(self.name):
            raise DeclarationError(f"index {self.name!r}: expected a name of letters, digits, '_', '.', '+' and '-'")
        if not isinstance(self.weights, Mapping) or not 2 <= len(self.weights) <= _MOST_PARTS:
            raise DeclarationError(f"index {self.name}: expected weights of 2 to {_MOST_PARTS} benchmarks")
        wrong = next((part for part in self.weights.items() if not _is_part(*part)), None)
        if wrong is not None:
            raise DeclarationError(
                f"index {self.name}: expected the name of a benchmark and a positive weight, found {wrong[0]!r}: "
                f"{wrong[1]!r}"
            )
        if not isinstance(self.least, int) or self.least < 1:
            raise DeclarationError(f"index {self.name}: least: expected a whole number of at least 1")

    def as_json(self) -> dict[str, Any]:
        """For run.json."""
        return {"name": self.name, "weights": dict(self.weights), "least": self.least}


def is_index(entry: Any) -> bool:
    """True for what `Index.as_json` gave."""
    if not isinstance(entry, Mapping) or entry.keys() != {"name", "weights", "least"}:
        return False
    try:
        Index(**entry)
    except DeclarationError:
        return False
    return True


def _is_part(name: Any, weight: Any) -> bool:
    return isinstance(name, str) and type(weight) in (int, float) and 0.0 < weight < math.inf


# The ten parts of the index of Artificial Analysis, as the card of MiniMax-M2 reports them (MiniMax-AI/MiniMax-M2,
# README at 2e575ef): the plain mean of ten figures. Several of them have no page here, so it stays partial.
AA_INDEX = Index(
    "aa_index",
    dict.fromkeys(
        (
            "aime25",
            "mmlu_pro",
            "gpqa_diamond",
            "hle",
            "live_code_bench",
            "scicode",
            "ifbench",
            "aa_lcr",
            "tau2_telecom",
            "terminal_bench_hard",
        ),
        1.0,
    ),
    least=2,
)
