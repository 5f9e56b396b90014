"""Recognises the steps of a server's start in its log. Pure: a line in, a milestone out.

The lines are those of SGLang 0.5.5 to 0.5.23 and of vLLM's V1 engine up to 0.32.0; unknown lines mean nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Milestone:
    """A step of the start."""

    done: str
    """What has just been reached."""

    next: str
    """What is awaited now."""


_TABLE: tuple[tuple[str, Milestone], ...] = (
    # SGLang
    (r"server_args=(?:ServerArgs\(|\{)", Milestone("arguments read", "the processes of the engine")),
    (r"Init (?:torch distributed|parallel) begin", Milestone("process started", "the devices to connect")),
    (r"Init (?:torch distributed|parallel) ends", Milestone("devices connected", "the weights to load")),
    (r"Load weight begin", Milestone("devices connected", "the weights to load")),
    (r"Load weight end", Milestone("weights loaded", "the KV cache")),
    (r"KV cache (?:is )?allocated", Milestone("KV cache allocated", "the memory pool")),
    (r"Memory pool end", Milestone("memory pool ready", "the CUDA graphs")),
    (r"Capture .{0,40}graph begin", Milestone("memory pool ready", "the CUDA graphs (minutes at first use)")),
    (r"Capture .{0,40}graph end", Milestone("CUDA graphs captured", "the warm-up request")),
    (r"The server is fired up and ready to roll", Milestone("ready", "its health check")),
    (r"DeepGEMM (?:JIT|warmup)", Milestone("compiling kernels", "10 to 20 minutes at first")),
    # vLLM
    (r"non-default args:", Milestone("arguments read", "the model's configuration")),
    (r"Resolved architecture:", Milestone("model recognised", "the engine's process")),
    (r"Initializing a V1 LLM engine", Milestone("engine started", "the weights to load")),
    (r"Starting to load model", Milestone("engine started", "the weights to load")),
    (r"Loading weights took|Model loading took", Milestone("weights loaded", "the KV cache")),
    (r"[GC]PU KV cache size", Milestone("KV cache allocated", "the CUDA graphs")),
    (r"Graph capturing finished", Milestone("CUDA graphs captured", "the server")),
    (r"Application startup complete", Milestone("ready", "its health check")),
    # both, before anything else
    (
        r"Fetching \d+ files|Downloading shards|model-\d+-of-\d+.*%",
        Milestone("downloading", "the weights from the hub"),
    ),
    (r"Loading safetensors checkpoint shards", Milestone("loading weights", "the last shard")),
    # ours
    (r"^fetching ", Milestone("downloading", "the small model (about 93 MB, once)")),
    (r"^weights ready", Milestone("weights ready", "the server")),
)
_LINES = tuple((re.compile(pattern, re.IGNORECASE), milestone) for pattern, milestone in _TABLE)
_SHARDS = re.compile(r"(?:shards|Multi-thread loading shards)\D{0,20}(\d{1,3})%")


def find_milestone(line: str) -> Milestone | None:
    """The step that a log line reports; None for every other line."""
    for pattern, milestone in _LINES:
        if pattern.search(line):
            shards = _SHARDS.search(line)
            return Milestone(f"{milestone.done} {shards[1]} %", milestone.next) if shards else milestone
    return None
