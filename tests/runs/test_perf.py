"""Operating points as items: the benchmark `perf` in whole runs."""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from pytest_modeleval.store.baseline import read_baseline
from pytest_modeleval.store.load_file import read_timings
from pytest_modeleval.store.summary_file import SCHEMA_FILE
from tests.support.loopback import Act, Answer, LoopbackServer, Refuse, loopback
from tests.support.suites import Suite, key_answer, kill_group, without_times
from tests.support.waiting import until

# Other programs share the machine with these tests.
PATIENT = "--eval-option=perf.max_lag_ms=5000 20000"
POINTS = ["chat-16-4@c1", "chat-16-4@c2", "chat-16-4@rate50"]


def _arguments(suite: Suite, url: str, *more: str, selected: str = "perf") -> list[str]:
    options = ("perf.workload=chat-16-4", "perf.points=c1 c2 rate50", "perf.requests=12")
    given = [f"--eval-option={option}" for option in options]
    at = ["--model", "test-model", "--model-url", url, f"--eval-run={suite.run_dir}"]
    if selected != "perf":
        at.append(f"--eval-data={suite.path}/data")
    return ["-p", "no:cacheprovider", "-k", selected, *at, PATIENT, *given, *more]


def _is_load(body: dict[str, Any]) -> bool:
    # The requests that count tokens ask for one.
    return body.get("max_tokens") in (1, 4)


def _act(body: dict[str, Any], attempt: int) -> Act:
    return Answer("a b c d", tokens=4, delay_s=0.02) if _is_load(body) else key_answer(body, attempt)


def test_a_sweep_that_was_killed_goes_on(suite: Suite, server: LoopbackServer) -> None:
    """The same command measures the missing points only, after all samples of other benchmarks; rescoring keeps all."""
    suite.write_rows(40)
    server.script = _act
    arguments = _arguments(suite, server.url, selected="perf or test_quiz")
    first = suite.run_dir / "stress" / f"{POINTS[0]}.jsonl"
    journal = suite.run_dir / "journal.jsonl"
    with suite.start(*arguments) as process:
        until(lambda: first.exists() and b'"type":"point"' in journal.read_bytes(), limit_s=60)
        kill_group(process)
        process.communicate(timeout=60)
    kinds = [_is_load(body) for body in server.seen.bodies]
    assert kinds[:40] == [False] * 40
    stored = first.stat().st_mtime_ns
    server.seen.bodies.clear()
    result = suite.command(*arguments)
    assert result.status == 0, result.out + result.err
    assert first.stat().st_mtime_ns == stored
    assert result.summary is not None
    jsonschema.validate(result.summary, json.loads(SCHEMA_FILE.read_bytes()))
    found = {entry["benchmark"]: entry for entry in result.summary["benchmarks"]}
    assert [point["point"] for point in found["perf"]["points"]] == POINTS
    assert found["perf"]["subsets"][0]["score"] == 1.0
    for point in found["perf"]["points"]:
        timings = list(read_timings(suite.run_dir, point["point"]))
        assert len(timings) == point["sent"] == point["complete"]
        assert sum(timing.phase == "steady" for timing in timings) == 12
        assert 0.02 <= point["figures"]["ttft_mean"]["value"] < 5
        assert point["facts"]["client_processes"] == 1
    assert not list((suite.run_dir / "stress").glob("*.spool*"))
    out = suite.path / "exported"
    command = ("export", str(suite.run_dir), "--to", "vllm-bench", "--out", str(out))
    exported = suite.python("-m", "pytest_modeleval.cli", *command)
    assert exported.status == 0, exported.out + exported.err
    names = [f"{point.replace('@', '-')}.json" for point in POINTS]
    assert [json.loads((out / name).read_text())["completed"] for name in names] == [12, 12, 12]
    again = suite.command("-p", "no:cacheprovider", "-k", "perf", f"--eval-rescore={suite.run_dir}")
    assert again.status == 0, again.out + again.err
    assert without_times(again.summary) == without_times(result.summary)


def test_gates_judge_points_by_their_timings(suite: Suite, server: LoopbackServer) -> None:
    """Latency and goodput gates read the run folder; the blessed run keeps its points, and compare shows them."""
    server.script = _act
    gates, base = suite.path / "gates.toml", suite.path / "base.json"
    gates.write_text(
        """
[[gate]]
kind = "latency"
measure = "ttft_p50"
max = "5s"
[[gate]]
kind = "goodput"
point = "chat-16-4@c1"
slo = {e2e = "9s"}
min = 0.5
[[gate]]
kind = "regression"
benchmark = "perf"
measure = "output_tok_s"
[[gate]]
kind = "latency"
name = "other"
point = "chat-16-4@c8"
measure = "e2e_p95"
max = 1
"""
    )
    more = ("--eval-option=perf.points=c1", f"--eval-gates={gates}", f"--eval-bless={base}")
    result = suite.command(*_arguments(suite, server.url, *more))
    assert result.status == 6, result.out + result.err
    assert (
        "gate 'other' cannot be judged in this run: perf chat-16-4@c8 e2e_p95: this run measures no such" in result.out
    )
    assert result.summary is not None
    jsonschema.validate(result.summary, json.loads(SCHEMA_FILE.read_bytes()))
    latency, goodput, regression, _ = (gate["reason"] for gate in result.summary["gates"])
    few = "perf chat-16-4@c1: expected at least 60 requests of the steady phase, found 12"
    assert latency.startswith(few)
    assert goodput.startswith(few)
    assert "this run becomes the first one" in regression
    (kept,) = read_baseline(base).points["perf"]
    assert (kept.point, kept.complete) == ("chat-16-4@c1", kept.sent)
    compared = suite.python("-m", "pytest_modeleval.cli", "compare", str(base), str(suite.run_dir))
    text = compared.out
    assert compared.status == 0, text + compared.err
    assert "perf chat-16-4@c1" in text
    assert "not compared: A: expected at least 200 requests of the steady phase, found 12" in text
    noise = suite.python("-m", "pytest_modeleval.cli", "noise", str(base), str(suite.run_dir))
    assert noise.status == 0, noise.out + noise.err
    assert "perf chat-16-4@c1: run_spread over 2 runs: output_tok_s 0 (0 %)" in noise.out


def test_workers_hand_the_load_to_one_of_them(suite: Suite, server: LoopbackServer) -> None:
    """With -n 2 the points come after everything else, one at a time, from two client processes."""
    pytest.importorskip("xdist")
    suite.write_rows(40)
    server.script = _act
    result = suite.command(*_arguments(suite, server.url, "-n", "2", selected="perf or test_quiz"))
    assert result.status == 0, result.out + result.err
    kinds = [_is_load(body) for body in server.seen.bodies]
    assert not any(kinds[:40])
    assert result.summary is not None
    (perf,) = [entry for entry in result.summary["benchmarks"] if entry["benchmark"] == "perf"]
    by_name = {point["point"]: point for point in perf["points"]}
    assert set(by_name) == set(POINTS)
    assert by_name[POINTS[0]]["facts"]["client_processes"] == 1
    assert by_name[POINTS[2]]["facts"]["client_processes"] == 2


def test_what_cannot_be_judged_is_ungraded(suite: Suite, server: LoopbackServer) -> None:
    """A client that is too slow, a server that refuses everything: a cause, no score, and exit status 6."""
    server.script = lambda body, attempt: Refuse(503) if body["max_tokens"] == 4 and attempt else Answer("x")
    result = suite.command(*_arguments(suite, server.url, "--eval-option=perf.points=c1"))
    assert result.status == 6, result.out
    assert result.summary is not None
    (perf,) = result.summary["benchmarks"]
    assert "no request of the steady phase was answered (" in perf["points"][0]["unjudged"]
    assert perf["subsets"][0]["counts"]["server_error"] == 1
    server.script = _act
    suite.run_dir = suite.path / "second"
    exact = "--eval-option=perf.max_lag_ms=0 0"
    result = suite.command(*_arguments(suite, server.url, "--eval-option=perf.points=c1", exact))
    assert result.status == 6, result.out
    assert result.summary is not None
    assert "this client was the bottleneck" in result.summary["benchmarks"][0]["points"][0]["unjudged"]
    result = suite.command(*_arguments(suite, server.url, "--eval-option=perf.points=fast"))
    assert result.status == 4
    assert "perf.points: expected a load such as" in result.err + result.out


def test_accuracy_is_measured_under_each_load(suite: Suite, server: LoopbackServer) -> None:
    """The same graded samples ride through every point, outside of its latencies, paired with the lowest load."""
    rows = [{"question": f"What is {number} plus 1?", "answer": f"So\n#### {number + 1}"} for number in range(9)]
    file = suite.path / "data" / "gsm8k" / "test.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    longest = [0]

    def act(body: dict[str, Any], attempt: int) -> Act:
        if _is_load(body):
            longest[0] = max(longest[0], server.seen.in_flight)
            return Answer("a b c d", tokens=4, delay_s=0.02)
        number = int(body["messages"][-1]["content"].partition("What is ")[2].split()[0])
        is_wrong = longest[0] > 2 and number < 7
        return Answer(f"ANSWER: {number + (5 if is_wrong else 1)}", tokens=6, delay_s=0.2)

    server.script = act
    chosen = ("perf.points=c1 c4", "perf.workload=bench:gsm8k-4", "perf.accuracy=gsm8k:8")
    options = [f"--eval-option={option}" for option in chosen]
    result = suite.command(*_arguments(suite, server.url, *options, f"--eval-data={suite.path}/data"))
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    low, high = result.summary["benchmarks"][0]["points"]
    assert (low["point"], high["point"]) == ("bench-gsm8k-4@c1", "bench-gsm8k-4@c4")
    assert low["figures"]["accuracy"]["value"] == 1.0
    assert high["figures"]["accuracy"]["value"] == 1 / 8
    assert low["facts"]["accuracy"] == {"benchmark": "gsm8k", "planned": 8, "right": 8, "num": 8}
    expected = {"reference": low["point"], "pairs": 8, "lost": 7, "gained": 0, "p": 2 / 2**7}
    assert high["facts"]["accuracy"].items() >= expected.items()
    timings = list(read_timings(suite.run_dir, high["point"]))
    assert sum(bool(timing.question) for timing in timings) == 8
    assert all(timing.phase == "tail" for timing in timings if timing.question)
    assert high["figures"]["ttft_mean"]["value"] < 0.2
    wrong = suite.command(*_arguments(suite, server.url, "--eval-option=perf.accuracy=humaneval:3"))
    assert wrong.status == 4
    assert "perf: expected a benchmark whose grader needs no sandbox" in wrong.err + wrong.out


def test_two_servers_are_measured_in_turn(suite: Suite, server: LoopbackServer) -> None:
    """A slower server than that of the role fails its gate; the same command measures only what is missing."""
    answers = {"own": 0.03, "old": 0.01}
    server.script = lambda body, attempt: Answer("a b c d", tokens=4, delay_s=answers["own"])
    gates = suite.path / "gates.toml"
    gates.write_text('[[gate]]\nkind = "regression"\nbenchmark = "perf"\nmeasure = "req_s"\nagainst = "old"\n')
    with loopback(lambda body, attempt: Answer("a b c d", tokens=4, delay_s=answers["old"])) as other:
        profile = f'[old]\nurls = ["{other.url}"]\nserved_names = ["test-model"]\n'
        (suite.path / "models.toml").write_text(profile)
        chosen = ("perf.points=c4", "perf.against=old", "perf.rounds=8", "perf.requests=200")
        options = [f"--eval-option={option}" for option in chosen]
        arguments = _arguments(suite, server.url, "--eval-role=old=old", f"--eval-gates={gates}", *options)
        result = suite.command(*arguments)
        assert result.status == 1, result.out + result.err
        asked = len(server.seen.bodies), len(other.seen.bodies)
        (suite.run_dir / "stress" / "chat-16-4@c4~8-old.jsonl").unlink()
        journal = suite.run_dir / "journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(line for line in lines if b'"type":"point"' not in line))
        again = suite.command(*arguments)
        assert again.status == 1, again.out + again.err
        assert 0 < len(other.seen.bodies) - asked[1] < asked[1] / 4
        assert len(server.seen.bodies) - asked[0] < 10
    assert again.summary is not None
    own, old = again.summary["benchmarks"][0]["points"]
    assert (own["point"], own["role"], old["point"], old["role"]) == ("chat-16-4@c4", "", "chat-16-4@c4", "old")
    assert len(own["figures"]["e2e_p50"]["blocks"]) == 8
    # Not by how much: a busy machine adds the same to both.
    assert own["figures"]["e2e_p50"]["value"] > old["figures"]["e2e_p50"]["value"]
    assert "in the server old, measured in turn" in again.summary["gates"][0]["reason"]
    refused = suite.command(*_arguments(suite, server.url, "--eval-option=perf.against=new"))
    assert refused.status == 5
    assert "give --eval-role new=PROFILE" in refused.out + refused.err
