"""Gates over named measures: seeded false alarms stay below alpha, real changes are found, mistakes are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.gates import (
    EarlyStop,
    Evidence,
    judge,
    judge_in_detail,
    measure_mistakes,
    obstacles,
    parse_gates,
    passed_only_late,
    planned_scopes,
    seeded_order,
)
from pytest_modeleval.metrics import calibration_error, f_score, mean, quantile, ratio, score_subset
from pytest_modeleval.records import ItemKey, Kind, MeasureValue, Outcome
from pytest_modeleval.results import (
    CANNOT_JUDGE,
    FAILED,
    PASSED,
    Baseline,
    BenchmarkSummary,
    ExperimentIdentity,
    GateVerdict,
    RunSummary,
)
from pytest_modeleval.runs.verdict_evidence import ComparedFiles, verdicts_with_evidence
from pytest_modeleval.store.baseline import baseline_json, parse_baseline

STEPS = ratio("steps")
F = f_score("f", of=("correct", "attempted"))
TOKENS = mean("tokens", high=None, is_higher_better=False, unit="tokens")
MARK = mean("mark", low=1.0, high=10.0)
WAIT = quantile("wait", of="wait", q=0.9)
SURE = calibration_error("sure", confidence="confidence", correct="right")
ALL = (STEPS, F, TOKENS, MARK, WAIT, SURE)
IDENTITY = ExperimentIdentity("b", "1")
Recorded = dict[str, MeasureValue]


def outcomes(rows: Iterable[Recorded]) -> dict[ItemKey, Outcome]:
    """One outcome for each row of recorded values."""
    keys = {ItemKey("b", "s", f"{number:04}"): row for number, row in enumerate(rows)}
    return {key: Outcome(key, Kind.RIGHT, 1.0, measures=row) for key, row in keys.items()}


def evidence(rows: Iterable[Recorded], metric: str = "mean_acc") -> Evidence:
    """A run of one subset."""
    made = outcomes(rows)
    score = score_subset("s", list(made.values()), len(made), metric=metric, measures=ALL)
    summary = RunSummary("m", True, (BenchmarkSummary("b", "1", metric, (score,)),))
    return Evidence(summary, made, {"b": IDENTITY}, measures={"b": ALL})


def baseline(rows: Iterable[Recorded], metric: str = "mean_acc") -> Baseline:
    """The same as a baseline."""
    return Baseline("base.json", "m", "2026-01-01", {"b": IDENTITY}, {"b": metric}, outcomes(rows))


def verdict(
    text: str, now: Sequence[Recorded], then: Sequence[Recorded] | None = None, metric: str = "mean_acc"
) -> GateVerdict:
    """Of one gate, given by its keys."""
    gates = parse_gates(f'[[gate]]\nbenchmark = "b"\n{text}')
    (found,) = judge(gates, evidence(now, metric), baseline(then, metric) if then is not None else None)
    return found


def steps(rng: np.random.Generator, count: int, share: float) -> list[Recorded]:
    """1 to 4 instructions for each prompt, met together more often than apart, as real ones are."""
    sizes = np.random.default_rng(7).integers(1, 5, count)
    ease = rng.beta(4 * share, 4 * (1 - share), count)
    return [{"steps": (int(rng.binomial(n, p)), int(n))} for n, p in zip(sizes, ease, strict=True)]


def answers(rng: np.random.Generator, count: int, share: float) -> list[Recorded]:
    """Correct, wrong, not attempted."""
    drawn = rng.choice(3, count, p=[share, 0.9 - share, 0.1])
    return [{"correct": (int(state == 0), 1), "attempted": (int(state == 0), int(state != 2))} for state in drawn]


def alarms(text: str, draw: Callable[[np.random.Generator], list[Recorded]], runs: int, *, paired: bool) -> float:
    """The share of runs that fail a gate although nothing is wrong."""
    count = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        then = draw(rng) if paired else None
        count += verdict(text, draw(rng), then).verdict == FAILED
    return count / runs


REGRESSION = 'kind = "regression"\nmeasure = "{}"\nalpha = 0.05'
FLOOR = 'kind = "floor"\nfloor = {}\nmeasure = "{}"\nalpha = 0.05'


def test_evidence_shows_the_values_of_the_measure() -> None:
    """The questions whose values became worse, and those that became better; by permutation only the command."""
    then: list[Recorded] = [{"steps": (3, 4), "mark": 4.0, "wait": 1.0} for _ in range(20)]
    now: list[Recorded] = [{"steps": (1, 4), "mark": 7.0, "wait": 9.0}, *then[1:]]
    shown = {}
    for name in ("steps", "mark", "wait"):
        base, run = baseline(then), evidence(now)
        found = judge_in_detail(parse_gates(f'[[gate]]\nbenchmark = "b"\n{REGRESSION.format(name)}'), run, base)
        files = ComparedFiles(run=Path("run"), baseline=Path("base.json"))
        (judged,) = verdicts_with_evidence(found, run.outcomes, base, files)
        assert judged.evidence is not None
        assert judged.evidence.compare == "modeleval compare base.json run"
        sides = (judged.evidence.newly_wrong, judged.evidence.newly_right)
        shown[name] = [[(question.id, question.old, question.new) for question in side] for side in sides]
        assert (judged.drop is None) == (name != "steps")
    assert shown == {
        "steps": [[("0000", "3 of 4", "1 of 4")], []],
        "mark": [[], [("0000", "4", "7")]],
        "wait": [[], []],
    }


@pytest.mark.parametrize("count", [10, 100])
def test_no_false_alarms_of_a_ratio(count: int) -> None:
    """N of 1 to 4, nothing changed: at most alpha, within the noise of 60 runs; and at a true value at the floor."""
    bound = 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5
    assert alarms(REGRESSION.format("steps"), lambda rng: steps(rng, count, 0.7), 60, paired=True) <= bound
    assert alarms(FLOOR.format(0.7, "steps"), lambda rng: steps(rng, count, 0.7), 60, paired=False) <= bound


def test_no_false_alarms_of_an_f() -> None:
    """By permutation, and at a floor that is the true value."""
    bound = 0.05 + 3 * (0.05 * 0.95 / 20) ** 0.5
    true_f = 2 * 0.5 / (1 + 0.9)
    assert alarms(REGRESSION.format("f"), lambda rng: answers(rng, 100, 0.5), 20, paired=True) <= bound
    assert alarms(FLOOR.format(true_f, "f"), lambda rng: answers(rng, 100, 0.5), 20, paired=False) <= bound


def test_real_changes_are_found() -> None:
    """Of every kind of measure, in its own direction; an improvement never fails."""
    rng = np.random.default_rng(1)
    good, bad = steps(rng, 300, 0.8), steps(rng, 300, 0.5)
    assert verdict(REGRESSION.format("steps"), bad, good).verdict == FAILED
    assert verdict(REGRESSION.format("steps"), good, bad).verdict == PASSED
    better, worse = answers(rng, 300, 0.6), answers(rng, 300, 0.35)
    assert verdict(REGRESSION.format("f"), worse, better).verdict == FAILED
    assert verdict(REGRESSION.format("f"), better, worse).verdict == PASSED
    short: list[Recorded] = [{"tokens": float(n), "wait": n / 100} for n in rng.integers(80, 120, 200)]
    long: list[Recorded] = [{"tokens": float(n), "wait": n / 100} for n in rng.integers(100, 150, 200)]
    for name in ("tokens", "wait"):
        found = verdict(REGRESSION.format(name), long, short)
        assert found.verdict == FAILED
        assert "a rise of" in found.reason
        assert verdict(REGRESSION.format(name), short, long).verdict == PASSED
    marks: list[Recorded] = [{"mark": float(n)} for n in rng.integers(6, 9, 300)]
    lower: list[Recorded] = [{"mark": float(n)} for n in rng.integers(4, 8, 300)]
    assert verdict(REGRESSION.format("mark"), lower, marks).verdict == FAILED
    assert verdict(FLOOR.format(6.5, "mark"), lower).verdict == FAILED
    assert verdict(FLOOR.format(6.5, "mark"), marks).verdict == PASSED
    ceiling = 'kind = "ceiling"\nmeasure = "wait"\nceiling = 1.2'
    assert verdict(ceiling, long).verdict == FAILED
    assert verdict(ceiling, short).verdict == PASSED


def test_calibration_is_compared_by_permutation() -> None:
    """A model that became overconfident fails; against a fixed ceiling only bare numbers are compared."""
    rng = np.random.default_rng(3)
    sure = rng.random(200)
    fair: list[Recorded] = [{"confidence": float(s), "right": float(rng.random() < s)} for s in sure]
    vain: list[Recorded] = [{"confidence": float(s), "right": float(rng.random() < s / 3)} for s in sure]
    assert verdict(REGRESSION.format("sure"), vain, fair).verdict == FAILED
    assert verdict(REGRESSION.format("sure"), fair, vain).verdict == PASSED
    ceiling = 'kind = "ceiling"\nmeasure = "sure"\nceiling = 0.2'
    assert verdict(ceiling, vain).verdict == CANNOT_JUDGE
    assert verdict(f'{ceiling}\ntest = "point"', vain).verdict == FAILED


def test_a_margin_allows_what_it_says() -> None:
    """A ratio and a bounded mean have one; the others are refused before the first request."""
    rng = np.random.default_rng(5)
    good, bad = steps(rng, 400, 0.8), steps(rng, 400, 0.6)
    assert verdict(f"{REGRESSION.format('steps')}\nmargin = 0.05", bad, good).verdict == FAILED
    assert verdict(f"{REGRESSION.format('steps')}\nmargin = 0.5", bad, good).verdict != FAILED


def test_too_few_questions_prove_nothing() -> None:
    """Neither by permutation nor by a floor: cannot judge, with the sentence that says why."""
    few: list[Recorded] = [{"tokens": 1.0}, {"tokens": 2.0}]
    assert verdict(REGRESSION.format("tokens"), few, few).verdict == CANNOT_JUDGE
    missing = verdict(REGRESSION.format("f"), few, few)
    assert missing.verdict == CANNOT_JUDGE
    assert "no question recorded f" in missing.reason


def test_a_metric_that_is_a_measure_is_judged_without_naming_it() -> None:
    """A gate without `measure` judges the primary figure."""
    rng = np.random.default_rng(1)
    good, bad = steps(rng, 300, 0.8), steps(rng, 300, 0.5)
    found = verdict('kind = "regression"', bad, good, metric="steps")
    assert (found.verdict, found.measure) == (FAILED, "steps")
    assert verdict('kind = "floor"\nfloor = 0.75', bad, metric="steps").verdict == FAILED


def test_a_baseline_keeps_what_was_recorded() -> None:
    """Through its file; one without values, as earlier versions wrote it, loads and cannot be compared."""
    rng = np.random.default_rng(1)
    good = steps(rng, 50, 0.8)
    content = json.loads(json.dumps(baseline_json(evidence(good, "steps"), made_utc="2026-01-01T00:00:00Z")))
    read = parse_baseline(content, "base.json")
    assert read.metrics == {"b": "steps"}
    assert {key: out.measures for key, out in read.outcomes.items()} == {
        key: out.measures for key, out in outcomes(good).items()
    }
    del content["benchmarks"][0]["subsets"][0]["measures"]
    old = parse_baseline(content, "base.json")
    gates = parse_gates('[[gate]]\nbenchmark = "b"\nkind = "regression"\nmeasure = "steps"')
    (found,) = judge(gates, evidence(good, "steps"), old)
    assert found.verdict == CANNOT_JUDGE
    assert "--eval-bless" in found.reason


@pytest.mark.parametrize(
    "damage",
    [{"steps": [[1.0]]}, {"steps": 3}, {"steps": [["x"] * 3]}, {"steps": [[[1, 2, 3]] * 3]}],
    ids=["too short", "no lists", "text", "three numbers"],
)
def test_damaged_measures_of_a_baseline_are_refused(damage: object) -> None:
    """Never another error than ValueError."""
    rows: list[Recorded] = [{"steps": (1, 2)}] * 3
    content = baseline_json(evidence(rows), made_utc="2026-01-01T00:00:00Z")
    content["benchmarks"][0]["subsets"][0]["measures"] = damage
    with pytest.raises(ValueError):  # noqa: PT011 - any sentence
        parse_baseline(content, "base.json")


def refusals(text: str) -> str:
    """What is said of one gate before the first request."""
    return "\n".join(measure_mistakes(parse_gates(f'[[gate]]\nbenchmark = "b"\n{text}'), {"b": ALL}))


def test_mistakes_are_named_before_the_first_request() -> None:
    """A name that does not exist, a direction that is the other one, a margin without a test, a limit out of range."""
    assert "did you mean 'steps'" in refusals('kind = "floor"\nmeasure = "step"\nfloor = 0.5')
    assert "use a ceiling" in refusals('kind = "floor"\nmeasure = "tokens"\nfloor = 300')
    assert "use a floor" in refusals('kind = "ceiling"\nmeasure = "steps"\nceiling = 0.5')
    assert "margin" in refusals('kind = "regression"\nmeasure = "f"\nmargin = 0.01')
    assert "from 1 to 10" in refusals('kind = "floor"\nmeasure = "mark"\nfloor = 0.5')
    for good in (
        'kind = "floor"\nmeasure = "mark"\nfloor = 7.5',
        'kind = "ceiling"\nmeasure = "tokens"\nceiling = 312',
    ):
        assert refusals(good) == ""
    for wrong in (
        'kind = "floor"\nfloor = 7.5',
        'kind = "ceiling"\nceiling = 0.5',
        'kind = "ceiling"\nmeasure = "wait"\nof = "latency_s"\nceiling = 3',
    ):
        with pytest.raises(SettingsError):
            parse_gates(f'[[gate]]\nbenchmark = "b"\n{wrong}')


def test_a_run_that_may_stop_is_judged_at_its_end_only() -> None:
    """Such a gate asks everything, has the verdict of the fixed test, and is said to pass late."""
    rng = np.random.default_rng(1)
    good, bad = steps(rng, 300, 0.8), steps(rng, 300, 0.5)
    gates = parse_gates('[[gate]]\nbenchmark = "b"\nkind = "regression"\nmeasure = "steps"')
    keys = seeded_order(list(outcomes(bad)))
    early = EarlyStop(gates, keys, baseline(good), metrics={"b": "mean_acc"}, identities={"b": IDENTITY})
    for key in keys[:-1]:
        early.observe(outcomes(bad)[key]) if key in keys[:20] else None
        assert not early.stopped_subsets()
    for key in keys[20:]:
        early.observe(outcomes(bad)[key])
    (found,) = judge(gates, evidence(bad), baseline(good), early=early)
    (fixed,) = judge(gates, evidence(bad), baseline(good))
    assert (found.verdict, found.p) == (FAILED, fixed.p)
    assert passed_only_late(gates) == ["b steps regression"]
    scopes = planned_scopes(
        gates, keys, baseline(good), metrics={"b": "mean_acc"}, identities={"b": IDENTITY}, aggregates={}
    )
    assert obstacles(scopes) == []
    assert [obstacle.lacks_baseline for obstacle in obstacles([])] == []


def test_units_and_direction_stand_in_the_sentence() -> None:
    """Tokens are tokens, and points are said of shares only."""
    rows: list[Recorded] = [{"tokens": 312.4}] * 20
    found = verdict('kind = "ceiling"\nmeasure = "tokens"\nceiling = 300\ntest = "point"', rows)
    assert found.verdict == FAILED
    assert "312.4 tokens" in found.reason
    assert "300 tokens" in found.reason
    assert found.label == "failed"
