"""Summaries for the tests of reports: a fixed one that shows everything, and Hypothesis strategies for any."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pytest_modeleval.advice import Advice
from pytest_modeleval.records import Kind
from pytest_modeleval.results import AggregateScore, BenchmarkSummary, GateVerdict, RunSummary, Score

HOSTILE_TEXT = "\x1b[31mred\x1b[0m \u202eabc\u202c \x07<script>document.title='x'</script> a|b `c` &amp; \ud800"


def a_score(subset: str, score: float | None, low: float | None, high: float | None, **more: Any) -> Score:
    """A subset's score; counts are given by kind, num and planned follow from them."""
    fields = {name: more.pop(name) for name in list(more) if name in Score.__dataclass_fields__}
    counts = {kind: more.pop(kind.value, 0) for kind in Kind}
    assert not more, more
    num = sum(count for kind, count in counts.items() if kind.is_verdict)
    items = {"num": num, "planned": sum(counts.values()), **fields}
    return Score(subset=subset, score=score, low=low, high=high, method="wilson", counts=counts, **items)


def iquiz(*, has_losses: bool = False) -> BenchmarkSummary:
    """The table that the field knows, with or without items that have no proper answer."""
    eq = (
        a_score(
            "EQ",
            0.6538,
            0.543,
            0.750,
            right=51,
            wrong=20,
            no_answer=3,
            truncated=4,
            timeout=1,
            server_error=1,
            if_ungraded_wrong=0.6375,
            if_ungraded_right=0.6625,
        )
        if has_losses
        else a_score("EQ", 0.6375, 0.528, 0.734, right=51, wrong=29)
    )
    whole = AggregateScore("OVERALL", 118 if has_losses else 120, 0.7119 if has_losses else 0.7, 0.613, 0.775)
    return BenchmarkSummary(
        "iquiz", "1", "mean_acc", (a_score("IQ", 0.825, 0.680, 0.913, right=33, wrong=7), eq), (whole,)
    )


def bfcl() -> BenchmarkSummary:
    """A benchmark with a suspicious subset, advice and a partial aggregate."""
    return BenchmarkSummary(
        "bfcl_v4",
        "1",
        "acc",
        (
            a_score("parallel_multiple", 2 / 3, 0.208, 0.939, right=2, wrong=1),
            a_score("simple_javascript", 0.0, 0.0, 0.561, no_answer=3, is_suspicious=True),
        ),
        (
            AggregateScore("NON_LIVE", 6, 1 / 3, 0.097, 0.700),
            AggregateScore(
                "OVERALL",
                6,
                None,
                None,
                None,
                is_partial=True,
                at_least=0.03,
                at_most=0.93,
                missing=("LIVE", "MULTI_TURN", "AGENTIC", "HALLUCINATION"),
                note="partial: 1 of 5 groups (NON_LIVE), at most 0.10 with the missing counted as 0",
            ),
        ),
        advice={"simple_javascript": Advice("the tool-call parser of the server does not fit the model")},
    )


def full_summary() -> RunSummary:
    """Everything at once: limited, incomplete, suspicious, partial, truncated, gates of every verdict."""
    return RunSummary(
        "MiniMaxAI/MiniMax-M2",
        False,
        (iquiz(has_losses=True), bfcl()),
        (
            GateVerdict(
                "iquiz-floor", "failed", "iquiz OVERALL 0.7119 (95 % 0.613-0.775, n=118) is below its floor 0.8"
            ),
            GateVerdict("no-cuts", "passed", "4 of 118 replies are cut, at most 5 % are allowed"),
            GateVerdict("bfcl", "cannot judge", "bfcl has no baseline; bless a run with --eval-bless"),
        ),
        {"limit": "80"},
    )


def clean_summary() -> RunSummary:
    """A complete run of one benchmark without anything to remark."""
    return RunSummary("MiniMax-M2", True, (iquiz(),))


fractions = st.none() | st.floats(0.0, 1.0)
names = st.text(min_size=1, max_size=24) | st.sampled_from(["IQ", "parallel_multiple", "中文子集名称", HOSTILE_TEXT])


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """Any subset, also an unsound one with fewer counted than planned."""
    counts = {kind: draw(st.integers(0, 99_999)) for kind in draw(st.sets(st.sampled_from(list(Kind))))}
    repeats = draw(st.integers(1, 4))
    return Score(
        subset=draw(names),
        num=draw(st.integers(0, 999_999)),
        planned=draw(st.integers(0, 99_999)),
        score=draw(fractions),
        low=draw(fractions),
        high=draw(fractions),
        method="wilson",
        counts=counts,
        repeats=repeats,
        if_ungraded_wrong=draw(fractions),
        if_ungraded_right=draw(fractions),
        is_suspicious=draw(st.booleans()),
    )


@st.composite
def summaries(draw: st.DrawFn) -> RunSummary:
    """Any summary, with names of any characters."""
    aggregates = st.builds(
        AggregateScore,
        name=names,
        num=st.integers(0, 999_999),
        score=fractions,
        low=fractions,
        high=fractions,
        is_partial=st.booleans(),
        at_least=fractions,
        at_most=fractions,
        missing=st.lists(names, max_size=6).map(tuple),
        note=st.text(max_size=60),
    )
    benchmarks = st.builds(
        BenchmarkSummary,
        benchmark=names,
        version=st.just("1"),
        metric=st.sampled_from(["mean_acc", "acc", "pass@1"]),
        subsets=st.lists(scores(), max_size=5).map(tuple),
        aggregates=st.lists(aggregates, max_size=2).map(tuple),
        advice=st.dictionaries(names, st.builds(Advice, st.text(max_size=40), st.floats(0, 1)), max_size=3),
    )
    gates = st.builds(
        GateVerdict,
        name=names,
        verdict=st.sampled_from(["passed", "failed", "cannot judge"]),
        reason=st.text(max_size=120),
    )
    limit = st.none() | st.integers(1, 9) | st.sampled_from(["0.1", "5", "None", 0.5])
    return RunSummary(
        draw(names),
        draw(st.booleans()),
        tuple(draw(st.lists(benchmarks, max_size=2))),
        tuple(draw(st.lists(gates, max_size=3))),
        {"limit": draw(limit)},
    )
