"""What is asked of an SGLang server beside the samples: who it is, emptying its cache, dropping requests."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.sglang_suites import arguments, foreign_server, seen, write_profile
from tests.support.suites import Suite, kill_group
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def _kinds(file: Path) -> list[str]:
    """What the server was asked, in order: chat, abort, flush."""
    return [next(key for key in ("chat", "abort", "flush") if key in entry) for entry in seen(file)]


def _at(suite: Suite, url: str, *more: str) -> list[str]:
    usual = suite.arguments(url, *more)
    return ["MiniMax-M2" if word == "test-model" else word for word in usual]


def test_another_model_is_told_before_the_first_request(suite: Suite) -> None:
    """Status 4, both names, and no chat request."""
    suite.write_rows(8)
    file = suite.path / "seen.jsonl"
    with foreign_server("--served-model-name", "Qwen/Qwen3-8B", seen=str(file)) as (url, _):
        result = suite.command(*_at(suite, url))
    assert result.status == 4, result.out + result.err
    assert "Qwen/Qwen3-8B" in result.err
    assert "MiniMax-M2" in result.err
    assert seen(file) == []


@pytest.mark.parametrize(
    ("script", "flags", "words"),
    [
        ({"auto_truncate": True}, [], "allow-auto-truncate"),
        ({"context": 64}, [], "max_tokens is 48 instead of 65536, because the server's context is 64 tokens"),
        ({}, [], "sends tools, but the server has no tool-call parser"),
    ],
    ids=["truncates", "short context", "no parser"],
)
def test_what_spoils_scores_is_told_before_the_first_request(
    suite: Suite, script: dict[str, Any], flags: list[str], words: str
) -> None:
    """A warning that stands above the line that begins the run."""
    suite.write_rows(4)
    source = (suite.path / "test_quiz.py").read_text()
    tool = '{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}'
    if "tools" in words:
        # Native calls are insisted on; else they would be asked for in the text.
        (suite.path / "models.toml").write_text('[MiniMax-M2]\ntool_calls = "native"\n')
        source = source.replace('"content": sample.question}]', f'"content": sample.question}}], tools=[{tool}]')
    suite.write_benchmark(source)
    with foreign_server(*flags, **script) as (url, _):
        result = suite.command(*_at(suite, url))
    at = result.out.find(words)
    assert at >= 0, result.out + result.err
    assert at < result.out.index("modeleval: 4 samples for MiniMax-M2")


def test_a_request_that_takes_too_long_is_dropped_at_the_server(suite: Suite) -> None:
    """Every request carries an id of ours; those that are given up are aborted by it, and no others."""
    suite.write_rows(4)
    file = suite.path / "seen.jsonl"
    with foreign_server(latency_s=60.0, seen=str(file)) as (url, _):
        result = suite.command(*_at(suite, url, "--eval-sample-timeout", "1", "--eval-max-ungraded", "4"))
        assert result.subset()["counts"]["timeout"] == 4, result.out
        until(lambda: _kinds(file).count("abort") == 4)
    sent = {entry["rid"] for entry in seen(file) if "chat" in entry}
    dropped = {entry["abort"]["rid"] for entry in seen(file) if "abort" in entry}
    assert all(rid.startswith("modeleval-") for rid in sent)
    assert sent == dropped
    assert not any(entry["abort"]["abort_all"] for entry in seen(file) if "abort" in entry)


def test_an_interrupt_drops_what_runs(suite: Suite) -> None:
    """Ctrl-C: the requests in flight are aborted one by one, since the server is somebody else's."""
    suite.write_rows(4)
    file = suite.path / "seen.jsonl"
    with foreign_server(latency_s=60.0, seen=str(file)) as (url, _):
        with suite.start(*_at(suite, url)) as process:
            until(lambda: _kinds(file).count("chat") == 4)
            kill_group(process, signal.SIGINT)
            out, _ = process.communicate(timeout=300)
        assert process.returncode == 2, out
        until(lambda: _kinds(file).count("abort") == 4)
    assert not any(entry["abort"]["abort_all"] for entry in seen(file) if "abort" in entry)


def test_the_cache_is_emptied_before_a_gated_run(suite: Suite) -> None:
    """A server of ours: only where gates are judged. Somebody else's: only when the user says so."""
    suite.write_rows(8)
    file = suite.path / "seen.jsonl"
    gates = suite.path / "gates.toml"
    gates.write_text('[[gate]]\nkind = "floor"\nbenchmark = "quiz"\nfloor = 0.1\n')
    write_profile(suite, seen=str(file))
    plain = suite.command(*arguments(suite))
    assert plain.status == 0, plain.out + plain.err
    assert "flush" not in _kinds(file)
    file.unlink()
    suite.run_dir = suite.path / "gated"
    suite.command(*arguments(suite, "--eval-gates", str(gates)))
    assert _kinds(file)[0] == "flush"
    assert _kinds(file).count("flush") == 1
    file.unlink()
    suite.run_dir = suite.path / "foreign"
    with foreign_server(seen=str(file)) as (url, _):
        suite.command(*_at(suite, url, "--eval-gates", str(gates)))
        assert "flush" not in _kinds(file)
        suite.run_dir = suite.path / "told"
        suite.command(*_at(suite, url, "--eval-flush-cache"))
        assert _kinds(file).count("flush") == 1


def test_everything_asked_is_sent_and_kept(suite: Suite) -> None:
    """The profile's sampling is in run.json and in what the server told of itself; keys of its command are not."""
    suite.write_rows(4)
    with foreign_server("--api-key", "sk-secret-of-the-server", "--tool-call-parser", "minimax-m2") as (url, _):
        result = suite.command(*_at(suite, url))
    assert result.status == 0, result.out + result.err
    run = json.loads((suite.run_dir / "run.json").read_text())
    assert run["profile_params"] == {"temperature": 1.0, "top_p": 0.95, "top_k": 40, "max_tokens": 65536}
    assert run["server"]["kind"] == "sglang"
    assert run["server"]["tool_call_parser"] == "minimax-m2"
    assert run["server"]["reasoning_parser"] == "minimax-append-think"
    assert "sk-secret-of-the-server" not in "".join(
        path.read_text(errors="replace") for path in suite.run_dir.iterdir() if path.is_file()
    )
