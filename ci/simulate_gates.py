"""Do the gates keep their promises? Simulated runs of every kind of gate: false alarms, power, what stopping saves.

    python ci/simulate_gates.py [--runs 10000] [--seed 1] [--only WORD ...] [--sizes N ...] [--json FILE]

Each cell draws its own runs from its own seed, judges them with the package's own tests, and must hold its bar: false
alarms at most alpha plus three standard errors of the simulation; power at the printed minimum detectable drop from
0.75 to 0.85. Ends with status 1 if a cell does not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ci import simulate_measures
from pytest_modeleval.gates import power
from pytest_modeleval.gates.betting import log_growth, log_wealth
from pytest_modeleval.gates.exact_tests import Floats, Ints, at_least, at_most, bounded_mean, sign_flip_many
from pytest_modeleval.gates.margin import rejection_region

SIZES = (30, 120, 500, 1319)
FLIPS = (0.0, 0.02, 0.05, 0.1, 0.2)
ALPHAS = (0.05, 0.001)
MARGIN = 0.03
REPEATS = 4


@dataclass(frozen=True)
class Cell:
    """One line of the table. detectable: what the gate prints; None where it says that it finds nothing."""

    gate: str
    n: int
    flips: float
    alpha: float
    false_alarms: float
    detectable: float | None
    power: float | None
    runs: int

    @property
    def most(self) -> float:
        """The most false alarms that a gate at alpha shows in so many simulated runs."""
        return self.alpha + 3.0 * sqrt(self.alpha * (1.0 - self.alpha) / self.runs)

    @property
    def holds(self) -> bool:
        """Both bars."""
        return self.false_alarms <= self.most and (self.power is None or 0.75 <= self.power <= 0.85)


def highest_wealth(rng: np.random.Generator, runs: int, *, n: int, growth: Floats, shares: Floats) -> Floats:
    """The highest log wealth of each run, looked at after every single sample."""
    chunk = max(1, 200_000 // n)
    single = growth.astype(np.float32)
    found = []
    for start in range(0, runs, chunk):
        categories = draw(rng, shares, (min(chunk, runs - start), n))
        still = ~np.any(growth != 0, axis=1)
        if still.any():
            # Samples on which no bettor wins or loses change no wealth: move them to the end and leave most out.
            categories = np.take_along_axis(categories, np.argsort(still[categories], axis=1, kind="stable"), axis=1)
            categories = categories[:, : max(1, int((~still[categories]).sum(axis=1).max()))]
        found.append(np.asarray(log_wealth(np.cumsum(single[categories], axis=1))).max(axis=1))
    return np.maximum(np.concatenate(found).astype(np.float64), 0.0)


def draw(rng: np.random.Generator, shares: Floats, size: tuple[int, int]) -> Ints:
    """Independent categories with these chances."""
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(size), side="right").astype(np.int64)


def both_alphas(
    gate: str,
    n: int,
    flips: float,
    runs: int,
    *,
    detect: Callable[[float], float | None],
    alarms: Callable[[float, float], float],
) -> Iterator[Cell]:
    """A cell for each alpha. alarms: (drop or gap, alpha) -> share of simulated runs that fail the gate."""
    for alpha in ALPHAS:
        detectable = detect(alpha)
        found = alarms(detectable, alpha) if detectable is not None else None
        yield Cell(gate, n, flips, alpha, alarms(-1.0, alpha), detectable, found, runs)


def regression_single(rng: np.random.Generator, runs: int, n: int, flips: float, margin: float) -> Iterator[Cell]:
    """Exact McNemar, and the exact margin test. Null: the drop equals the margin."""

    def alarms(drop: float, alpha: float) -> float:
        drop = margin if drop < 0 else drop
        noise = (1.0 - drop) * flips / 2.0
        seen = rng.multinomial(n, [drop + noise, noise, max(0.0, 1.0 - drop - 2.0 * noise)], size=runs)
        needed = np.asarray(rejection_region(n, margin, alpha))
        return float(np.mean(seen[:, 0] >= needed[seen[:, 0] + seen[:, 1]]))

    name = f"regression, margin {margin:g}"
    yield from both_alphas(
        name, n, flips, runs, detect=lambda a: power.detectable_drop(n, flips, alpha=a, margin=margin), alarms=alarms
    )


def regression_estimated(rng: np.random.Generator, runs: int, n: int, flips: float) -> Iterator[Cell]:
    """The drop that is printed after an unchanged run, from the flips seen in it: power over what would be printed."""

    def alarms(drop: float, alpha: float) -> float:
        needed = np.asarray(rejection_region(n, 0.0, alpha))
        if drop < 0:
            seen = rng.multinomial(n, [flips / 2, flips / 2, 1 - flips], size=runs)
            return float(np.mean(seen[:, 0] >= needed[seen[:, 0] + seen[:, 1]]))
        counts = rng.binomial(n, flips, size=runs)
        rejected = 0
        for count, times in zip(*np.unique(counts, return_counts=True), strict=True):
            printed = power.detectable_drop(n, float(count) / n, alpha=alpha)
            if printed is not None:
                noise = (1.0 - printed) * flips / 2.0
                shares = [printed + noise, noise, max(0.0, 1.0 - printed - 2.0 * noise)]
                seen = rng.multinomial(n, shares, size=int(times))
                rejected += int(np.sum(seen[:, 0] >= needed[seen[:, 0] + seen[:, 1]]))
        return rejected / runs

    detect = lambda a: power.detectable_drop(n, flips, alpha=a)  # noqa: E731
    yield from both_alphas("regression, flips estimated", n, flips, runs, detect=detect, alarms=alarms)


def question_pool(rng: np.random.Generator, n: int, flips: float) -> Floats:
    """Chances of a right answer, of n questions whose answers flip at this rate: many easy ones, some doubtful."""
    if flips <= 0.0:
        return (rng.random(n) < 0.8).astype(float)
    # For Beta(4 k, k) the expected flip rate 2 E[p (1 - p)] is 0.32 * 5 k / (5 k + 1).
    total = flips / (0.32 - flips)
    return rng.beta(0.8 * total, 0.2 * total, size=n)


def regression_repeats(rng: np.random.Generator, runs: int, n: int, flips: float, margin: float) -> Iterator[Cell]:
    """Question means over 4 repeats, of questions of unequal difficulty; a share of the questions is lost."""
    pool = question_pool(rng, 200_000, flips)
    before, after = (rng.binomial(REPEATS, pool) for _ in range(2))
    noise = power.Noise.of((before - after) / REPEATS, before / REPEATS)

    def alarms(drop: float, alpha: float) -> float:
        drop = margin if drop < 0 else drop
        rejected = 0
        chunk = max(1, 2_000_000 // n)
        for start in range(0, runs, chunk):
            size = (min(chunk, runs - start), n)
            chances = pool[rng.integers(0, len(pool), size=size)]
            # Lost whole questions, as many as it takes for the true mean to fall by the drop.
            kept = chances * (rng.random(size) >= drop / pool.mean())
            steps = rng.binomial(REPEATS, chances) - rng.binomial(REPEATS, kept)
            if margin > 0.0:
                growth = log_growth(np.arange(-REPEATS, REPEATS + 1) / REPEATS - margin, 1.0 + margin)
                counts = np.stack([(steps == s).sum(axis=1) for s in range(-REPEATS, REPEATS + 1)], axis=1)
                rejected += int(np.sum(np.asarray(log_wealth(counts @ growth)) >= -np.log(alpha)))
            else:
                sizes = np.arange(1, REPEATS + 1)
                counts = np.stack([(np.abs(steps) == s).sum(axis=1) for s in sizes], axis=1)
                rejected += int(np.sum(sign_flip_many(sizes, counts, steps.sum(axis=1)) <= alpha))
        return rejected / runs

    def detect(alpha: float) -> float | None:
        return power.detectable_drop_of_means(n, noise, alpha=alpha, margin=margin)

    yield from both_alphas(
        f"regression of {REPEATS} repeats, margin {margin:g}", n, flips, runs, detect=detect, alarms=alarms
    )


def limit_single(rng: np.random.Generator, runs: int, n: int, limit: float, is_floor: bool) -> Iterator[Cell]:
    """A floor under single answers or a ceiling over a share (of truncated items, of slow ones)."""
    counts = np.arange(n + 1)
    p = np.asarray(at_most(counts, n, limit) if is_floor else at_least(counts, n, limit))

    def alarms(gap: float, alpha: float) -> float:
        true = limit if gap < 0 else (limit - gap if is_floor else limit + gap)
        return float(np.mean(p[rng.binomial(n, true, size=runs)] <= alpha))

    detect = lambda a: power.detectable_shortfall(n, limit, alpha=a, is_floor=is_floor)  # noqa: E731
    yield from both_alphas(
        f"{'floor' if is_floor else 'ceiling'} {limit:g}", n, 0.0, runs, detect=detect, alarms=alarms
    )


def floor_repeats(rng: np.random.Generator, runs: int, n: int, flips: float) -> Iterator[Cell]:
    """A floor under question means of 4 repeats, the questions drawn anew for every run."""
    pool = question_pool(rng, 200_000, flips)
    floor = float(pool.mean())
    values = rng.binomial(REPEATS, pool) / REPEATS

    def alarms(gap: float, alpha: float) -> float:
        sums = np.zeros(runs)
        for row in range(runs):
            chances = pool[rng.integers(0, len(pool), size=n)]
            sums[row] = rng.binomial(REPEATS, chances * (rng.random(n) >= max(gap, 0.0) / floor)).sum() / REPEATS
        distinct, back = np.unique(sums, return_inverse=True)
        rejected = np.asarray([bounded_mean(float(total), n, floor) <= alpha for total in distinct])
        return float(np.mean(rejected[back]))

    # The gate sees n values; here as many as make the spread of the pool known.
    sample = values[rng.integers(0, len(values), size=n * 40)].reshape(40, n)
    typical = np.sort(sample, axis=1).mean(axis=0)
    detect = lambda a: power.detectable_shortfall_of_mean(typical, floor, alpha=a)  # noqa: E731
    yield from both_alphas(f"floor of {REPEATS} repeats", n, flips, runs, detect=detect, alarms=alarms)


def early_regression(rng: np.random.Generator, runs: int, n: int, flips: float, margin: float) -> Iterator[Cell]:
    """The betting test, looked at after every sample."""
    noise = power.Noise((1.0,), (flips,))
    known: dict[float, Floats] = {}

    def alarms(drop: float, alpha: float) -> float:
        drop = margin if drop < 0 else drop
        if drop not in known:
            values, shares = noise.after_losing(drop)
            growth = log_growth(values - margin, 1.0 + margin)
            known[drop] = highest_wealth(rng, runs, n=n, growth=growth, shares=shares)
        return float(np.mean(known[drop] >= -np.log(alpha)))

    detect = lambda a: power.detectable_drop_of_means(n, noise, alpha=a, margin=margin, is_early=True)  # noqa: E731
    yield from both_alphas(f"stop early, regression, margin {margin:g}", n, flips, runs, detect=detect, alarms=alarms)


def early_limit(rng: np.random.Generator, runs: int, n: int, limit: float, is_floor: bool) -> Iterator[Cell]:
    """Floors and ceilings by betting, looked at after every sample."""
    allowed = 1.0 - limit if is_floor else limit
    growth = log_growth(np.asarray([1.0 - allowed, -allowed]), allowed)
    known: dict[float, Floats] = {}

    def alarms(gap: float, alpha: float) -> float:
        bad = min(1.0, allowed + max(gap, 0.0))
        if bad not in known:
            known[bad] = highest_wealth(rng, runs, n=n, growth=growth, shares=np.asarray([bad, 1.0 - bad]))
        return float(np.mean(known[bad] >= -np.log(alpha)))

    detect = lambda a: power.detectable_shortfall_early(n, limit, alpha=a, is_floor=is_floor)  # noqa: E731
    name = f"stop early, {'floor' if is_floor else 'ceiling'} {limit:g}"
    yield from both_alphas(name, n, 0.0, runs, detect=detect, alarms=alarms)


def early_fixed_set(rng: np.random.Generator, runs: int, n: int, flips: float, margin: float) -> Iterator[Cell]:
    """The same on one fixed set of questions in random order: exactly a share `margin` of them was lost."""
    lost = round(n * margin)
    noise = (1.0 - margin) * flips / 2.0
    growth = log_growth(np.asarray([1.0, -1.0, 0.0]) - lost / n, 1.0 + lost / n)
    highest = []
    chunk = max(1, 300_000 // n)
    for start in range(0, runs, chunk):
        size = (min(chunk, runs - start), n)
        draws = rng.random(size)
        categories = np.where(draws < noise, 0, np.where(draws < 2.0 * noise, 1, 2))
        order = np.argsort(rng.random(size), axis=1)
        categories[order < lost] = 0
        highest.append(np.asarray(log_wealth(np.cumsum(growth[categories], axis=1))).max(axis=1))
    found = np.concatenate(highest)
    for alpha in ALPHAS:
        alarms = float(np.mean(found >= -np.log(alpha)))
        yield Cell(f"stop early, fixed set, margin {margin:g}", n, flips, alpha, alarms, None, None, runs)


def holm_family(rng: np.random.Generator, runs: int, n: int, flips: float) -> Iterator[Cell]:
    """Any false alarm among six regression gates under Holm: the smallest p-value against alpha / 6."""
    counts = rng.multinomial(n, [flips / 2, flips / 2, 1 - flips], size=(runs, 6))
    lowest = np.asarray(at_least(counts[..., 0], counts[..., 0] + counts[..., 1], 0.5)).min(axis=1)
    for alpha in ALPHAS:
        yield Cell(
            "Holm over 6 regression gates", n, flips, alpha, float(np.mean(lowest <= alpha / 6)), None, None, runs
        )


def judge_trusted(rng: np.random.Generator, runs: int, n: int) -> Iterator[Cell]:
    """Judge gates over agreement in two orders; a false alarm trusts a judge whose true agreement is the limit."""
    for limit, alpha, alike in itertools.product((0.6, 0.8, 0.93), ALPHAS, (0.0, 0.5, 1.0)):
        # This share of the pairs is judged alike in both orders, the others as if by two judges.
        shares = alike * np.asarray([1.0 - limit, 0.0, limit])
        shares += (1.0 - alike) * np.asarray([(1.0 - limit) ** 2, 2.0 * limit * (1.0 - limit), limit**2])
        counts = rng.multinomial(n, shares, size=runs)
        distinct, back = np.unique(counts[:, 0] + counts[:, 1] / 2.0, return_inverse=True)
        is_trusted = np.asarray([bounded_mean(float(total), n, 1.0 - limit) <= alpha for total in distinct])
        alarms = float(np.mean(is_trusted[back]))
        yield Cell(f"judge above {limit:g}, {alike:.0%} alike", n, 0.0, alpha, alarms, None, None, runs)


def judge_cells(runs: int, seed: int, only: list[str], sizes: Sequence[int] = SIZES) -> Iterator[Cell]:
    """The cells of judge gates."""
    for n in sizes if not only or any(word in "judge_trusted" for word in only) else ():
        yield from judge_trusted(np.random.default_rng([seed, 8, n]), runs, n)


def measured_cells(runs: int, seed: int, only: list[str], sizes: Sequence[int] = SIZES) -> Iterator[Cell]:
    """Gates over measures in runs where nothing is wrong, each from a seed of its own."""
    for name, n in itertools.product(simulate_measures.WORLDS, sizes):
        if only and not any(word in name for word in only):
            continue
        rng = np.random.default_rng([seed, zlib.crc32(f"{name} {n}".encode())])
        p = simulate_measures.WORLDS[name](rng, runs, n)
        for alpha in ALPHAS:
            yield Cell(name, n, 0.0, alpha, float(np.mean(p <= alpha)), None, None, runs)


def cells(runs: int, seed: int, only: list[str], sizes: Sequence[int] = SIZES) -> Iterator[Cell]:
    """Every cell, each from a seed of its own."""

    def made(name: str, *arguments: float) -> np.random.Generator:
        return np.random.default_rng([seed, zlib.crc32(f"{name} {arguments}".encode())])

    def wanted(name: str) -> bool:
        return not only or any(word in name for word in only)

    for n in sizes:
        for flips in FLIPS:
            for margin in (0.0, MARGIN):
                for kind in (regression_single, regression_repeats, early_regression):
                    if wanted(kind.__name__):
                        yield from kind(made(kind.__name__, n, flips, margin), runs, n, flips, margin)
            for alone in (regression_estimated, floor_repeats, holm_family):
                if wanted(alone.__name__):
                    yield from alone(made(alone.__name__, n, flips), runs, n, flips)
            if wanted("early_fixed_set"):
                yield from early_fixed_set(made("early_fixed_set", n, flips), runs, n, flips, MARGIN)
        for limit, is_floor in ((0.7, True), (0.93, True), (0.01, False), (0.05, False)):
            for bound in (limit_single, early_limit):
                if wanted(bound.__name__):
                    yield from bound(made(bound.__name__, n, limit), runs, n, limit, is_floor)


def asked(
    rng: np.random.Generator, runs: int, n: int, *, flips: float, margin: float, drop: float, alpha: float
) -> Ints:
    """How many of n samples each run asks until its gate is decided, looked at after every sample."""
    values, shares = power.Noise((1.0,), (flips,)).after_losing(drop)
    against = log_growth(values - margin, 1.0 + margin).astype(np.float32)
    towards = log_growth(margin - values, 1.0 - margin).astype(np.float32)
    most = log_growth(np.asarray([1.0 - margin]), 1.0 + margin)[0].astype(np.float32)
    left = (n - 1 - np.arange(n)).astype(np.float32)
    found = []
    chunk = max(1, 200_000 // n)
    for start in range(0, runs, chunk):
        categories = draw(rng, shares, (min(chunk, runs - start), n))
        growth = np.cumsum(against[categories], axis=1)
        is_over = np.asarray(log_wealth(growth)) >= -np.log(alpha)
        # Too few are left to fail it, even if every one were lost: once so, always so, hence found by bisection.
        rows, first, last = np.arange(len(growth)), np.zeros(len(growth), int), np.full(len(growth), n - 1)
        while np.any(first < last):
            middle = (first + last) // 2
            future = growth[rows, middle] + left[middle][:, np.newaxis] * most
            is_lost = np.asarray(log_wealth(future)) < -np.log(alpha)
            first, last = np.where(is_lost, first, np.minimum(middle + 1, last)), np.where(is_lost, middle, last)
        is_over[rows, first] = True
        if margin > 0.0:
            is_over |= np.asarray(log_wealth(np.cumsum(towards[categories], axis=1))) >= -np.log(alpha)
        is_over[:, -1] = True
        found.append(np.argmax(is_over, axis=1) + 1)
    return np.concatenate(found)


def savings(runs: int, seed: int) -> Iterator[str]:
    """What stopping early asks of 1,319 samples: median and 95th percentile, in per cent."""
    for alpha in ALPHAS:
        for margin in (0.0, MARGIN):
            for drop in (0.1, 0.0):
                for flips in FLIPS:
                    rng = np.random.default_rng([seed, 7, *(round(1000 * x) for x in (alpha, margin, drop, flips))])
                    share = 100.0 * asked(rng, runs, 1319, flips=flips, margin=margin, drop=drop, alpha=alpha) / 1319
                    yield (
                        f"asked of 1319: alpha {alpha:<6g} margin {margin:<5g} true drop {drop:<4g} flips {flips:<5g}"
                        f" median {np.median(share):5.1f} %  95th percentile {np.quantile(share, 0.95):5.1f} %"
                        f"  most {share.max():5.1f} %"
                    )


def line(cell: Cell) -> str:
    """A cell as a line of the table."""
    drop = f"{100 * cell.detectable:7.2f}" if cell.detectable is not None else "   none"
    found = f"{cell.power:.3f}" if cell.power is not None else "    -"
    mark = "" if cell.holds else "  <-- DOES NOT HOLD"
    return (
        f"{cell.gate:36} n {cell.n:5} flips {cell.flips:<5g} alpha {cell.alpha:<6g}"
        f" false alarms {cell.false_alarms:.4f} (most {cell.most:.4f})  detectable {drop} points, power {found}{mark}"
    )


def main() -> int:
    """Print the table; status 1 if a cell does not hold its bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000, help="simulated runs of each cell")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="cells whose function's name holds one of these words")
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="numbers of samples")
    parser.add_argument("--json", type=Path, help="write the cells there as well")
    options = parser.parse_args()
    start = time.monotonic()
    found = []
    chosen = options.runs, options.seed, options.only, options.sizes
    for cell in itertools.chain(cells(*chosen), judge_cells(*chosen), measured_cells(*chosen)):
        found.append(cell)
        print(line(cell), flush=True)
    if not options.only or "savings" in options.only:
        for text in savings(options.runs, options.seed):
            print(text, flush=True)
    failed = [cell for cell in found if not cell.holds]
    seconds = time.monotonic() - start
    print(f"{len(found)} cells of {options.runs} runs, seed {options.seed}, {seconds:.0f} s: {len(failed)} do not hold")
    if options.json:
        options.json.write_text(json.dumps([asdict(cell) for cell in found], indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
