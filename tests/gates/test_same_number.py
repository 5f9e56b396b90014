"""A gate and the score table see the same number: credit, value and weight have one home."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.bfcl import AGGREGATES, evalscope_figures
from pytest_modeleval.gates import Evidence, Judgement, judge_in_detail, parse_gates
from pytest_modeleval.metrics import combine, macro, micro, subset_weights, weighted
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.results import Score
from tests.support.gate_worlds import as_baseline, evidence, outcomes

SUBSETS = ("a", "b", "c", "d")
DECLARED = (
    micro("M", ("a", "b")),
    macro("N", ("M", "c")),
    weighted("W", {"N": 0.7, "d": 0.2, "b": 0.1}),
    micro("POOLED", ("N", "d")),
    macro("OVERALL"),
)


def repeated(letters: dict[str, list[str]], credit: float) -> dict[ItemKey, Outcome]:
    """Outcomes of every subset; one string for each repeat. A "w" in the first repeat has this partial credit."""
    found = {}
    for subset, rows in letters.items():
        for repeat, row in enumerate(rows):
            for key, outcome in outcomes(row, subset=subset, repeat=repeat).items():
                is_partial = repeat == 0 and outcome.kind is Kind.WRONG
                found[key] = Outcome(key, outcome.kind, credit) if is_partial else outcome
    return found


@st.composite
def runs(draw: st.DrawFn) -> Evidence:
    """A run over all subsets: one or two repeats, partial credit, items without a verdict, a mean or pass@1."""
    repeats = draw(st.integers(1, 2))
    rows = st.text(alphabet="rrwnte", min_size=1, max_size=6)
    letters = {}
    for subset in SUBSETS:
        row = "r" + draw(rows)
        letters[subset] = [row, *("w" + draw(rows)[: len(row) - 1] for _ in range(repeats - 1))]
    found = repeated(letters, draw(st.sampled_from([0.0, 0.25, 1.0])))
    return evidence(found, aggregates=DECLARED, metric=draw(st.sampled_from(["mean_acc", "acc", "pass@1"])))


def judged(run: Evidence, gate: str, **then: Any) -> Judgement:
    """The judgement of one gate on everything that may be ungraded."""
    text = f'[[gate]]\nbenchmark = "gsm8k"\nmax_ungraded = 1\n{gate}'
    (found,) = judge_in_detail(parse_gates(text), run, then.get("baseline"))
    return found


@settings(deadline=None, max_examples=60)
@given(runs())
def test_a_floor_judges_the_score_of_the_table(run: Evidence) -> None:
    """For every subset and every aggregate, nested ones too, what a floor judges is the number that the table shows."""
    (summary,) = run.summary.benchmarks
    for score in summary.subsets:
        found = judged(run, f'kind = "floor"\nfloor = 0.5\nsubset = "{score.subset}"\n')
        assert found.measurement.seen == pytest.approx(score.score, abs=1e-12)
        assert found.n == score.num
    for aggregate in summary.aggregates:
        found = judged(run, f'kind = "floor"\nfloor = 0.5\naggregate = "{aggregate.name}"\n')
        assert found.measurement.seen == pytest.approx(aggregate.score, abs=1e-12)
        assert (found.measurement.low, found.measurement.high) == (aggregate.low, aggregate.high)


@settings(deadline=None, max_examples=30)
@given(runs())
def test_a_regression_gate_against_the_same_run_judges_the_score_of_the_table(run: Evidence) -> None:
    """Where every question is paired, the compared score is the table's, before and after."""
    (summary,) = run.summary.benchmarks
    for aggregate in summary.aggregates:
        found = judged(run, f'kind = "regression"\naggregate = "{aggregate.name}"\n', baseline=as_baseline(run))
        pairs = found.measurement.pairs
        assert pairs is not None
        assert pairs.before == pairs.after == pytest.approx(aggregate.score, abs=1e-12)


def test_an_optional_subset_is_in_no_aggregate_of_all() -> None:
    """A subset that is not part of "all subsets" moves neither the table's OVERALL nor the gate's."""
    found = repeated({"a": ["rrrr"], "extra": ["wwww"]}, 0.0)
    run = evidence(found, aggregates=(macro("OVERALL"),), all_subsets=["a"])
    (summary,) = run.summary.benchmarks
    assert summary.aggregates[0].score == 1.0
    assert judged(run, 'kind = "floor"\nfloor = 0.5\naggregate = "OVERALL"\n').measurement.seen == 1.0


@given(st.data())
def test_the_weights_of_subsets_give_the_score_of_an_aggregate(data: st.DataObject) -> None:
    """An aggregate's score is the sum of its subsets' scores times their weights."""
    sizes = {subset: data.draw(st.integers(1, 50)) for subset in SUBSETS}
    values = {subset: data.draw(st.integers(0, size)) / size for subset, size in sizes.items()}
    scores = [Score(name, sizes[name], sizes[name], values[name], None, None, "", {}) for name in SUBSETS]
    for made in combine(DECLARED[:-1], scores, SUBSETS):
        weights = subset_weights(DECLARED[:-1], made.name, sizes)
        assert weights is not None
        assert sum(weights.values()) == pytest.approx(1.0)
        assert sum(share * values[name] for name, share in weights.items()) == pytest.approx(made.score)


@given(st.data())
def test_evalscope_s_figures_of_a_whole_bfcl_run_are_the_table_s_but_for_rounding(data: st.DataObject) -> None:
    """EvalScope rounds to four places at every level, four levels deep; the weights and groups are the same."""
    names = [part for made in AGGREGATES for part in made.parts or () if part not in {a.name for a in AGGREGATES}]
    sizes = {name: data.draw(st.integers(1, 300)) for name in dict.fromkeys(names)}
    values = {name: data.draw(st.integers(0, size)) / size for name, size in sizes.items()}
    scores = [Score(name, size, size, values[name], None, None, "", {}) for name, size in sizes.items()]
    table = {made.name: made.score for made in combine(AGGREGATES, scores, list(sizes))}
    figures = evalscope_figures(values, sizes)
    assert set(figures) == {"AGENTIC", "MULTI_TURN", "NON_LIVE", "LIVE", "HALLUCINATION", "OVERALL"}
    for name, figure in figures.items():
        assert figure == pytest.approx(table[name], abs=2.5e-4)
