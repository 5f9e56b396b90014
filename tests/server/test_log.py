"""A log is followed while it grows, bounded, and made safe for a terminal; its lines are understood."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.server.crash_diagnosis import describe_exit, diagnose
from pytest_modeleval.server.log import LAST_LINES, LogTail, clean_line
from pytest_modeleval.server.startup_progress import find_milestone


def test_lines_come_once_and_whole(tmp_path: Path) -> None:
    """A line is given when it is finished, once; an unfinished one is among the last lines."""
    path = tmp_path / "log"
    tail = LogTail(path)
    assert tail.read() == []
    path.write_text("one\ntwo")
    assert tail.read() == ["one"]
    assert tail.last_lines == ("one", "two")
    with path.open("a") as file:
        file.write(" more\rbar 50%\r\n\n")
    assert tail.read() == ["two more", "bar 50%"]
    assert tail.read() == []


@given(pieces=st.lists(st.text(alphabet="ab\n\r", max_size=12), max_size=12))
def test_however_it_is_cut_the_lines_are_the_same(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    """Reading after every piece gives the lines that reading at the end gives."""
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"")
    tail, lines = LogTail(path), []
    for piece in pieces:
        with path.open("ab") as file:
            file.write(piece.encode())
        lines += tail.read()
    whole = "".join(pieces).replace("\r", "\n").split("\n")[:-1]
    assert lines == [line for line in whole if line.strip()]


def test_flood_is_bounded(tmp_path: Path) -> None:
    """Of megabytes at once only the end is read, and fifty lines are kept, each of bounded length."""
    path = tmp_path / "log"
    path.write_bytes(b"x" * 5_000_000 + b"\n" + b"y" * 10_000 + b"\n" + b"z\n" * 200)
    tail = LogTail(path)
    assert tail.read()[-1] == "z"
    assert tail.size_bytes == path.stat().st_size
    assert len(tail.last_lines) == LAST_LINES


@given(st.text())
def test_shown_lines_hold_no_control_characters(text: str) -> None:
    """Neither colours nor anything that moves the cursor reaches the terminal."""
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", clean_line(text))


def test_colours_are_cut() -> None:
    """A coloured word is the word."""
    assert clean_line("\x1b[1;31mred\x1b[0m \x07bell") == "red  bell"


@pytest.mark.parametrize(
    ("line", "done"),
    [
        ("[2026-01-01 TP0] Load weight begin. avail mem=78.60 GB", "devices connected"),
        ("Load weight end. type=MiniMaxM2ForCausalLM", "weights loaded"),
        ("KV Cache is allocated. #tokens: 2113000", "KV cache allocated"),
        ("Post-capture KV sizing: KV cache allocated. dtype: bf16", "KV cache allocated"),
        ("Capture cuda graph begin. This can take up to several minutes.", "memory pool ready"),
        ("Capture decode CUDA graph end. elapsed=1", "CUDA graphs captured"),
        ("The server is fired up and ready to roll!", "ready"),
        ("Entering DeepGEMM JIT Pre-Compile session. ", "compiling kernels"),
        ("Loading safetensors checkpoint shards:  50% Completed | 65/130", "loading weights 50 %"),
        ("INFO 01-01 00:00:00 GPU KV cache size: 1,000 tokens", "KV cache allocated"),
        ("INFO:     Application startup complete.", "ready"),
        ("[2026-11-27 04:16:39] server_args=ServerArgs(model_path='m')", "arguments read"),
        ("[2026-11-27 04:17:12] Init parallel begin.", "process started"),
        ("[2026-11-27 04:17:12] Init parallel ends. elapsed=0.14 s", "devices connected"),
        ("(APIServer pid=1) INFO [api_utils.py:286] non-default args: {'port': 1}", "arguments read"),
        ("(APIServer pid=1) INFO [model.py:733] Resolved architecture: LlamaForCausalLM", "model recognised"),
        ("(EngineCore pid=2) INFO [core.py:133] Initializing a V1 LLM engine (v0.32.0) with", "engine started"),
        ("(EngineCore pid=2) INFO [kv_cache_utils.py:2327] CPU KV cache size: 46,592 tokens", "KV cache allocated"),
        ("something else", None),
        ("", None),
    ],
)
def test_milestones(line: str, done: str | None) -> None:
    """The lines of both SGLang ages and of vLLM are understood; others mean nothing."""
    found = find_milestone(line)
    assert (found.done if found else None) == done


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("Weight output_partition_size = 192 is not divisible by weight quantization block_n = 128.", "fp8_blocks"),
        ("port 8000 is used by a process already. process.name()='python'", "port_in_use"),
        ("error while attempting to bind on address ('0.0.0.0', 8000): address already in use", "port_in_use"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "out_of_memory"),
        ("Free memory on device (1/80 GiB) is less than desired GPU memory utilization (0.9", "out_of_memory"),
        ("ValueError: No available memory for the cache blocks.", "kv_memory"),
        ("KeyError: the checkpoint you are trying to load has model type `minimax_m2` but Transformers does not "
         "recognize this architecture.", "unknown_architecture"),
        ("HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/x'", "no_such_model"),
        ("KeyError: 'invalid tool call parser: minimax-m2 (chose from { hermes })'", "bad_parser"),
        ("/usr/bin/python: No module named sglang", "not_installed"),
        ("ModuleNotFoundError: No module named 'sglang.launch_server'; 'sglang' is not a package", "not_installed"),
        ("error: expected the package xllamacpp; No module named 'xllamacpp'", "embedded_not_installed"),
        ("launch_server.py: error: argument --tool-call-parser: invalid choice: 'minimax'", "bad_flag"),
        ("RuntimeError: NCCL error in: ProcessGroupNCCL.cpp:3356", "nccl"),
        ("ImportError: libcuda.so.1: cannot open shared object file: No such file or directory", "no_cuda"),
        ("ImportError: /lib/libc.so.6: version `GLIBC_2.34' not found", "broken_install"),
        ("$ python -m sglang.launch_server --trust-remote-code --watchdog-timeout 300", None),
        ("server_args=ServerArgs(model_path='m', watchdog_timeout=300, trust_remote_code=True)", None),
        ("                 [--watchdog-timeout WATCHDOG_TIMEOUT]", None),
        ("all is well", None),
    ],
)  # fmt: skip
def test_failures(line: str, cause: str | None) -> None:
    """Texts of real failures are recognised, and nothing else is."""
    found = diagnose(["first", line, "last"])
    assert (found.cause if found else None) == cause
    assert found is None or found.line == line


def test_the_cause_is_told_not_what_followed_from_it() -> None:
    """Out of memory breaks the NCCL group too; the advice is about memory, wherever the lines stand."""
    lines = ["CUDA out of memory. Tried", "NCCL error: remote process exited", "Scheduler hit an exception: x"]
    found = diagnose(lines)
    assert found is not None
    assert found.cause == "out_of_memory"
    assert diagnose(lines[::-1]) == found


@pytest.mark.parametrize(
    ("code", "words"), [(None, "still runs"), (1, "ended with exit status 1"), (137, "SIGKILL"), (-15, "SIGTERM")]
)
def test_exit_statuses_are_told_in_words(code: int | None, words: str) -> None:
    """A signal has its name, whichever way it was encoded."""
    assert words in describe_exit(code)
