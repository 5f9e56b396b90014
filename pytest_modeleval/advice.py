"""The usual reasons of a low score, as a benchmark knows them. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Advice:
    """The usual reasons of a low score of a subset."""

    text: str
    """One sentence, shown if items were lost for another cause than those of by_cause; "" shows nothing then."""

    below: float = 1.0
    """Shown if the score is below this share: 1.0 for checks, all of which should pass; near chance for questions."""

    by_cause: Mapping[str, str] = field(default_factory=dict)
    """Cause of a grade -> the sentence that is shown if it occurred."""

    def sentences(self, score: float, causes: Iterable[str]) -> list[str]:
        """The sentences for a score whose items were lost for these causes."""
        if score >= self.below:
            return []
        seen = list(causes)
        found = [self.by_cause[cause] for cause in seen if cause in self.by_cause]
        has_other = not seen or any(cause not in self.by_cause for cause in seen)
        return [*dict.fromkeys(found), *([self.text] if self.text and has_other else [])]
