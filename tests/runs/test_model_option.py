"""--model, and runs without one: never green by accident, and never in the place of a project's own tests."""

from __future__ import annotations

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite

GATES = 'alpha = 0.05\n[[gate]]\nkind = "floor"\nbenchmark = "quiz"\nfloor = 0.1\n'
OWN = "def test_mine():\n    assert True\n"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--model", ""], "--model: expected the name of a model, found an empty text"),
        (["--model", "", "--eval-gates=gates.toml"], "--model: expected the name of a model"),
        (["--eval-gates=gates.toml"], "--eval-gates: expected a model to evaluate, found none; add --model NAME"),
        (["--eval-strict"], "--eval-strict: expected a model to evaluate"),
        (["--eval-limit=3"], "--eval-limit: expected a model to evaluate"),
        (["--model-set", "restart=1"], "--model-set: expected a model to evaluate"),
        (["--model-url", "http://127.0.0.1:1"], "expected --model too"),
    ],
)
def test_options_without_a_model_are_refused(suite: Suite, options: list[str], text: str) -> None:
    """Newcomer 2: status 4 and what to add, instead of a skipped benchmark and status 0."""
    (suite.path / "gates.toml").write_text(GATES)
    result = suite.command(*options, "test_quiz.py")
    assert result.status == 4, result.out + result.err
    assert text in result.err


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_gates_of_a_variable_without_a_model_are_not_green(suite: Suite, workers: tuple[str, ...]) -> None:
    """An empty variable of a CI job: the benchmark is skipped, so the status is 6; a project's tests alone are not."""
    (suite.path / "gates.toml").write_text(GATES)
    (suite.path / "test_own.py").write_text(OWN)
    env = {"MODELEVAL_GATES": "gates.toml", "MODELEVAL_MODEL": ""}
    result = suite.command(*workers, "test_quiz.py", env=env)
    assert result.status == 6, result.out + result.err
    assert "the gates of gates.toml were not judged, since no model is named" in result.out
    assert suite.command("test_own.py", env=env).status == 0
    assert suite.command("test_quiz.py", "--eval-gates=", env=env).status == 0


def test_gates_without_any_sample_are_not_green(suite: Suite, server: LoopbackServer) -> None:
    """A model is named, and only tests that are no samples are selected: status 6, and why."""
    (suite.path / "gates.toml").write_text(GATES)
    (suite.path / "test_own.py").write_text(OWN)
    result = suite.command("--model", "m", "--model-url", server.url, "--eval-gates=gates.toml", "test_own.py")
    assert result.status == 6, result.out + result.err
    assert "gates.toml: nothing was evaluated, so nothing can be judged" in result.out


@pytest.mark.parametrize("source", ["ini", "variable"])
def test_a_model_that_is_no_option_does_not_replace_own_tests(
    suite: Suite, server: LoopbackServer, source: str
) -> None:
    """Newcomer 4: the project's failing test still fails, and no shipped benchmark is collected."""
    suite.write_rows(4)
    (suite.path / "test_own.py").write_text(OWN.replace("True", "False"))
    settings = {"model": "test-model", "model_url": server.url, "eval_data": "data"}
    env = {}
    if source == "ini":
        suite.pytester.makeini("[pytest]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    else:
        env = {"MODELEVAL_" + name.removeprefix("eval_").upper(): value for name, value in settings.items()}
    result = suite.command(env=env)
    assert result.status == 1, result.out + result.err
    assert "1 failed, 3 passed, 1 wrong" in result.out
    assert suite.command("-k", "mine", env=env).status == 1
    listed = suite.command("-k", "iquiz", "--collect-only", "-q", env=env)
    # Its data is looked for below --eval-data: it was collected.
    assert "iquiz" in listed.err
