"""What a gate is: a rule over one score, share or figure of a run. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

SHARES = ("truncated", "no_answer", "ungraded")
FIGURES = ("latency_s", "completion_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One rule.

    kind: "floor" (the score must not be below `limit`), "regression" (the score must not have dropped by more than
    `limit`, the margin, against the baseline) or "ceiling" (`of` must not be above `limit`).
    subset, aggregate: what of the benchmark; both empty for all of its questions, every one alike.
    of: for a ceiling, one of SHARES (limit is a fraction) or FIGURES (limit in seconds or tokens).
    quantile: for a figure, which quantile must not be above the limit (0.5 is the median).
    test: "confident" fails only beyond chance, at level alpha; "point" compares the bare number.
    alpha: largest chance of a false alarm. flip_rate: known share of answers that differ between two runs of the
    unchanged deployment; None to estimate it.
    detect: a drop that the gate must be able to see; it cannot judge where its smallest detectable drop is larger.
    min_samples: it cannot judge below so many. max_ungraded: nor above this share without a verdict; None for the
    limit of the run.
    line: where it stands in its file.
    """

    name: str
    kind: str
    benchmark: str
    limit: float
    subset: str = ""
    aggregate: str = ""
    of: str = "score"
    quantile: float = 0.5
    test: str = "confident"
    alpha: float = 0.01
    flip_rate: float | None = None
    detect: float | None = None
    min_samples: int = 1
    max_ungraded: float | None = None
    line: int = 0

    @property
    def scope(self) -> str:
        """What is judged, as people read it: "gsm8k", "mmlu virology"."""
        return " ".join(part for part in (self.benchmark, self.aggregate or self.subset) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFile:
    """All gates of a run. is_holm: p-values are adjusted, so that alpha holds for all the gates together."""

    gates: tuple[Gate, ...]
    is_holm: bool = True
    label: str = "gates"
