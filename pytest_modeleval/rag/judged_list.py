"""A judge's verdicts on a numbered list, once or several times, and what its disagreement is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import variance

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.rag.numbered import NotNumbered, numbered_form, numbered_schema, read_numbered
from pytest_modeleval.rag.statements import CAUSE
from pytest_modeleval.records import Kind, Request
from pytest_modeleval.roles import Role


@dataclass(frozen=True, slots=True)
class JudgedList:
    """Verdicts on numbered things: one row for each judgement, one label for each number."""

    judgements: tuple[tuple[str, ...], ...]

    @property
    def majority(self) -> tuple[str, ...]:
        """The label of each number that most judgements give. Raises Ungraded where two lead."""
        return tuple(
            _leading(labels, number) for number, labels in enumerate(zip(*self.judgements, strict=True), start=1)
        )

    def count(self, label: str) -> int:
        """How many numbers have this label, by the majority."""
        return self.majority.count(label)

    def shares(self, label: str) -> list[float]:
        """The share of numbers with this label, by each judgement."""
        return [row.count(label) / len(row) for row in self.judgements]


async def judge_list(judge: Role, task: str, count: int, labels: Sequence[str], *, repeats: int = 1) -> JudgedList:
    """The judge's verdicts on `count` numbered things. task: all but the form of the reply.

    A reply that is not in form is asked for once more. Raises Ungraded, cause "judge_statements", where that is not
    either.
    """
    by_schema = judge.supports_json_schema
    request = Request(
        [{"role": "user", "content": f"{task}\n\n{numbered_form(count, labels, by_schema=by_schema)}"}],
        response_format=numbered_schema(count, labels) if by_schema else None,
    )
    return JudgedList(tuple([await _judgement(judge, request, count, labels) for _ in range(repeats)]))


async def _judgement(judge: Role, request: Request, count: int, labels: Sequence[str]) -> tuple[str, ...]:
    why = ""
    for _ in range(2):
        try:
            return read_numbered(await judge.ask(request), count, labels)
        except NotNumbered as fault:
            why = str(fault)
    raise Ungraded(
        f"the judge's verdicts on {count} numbered parts: {why}; asked twice", kind=Kind.GRADER_ERROR, cause=CAUSE
    )


def _leading(labels: Sequence[str], number: int) -> str:
    counts = Counter(labels).most_common(2)
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        raise Ungraded(
            f"expected one verdict on number {number} to lead, found {', '.join(labels)}",
            kind=Kind.GRADER_ERROR,
            cause="judge_tie",
        )
    return counts[0][0]


def agreement(values: Sequence[float]) -> tuple[float, float]:
    """(k, N): N judgements of a value from 0 to 1, as the agreement that a single verdict of this spread would have.

    A verdict of which k of N judgements agree varies by k (N - k) / (N (N - 1)) between judgements; solved for k.
    """
    n = len(values)
    if n < 2:
        return float(n), float(n)
    spread = n * n / 4.0 - variance(values) * n * (n - 1)
    return n / 2.0 + sqrt(max(0.0, spread)), float(n)
