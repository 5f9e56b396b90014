"""The questions behind the verdict of a gate. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

# In each list of an evidence: summary.json stays small where most of a large run has changed.
MOST_CHANGES = 5_000


@dataclass(frozen=True, slots=True)
class ChangedQuestion:
    """A question whose value fell or rose against the baseline."""

    benchmark: str
    subset: str
    id: str

    old: str
    new: str
    """Its result in baseline and run, one printable line: "right 'B'", "3 of 4 right"."""


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """What a reader can look up behind the numbers of a verdict."""

    newly_wrong: tuple[ChangedQuestion, ...] = ()
    newly_right: tuple[ChangedQuestion, ...] = ()
    """At most MOST_CHANGES each; the verdict has the whole numbers."""

    compare: str = ""
    """The command that compares baseline and run; "" without a baseline."""

    show: str = ""
    """The command that shows the replies: of the newly wrong, or without a baseline of all that are not right."""

    note: str = ""
    """Why answers are missing; "" if they are not."""
