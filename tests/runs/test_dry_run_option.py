"""--eval-dry-run, --eval-system and the note on parameters that look like a slip."""

from __future__ import annotations

import json

from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite


def test_a_dry_run_shows_requests_and_sends_none(suite: Suite, server: LoopbackServer) -> None:
    """Newcomer 20: counts, and one whole request of each subset with its parameters; status 0, no folder, no server."""
    suite.write_benchmark(subsets=("part", "hard"))
    suite.write_rows(3)
    suite.write_rows(2, subset="hard")
    result = suite.run(server.url, "--eval-dry-run", "--eval-param", "temperature=0.25")
    assert result.status == 0, result.out + result.err
    assert "dry run: 5 requests or conversations with test-model; nothing is sent" in result.out
    assert "quiz part: 3 items, the first is part-0000" in result.out
    assert "quiz hard: 2 items, the first is hard-0000" in result.out
    shown = result.out[result.out.index("{") :]
    body, _ = json.JSONDecoder().raw_decode(shown)
    assert body["messages"] == [{"role": "user", "content": "Question 0 of part [[D]]"}]
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0.25, 64, "test-model")
    assert not server.seen.prompts
    assert not suite.run_dir.exists()


def test_a_dry_run_is_of_one_process(suite: Suite, server: LoopbackServer) -> None:
    """With -n it is refused before a worker starts."""
    suite.write_rows(2)
    result = suite.run(server.url, "--eval-dry-run", "-n", "2")
    assert result.status == 4, result.out + result.err
    assert "--eval-dry-run works in one process; leave -n out" in result.err


def test_a_system_prompt_is_part_of_the_experiment(suite: Suite, server: LoopbackServer) -> None:
    """It is sent with every request, stands in the dry run, and another one does not resume the run folder."""
    suite.write_rows(3)
    file = suite.path / "system.txt"
    file.write_text("Answer like a pirate.\n")
    result = suite.run(server.url, f"--eval-system={file}")
    assert result.status == 0, result.out + result.err
    system = {"role": "system", "content": "Answer like a pirate."}
    assert all(body["messages"][0] == system for body in server.seen.bodies)
    shown = suite.run(server.url, f"--eval-system={file}", "--eval-dry-run")
    assert "Answer like a pirate." in shown.out
    rescored = suite.command(*suite.arguments(None, f"--eval-rescore={suite.run_dir}", run=False))
    assert rescored.status == 0, rescored.out + rescored.err
    assert rescored.subset()["num"] == 3
    other = suite.run(server.url)
    assert other.status == 4, other.out + other.err
    assert "another experiment with another system prompt (--eval-system)" in other.err
    file.write_text(" \n")
    assert "--eval-system: expected a system prompt" in suite.run(server.url, f"--eval-system={file}").err


def test_a_system_prompt_is_recorded_without_secrets(suite: Suite, server: LoopbackServer) -> None:
    """run.json, the plan and report.html have its text; a key in it is sent and in no file; rescoring knows it."""
    suite.write_rows(3)
    file = suite.path / "system.txt"
    file.write_text("Answer like a pirate whose key is sk-CANARY-12345678.\n")
    server.key = "sk-CANARY-12345678"
    options = ("--model-key-env=THE_KEY", f"--eval-system={file}")
    result = suite.command(*suite.arguments(server.url, *options), env={"THE_KEY": server.key})
    assert result.status == 0, result.out + result.err
    assert all(server.key in body["messages"][0]["content"] for body in server.seen.bodies)
    said = "Answer like a pirate whose key is ***."
    run = json.loads((suite.run_dir / "run.json").read_text())
    assert run["system"] == said
    lines = [json.loads(line) for line in (suite.run_dir / "journal.jsonl").read_text().splitlines()]
    assert [line["system"] for line in lines if line["type"] == "plan"] == [said]
    assert {line["request"]["messages"][0]["content"] for line in lines if line["type"] == "response"} == {said}
    assert said in (suite.run_dir / "report.html").read_text()
    for path in suite.run_dir.iterdir():
        assert server.key.encode() not in path.read_bytes(), path
    again = suite.command(*suite.arguments(server.url, *options), env={"THE_KEY": server.key})
    assert again.status == 0, again.out + again.err
    assert set(server.seen.prompts.values()) == {1}


def test_a_parameter_that_is_a_secret_is_refused_unseen(suite: Suite, server: LoopbackServer) -> None:
    """--eval-param api_key=KEY would stand in every stored request: status 4, the value not repeated."""
    suite.write_rows(1)
    result = suite.run(server.url, "--eval-param", "api_key=sk-CANARY-12345678")
    assert result.status == 4
    assert "found api_key, the name of a secret" in " ".join(result.err.split())
    assert "CANARY" not in result.out + result.err
    assert suite.run(server.url, "--eval-param", "thinking_token_budget=100").status == 0


def test_a_parameter_that_looks_like_a_slip_is_named(suite: Suite, server: LoopbackServer) -> None:
    """It is sent as it is, since servers differ, and one line suggests the name that is known."""
    suite.write_rows(2)
    result = suite.run(server.url, "--eval-param", "temprature=0.3", "--eval-param", "own_switch=1")
    assert result.status == 0, result.out + result.err
    assert "warning: --eval-param temprature is sent as it is; did you mean temperature?" in result.out
    assert "own_switch" not in result.out


def test_a_path_that_moves_the_root_folder_is_refused(suite: Suite, server: LoopbackServer) -> None:
    """Newcomer 6: `--eval-data DIR` outside of the project loses its ini file; status 4 with the form to write."""
    suite.write_rows(4)
    suite.pytester.makeini("[pytest]\n")
    outside = suite.path.parent / f"{suite.path.name}-data"
    (suite.path / "data").rename(outside)
    model = ["--model", "test-model", "--model-url", server.url]
    result = suite.command(*model, "--eval-data", str(outside))
    assert result.status == 4, result.out + result.err
    assert f"instead of {suite.path}: write --eval-data={outside}, with an equals sign" in result.err
    assert not server.seen.prompts
    assert suite.command(*model, f"--eval-data={outside}", "test_quiz.py").status == 0
