"""--model-set in whole runs: what it changes, what it is refused for, what is kept of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite

SERVE = Path(__file__).parents[1] / "support" / "serve_keys.py"


def _profile(suite: Suite) -> None:
    (suite.path / "models.toml").write_text(
        f"""
[mine]
served_names = ["test-model"]

[mine.launch]
argv = ["{sys.executable}", "{SERVE}", "{{port}}"]
""",
        encoding="utf-8",
    )


def _arguments(suite: Suite, *more: str) -> list[str]:
    return [
        *("-p", "no:cacheprovider", "--model", "mine", "--eval-data", "data", "--eval-run", str(suite.run_dir)),
        *(*more, "test_quiz.py"),
    ]


def test_a_launch_is_completed_on_the_command_line(suite: Suite) -> None:
    """The profile's command lacks an argument; a flag of the command line gives it, and run.json keeps what was set."""
    suite.write_rows(8)
    _profile(suite)
    result = suite.command(
        *_arguments(suite, "--model-set", "launch.flags.delay-s=0.001", "--model-set", "params.temperature=0.3"),
        *("--model-set", "launch.env.SOME_TOKEN=not-to-be-kept"),
    )
    assert result.status == 0, result.out + result.err
    run = json.loads((suite.run_dir / "run.json").read_text())
    assert run["model_set"] == [
        "launch.flags.delay-s=0.001",
        "params.temperature=0.3",
        "launch.env.SOME_TOKEN=***",
    ]
    assert run["profile_params"] == {"temperature": 0.3}
    assert "--delay-s 0.001" in (suite.run_dir / "server.log").read_text()
    kept = b"".join(path.read_bytes() for path in suite.run_dir.iterdir())
    assert b"not-to-be-kept" not in kept


def test_a_mistake_ends_with_status_4(suite: Suite) -> None:
    """Named by the option, by the key, before anything is started."""
    suite.write_rows(8)
    _profile(suite)
    result = suite.command(*_arguments(suite, "--model-set", "launch.port=many"))
    assert result.status == 4
    assert "--model-set: [mine.launch] port: expected a whole number from 1 to 65,535, found 'many'" in result.err
    assert not suite.run_dir.exists()


def test_it_does_not_part_a_run_from_its_beginning(suite: Suite, server: LoopbackServer) -> None:
    """From the environment too; with another restart the same unfinished run goes on; nothing is asked twice."""
    suite.write_rows(8)
    arguments = suite.arguments(server.url, run=False)
    assert suite.command(*arguments, "--eval-max-ungraded", "0").status == 0
    run_file = next(suite.path.glob("modeleval-runs/*/*/run.json"))
    run_file.write_text(json.dumps({**json.loads(run_file.read_text()), "complete": False}))
    again = suite.command(*arguments, env={"MODELEVAL_MODEL_SET": "restart=1 context_tokens=4096"})
    assert again.status == 0, again.out
    assert "taking up" in again.out
    assert set(server.seen.prompts.values()) == {1}
    assert "this changes nothing: --model-set restart=1" in again.out
    assert json.loads(run_file.read_text())["model_set"] == ["restart=1", "context_tokens=4096"]
