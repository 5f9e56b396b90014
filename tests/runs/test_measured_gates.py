"""Gates over measures in whole runs: blessed, compared, refused with the name that was meant."""

from __future__ import annotations

from tests.runs.test_measures import write
from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite


def test_a_measure_is_blessed_compared_and_held_to_a_floor(suite: Suite, server: LoopbackServer) -> None:
    """The same answers are no regression; a floor above the figure fails."""
    write(suite)
    gates = suite.path / "gates.toml"
    gates.write_text('[[gate]]\nkind = "floor"\nbenchmark = "quiz"\nmeasure = "stepss"\nfloor = 0.9\n')
    wrong = suite.run(server.url, f"--eval-gates={gates}")
    assert wrong.status == 4
    assert "'steps'" in wrong.out + wrong.err
    gates.write_text(
        '[[gate]]\nkind = "floor"\nbenchmark = "quiz"\nmeasure = "steps"\nfloor = 0.9\ntest = "point"\n'
        '[[gate]]\nkind = "regression"\nbenchmark = "quiz"\nmeasure = "f"\nalpha = 0.2\n'
    )
    baseline = suite.path / "baseline.json"
    assert suite.run(server.url, f"--eval-bless={baseline}").status == 0
    found = suite.run(server.url, f"--eval-gates={gates}", f"--eval-baseline={baseline}")
    verdicts = {gate["name"]: gate for gate in (found.summary or {})["gates"]}
    assert (verdicts["quiz steps floor"]["verdict"], verdicts["quiz steps floor"]["score"]) == ("failed", 6 / 16)
    assert verdicts["quiz f regression"]["verdict"] != "failed"
    assert "unchanged" in verdicts["quiz f regression"]["reason"]
    assert found.status == 1
    compared = suite.python("-m", "pytest_modeleval.cli", "compare", str(suite.run_dir), str(baseline))
    said = " ".join(compared.out.split())
    assert f"quiz part steps (higher is better) A {6 / 16:.4f} n=" in said
    assert "A to B: 0.0000" in said
