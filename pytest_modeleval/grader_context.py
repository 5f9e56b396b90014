"""What graders share during a run, and how one that has to know or to refuse something is prepared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(slots=True)
class GraderContext:
    """State that the graders of one process share during a run."""

    allows_unsafe_code: bool = False
    """Programs may run without a sandbox where none can be built (--eval-unsafe-code)."""
    shared: dict[object, Any] = field(default_factory=dict)
    """Objects that several graders use, such as a pool of judges, by a key of the grader that makes them."""
    warnings: list[str] = field(default_factory=list)
    """Sentences for the user, shown before the first request."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Added to the invocation in run.json."""


@runtime_checkable
class PreparedGrader(Protocol):
    """A grader that has to know something, or to refuse, before the first request is sent."""

    def prepare(self, site: GraderContext) -> None:
        """Called once in each process that grades. Raises UserError where it cannot grade here."""
