"""Gates over operating points: latency and goodput judge both ways, a regression by blocks; on made-up requests."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.gates import (
    CANNOT_JUDGE,
    FAILED,
    PASSED,
    Baseline,
    Evidence,
    judge,
    obstacles,
    parse_gates,
    planned_scopes,
)
from pytest_modeleval.records import ItemKey
from pytest_modeleval.results import GateVerdict
from tests.support.point_worlds import IDENTITY, POINT, independent, point, stress_baseline, stress_evidence, timings

OTHER = "chat-512-128@c32"
LATENCY = f'kind = "latency"\npoint = "{POINT}"\nmeasure = "ttft_p95"\n'
REGRESSION = f'kind = "regression"\nbenchmark = "perf"\npoint = "{POINT}"\n'


def verdict(gate: str, run: Evidence, baseline: Baseline | None = None) -> GateVerdict:
    """The verdict of one gate."""
    (found,) = judge(parse_gates(f"[[gate]]\n{gate}"), run, baseline)
    return found


@cache
def run_of(scale: float = 1.0, num: int = 600, failures: int = 0, **fields: object) -> Evidence:
    """A run of one point with independent times to the first token, median 0.5 s times scale."""
    found = timings(independent(7, num, scale=scale), failures=range(0, 10 * failures, 10))
    return stress_evidence({POINT: found}, [point(found, **fields)])  # type: ignore[arg-type]


@cache
def earlier() -> Baseline:
    """A baseline of the point at scale 1."""
    return stress_baseline([point(timings(independent(8, 600)))])


@pytest.mark.parametrize(
    ("scale", "expected"), [(0.5, PASSED), (1.0, CANNOT_JUDGE), (2.0, FAILED)], ids=["fast", "near", "slow"]
)
def test_a_latency_gate_passes_what_it_has_shown_and_fails_what_it_has_refuted(scale: float, expected: str) -> None:
    """The 95th percentile is 0.82 s at scale 1: close to a limit of 0.8 s neither is shown."""
    found = verdict(LATENCY + 'max = "800ms"', run_of(scale))
    assert found.verdict == expected
    assert (found.kind, found.point, found.measure, found.unit, found.n) == ("latency", POINT, "ttft_p95", "s", 600)
    assert found.low is not None
    assert found.score is not None
    assert found.low < found.score
    assert f"perf {POINT} ttft_p95 {found.score:.4g} s (95 % " in found.reason
    assert "of the requests are above 0.8 s, 5 % may be" in found.reason


def test_what_decides_a_latency_gate_is_named() -> None:
    """A gate that cannot judge names the number of requests that would decide it, unless the limit is too close."""
    found = verdict(LATENCY + 'max = "740ms"', run_of(num=300))
    assert found.verdict == CANNOT_JUDGE
    assert f"requests at {POINT} decide it" in found.reason
    mean = run_of().points["perf"][0].figures["ttft_mean"].value
    near = verdict(f'kind = "latency"\nmeasure = "ttft_mean"\nmax = {mean}', run_of())
    assert near.verdict == CANNOT_JUDGE


def test_a_failed_request_is_above_every_limit() -> None:
    """A server does not become faster by refusing requests."""
    assert verdict(LATENCY + "max = 2", run_of()).verdict == PASSED
    found = verdict(LATENCY + "max = 2", run_of(failures=60))
    assert found.verdict == FAILED
    assert "(60 failed, which counts as above)" in found.reason


@pytest.mark.parametrize(
    ("measure", "limit", "expected"),
    [
        ("ttft_mean", "400ms", FAILED),
        ("ttft_mean", "600ms", PASSED),
        ("itl_p99", "12ms", PASSED),
        ("itl_p99", "8ms", FAILED),
        ("itl_mean", "8ms", FAILED),
        ("tpot_p50", "12ms", PASSED),
        ("e2e_p90", "100ms", FAILED),
    ],
)
def test_every_latency_has_its_gate(measure: str, limit: str, expected: str) -> None:
    """Means and quantiles, of requests and of token intervals."""
    assert verdict(f'kind = "latency"\nmeasure = "{measure}"\nmax = "{limit}"', run_of()).verdict == expected


def test_a_quantile_may_stand_apart() -> None:
    """Measure = "ttft" with quantile = 0.95 is ttft_p95."""
    found = verdict('kind = "latency"\nmeasure = "ttft"\nquantile = 0.95\nmax = 3', run_of())
    assert found.measure == "ttft_p95"


@pytest.mark.parametrize(
    ("slo", "failures", "expected"),
    [
        ('slo = {ttft = "2s", tpot = "50ms"}', 0, PASSED),
        ('slo = {ttft = "600ms"}', 0, FAILED),
        ('slo = "ttft=2s"', 60, FAILED),
        ("slo = {ttft = 0.78}", 0, CANNOT_JUDGE),
    ],
)
def test_a_goodput_gate_counts_requests_sent(slo: str, failures: int, expected: str) -> None:
    """Requests that keep the objective, of all that were sent; failed ones do not keep it."""
    found = verdict(f'kind = "goodput"\nmin = 0.95\n{slo}', run_of(failures=failures))
    assert found.verdict == expected
    assert "of the requests sent" in found.reason


def test_the_objective_of_the_point_is_that_of_a_gate_without_one() -> None:
    """A point that was measured with an objective is judged by it; without one the gate says what to write."""
    assert verdict('kind = "goodput"\nmin = 0.9', run_of(slo="ttft=2s")).verdict == PASSED
    found = verdict('kind = "goodput"\nmin = 0.9', run_of())
    assert found.verdict == CANNOT_JUDGE
    assert 'slo = {ttft = "1s", tpot = "50ms"}' in found.reason


@pytest.mark.parametrize(
    ("measure", "scale", "expected"),
    [
        ("ttft_p50", 1.0, PASSED),
        ("ttft_p50", 1.2, FAILED),
        ("ttft_mean", 1.2, FAILED),
        ("ttft_p95", 0.8, PASSED),
        ("output_tok_s", 1.0, PASSED),
    ],
)
def test_a_regression_of_a_point_is_found_by_its_blocks(measure: str, scale: float, expected: str) -> None:
    """The relative change against the baseline's blocks; what no such comparison can see is said."""
    baseline = earlier()
    found = verdict(f'{REGRESSION}measure = "{measure}"', run_of(scale), baseline)
    assert found.verdict == expected
    assert found.detectable is not None
    assert "a true worsening of" in found.reason
    assert "what differs between two runs of an unchanged deployment is not in this test" in found.reason
    if expected == PASSED and found.detectable > 0.05:
        assert found.label == f"passed, blind below {100 * found.detectable:.1f} %"


def test_a_margin_and_a_known_spread_of_runs_are_allowed_for() -> None:
    """A fifth slower is beyond chance, but neither beyond a margin of 0.3 nor beyond runs that differ as much."""
    baseline = earlier()
    gate = f'{REGRESSION}measure = "ttft_p50"\n'
    assert verdict(gate, run_of(1.2), baseline).verdict == FAILED
    assert verdict(gate + "margin = 0.3", run_of(1.2), baseline).verdict == PASSED
    found = verdict(gate + "run_spread = 0.15", run_of(1.2), baseline)
    assert found.verdict == PASSED
    assert "(run_spread)" in found.reason


def test_a_gate_that_must_see_more_names_the_size_that_it_takes() -> None:
    """detect: with too few requests for it the gate cannot judge, and says how many would do."""
    baseline = earlier()
    found = verdict(f'{REGRESSION}measure = "ttft_p50"\ndetect = 0.05', run_of(), baseline)
    assert found.verdict == CANNOT_JUDGE
    assert "it must find 5 % (detect): measure about " in found.reason
    assert "requests on both sides" in found.reason


def test_two_servers_measured_in_turn_are_compared_pair_by_pair() -> None:
    """With a role to compare with, the other side is that server's point; drift that hits both is no difference."""
    drift = [1.0 + number / 600 for number in range(600)]
    old = [first * more for first, more in zip(independent(8, 600), drift, strict=True)]
    new = [first * more for first, more in zip(independent(9, 600, scale=1.3), drift, strict=True)]
    results = [point(timings(new)), point(timings(old), role="old")]
    gate = f'{REGRESSION}measure = "ttft_p50"\nagainst = "old"'
    found = verdict(gate, stress_evidence({POINT: timings(new)}, results))
    assert found.verdict == FAILED, found.reason
    assert "in the server old, measured in turn" in found.reason
    assert verdict(gate, run_of()).verdict == CANNOT_JUDGE


def test_a_gate_without_a_point_is_about_every_point() -> None:
    """One broken point fails it, with the others named; a point that cannot be judged keeps it from passing."""
    gate = 'kind = "latency"\nmeasure = "ttft_p50"\nmax = "600ms"'
    fast, slow = timings(independent(7, 300, scale=0.5)), timings(independent(8, 300, scale=2.0))
    found = verdict(gate, stress_evidence({POINT: fast, OTHER: slow}))
    assert (found.verdict, found.point) == (FAILED, OTHER)
    assert f"; kept: {POINT}" in found.reason
    assert verdict(gate, stress_evidence({POINT: fast, OTHER: fast})).verdict == PASSED
    results = [point(fast), point(fast, OTHER, unjudged="this client was the bottleneck")]
    found = verdict(gate, stress_evidence({POINT: fast}, results))
    assert found.verdict == CANNOT_JUDGE
    assert f"cannot be judged: {OTHER}: this client was the bottleneck" in found.reason


def test_a_queue_that_grows_is_not_judged() -> None:
    """Latencies that climb through the whole point say nothing about any other length of it."""
    climbing = [0.1 + number / 50 for number in range(400)]
    found = verdict('kind = "latency"\nmeasure = "ttft_p50"\nmax = 2', stress_evidence({POINT: timings(climbing)}))
    assert found.verdict == CANNOT_JUDGE
    assert "resemble their neighbours, or drift" in found.reason
    kept_up = verdict(
        'kind = "latency"\nmeasure = "ttft_p50"\nmax = 2', stress_evidence({"chat-512-128@rate10": timings(climbing)})
    )
    assert "the server does not keep up with this rate" in kept_up.reason


@pytest.mark.parametrize(
    ("gate", "baseline", "reason"),
    [
        (LATENCY.replace("@c16", "@c8") + "max = 1", None, f"it measures {POINT}"),
        (f'{REGRESSION}measure = "ttft_p50"', None, "there is no baseline"),
        (f'{REGRESSION}measure = "ttft_p50"', stress_baseline([]), f"has no {POINT}; it has no points"),
        (
            f'{REGRESSION}measure = "ttft_p50"',
            stress_baseline([], identity=replace(IDENTITY, version="0")),
            "benchmark version 0 there, 1 here",
        ),
        (f'{REGRESSION}measure = "ttft_p50"', earlier(), ""),
        (LATENCY + "max = 1", None, ""),
    ],
    ids=["other point", "no baseline", "no such point there", "other version", "all there", "needs none"],
)
def test_what_cannot_be_judged_is_known_before_the_first_request(
    gate: str, baseline: Baseline | None, reason: str
) -> None:
    """A point that is not measured, or that the baseline lacks; other points and prompts there do not matter."""
    scopes = planned_scopes(
        parse_gates(f"[[gate]]\n{gate}"),
        [ItemKey("perf", "perf", POINT)],
        baseline,
        metrics={"perf": "completed"},
        identities={
            "perf": replace(IDENTITY, data_sha256="e" * 64, params={**IDENTITY.params, "option points": "c16"})
        },
        aggregates={},
    )
    found = [obstacle.reason for obstacle in obstacles(scopes)]
    assert len(found) == bool(reason)
    assert all(reason in text for text in found)


def test_points_measured_otherwise_are_not_compared() -> None:
    """Lengths enforced on one side only, or an objective that differs, make two figures."""
    found = timings(independent(8, 600))
    other = stress_baseline([point(found, facts={**point(found).facts, "ignore_eos": True})])
    text = verdict(f'{REGRESSION}measure = "ttft_p50"', run_of(), other).reason
    assert "it was measured otherwise: ignore_eos True there, None here" in text
    objective = stress_baseline([point(found, slo="ttft=1s")])
    goodput = verdict(f'{REGRESSION}measure = "goodput_req_s"', run_of(slo="ttft=2s"), objective)
    assert "slo ttft=1s there, ttft=2s here" in goodput.reason


def test_too_few_requests_are_named() -> None:
    """Of each kind of gate: what was expected and what was found."""
    few = stress_evidence({POINT: timings(independent(7, 40)), "chat-512-128@rate4": timings(independent(7, 150))})
    gate = 'kind = "latency"\nmeasure = "ttft_p50"\nmax = 1'
    text = verdict(gate, few).reason
    assert "expected at least 60 requests of the steady phase, found 40" in text
    assert "expected at least 200 requests of the steady phase, found 150" in text
    assert "min_samples" in verdict(gate + "\nmin_samples = 700", run_of()).reason
    text = verdict(f'{REGRESSION}measure = "ttft_p50"', few, stress_baseline(few.points["perf"])).reason
    assert "expected at least 200 requests of the steady phase, found 40" in text


def test_mistakes_in_the_file_are_reported_with_their_lines() -> None:
    """Figures, times, objectives and keys that a gate over points cannot have, all at once."""
    with pytest.raises(SettingsError) as raised:
        parse_gates(
            """
[[gate]]
kind = "latency"
measure = "ttft_p96"
max = "fast"
detect = 0.1
[[gate]]
kind = "goodput"
slo = {ttft = "1s", foo = "50ms"}
min = 95
subset = "x"
[[gate]]
kind = "regression"
benchmark = "gsm8k"
run_spread = 0.02
[[gate]]
kind = "regression"
benchmark = "perf"
measure = "output_tok_s"
against = "old"
run_spread = 0.02
flip_rate = 0.1
"""
        )
    text = str(raised.value)
    assert "9 mistakes in the gates" in text
    for said in (
        "gates:4: measure: expected a latency of an operating point, found 'ttft_p96'; did you mean 'ttft_p99'?",
        'gates:5: max: expected a time above 0, such as "800ms", "1.5s" or a number of seconds, found \'fast\'',
        "gates:6: detect: a gate over operating points has none",
        "gates:9: slo: expected an objective",
        "gates:10: min: expected a number strictly between 0 and 1, found 95",
        "gates:11: subset: a gate over operating points has none",
        "gates:15: run_spread: expected with a figure of an operating point as measure",
        "gates:22: flip_rate: a gate over operating points has none",
    ):
        assert said in text
