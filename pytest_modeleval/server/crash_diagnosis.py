"""Diagnoses from the last lines of a log why a server did not start or died: one line of advice. Pure.

The patterns are texts that SGLang 0.5.5 to 0.5.23, vLLM up to 0.32.0, PyTorch, CUDA, NCCL and the hub client print; the
most telling cause comes first, because one failure often prints several (out of memory, then a broken NCCL group).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Failure:
    """A recognised failure."""

    cause: str
    """Machine-readable."""

    advice: str
    """What to do, one sentence."""

    line: str = ""
    """The line of the log that shows it."""


_TABLE: tuple[tuple[str, str, str], ...] = (
    (
        r"unrecognized arguments|invalid choice|error: argument --|expected one argument",
        "bad_flag",
        "the command has a flag that this version does not know: compare the profile's [launch.flags] with --help",
    ),
    (
        r"invalid (?:tool call|reasoning) parser|(?:tool|reasoning) parser .{0,60}not (?:found|supported)",
        "bad_parser",
        "the server has no parser of this name: compare tool-call-parser and reasoning-parser of the profile with the "
        "names in the message (vLLM writes minimax_m2, SGLang minimax-m2)",
    ),
    (
        r"Repo id must be in the form|HFValidationError|Invalid repository ID or local directory",
        "no_such_model",
        "the model is neither a folder on this machine nor the id of a repository: check model-path (model of vLLM)",
    ),
    (
        r"not divisible by weight quantization block",
        "fp8_blocks",
        "the FP8 blocks cannot be split that often: keep --ep-size equal to --tp-size (8 and 8), or use --tp-size 4",
    ),
    (
        r"port.{0,40}(?:already|in use)|address already in use|is used by a process already|is not available in \d+ sec"
        r"|couldn't bind HTTP server socket|bind on address|EADDRINUSE",
        "port_in_use",
        "a port is taken, perhaps by a server that was left behind: see `ss -ltnp`, stop it, or set another port in "
        "the profile",
    ),
    (
        r"Not enough memory. Please try to increase --mem-fraction-static|No available memory for the cache blocks",
        "kv_memory",
        "no memory is left for the KV cache: raise mem-fraction-static (gpu-memory-utilization of vLLM), shorten "
        "context-length, or use more GPUs",
    ),
    (
        r"(?:Prefill|Decode) out of memory|alloc_req_slots runs out of memory",
        "cache_exhausted",
        "the KV cache ran full while generating: lower --eval-in-flight or max-running-requests, or shorten "
        "context-length",
    ),
    (
        r"CUDA out of memory|OutOfMemoryError|CUDA error: out of memory|less than desired GPU memory utilization"
        r"|HIP out of memory|memory capacity is unbalanced",
        "out_of_memory",
        "the GPUs are full: see with nvidia-smi whether another process holds them; else lower mem-fraction-static or "
        "use more GPUs",
    ),
    (
        r"Killed process|oom-kill|Cannot allocate memory|DefaultCPUAllocator: (?:can't|not enough)|std::bad_alloc"
        r"|failed to allocate",
        "host_memory",
        "the machine's own memory ran out: free some, or use a smaller model",
    ),
    (
        r"Found no NVIDIA driver|no CUDA-capable device|CUDA driver version is insufficient|libcuda\.so|libcudart\.so"
        r"|No supported accelerator|Torch not compiled with CUDA|No CUDA GPUs are available"
        r"|Failed to infer device type",
        "no_cuda",
        "no usable GPU driver was found: check nvidia-smi, and that CUDA_VISIBLE_DEVICES names GPUs that exist",
    ),
    (
        r"no kernel image is available|requires? (?:GPU|compute) capability|sm_?\d\d? .{0,30}not supported"
        r"|not compatible with the current PyTorch installation",
        "old_gpu",
        "these GPUs are too old for the kernels (FP8 mixture-of-experts wants Hopper or newer): use other GPUs or "
        "another quantization",
    ),
    (
        r"401 Client Error|403 Client Error|GatedRepoError|gated repo|Invalid (?:user )?token|Unauthorized",
        "hub_refused",
        "the hub refused the download: accept the model's licence there and export HF_TOKEN",
    ),
    (
        r"LocalEntryNotFoundError|couldn't connect to 'https://|Can't load (?:the )?(?:config|tokenizer|configuration)"
        r"|HF_HUB_OFFLINE|OfflineModeIsEnabled|Max retries exceeded|Temporary failure in name resolution"
        r"|Network is unreachable|Failed to establish a new connection|RepositoryNotFoundError|is not a local folder",
        "hub_offline",
        "the weights are not on this machine and cannot be downloaded: fetch them once while online, check the name, "
        "or give model-path a local folder",
    ),
    (
        r"No space left on device|Disk quota exceeded",
        "disk_full",
        "the disk is full: free space, or move the cache with HF_HOME",
    ),
    (
        r"Model architectures .* (?:are|is) not supported|model type .{1,60}(?:not recognized|not supported)"
        r"|does not recognize this architecture|unknown model architecture|(?:argument|option) `trust_remote_code",
        "unknown_architecture",
        "this version does not know the model: upgrade the server's package (MiniMax-M2 needs sglang 0.5.5 or newer) "
        "and keep trust-remote-code",
    ),
    (
        r"No module named ['\"]?sglang|No module named ['\"]?vllm|command not found"
        r"|No such file or directory: '(?:sglang|vllm)",
        "not_installed",
        "the server's package is not installed here: pip install 'pytest-modeleval[sglang]', or name a running server "
        "with --model-url",
    ),
    (
        r"No module named ['\"]?xllamacpp",
        "embedded_not_installed",
        "the small model's server is not installed: pip install 'pytest-modeleval[embedded]'",
    ),
    (
        r"NCCL (?:error|WARN)|ncclSystemError|ncclInternalError|ncclUnhandledCudaError|ncclRemoteError"
        r"|ProcessGroupNCCL|Watchdog caught collective operation timeout|ncclInvalidUsage",
        "nccl",
        "the GPUs could not talk to each other: run again with NCCL_DEBUG=INFO; in a container give it --shm-size 32g "
        "and --ipc host",
    ),
    (
        r"[Ww]atchdog.{0,40}time(?:d )?-?out|watchdog_timeout|Watchdog TokenizerManager timeout|self.watchdog_last",
        "watchdog",
        "the server's own watchdog stopped it because a step hung: raise watchdog-timeout if the first step compiles, "
        "otherwise look for a GPU fault with dmesg",
    ),
    (
        r"SafetensorError|HeaderTooLarge|MetadataIncompleteBuffer|invalid magic|failed to load model|model is corrupted"
        r"|sha256",
        "corrupt_weights",
        "the weights on disk are damaged or incomplete: remove them from the cache and let them be fetched again",
    ),
    (
        r"crashed with exit code -9\b",
        "engine_killed",
        "a process of the engine was killed (SIGKILL), most often by the machine's out-of-memory killer: see dmesg",
    ),
    (
        r"Scheduler hit an exception|SIGQUIT received|Engine core initialization failed|Rank \d+ scheduler is dead",
        "scheduler",
        "a scheduler process failed; its traceback is above, in the log",
    ),
    (
        r"engine core exited unexpectedly|EngineDeadError",
        "engine_died",
        "the engine's process failed or was killed; its traceback, if it left one, is above, in the log",
    ),
    (
        r"ImportError|ModuleNotFoundError|undefined symbol|GLIBC_\d",
        "broken_install",
        "the server's packages do not fit together: install them into a fresh environment",
    ),
)
# The command line, its echo in the log, and a usage text contain flags such as --watchdog-timeout: no failures.
_ECHO = re.compile(r"^\$ |ServerArgs\(|server_args=|non-default args|Namespace\(|\[--[\w-]+")
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), cause, advice) for pattern, cause, advice in _TABLE)


def diagnose(lines: Sequence[str]) -> Failure | None:
    """The most telling failure among the last lines of a log; None if nothing is recognised."""
    telling = [line for line in reversed(lines) if not _ECHO.search(line)]
    for pattern, cause, advice in _PATTERNS:
        for line in telling:
            if pattern.search(line):
                return Failure(cause, advice, line.strip())
    return None


def describe_exit(code: int | None) -> str:
    """An exit status as people read it: -9 and 137 are SIGKILL."""
    if code is None:
        return "still runs"
    number = -code if code < 0 else code - 128 if code > 128 else 0
    names = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 9: "SIGKILL"}
    names |= {11: "SIGSEGV", 15: "SIGTERM"}
    if number in names:
        hint = ", often the machine's out-of-memory killer" if number == 9 else ""
        return f"was ended by {names[number]}{hint}"
    return f"ended with exit status {code}"
