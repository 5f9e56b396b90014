"""What a planned run cannot judge is known before the first request, and what is not foreseen can be judged."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.gates import CANNOT_JUDGE, Baseline, Obstacle, judge, obstacles, parse_gates, planned_scopes
from pytest_modeleval.metrics import Aggregate, macro
from pytest_modeleval.records import ItemKey
from tests.support.gate_worlds import as_baseline, evidence, outcomes

REGRESSION = '[[gate]]\nkind = "regression"\nbenchmark = "gsm8k"\n'


def foreseen(
    text: str, plan: Sequence[ItemKey], baseline: Baseline | None = None, aggregates: Sequence[Aggregate] = ()
) -> list[Obstacle]:
    """The obstacles of a run of these items, asked as gate_worlds asks."""
    identities = evidence(outcomes("r")).identities
    scopes = planned_scopes(
        parse_gates(text),
        plan,
        baseline,
        metrics={"gsm8k": "mean_acc"},
        identities=identities,
        aggregates={"gsm8k": aggregates},
    )
    return obstacles(scopes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[gate]]\nkind = "floor"\nbenchmark = "mmlu"\nfloor = 0.5\n', "nothing of it is in this run"),
        ('[[gate]]\nkind = "floor"\nbenchmark = "gsm8k"\nsubset = "other"\nfloor = 0.5\n', "nothing of it is in"),
        ('[[gate]]\nkind = "floor"\nbenchmark = "gsm8k"\naggregate = "ALL"\nfloor = 0.5\n', "not all of its parts"),
        ('[[gate]]\nkind = "floor"\nbenchmark = "gsm8k"\nfloor = 0.5\nmin_samples = 41\n', "at least 41 questions"),
        ('[[gate]]\nkind = "floor"\nbenchmark = "gsm8k"\nfloor = 0.05\n', "40 questions prove nothing at alpha 0.01"),
        (REGRESSION, "there is no baseline"),
    ],
)
def test_each_obstacle_is_foreseen_with_its_reason(text: str, words: str) -> None:
    """A benchmark or part that is not selected, too few questions, and a missing baseline are known at the start."""
    (found,) = foreseen(text, list(outcomes("r" * 40)), aggregates=(macro("ALL", ("main", "other")),))
    assert words in found.reason
    assert found.reason.endswith(".")


def test_only_a_missing_baseline_lacks_one() -> None:
    """A baseline without the benchmark lacks it too; one that was asked otherwise is there and cannot be compared."""
    plan = list(outcomes("r" * 40))
    assert foreseen(REGRESSION, plan)[0].lacks_baseline
    other = as_baseline(evidence(outcomes("r" * 40, benchmark="mmlu")))
    assert foreseen(REGRESSION, plan, other)[0].lacks_baseline
    hot = as_baseline(evidence(outcomes("r" * 40), params={"temperature": 1.0}))
    (found,) = foreseen(REGRESSION, plan, hot)
    assert not found.lacks_baseline
    assert "temperature" in found.reason
    assert not foreseen(REGRESSION, plan, as_baseline(evidence(outcomes("r" * 40))))


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(
        [
            'kind = "floor"\nfloor = 0.3',
            'kind = "floor"\nfloor = 0.9',
            'kind = "ceiling"\nof = "truncated"\nceiling = 0.2',
            'kind = "regression"',
            'kind = "regression"\nmargin = 0.1',
        ]
    ),
    st.text(alphabet="rwt", min_size=1, max_size=14),
)
def test_what_is_foreseen_cannot_be_judged_and_the_rest_can(gate: str, letters: str) -> None:
    """Whatever is answered, a foreseen gate has no verdict; one that is not foreseen fails on the worst answers."""
    text = f'[[gate]]\nbenchmark = "gsm8k"\nalpha = 0.04\n{gate}\n'
    then = as_baseline(evidence(outcomes("r" * len(letters))))
    is_foreseen = bool(foreseen(text, list(outcomes(letters)), then))
    (found,) = judge(parse_gates(text), evidence(outcomes(letters)), then)
    (worst,) = judge(parse_gates(text), evidence(outcomes("t" * len(letters))), then)
    if is_foreseen:
        assert found.verdict == worst.verdict == CANNOT_JUDGE
    elif "margin" not in gate:
        assert worst.verdict == "failed"
