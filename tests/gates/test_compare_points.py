"""Operating points of several results side by side, in text and as data, and as a baseline keeps them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_modeleval.gates.compare_points import compare_points, point_lines, points_json
from pytest_modeleval.gates.point_noise import spread_lines
from pytest_modeleval.store.baseline import baseline_json, parse_baseline
from tests.support.point_worlds import POINT, independent, point, stress_baseline, stress_evidence, timings

OTHER = "chat-512-128@c32"
SIDES = [
    stress_baseline([point(timings(independent(seed, 400, scale=scale))), point(timings(independent(5, 60)), OTHER)])
    for seed, scale in ((1, 1.0), (2, 1.3), (3, 1.0))
]


def test_each_figure_of_a_point_is_compared_between_all_sides() -> None:
    """A slow-down by 30 % is worse for the first token and a tie for a rate that the clock set; others are ties."""
    found = {(entry.point, entry.measure): entry for entry in compare_points(SIDES)}
    worse, tie, back = found[POINT, "ttft_p50"].differences
    assert (worse.first, worse.second) == (0, 1)
    assert worse.low < 0.3 < worse.high
    assert worse.p <= worse.adjusted_p < 0.05 < tie.adjusted_p
    assert back.change < 0.0
    assert [figure.num for figure in found[POINT, "ttft_p50"].figures if figure is not None] == [400] * 3
    assert all("expected at least 200 requests" in text for text in found[OTHER, "ttft_p50"].obstacles)
    assert not found[OTHER, "ttft_p50"].differences


def test_a_comparison_of_points_reads_as_text_and_as_data() -> None:
    """Figures with intervals, sentences with verdicts, reasons where nothing is compared; the same in JSON."""
    compared = compare_points(SIDES[:2])
    lines = list(point_lines(compared, ["A", "B"]))
    assert f"perf {POINT}" in lines
    assert any(line.startswith("  ttft_p50  A 0.") and ", B 0." in line and " s (" in line for line in lines)
    assert any(line.startswith("    A to B: ") and " % worse (95 % " in line and "after Holm" in line for line in lines)
    assert any(": not compared: A: expected at least 200 requests" in line for line in lines)
    assert "no two" not in lines[-1]
    assert lines[-1].startswith("  What differs between two runs of an unchanged deployment")
    data = json.loads(json.dumps(points_json(compared, ["A", "B"])))
    (first,) = [entry for entry in data if (entry["point"], entry["measure"]) == (POINT, "ttft_p50")]
    (difference,) = first["differences"]
    assert difference["verdict"] == "worse"
    assert first["figures"][0]["n"] == 400
    assert difference["low"] < difference["worse_by"] < difference["high"]
    assert list(point_lines((), [])) == []


def test_only_points_that_two_sides_have_are_compared() -> None:
    """A point of one side, and the server that was measured in turn with the model's, are no pairs."""
    alone = stress_baseline([replace(SIDES[0].points["perf"][0], role="old")])
    assert compare_points([SIDES[0], alone]) == ()


def test_a_baseline_keeps_the_points() -> None:
    """Written and read, the figures are the same, with blocks to six digits; curves and timeline are left out."""
    run = stress_evidence({POINT: timings(independent(1, 400))})
    content = json.loads(json.dumps(baseline_json(run, made_utc="2026-01-02")))
    (kept,) = parse_baseline(content, "base.json").points["perf"]
    (made,) = run.points["perf"]
    assert kept.figures.keys() == made.figures.keys()
    for name, figure in made.figures.items():
        assert kept.figures[name].blocks == pytest.approx(figure.blocks, rel=1e-5)
        assert replace(kept.figures[name], blocks=()) == replace(figure, blocks=())
    assert (kept.curves, kept.timeline) == ({}, ())
    assert len(json.dumps(content)) < 25_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"figures": {"ttft_p50": {"value": "fast", "num": 1}}}, "value: expected a number"),
        ({"figures": {"ttft_p50": {"value": 1.0, "num": 1, "blocks": [1] * 1001}}}, "at most 1,000 numbers"),
        ({"figures": {"ttft_p50": {"value": 1.0, "num": 1, "more": 1}}}, "unknown key"),
        ({"sent": -1}, "sent: expected a whole number"),
        ({"point": 5}, "point: expected a text"),
    ],
)
def test_a_damaged_point_of_a_baseline_is_refused(change: dict[str, object], said: str) -> None:
    """A file may be anybody's: one sentence says where it is wrong."""
    content = baseline_json(stress_evidence({POINT: timings(independent(1, 60))}), made_utc="2026-01-02")
    content["benchmarks"][0]["points"][0] |= change
    with pytest.raises(ValueError, match=said):
        parse_baseline(json.loads(json.dumps(content)), "base.json")


def test_the_spread_of_runs_is_printed_for_gates() -> None:
    """The standard deviation between runs, as a fraction: 0.3 / 2 for figures of 1, 1 and 1.3 times the same."""
    (line, *_) = spread_lines(SIDES)
    assert line.startswith(f"perf {POINT}: run_spread over 3 runs: output_tok_s 0.0")
    spread = float(line.partition("ttft_p50 ")[2].split()[0])
    assert 0.10 < spread < 0.22
    assert list(spread_lines(SIDES[:1])) == []
