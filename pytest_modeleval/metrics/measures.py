"""Named measures of a benchmark: values that grades record become one figure with an interval.

A grade records a number, or (k, n) for k of n, under a name. A page declares what becomes of them:

    measures=[ratio("instruction_loose"), f_score("f", of=("correct", "correct_given_attempted"))]
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modeleval.results import Scale

BRADLEY_TERRY, LENGTH_CONTROLLED, STYLE_EFFECT = "bradley_terry", "length_controlled", "style_effect"
CORRECTED = "corrected"
WIN_RATE_DIFFERENCE = "win_rate_difference"
METHODS = (
    *("mean", "ratio", "f", "calibration", "quantile", "perplexity", "bits", "spearman", "pearson"),
    *(BRADLEY_TERRY, WIN_RATE_DIFFERENCE, LENGTH_CONTROLLED, STYLE_EFFECT),
    CORRECTED,
)
# What grades of pairwise comparisons record (arena.games.recorded).
_GAMES = ("first", "second", "straight", "swapped")
_LENGTHS = ("preference", "length")


@dataclass(frozen=True, slots=True)
class Measure:
    """A declared measure, made by one of the functions below, such as `mean`."""

    name: str

    method: str
    """One of METHODS."""

    of: tuple[str, ...]
    """The names of the recorded values that it is made of."""

    is_higher_better: bool = True

    low: float = 0.0
    high: float | None = 1.0
    """The range of its values; None: no upper end."""

    q: float = 0.5
    """Of "quantile": which one, 0.5 for the median."""

    unit: str = ""
    """Of its values, such as "s" or "tokens"; "" for none."""

    numbers: tuple[int, ...] = ()
    """Of "bradley_terry": player, baseline (-1: all others), how often a strong win counts; of "win_rate_difference"
    also the other player; of "style_effect" the number of the feature, and how often a strong win counts."""

    needs_judge_gate: bool = False
    """A judge decides it: a gate over it judges only together with a gate of the kind "judge"."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"measure {self.name}: expected one of {', '.join(METHODS)}, found {self.method!r}")
        if not self.name or not self.of:
            raise ValueError("expected a measure with a name and at least one recorded value")
        if self.high is not None and not self.low < self.high:
            raise ValueError(f"measure {self.name}: expected low < high, found {self.low!r} and {self.high!r}")
        if not 0.0 < self.q < 1.0:
            raise ValueError(f"measure {self.name}: expected a quantile between 0 and 1, found {self.q!r}")

    @property
    def scale(self) -> Scale:
        """Its range, direction and unit."""
        return Scale(self.low, self.high, self.is_higher_better, self.unit)

    @property
    def worst(self) -> float | None:
        """The value of a reply that was cut; None where the range has no such end."""
        return self.low if self.is_higher_better else self.high


def mean(
    name: str, *, is_higher_better: bool = True, low: float = 0.0, high: float | None = 1.0, unit: str = ""
) -> Measure:
    """The mean over questions of a recorded number; of (k, n), k / n is the number."""
    return Measure(name, "mean", (name,), is_higher_better, low, high, unit=unit)


def judged_mean(name: str) -> Measure:
    """The mean over questions of k / n, where a judge decides k; a gate over it needs a judge gate first."""
    return Measure(name, "mean", (name,), needs_judge_gate=True)


def corrected(name: str, *, of: str, sensitivity: str, specificity: str) -> Measure:
    """The mean of k / n corrected for the judge's errors (Rogan and Gladen 1978, metrics.correction).

    of: recorded as (k, n), k things that the judge found true. sensitivity, specificity: recorded as (k, n), the same
    for every item: the judge was right on k of n things of a labelled set that are true, and that are false.
    """
    return Measure(name, CORRECTED, (of, sensitivity, specificity), needs_judge_gate=True)


def ratio(name: str, *, of: str = "", is_higher_better: bool = True) -> Measure:
    """The sum of all k divided by the sum of all n, recorded as (k, n). of: the recorded name, where it differs."""
    return Measure(name, "ratio", (of or name,), is_higher_better)


def f_score(name: str, *, of: tuple[str, str]) -> Measure:
    """The harmonic mean of two ratios, which grades record as (k, n)."""
    return Measure(name, "f", tuple(of))


def calibration_error(name: str, *, confidence: str, correct: str) -> Measure:
    """The root mean square difference of stated confidence and accuracy, over bins of 100 items by confidence.

    confidence, correct: names of recorded numbers from 0 to 1. Lower is better. The last bin takes the rest; the
    published code of "Humanity's Last Exam" leaves the last bin out of the sum.
    """
    return Measure(name, "calibration", (confidence, correct), is_higher_better=False)


def quantile(
    name: str, *, of: str, q: float, is_higher_better: bool = False, high: float | None = None, unit: str = ""
) -> Measure:
    """A quantile (0 < q < 1) of a recorded number over items, such as the 95th percentile of a latency in seconds."""
    return Measure(name, "quantile", (of,), is_higher_better, 0.0, high, q, unit)


def spearman(name: str, *, of: tuple[str, str], low: float = -1.0) -> Measure:
    """Spearman's rank correlation over items of two recorded numbers; equal numbers share the mean of their ranks.

    low: a correlation below it counts as this much; 0.0 for a measure that is to be the figure of the table.
    """
    return Measure(name, "spearman", tuple(of), low=low)


def pearson(name: str, *, of: tuple[str, str], low: float = -1.0) -> Measure:
    """Pearson's correlation over items of two recorded numbers. low: as of `spearman`."""
    return Measure(name, "pearson", tuple(of), low=low)


def bradley_terry(
    name: str, *, player: int = 0, baseline: int | None = 1, strong: int = 1, style: tuple[str, ...] = ()
) -> Measure:
    """The win rate of a player by the model of Bradley and Terry, over pairs of answers judged in both orders.

    Grades record `arena.games.recorded`, and the differences in style where `style` names them. baseline: the player
    against whom; None: the mean over all others. strong: how many wins one counts for that is strong in both orders.
    It does not exist where the judge's preference of a place decides more pairs than the answers do.
    """
    numbers = (player, -1 if baseline is None else baseline, strong)
    return Measure(name, BRADLEY_TERRY, (*_GAMES, *style), numbers=numbers)


def win_rate_difference(name: str, *, player: int, other: int, baseline: int | None, strong: int = 1) -> Measure:
    """The win rate of a player less that of another one, on the same questions; as of `bradley_terry`, from -1 to 1."""
    numbers = (player, -1 if baseline is None else baseline, strong, other)
    return Measure(name, WIN_RATE_DIFFERENCE, _GAMES, low=-1.0, numbers=numbers)


def style_effect(name: str, *, of: str, style: tuple[str, ...], strong: int = 1) -> Measure:
    """What a feature of style is worth in the fit of `bradley_terry`.

    The win rate against an equal answer of one that has more of it by one standard deviation of the
    differences; 0.5: it is worth nothing.
    """
    numbers = (style.index(of), strong)
    return Measure(name, STYLE_EFFECT, (*_GAMES, *style), numbers=numbers)


def length_controlled(name: str, *, further: tuple[str, ...] = ()) -> Measure:
    """The length-controlled win rate of AlpacaEval (arena.length_control).

    Grades record `preference`, from 0 to 1, and `length`, the characters of the baseline's answer less those of the
    model's. further: the recorded difficulty, then preference and standardised length of each gamed baseline.
    """
    return Measure(name, LENGTH_CONTROLLED, (*_LENGTHS, *further))


def perplexity(name: str, *, loss: str, units: str) -> Measure:
    """The exponential of the loss of one unit: of all recorded losses divided by all recorded units.

    loss: the recorded negative log-likelihood of a text, natural logarithm. units: its recorded words, bytes or tokens.
    """
    return Measure(name, "perplexity", (loss, units), is_higher_better=False, low=1.0, high=None)


def bits(name: str, *, loss: str, units: str) -> Measure:
    """The loss of one unit as `perplexity` has it, in bits: divided by the natural logarithm of 2."""
    return Measure(name, "bits", (loss, units), is_higher_better=False, high=None)
