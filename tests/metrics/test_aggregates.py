"""Aggregates: against brute force, partial ones, and the tables that misled."""

from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.metrics import combine, macro, micro, score_subset, weighted, wilson
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import Score


def known(value: float | None) -> float:
    """A value that must be there."""
    assert value is not None
    return value


def subset(name: str, right: int, n: int, ungraded: int = 0) -> Score:
    """The score of a subset with that many right."""
    kinds = [Kind.RIGHT] * right + [Kind.WRONG] * (n - right) + [Kind.TIMEOUT] * ungraded
    outcomes = [
        Outcome(ItemKey("b", name, str(number)), kind, 1.0 if kind is Kind.RIGHT else 0.0)
        for number, kind in enumerate(kinds)
    ]
    return score_subset(name, outcomes, n + ungraded, metric="acc")


COUNTS = st.lists(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=6
)


@given(COUNTS, st.data())
def test_whole_aggregates_against_brute_force(counts: Any, data: st.DataObject) -> None:
    """Pooled share, mean of parts, weighted mean; nothing rounded; every interval contains its score."""
    names = [f"s{number}" for number in range(len(counts))]
    scores = [subset(name, *count) for name, count in zip(names, counts, strict=True)]
    weights = {name: data.draw(st.floats(0.1, 10)) for name in names}
    declared = [micro("MICRO"), macro("MACRO"), weighted("WEIGHTED", weights)]
    pooled, mean, fixed = combine(declared, scores, names)
    right, total = sum(right for right, _ in counts), sum(n for _, n in counts)
    assert pooled.score == pytest.approx(right / total, abs=1e-12)
    assert (pooled.low, pooled.high) == pytest.approx(wilson(right, total), abs=1e-9)
    assert mean.score == pytest.approx(fmean(right / n for right, n in counts), abs=1e-12)
    share = {name: right / n for name, (right, n) in zip(names, counts, strict=True)}
    assert fixed.score == pytest.approx(sum(weights[name] * share[name] for name in names) / sum(weights.values()))
    for made in (pooled, mean, fixed):
        assert (made.is_partial, made.missing, made.note, made.num) == (False, (), "", total)
        assert 0.0 <= known(made.low) <= known(made.score) <= known(made.high) <= 1.0
        assert known(made.low) < known(made.high)


@given(COUNTS)
def test_order_of_scores_does_not_matter(counts: Any) -> None:
    """Subsets are found by name."""
    names = [f"s{number}" for number in range(len(counts))]
    scores = [subset(name, *count) for name, count in zip(names, counts, strict=True)]
    assert combine([micro("M"), macro("A")], scores, names) == combine([micro("M"), macro("A")], scores[::-1], names)


@given(COUNTS, st.data())
def test_bounds_of_a_partial_aggregate_hold_the_whole(counts: Any, data: st.DataObject) -> None:
    """Whatever the missing subsets turn out to be, the whole lies between at_least and at_most."""
    names = [f"s{number}" for number in range(len(counts))]
    scores = [subset(name, *count) for name, count in zip(names, counts, strict=True)]
    sizes = {name: n for name, (_, n) in zip(names, counts, strict=True)}
    declared = [micro("MICRO"), macro("MACRO"), weighted("W", {name: 1.0 + place for place, name in enumerate(names)})]
    run = data.draw(st.lists(st.sampled_from(scores), unique_by=lambda score: score.subset, max_size=len(scores)))
    whole = {made.name: made for made in combine(declared, scores, names)}
    for made in combine(declared, run, names, sizes=sizes):
        assert made.is_partial == (len(run) < len(scores))
        assert set(made.missing) == set(names) - {score.subset for score in run}
        assert known(made.at_least) - 1e-12 <= known(whole[made.name].score) <= known(made.at_most) + 1e-12
        assert made.score is None or made.score == whole[made.name].score
    if not run:
        assert combine(declared, run, names) == ()


BFCL = [
    macro("SIMPLE", ["python", "java", "javascript"]),
    macro("NON_LIVE", ["SIMPLE", "multiple", "parallel", "parallel_multiple"]),
    micro("LIVE", ["live_simple", "live_multiple"]),
    macro("HALLUCINATION", ["irrelevance", "live_irrelevance"]),
    macro("MULTI_TURN", ["base", "long"]),
    macro("AGENTIC", ["web", "memory"]),
    weighted("OVERALL", {"AGENTIC": 40, "MULTI_TURN": 30, "NON_LIVE": 10, "LIVE": 10, "HALLUCINATION": 10}),
]
PARTS = {part for made in BFCL for part in made.parts or ()} - {made.name for made in BFCL}


def test_the_overall_of_the_first_table() -> None:
    """EvalScope printed OVERALL 0.0806 where one of five groups was run; here it is partial and says so."""
    scores = [subset("python", 3, 3), subset("java", 1, 3), subset("javascript", 1, 3)]
    scores += [subset("multiple", 3, 3), subset("parallel", 3, 3), subset("parallel_multiple", 2, 3)]
    made = {one.name: one for one in combine(BFCL, scores, sorted(PARTS))}
    assert set(made) == {"SIMPLE", "NON_LIVE", "OVERALL"}
    assert made["NON_LIVE"].score == pytest.approx(0.80555555555)
    overall = made["OVERALL"]
    assert (overall.score, overall.low, overall.high, overall.is_partial, overall.num) == (None, None, None, True, 18)
    assert overall.missing == ("AGENTIC", "MULTI_TURN", "LIVE", "HALLUCINATION")
    assert overall.at_least == pytest.approx(0.080555555)
    assert overall.at_most == pytest.approx(0.980555555)
    assert overall.note == (
        "partial: 1 of 5 groups (NON_LIVE), at most 0.10 with the missing counted as 0; "
        "the whole is between 0.0806 and 0.9806"
    )


def test_partial_groups_inside_a_partial_whole() -> None:
    """A group of which half was run is incomplete, and its half counts in the bounds."""
    made = {one.name: one for one in combine(BFCL, [subset("irrelevance", 3, 3)], sorted(PARTS))}
    group, overall = made["HALLUCINATION"], made["OVERALL"]
    assert (group.score, group.at_least, group.at_most, group.missing) == (None, 0.5, 1.0, ("live_irrelevance",))
    assert group.note.startswith("partial: 1 of 2 subsets (irrelevance), at most 0.50 ")
    assert overall.at_least == pytest.approx(0.05)
    assert overall.at_most == pytest.approx(1.0)
    assert overall.note.startswith("partial: 0 of 5 groups, 1 more incomplete (HALLUCINATION), at most 0.05 ")


def test_the_iquiz_overall() -> None:
    """33 of 40 and 51 of 80: 0.70 pooled, 0.613 to 0.775."""
    (made,) = combine([micro("OVERALL")], [subset("IQ", 33, 40), subset("EQ", 51, 80)], ["IQ", "EQ"])
    assert made.score == pytest.approx(0.7)
    assert (round(known(made.low), 3), round(known(made.high), 3)) == (0.613, 0.775)


def test_macro_interval_by_its_formula() -> None:
    """Distances of the parts' ends, weighted, squared and added (Zou & Donner 2008)."""
    parts = [subset("x", 9, 10), subset("y", 30, 60)]
    (made,) = combine([macro("M")], parts, ["x", "y"])
    below = sum(((known(part.score) - known(part.low)) / 2) ** 2.0 for part in parts) ** 0.5
    above = sum(((known(part.high) - known(part.score)) / 2) ** 2.0 for part in parts) ** 0.5
    assert (made.low, made.high) == pytest.approx((0.7 - below, 0.7 + above))


def test_a_subset_that_ended_ungraded_makes_its_aggregate_partial() -> None:
    """It was run, it has no score, it is not dropped."""
    scores = [subset("x", 1, 2), subset("y", 0, 0, ungraded=4)]
    pooled, mean = combine([micro("MICRO"), macro("MACRO")], scores, ["x", "y"])
    assert (mean.score, mean.missing, mean.at_least, mean.at_most) == (None, ("y",), 0.25, 0.75)
    # 1 of 2 right, 4 of unknown credit.
    assert pooled.score is None
    assert (pooled.at_least, pooled.at_most) == pytest.approx((1 / 6, 5 / 6))


def test_micro_without_sizes_has_no_bounds() -> None:
    """How much a missing subset weighs is not known then, and nothing is made up."""
    (made,) = combine([micro("M")], [subset("x", 1, 2)], ["x", "y", "z"])
    assert (made.score, made.at_least, made.at_most) == (None, None, None)
    assert made.note == "partial: 1 of 3 subsets (x)"
    (bounded,) = combine([micro("M")], [subset("x", 1, 2)], ["x", "y", "z"], sizes={"y": 1, "z": 7})
    assert (bounded.at_least, bounded.at_most) == pytest.approx((0.1, 0.9))


def test_a_group_without_bounds_gives_its_whole_none() -> None:
    """Unknown stays unknown one level up; it is not taken for 0."""
    declared = [micro("G", ["x", "y"]), macro("M", ["G", "z"])]
    _, whole = combine(declared, [subset("x", 1, 2), subset("z", 1, 2)], ["x", "y", "z"])
    assert (whole.score, whole.at_least, whole.at_most) == (None, None, None)
    assert whole.note == "partial: 1 of 2 parts (z), 1 more incomplete (G)"


def test_optional_subsets_stay_out_unless_named() -> None:
    """of=None means the subsets of all_subsets; an optional one that was run does not enter."""
    scores = [subset("x", 1, 2), subset("extra", 2, 2)]
    default, named = combine([macro("M"), macro("N", ["x", "extra"])], scores, ["x"])
    assert (default.score, named.score) == (0.5, 0.75)


def test_a_part_without_interval_leaves_none() -> None:
    """The score stands; its error is not claimed."""
    outcomes = [Outcome(ItemKey("b", "one", "1"), Kind.WRONG, 0.5)]
    (made,) = combine([macro("M")], [score_subset("one", outcomes, 1, metric="acc"), subset("x", 1, 2)], ["one", "x"])
    assert (made.score, made.low, made.high) == (0.5, None, None)


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_weights_are_positive(weight: float) -> None:
    """A weight of 0 would hide a part."""
    with pytest.raises(ValueError, match="positive weight for x"):
        weighted("W", {"x": weight, "y": 1})


@pytest.mark.parametrize("of", [[], ["x", "x"]])
def test_parts_are_some_and_different(of: list[str]) -> None:
    """A part named twice would count twice."""
    with pytest.raises(ValueError, match="different parts"):
        macro("M", of)
