"""How the subsets of a benchmark combine: declared as data, computed here, never rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

from pytest_modeleval.metrics.intervals import wilson
from pytest_modeleval.results import AggregateScore, Score

# From here on macro and micro are both shown.
MANY_SUBSETS = 20


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A declared combination of parts, made by `micro`, `macro` and `weighted`."""

    name: str

    method: str
    """"micro", "macro" or "weighted"."""

    parts: tuple[str, ...] | None = None
    """Subsets, or aggregates declared before this one; None: all subsets that are not optional (`with_parts`)."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """Part -> weight, for "weighted" only."""


def micro(name: str, of: Sequence[str] | None = None) -> Aggregate:
    """Every question counts the same, whatever its subset."""
    return Aggregate(name, "micro", _parts(name, of))


def macro(name: str, of: Sequence[str] | None = None) -> Aggregate:
    """Every part counts the same, whatever its size."""
    return Aggregate(name, "macro", _parts(name, of))


def weighted(name: str, weights: Mapping[str, float]) -> Aggregate:
    """Every part counts by a fixed weight. Weights are positive; they are divided by their sum."""
    parts = _parts(name, list(weights))
    for part, weight in weights.items():
        if not 0.0 < weight < float("inf"):
            raise ValueError(f"aggregate {name}: expected a positive weight for {part}, found {weight!r}")
    return Aggregate(name, "weighted", parts, dict(weights))


def with_parts(aggregates: Sequence[Aggregate], all_subsets: Sequence[str]) -> tuple[Aggregate, ...]:
    """The aggregates with every part named. all_subsets: every declared subset that is not optional."""
    return tuple(
        aggregate if aggregate.parts is not None else replace(aggregate, parts=tuple(all_subsets))
        for aggregate in aggregates
    )


def official_aggregate(aggregates: Sequence[Aggregate]) -> str:
    """The name of the aggregate that a benchmark is known by: the first declared that is no part of another.

    "" without any.
    """
    inner = {part for aggregate in aggregates for part in aggregate.parts or ()}
    return next((aggregate.name for aggregate in aggregates if aggregate.name not in inner), "")


def with_both_means(aggregates: Sequence[Aggregate], subsets: int) -> tuple[Aggregate, ...]:
    """The aggregates, with both means over all of many subsets where one of the two is declared.

    Published scores of one benchmark of 57 subjects are micro here and macro there. The further mean is called MICRO
    or MACRO. Fewer than MANY_SUBSETS subsets show themselves what they weigh.
    """
    means = {aggregate.method for aggregate in aggregates if aggregate.parts is None}
    further = {"micro", "macro"} - means
    names = {aggregate.name for aggregate in aggregates}
    if subsets < MANY_SUBSETS or len(further) != 1:
        return tuple(aggregates)
    method = further.pop()
    return tuple(aggregates) if method.upper() in names else (*aggregates, Aggregate(method.upper(), method))


def part_weights(aggregate: Aggregate, sizes: Mapping[str, float | None]) -> dict[str, float] | None:
    """The weight of each part of an aggregate, summing to 1.

    sizes: every part -> its questions, None where their number is not known. None where a size is needed and not
    known, or where all parts that count by their size are empty.
    """
    if aggregate.method == "micro":
        if any(size is None for size in sizes.values()):
            return None
        raw = {name: float(size or 0.0) for name, size in sizes.items()}
    elif aggregate.method == "weighted":
        raw = {name: float(aggregate.weights[name]) for name in sizes}
    else:
        raw = dict.fromkeys(sizes, 1.0)
    total = sum(raw.values())
    return {name: weight / total for name, weight in raw.items()} if total > 0 else None


def subset_weights(aggregates: Sequence[Aggregate], name: str, sizes: Mapping[str, int]) -> dict[str, float] | None:
    """The weight of each subset in the aggregate `name`, summing to 1; None where a part has no question.

    aggregates: as `with_parts` gives them. sizes: subset -> questions with a value. The aggregate's score is the sum
    of the subsets' scores times these weights, as `combine` has it.
    """
    aggregate = next((found for found in aggregates if found.name == name), None)
    if aggregate is None:
        return {name: 1.0} if sizes.get(name) else None
    others = [other for other in aggregates if other is not aggregate]
    parts = aggregate.parts or ()
    weights = part_weights(aggregate, {part: _questions(others, part, sizes) for part in parts})
    made: dict[str, float] = {}
    for part in parts:
        inside = subset_weights(others, part, sizes)
        if inside is None or weights is None:
            return None
        for subset, share in inside.items():
            made[subset] = made.get(subset, 0.0) + share * weights[part]
    return made or None


def _questions(aggregates: Sequence[Aggregate], name: str, sizes: Mapping[str, int]) -> int:
    """Questions in a part; a subset that two of its own parts share counts twice, as it does in the part's score."""
    for aggregate in aggregates:
        if aggregate.name == name:
            return sum(_questions(aggregates, part, sizes) for part in aggregate.parts or () if part != name)
    return sizes.get(name, 0)


def combine(
    aggregates: Sequence[Aggregate],
    scores: Sequence[Score],
    all_subsets: Sequence[str],
    *,
    sizes: Mapping[str, int] | None = None,
) -> tuple[AggregateScore, ...]:
    """The aggregates of one benchmark, in the order of their declaration.

    scores: of the subsets that were run. all_subsets: every declared subset that is not optional.
    sizes: questions in each subset, run or not. A micro aggregate with missing parts needs them for its bounds;
    without them it has none.

    A whole aggregate has a score. Its interval: Wilson on the pooled questions for a micro aggregate over subsets
    whose own intervals are Wilson's; otherwise the intervals of the parts, their distances from the parts' scores
    squared, weighted and added (Zou & Donner 2008, Statistics in Medicine 27:1693; the parts are independent), which
    needs no standard error and keeps the asymmetry near 0 and 1. None where a part has no interval.

    An aggregate with a part that was not run, has no score, or is itself partial has no score. at_least and at_most
    then say between which values the whole lies, the missing counted as 0 and as 1.
    An aggregate of which no part was run is left out.
    """
    known: dict[str, _Part] = {}
    for score in scores:
        known[score.subset] = _part_of_score(score)
    found: list[AggregateScore] = []
    for aggregate in with_parts(aggregates, all_subsets):
        names = aggregate.parts or ()
        if not any(name in known for name in names):
            continue
        made = _combine_one(aggregate, names, known, sizes or {})
        found.append(made)
        known[aggregate.name] = _Part(
            made.num, made.score, made.low, made.high, made.at_least, made.at_most, is_group=True, size=None
        )
    official = official_aggregate(aggregates)
    return tuple(replace(made, is_official=made.name == official) for made in found)


@dataclass(frozen=True, slots=True)
class _Part:
    """A subset or aggregate on its way into a larger one. successes: where Wilson on pooled questions is right."""

    num: int
    score: float | None
    low: float | None
    high: float | None
    at_least: float | None
    at_most: float | None
    is_group: bool = False
    successes: float | None = None
    size: int | None = None


def _part_of_score(score: Score) -> _Part:
    successes = score.score * score.num if score.score is not None and score.method == "wilson" else None
    at_least, at_most = (score.score, score.score) if score.score is not None else (0.0, 1.0)
    return _Part(
        score.num, score.score, score.low, score.high, at_least, at_most, successes=successes, size=score.planned
    )


def _combine_one(
    aggregate: Aggregate, names: tuple[str, ...], known: Mapping[str, _Part], sizes: Mapping[str, int]
) -> AggregateScore:
    parts = {name: known[name] for name in names if name in known}
    missing = tuple(name for name in names if name not in parts or parts[name].score is None)
    num = sum(part.num for part in parts.values())
    weights = _weights(aggregate, names, parts, sizes, is_whole=not missing)
    if missing:
        return _partial(aggregate, names, parts, missing=missing, weights=weights)
    assert weights is not None
    score = sum(weights[name] * (part.score or 0.0) for name, part in parts.items())
    # The last bit: a mean of ones may come out as 1.0000000000000002.
    score = min(max(score, 0.0), 1.0)
    low, high = _interval(aggregate, parts, weights, score, num)
    return AggregateScore(aggregate.name, num, score, low, high, at_least=score, at_most=score)


def _weights(
    aggregate: Aggregate,
    names: tuple[str, ...],
    parts: Mapping[str, _Part],
    sizes: Mapping[str, int],
    *,
    is_whole: bool,
) -> dict[str, float] | None:
    """The weight of each part, those that are missing included; None where a size is needed and not known.

    A part that has a score counts by its questions with a value; a missing one by all the questions that it has.
    """
    counted: dict[str, float | None] = {}
    for name in names:
        part = parts.get(name)
        if part is not None and (is_whole or part.score is not None):
            counted[name] = part.num
        else:
            counted[name] = sizes.get(name, part.size if part is not None else None)
    return part_weights(aggregate, counted)


def _interval(
    aggregate: Aggregate, parts: Mapping[str, _Part], weights: Mapping[str, float], score: float, num: int
) -> tuple[float | None, float | None]:
    pooled = [part.successes for part in parts.values()]
    if aggregate.method == "micro" and all(successes is not None for successes in pooled):
        low, high = wilson(min(sum(successes or 0.0 for successes in pooled), float(num)), num)
        return min(low, score), max(high, score)
    below = above = 0.0
    for name, part in parts.items():
        if part.score is None or part.low is None or part.high is None:
            return None, None
        below += (weights[name] * (part.score - part.low)) ** 2
        above += (weights[name] * (part.high - part.score)) ** 2
    return max(0.0, score - sqrt(below)), min(1.0, score + sqrt(above))


def _partial(
    aggregate: Aggregate,
    names: tuple[str, ...],
    parts: Mapping[str, _Part],
    *,
    missing: tuple[str, ...],
    weights: Mapping[str, float] | None,
) -> AggregateScore:
    at_least = at_most = None
    is_bounded = weights is not None and all(part.at_least is not None for part in parts.values())
    if weights is not None and is_bounded:
        at_least = sum(weights[name] * (part.at_least or 0.0) for name, part in parts.items())
        at_most = at_least + sum(
            weights[name] * (1.0 if name not in parts else (parts[name].at_most or 0.0) - (parts[name].at_least or 0.0))
            for name in names
        )
        at_most = min(1.0, at_most)
    return AggregateScore(
        aggregate.name,
        sum(part.num for part in parts.values()),
        None,
        None,
        None,
        is_partial=True,
        at_least=at_least,
        at_most=at_most,
        missing=missing,
        note=_note(names, parts, missing, at_least, at_most),
    )


def _note(
    names: tuple[str, ...],
    parts: Mapping[str, _Part],
    missing: tuple[str, ...],
    at_least: float | None,
    at_most: float | None,
) -> str:
    """One sentence for people, such as "partial: 1 of 5 groups (NON_LIVE), at most 0.10 ..."."""
    whole = [name for name in names if name not in missing]
    kinds = {part.is_group for part in parts.values()}
    text = f"partial: {len(whole)} of {len(names)} {_PART_WORDS.get(frozenset(kinds), 'parts')}"
    if whole:
        text += f" ({_first_names(whole)})"
    incomplete = [name for name in missing if name in parts]
    if incomplete:
        text += f", {len(incomplete)} more incomplete ({_first_names(incomplete)})"
    if at_least is not None and at_most is not None:
        # What is known makes up this share of the whole: the highest number that the parts run could reach.
        share = 1.0 - (at_most - at_least)
        text += f", at most {share:.2f} with the missing counted as 0"
        text += f"; the whole is between {at_least:.4f} and {at_most:.4f}"
    return text


# By what the known parts are: whether they are groups.
_PART_WORDS = {frozenset({True}): "groups", frozenset({False}): "subsets"}


def _first_names(names: Sequence[str]) -> str:
    return ", ".join([*names[:3], "..."] if len(names) > 3 else names)


def _parts(name: str, of: Sequence[str] | None) -> tuple[str, ...] | None:
    if of is None:
        return None
    parts = tuple(of)
    if not parts or len(set(parts)) != len(parts):
        raise ValueError(f"aggregate {name}: expected one or more different parts, found {list(parts)}")
    return parts
