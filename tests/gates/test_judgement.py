"""Verdicts: what passes, fails and cannot be judged, and what the sentence says."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pytest_modeleval.experiment import why_incomparable
from pytest_modeleval.gates import (
    CANNOT_JUDGE,
    FAILED,
    PASSED,
    ExperimentIdentity,
    Judgement,
    judge,
    judge_in_detail,
    parse_gates,
    to_repeat,
)
from pytest_modeleval.gates.exact_tests import holm, mcnemar, sign_flip
from pytest_modeleval.gates.noise import flip_rates
from pytest_modeleval.metrics import Aggregate, macro, micro, subset_weights, weighted
from pytest_modeleval.records import ItemKey, Kind, Outcome
from tests.support.gate_worlds import as_baseline, evidence, outcomes

REGRESSION = 'alpha = 0.05\n[[gate]]\nkind = "regression"\nbenchmark = "gsm8k"\n'


def regression(before: str, after: str, extra: str = "", **options: float) -> Judgement:
    """The judgement of a regression gate over two runs given as letters."""
    then, now = evidence(outcomes(before)), evidence(outcomes(after))
    return judge_in_detail(parse_gates(REGRESSION + extra), now, as_baseline(then), **options)[0]  # type: ignore[arg-type]


def test_a_planted_regression_fails_and_says_everything() -> None:
    """The sentence holds score, interval, n, both counts of flips, p, and the smallest detectable drop."""
    found = regression("r" * 180 + "w" * 20, "w" * 24 + "r" * 156 + "w" * 16 + "r" * 4)
    assert found.verdict == FAILED
    assert found.p == mcnemar(24, 4)
    assert found.reason == (
        "gsm8k mean_acc 0.8000 (95 % 0.739-0.850, n=200) against 0.9000 in ci/base.json (2026-01-12):"
        " 24 newly wrong, 4 newly right, a drop of 10.0 points, beyond chance (one-sided p 9.0e-05, alpha 0.05);"
        f" a true drop of {100 * (found.detectable or 0):.1f} points is the smallest found four times in five."
    )


def test_noise_alone_passes_two_hundred_times() -> None:
    """At alpha 0.001, 200 pairs of runs of one unchanged, noisy model are all green (seeded)."""
    rng = random.Random(11)
    gates = parse_gates(REGRESSION.replace("0.05", "0.001"))
    verdicts = set()
    for _ in range(200):
        then, now = ("".join("r" if rng.random() < p else "w" for p in [0.97] * 80 + [0.5] * 40) for _ in range(2))
        verdicts.add(judge(gates, evidence(outcomes(now)), as_baseline(evidence(outcomes(then))))[0].verdict)
    assert verdicts == {PASSED}


def test_a_gate_on_five_samples_admits_that_it_proves_nothing() -> None:
    """Five samples, nothing lost: not passed but "cannot judge", for no drop would be found at this alpha."""
    found = regression("rrrrr", "rrrrr", "alpha = 0.01\n")
    assert (found.verdict, found.detectable, found.is_undecided) == (CANNOT_JUDGE, None, True)
    assert "prove nothing" in found.reason


def test_a_gate_that_cannot_see_what_it_must_see_cannot_judge() -> None:
    """`detect` turns a pass that means little into "cannot judge", and more repeats are said to help."""
    letters = "r" * 90 + "w" * 30
    assert regression(letters, letters[3:] + "www").verdict == PASSED
    found = regression(letters, letters[3:] + "www", "detect = 0.01\n")
    assert (found.verdict, found.is_undecided) == (CANNOT_JUDGE, True)
    assert "1.0 point (detect)" in found.reason


def test_no_baseline_and_an_incomparable_one_cannot_be_judged() -> None:
    """Each says what is missing or different and names the option to use."""
    now = evidence(outcomes("r" * 50), params={"temperature": 1.0, "top_p": 0.95}, version="2")
    gates = parse_gates(REGRESSION)
    (none,) = judge(gates, now, None)
    assert none.verdict == CANNOT_JUDGE
    assert "--eval-bless" in none.reason
    (other,) = judge(gates, now, as_baseline(evidence(outcomes("r" * 50))))
    assert other.verdict == CANNOT_JUDGE
    for word in ("version 1 there, 2 here", "temperature 0.0 there, 1.0 here", "top_p not sent there, 0.95 here"):
        assert word in other.reason


def test_every_difference_of_identity_is_named() -> None:
    """Version, data, prompt and parameters are each enough; the same identity is comparable; none at all is not."""
    then = evidence(outcomes("r")).identities["gsm8k"]
    assert why_incomparable(then, then, "gsm8k") == ""
    assert "holds no gsm8k" in why_incomparable(None, then, "gsm8k")
    assert why_incomparable(then, None, "gsm8k")
    assert "data sha256" in why_incomparable(then, replace(then, data_sha256="e" * 64), "gsm8k")
    assert "prompt sha256" in why_incomparable(then, replace(then, prompt_sha256=""), "gsm8k")
    assert "max_tokens" in why_incomparable(then, replace(then, params={**then.params, "max_tokens": 5}), "gsm8k")


def test_too_many_ungraded_cannot_be_judged_rather_than_blamed() -> None:
    """Errors beyond the limit stop the verdict; within it, the graded samples are judged; a gate's own limit wins."""
    before, after = "r" * 100, "r" * 97 + "eee"
    found = regression(before, after)
    assert found.verdict == CANNOT_JUDGE
    assert "3 of 100 items have no verdict (3 server error)" in found.reason
    assert regression(before, after, max_ungraded=3).verdict == PASSED
    assert regression(before, after, max_ungraded=0.03).verdict == PASSED
    assert regression(before, after, max_ungraded=2).verdict == CANNOT_JUDGE
    assert regression(before, after, "max_ungraded = 0.05\n").verdict == PASSED


def test_what_is_not_in_the_run_cannot_be_judged() -> None:
    """A gate over a benchmark that was not selected neither passes nor fails."""
    (found,) = judge(parse_gates(REGRESSION), evidence(outcomes("rr", benchmark="other")), None)
    assert found.verdict == CANNOT_JUDGE
    assert "nothing of it is in this run" in found.reason


def test_min_samples_counts_questions() -> None:
    """Below its own least number a gate cannot judge."""
    found = regression("r" * 50, "r" * 50, "min_samples = 51\n")
    assert (found.verdict, found.n) == (CANNOT_JUDGE, 50)


def floors(letters: str, floor: float, extra: str = "") -> tuple[str, str]:
    """Verdict and reason of a floor."""
    text = f'alpha = 0.05\n[[gate]]\nkind = "floor"\nbenchmark = "gsm8k"\nfloor = {floor}\n{extra}'
    (found,) = judge(parse_gates(text), evidence(outcomes(letters)), None)
    return found.verdict, found.reason


def test_a_floor_fails_beyond_chance_only_unless_bare_numbers_are_asked_for() -> None:
    """92 of 100 against 0.95: chance can do that (exact p 0.13); a point floor does not care; 85 is beyond chance."""
    verdict, reason = floors("r" * 92 + "w" * 8, 0.95)
    assert verdict == PASSED
    assert "which chance can explain" in reason
    assert floors("r" * 92 + "w" * 8, 0.95, 'test = "point"')[0] == FAILED
    assert floors("r" * 85 + "n" * 15, 0.95)[0] == FAILED
    assert "is not below its floor" in floors("r" * 97 + "w" * 3, 0.95)[1]


def test_a_score_far_below_its_floor_does_not_pass_for_want_of_questions() -> None:
    """11 of 20 under a floor of 0.80: too few to fail, and no pass; with more questions it fails."""
    verdict, reason = floors("r" * 11 + "w" * 9, 0.80, "alpha = 0.001\n")
    assert verdict == CANNOT_JUDGE
    assert "but it must find the 25.0 points seen here: ask more questions or repeats" in reason
    assert floors("r" * 110 + "w" * 90, 0.80, "alpha = 0.001\n")[0] == FAILED
    # A point below its floor is no such case, however few the questions.
    assert floors("r" * 78 + "w" * 22, 0.80)[0] == PASSED


def test_a_pass_says_what_it_may_have_missed() -> None:
    """The verdict word names the smallest effect found where it is above 5 points; a sharp gate just passes."""
    found = regression("r" * 100, "r" * 100).as_verdict()
    assert found.verdict == PASSED
    assert found.detectable is not None
    assert found.label == f"passed, blind below {100 * found.detectable:.1f} points"
    assert replace(found, detectable=0.049).label == "passed"
    assert replace(found, detectable=None).label == "passed"
    assert replace(found, verdict=FAILED).label == FAILED


def test_ceilings_count_their_kind_among_graded_items() -> None:
    """Truncated, no answer and ungraded shares each look at their own kind."""
    run = evidence(outcomes("r" * 80 + "t" * 10 + "n" * 6 + "e" * 4))
    text = "\n".join(
        f'[[gate]]\nkind = "ceiling"\nbenchmark = "gsm8k"\nof = "{of}"\nceiling = 0.03\nmax_ungraded = 0.1'
        for of in ("truncated", "no_answer", "ungraded")
    )
    found = judge_in_detail(parse_gates("alpha = 0.05\n" + text), run, None)
    assert [round(100 * float(entry.reason.split("share ")[1][:6]), 2) for entry in found] == [10.42, 6.25, 4.0]
    assert [entry.verdict for entry in found] == [FAILED, PASSED, PASSED]
    assert [entry.n for entry in found] == [96, 96, 100]


def test_a_ceiling_of_nothing_is_broken_by_one() -> None:
    """Ceiling 0 says that there are none: a single case is beyond chance."""
    text = '[[gate]]\nkind = "ceiling"\nbenchmark = "gsm8k"\nof = "no_answer"\nceiling = 0\n'
    assert judge(parse_gates(text), evidence(outcomes("r" * 99 + "n")), None)[0].verdict == FAILED
    assert judge(parse_gates(text), evidence(outcomes("r" * 100)), None)[0].verdict == PASSED


def test_latency_is_judged_by_the_share_of_slow_items() -> None:
    """The median of 100 items is 10 s: above a ceiling of 5 s, not above 20 s; unmeasured seconds cannot be judged."""
    run = evidence(outcomes("r" * 100, total_s=10.0, completion_tokens=700))
    text = '[[gate]]\nkind = "ceiling"\nbenchmark = "gsm8k"\nof = "{}"\nceiling = {}\n'
    verdicts = [
        judge(parse_gates(text.format(of, ceiling)), run, None)[0].verdict
        for of, ceiling in [("latency_s", 5), ("latency_s", 20), ("completion_tokens", 600), ("completion_tokens", 700)]
    ]
    assert verdicts == [FAILED, PASSED, FAILED, PASSED]
    (found,) = judge(parse_gates(text.format("latency_s", 5)), evidence(outcomes("r" * 100)), None)
    assert found.verdict == CANNOT_JUDGE


def test_repeats_are_one_question_each() -> None:
    """Three repeats of 40 questions are judged as 40 question means by sign flips, not as 120 samples."""
    then = {**outcomes("r" * 40), **outcomes("r" * 40, repeat=1), **outcomes("r" * 40, repeat=2)}
    now = {**outcomes("w" * 8 + "r" * 32), **outcomes("r" * 40, repeat=1), **outcomes("w" * 4 + "r" * 36, repeat=2)}
    (found,) = judge_in_detail(parse_gates(REGRESSION), evidence(now), as_baseline(evidence(then)))
    assert (found.n, found.verdict) == (40, FAILED)
    assert found.p == pytest.approx(sign_flip([2 / 3] * 4 + [1 / 3] * 4 + [0.0] * 32))


def test_clusters_are_units() -> None:
    """Ten losses in one passage are one event, not ten."""
    then, now = outcomes("r" * 60), outcomes("w" * 10 + "r" * 50)
    free = judge_in_detail(parse_gates(REGRESSION), evidence(now), as_baseline(evidence(then)))[0]
    tied = {key: replace(out, cluster=f"passage {n // 10}") for n, (key, out) in enumerate(now.items())}
    bound = judge_in_detail(parse_gates(REGRESSION), evidence(tied), as_baseline(evidence(then)))[0]
    assert (free.verdict, bound.p) == (FAILED, 0.5)


def test_an_aggregate_is_judged_by_its_own_weights() -> None:
    """A macro average feels a loss in its small subset that a micro average drowns."""
    aggregates = (micro("ALL"), macro("OVERALL"))
    big, small = "r" * 300 + "w" * 100, "r" * 20
    then = {**outcomes(big, subset="big"), **outcomes(small, subset="small")}
    now = {**outcomes("w" * 10 + "r" * 300 + "w" * 90, subset="big"), **outcomes("w" * 9 + "r" * 11, subset="small")}
    text = "".join(f"{REGRESSION[13:]}aggregate = '{name}'\n" for name in ("ALL", "OVERALL"))
    results = evidence(now, aggregates=aggregates)
    whole, mean = judge_in_detail(
        parse_gates("alpha = 0.05\n" + text), results, as_baseline(evidence(then, aggregates=aggregates))
    )
    assert "a drop of 2.1 points" in whole.reason
    assert "a drop of 22.5 points" in mean.reason


def test_a_partial_aggregate_cannot_be_judged() -> None:
    """An aggregate with a part that was not run has no score, hence no verdict."""
    run = evidence(outcomes("r" * 50), aggregates=(macro("OVERALL"),), all_subsets=["main", "other"])
    text = '[[gate]]\nkind = "floor"\nbenchmark = "gsm8k"\naggregate = "OVERALL"\nfloor = 0.5\n'
    (found,) = judge(parse_gates(text), run, None)
    assert found.verdict == CANNOT_JUDGE
    assert "incomplete" in found.reason


@pytest.mark.parametrize("aggregate", [macro("OVERALL"), micro("OVERALL"), weighted("OVERALL", {"big": 1, "small": 9})])
def test_an_aggregate_is_not_compared_on_some_of_its_parts(aggregate: Aggregate) -> None:
    """A subset of which the baseline knows no question would fall out of the weights: cannot judge, and named."""
    big, small = outcomes("r" * 300 + "w" * 100, subset="big"), outcomes("r" * 50, subset="small")
    then = evidence(big, aggregates=(aggregate,))
    now = evidence({**big, **small}, aggregates=(aggregate,))
    (found,) = judge(parse_gates(f"{REGRESSION}aggregate = 'OVERALL'\n"), now, as_baseline(then))
    assert found.verdict == CANNOT_JUDGE
    assert "small" in found.reason


def test_a_ceiling_of_ungraded_items_needs_them_asked() -> None:
    """What was asked and lost is counted; what was never asked is neither, so that too much of it leaves no verdict."""
    text = '[[gate]]\nkind = "ceiling"\nbenchmark = "gsm8k"\nof = "ungraded"\nceiling = 0.1\n'
    (lost,) = judge(parse_gates(text), evidence(outcomes("r" * 60 + "e" * 40)), None)
    assert lost.verdict == FAILED
    (missing,) = judge(parse_gates(text), evidence(outcomes("r" * 60 + "-" * 40)), None)
    assert missing.verdict == CANNOT_JUDGE
    assert "40 not run" in missing.reason
    (few,) = judge(parse_gates(text), evidence(outcomes("r" * 99 + "-")), None, max_ungraded=1)
    assert few.verdict == PASSED


def test_weights_of_nested_aggregates() -> None:
    """A weighted mean of a micro and a macro average gives each subset the product of its weights."""
    declared = (micro("M", ["a", "b"]), macro("N", ["c", "d"]), weighted("ALL", {"M": 3.0, "N": 1.0}))
    found = subset_weights(declared, "ALL", {"a": 10, "b": 30, "c": 5, "d": 500})
    assert found == pytest.approx({"a": 0.1875, "b": 0.5625, "c": 0.125, "d": 0.125})
    assert subset_weights(declared, "ALL", {"a": 10, "b": 30, "c": 5}) is None


def test_holm_holds_over_the_gates_of_a_run() -> None:
    """The same loss that fails alone passes among ten other gates; without the correction it fails again."""
    letters = "r" * 100
    then, now = outcomes(letters), outcomes("w" * 6 + letters[6:])
    one = regression(letters, "w" * 6 + letters[6:])
    assert (one.verdict, one.p) == (FAILED, mcnemar(6, 0))
    gates = REGRESSION
    for number in range(9):
        then |= outcomes(letters, benchmark=f"b{number}")
        now |= outcomes(letters, benchmark=f"b{number}")
        gates += f'[[gate]]\nkind = "regression"\nbenchmark = "b{number}"\n'
    many = judge_in_detail(parse_gates(gates), evidence(now), as_baseline(evidence(then)))
    assert many[0].adjusted_p == pytest.approx(10 * mcnemar(6, 0))
    assert many[0].verdict == PASSED
    assert "Holm over 10 gates" in many[0].reason
    assert holm({"only": 0.2}) == {"only": 0.2}
    free = judge(parse_gates('correction = "none"\n' + gates), evidence(now), as_baseline(evidence(then)))
    assert free[0].verdict == FAILED


def test_alpha_is_shared_out_over_looks() -> None:
    """Judged up to four times on a growing run, a gate needs a quarter of alpha each time."""
    before, after = "r" * 100, "w" * 6 + "r" * 94
    assert regression(before, after).verdict == FAILED
    assert regression(before, after, looks=4).verdict == PASSED
    assert "4 looks" in regression(before, after, looks=4).reason


def test_only_gates_that_lack_data_ask_for_repeats() -> None:
    """Of two gates that cannot judge, the one that sees too little is repeated, the one without a baseline is not."""
    now = {**outcomes("r" * 30), **outcomes("r" * 30, benchmark="other")}
    text = REGRESSION + 'detect = 0.01\n[[gate]]\nkind = "regression"\nbenchmark = "other"\n'
    found = judge_in_detail(parse_gates(text), evidence(now), as_baseline(evidence(outcomes("r" * 30))))
    assert [entry.verdict for entry in found] == [CANNOT_JUDGE, CANNOT_JUDGE]
    assert {key.benchmark for key in to_repeat(found, now)} == {"gsm8k"}


def test_a_known_flip_rate_changes_what_can_be_detected_but_not_the_p_value() -> None:
    """The gate's own flip rate wins over the baseline's, which wins over the flips of this pair."""
    letters = "r" * 200
    then, now = evidence(outcomes(letters)), evidence(outcomes(letters))
    plain = judge_in_detail(parse_gates(REGRESSION), now, as_baseline(then))[0]
    noisy = judge_in_detail(parse_gates(REGRESSION), now, as_baseline(then, flip_rates={"gsm8k": 0.1}))[0]
    given = judge_in_detail(
        parse_gates(REGRESSION + "flip_rate = 0.02\n"), now, as_baseline(then, flip_rates={"gsm8k": 0.1})
    )[0]
    assert plain.p == noisy.p == given.p
    assert (plain.detectable or 1) < (given.detectable or 1) < (noisy.detectable or 1)


def test_only_questions_with_a_verdict_on_both_sides_are_paired() -> None:
    """New, missing and ungraded questions are counted as not paired and move nothing."""
    key = ItemKey("gsm8k", "main", "main-0500")
    now = outcomes("r" * 60 + "e")
    now[key] = Outcome(key, Kind.WRONG)
    gates = parse_gates(REGRESSION + "max_ungraded = 0.5\n")
    (found,) = judge_in_detail(gates, evidence(now), as_baseline(evidence(outcomes("r" * 61))))
    assert (found.n, found.verdict) == (60, PASSED)
    assert "2 more not paired" in found.reason


def test_repeats_of_the_baseline_or_of_the_run_tell_how_much_is_noise() -> None:
    """With repeats on a side, what can be detected follows the measured rate and not the drop that was just seen."""
    once, again = "r" * 160 + "w" * 40, "r" * 150 + "w" * 40 + "r" * 10
    base = evidence({**outcomes(once), **outcomes(again, repeat=1)})
    rates = flip_rates(base.outcomes)
    steady = judge_in_detail(parse_gates(REGRESSION), evidence(outcomes(once)), as_baseline(base, flip_rates=rates))[0]
    lost = evidence(outcomes("w" * 60 + once[60:]))
    dropped = judge_in_detail(parse_gates(REGRESSION), lost, as_baseline(base, flip_rates=rates))[0]
    assert steady.detectable == dropped.detectable
    assert 0 < (steady.detectable or 0) < 0.2
    other_way = judge_in_detail(parse_gates(REGRESSION), base, as_baseline(evidence(outcomes(once))))[0]
    assert other_way.detectable == pytest.approx(steady.detectable, abs=0.02)


def test_a_verdict_carries_the_figures_of_its_sentence() -> None:
    """A verdict carries what its sentence says: score, interval, n, p before and after Holm, flips, smallest drop."""
    now, base = evidence(outcomes("w" * 20 + "r" * 80)), as_baseline(evidence(outcomes("r" * 100)))
    (found,) = judge(parse_gates(REGRESSION), now, base)
    assert (found.kind, found.verdict, found.score, found.n) == ("regression", FAILED, 0.8, 100)
    assert (found.newly_wrong, found.newly_right) == (20, 0)
    assert found.p == found.adjusted_p == pytest.approx(0.5**20)
    assert (found.low or 0) < 0.8 < (found.high or 0)
    assert found.alpha == pytest.approx(0.05)
    assert 0 < (found.detectable or 0) < 0.8
    (missing,) = judge(parse_gates(REGRESSION), now, None)
    assert (missing.score, missing.p, missing.detectable, missing.newly_wrong) == (None, None, None, None)


def test_prompts_are_compared_on_the_questions_that_both_have() -> None:
    """Another selection compares; one changed prompt does not; a baseline that knows no prompts does not either."""
    one = ExperimentIdentity("gsm8k", "1", prompts={("main", "a"): "0001", ("main", "b"): "0002"}, prompt_sha256="x")
    fewer = replace(one, prompts={("main", "b"): "0002", ("main", "c"): "0003"}, prompt_sha256="y")
    assert why_incomparable(one, fewer, "gsm8k") == ""
    changed = replace(fewer, prompts={("main", "b"): "9999"})
    assert why_incomparable(one, changed, "gsm8k") == "the prompts of 1 of 1 questions in both, such as main b"
    assert "unknown there" in why_incomparable(replace(one, prompts={}, prompt_sha256=""), fewer, "gsm8k")
