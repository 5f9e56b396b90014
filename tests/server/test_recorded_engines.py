"""Information pages and logs recorded from vLLM 0.32.0 and SGLang 0.5.23 on a CPU: identified and understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.errors import ConnectError
from pytest_modeleval.server.crash_diagnosis import diagnose
from pytest_modeleval.server.identify import identify
from pytest_modeleval.server.log import LogTail, clean_line
from pytest_modeleval.server.startup_progress import find_milestone
from pytest_modeleval.server_facts import ServerFacts
from tests.support.scripted_server import scripted

RECORDED = Path(__file__).with_name("recorded")
MODEL = "SmolLM2-135M-Instruct"
ENGINES = ("vllm", "sglang")


def routes(engine: str) -> dict[str, tuple[int, Any]]:
    """Path -> status and body of the engine's information pages."""
    found = json.loads((RECORDED / f"{engine}.json").read_text())
    return {path: (status, body) for path, (status, body) in found.items()}


def lines(name: str) -> list[str]:
    """The lines of a log as the start shows them."""
    text = (RECORDED / f"{name}.log").read_text()
    return [clean_line(line) for line in text.replace("\r", "\n").split("\n") if line.strip()]


def facts(engine: str) -> ServerFacts:
    """The facts of the engine."""
    with scripted(routes(engine)) as server:
        return identify([server.url], model=MODEL)


def test_vllm_is_identified() -> None:
    """Kind, version, context and weights; it says nothing of parsers and limits."""
    found = facts("vllm")
    assert (found.kind, found.version, found.root, found.context_tokens) == ("vllm", "0.32.0", MODEL, 4096)
    assert (found.reasoning_parser, found.tool_call_parser, found.max_running_requests) == (None, None, None)
    assert found.has_native_tool_calls


def test_sglang_is_identified() -> None:
    """Kind, version, context, weights, both parsers (none is set), sampling defaults and launch line."""
    found = facts("sglang")
    assert (found.kind, found.version, found.root, found.context_tokens) == ("sglang", "0.5.23", MODEL, 4096)
    assert (found.reasoning_parser, found.tool_call_parser, found.weight_version) == ("", "", "default")
    assert (found.is_auto_truncating, found.sampling_defaults) == (False, "model")
    assert "--device cpu" in found.launch_command
    assert not found.has_native_tool_calls


@pytest.mark.parametrize("engine", ENGINES)
def test_a_wrong_name_is_refused_before_the_first_request(engine: str) -> None:
    """SGLang answers a request for any name with status 200, so the list decides."""
    with scripted(routes(engine)) as server:
        with pytest.raises(ConnectError, match=r"expected nobody/nothing at .*, found SmolLM2"):
            identify([server.url], model="nobody/nothing")
        assert server.paths == ["/v1/models"]


@pytest.mark.parametrize(
    ("engine", "steps"),
    [
        (
            "vllm",
            "arguments read, model recognised, engine started, loading weights 100 %, weights loaded, "
            "KV cache allocated, ready",
        ),
        (
            "sglang",
            "arguments read, process started, devices connected, weights loaded, KV cache allocated, "
            "memory pool ready, ready",
        ),
    ],
)
def test_a_start_is_followed(engine: str, steps: str) -> None:
    """Each step in its order; and the first one is seen before a third of the lines of a start is written."""
    found = [find_milestone(line) for line in lines(f"{engine}-start")]
    done = list(dict.fromkeys(step.done for step in found if step is not None))
    assert [step for step in done if step in steps.split(", ")] == steps.split(", ")
    ready = next(number for number, step in enumerate(found) if step is not None and step.done == "ready")
    assert next(number for number, step in enumerate(found) if step is not None) < ready / 3


def test_a_start_has_no_failure() -> None:
    """Warnings of a start that succeeds, and the command with its flags, are no cause of anything."""
    for engine in ENGINES:
        start = lines(f"{engine}-start")
        end = next(number for number, line in enumerate(start) if "Application startup complete" in line)
        assert diagnose(start[: end + 1]) is None


@pytest.mark.parametrize(
    ("engine", "cause", "words"),
    [("sglang", "engine_killed", "exit code -9"), ("vllm", "engine_died", "EngineDeadError")],
)
def test_a_killed_engine_process_is_diagnosed(tmp_path: Path, engine: str, cause: str, words: str) -> None:
    """From the lines that are kept of the log, although vLLM writes a traceback for each request."""
    log = tmp_path / "server.log"
    log.write_text((RECORDED / f"{engine}-killed.log").read_text().split("\n$ ")[0] + "\n")
    tail = LogTail(log)
    tail.read()
    found = diagnose(tail.last_lines)
    assert found is not None
    assert found.cause == cause
    assert words in found.line
