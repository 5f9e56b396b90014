"""A server that behaves like SGLang from outside, without a GPU: flags, log lines, endpoints, children, failures.

Scripted by the variable SGLANG_STAND_IN, a JSON object:

    pace_s        seconds between milestones (default 0)
    fail          print the lines of this failure (see FAILURES) and exit with 1
    fail_after    how many milestones come before it (default 2)
    freeze_after  after so many milestones write nothing more and never get ready
    children      scheduler processes that ignore SIGTERM and leave the group and the parent (default 0)
    die_after     end by SIGKILL when this many chat requests have come
    fail_in       print the lines of this failure and end with 1 in mid-run, when fail_at chat requests have come
    hang_after    answer nothing more, health included, when this many chat requests have come
    latency_s     before each chat answer (default 0)
    seen          a file: one line of JSON per chat request (replica's port, its text, rid) and per abort
    auto_truncate, context, version: what the information endpoints tell
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SCRIPT: dict[str, Any] = json.loads(os.environ.get("SGLANG_STAND_IN", "{}"))
FLAGS = json.loads((Path(__file__).parents[3] / "server" / "sglang_flags.json").read_text())[-1]
SWITCHES = {"trust-remote-code", "enable-metrics", "enable-cache-report", "use-ray", "allow-auto-truncate"}
# As 0.5.23 writes them, numbers made up.
MILESTONES = (
    "Init torch distributed begin.",
    "Init torch distributed ends. mem usage=1.20 GB",
    "Load weight begin. avail mem=78.60 GB",
    "Loading safetensors checkpoint shards:  50% Completed | 65/130 [00:30<00:30,  2.10it/s]",
    "Load weight end. elapsed=61.20 s, type=MiniMaxM2ForCausalLM, avail mem=48.11 GB, mem usage=30.49 GB.",
    "KV Cache is allocated. #tokens: 2113000, K size: 16.10 GB, V size: 16.10 GB",
    "Memory pool end. avail mem=14.80 GB",
    "Capture decode CUDA graph begin. This can take up to several minutes. avail mem=14.70 GB",
    "Capture decode CUDA graph end. elapsed=20.10 s, avail mem=12.90 GB, mem usage=1.80 GB.",
    "The server is fired up and ready to roll!",
)
FAILURES = {
    "out_of_memory": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    "kv_memory": "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
    "cache_exhausted": "RuntimeError: Decode out of memory. Try to lower your batch size.",
    "port_in_use": "[Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use",
    "nccl": "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:3356, unhandled system error",
    "fp8_blocks": "ValueError: The output_size of gate's and up's weight = 192 is not divisible by weight quantization "
    "block_n = 128.",
    "unknown_architecture": "ValueError: Model architectures ['MiniMaxM2ForCausalLM'] are not supported for now.",
    "hub_offline": "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them",
    "hub_refused": "huggingface_hub.errors.GatedRepoError: 401 Client Error. Access to model is restricted",
    "no_cuda": "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
    "watchdog": "Watchdog timeout (self.watchdog_last_forward_tstamp)",
    "host_memory": "OSError: [Errno 12] Cannot allocate memory",
    "disk_full": "OSError: [Errno 28] No space left on device",
    "scheduler": "Scheduler hit an exception: Traceback (most recent call last): ZeroDivisionError",
}


def say(line: str) -> None:
    """One line of the log."""
    print(f"[2026-01-01 00:00:00 TP0] {line}", flush=True)


def flags(arguments: list[str]) -> argparse.Namespace:
    """The command line, by the real flags: an unknown one ends with argparse's own message."""
    parser = argparse.ArgumentParser(prog="launch_server.py", allow_abbrev=False)
    for flag in FLAGS["flags"]:
        if flag in SWITCHES:
            parser.add_argument(f"--{flag}", action="store_true")
        elif flag == "tool-call-parser":
            parser.add_argument(f"--{flag}", choices=FLAGS["tool_call_parsers"])
        elif flag == "reasoning-parser":
            parser.add_argument(f"--{flag}", choices=FLAGS["reasoning_parsers"])
        else:
            parser.add_argument(f"--{flag}")
    return parser.parse_args(arguments)


class State:
    """What the server is doing; shared by its threads."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.is_up = False
        self.is_hanging = False
        self.chats = 0
        self.running: dict[str, threading.Event] = {}
        self.lock = threading.Lock()

    def note(self, entry: dict[str, Any]) -> None:
        """Write what was asked to the file `seen`."""
        if "seen" in SCRIPT:
            with self.lock, Path(SCRIPT["seen"]).open("a") as file:
                file.write(json.dumps({"port": int(self.options.port), **entry}) + "\n")

    def begin_chat(self) -> None:
        """Count a request, and fail if the script says so."""
        with self.lock:
            self.chats += 1
            count = self.chats
        if count == SCRIPT.get("fail_at"):
            say(FAILURES[SCRIPT["fail_in"]])
            os._exit(1)
        if count == SCRIPT.get("die_after"):
            os.kill(os.getpid(), signal.SIGKILL)
        if count >= SCRIPT.get("hang_after", sys.maxsize):
            self.is_hanging = True
            threading.Event().wait()


def reply_to(request: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """The message: thinking as the reasoning parser would give it, a tool call as the tool parser would."""
    text = "".join(str(message.get("content") or "") for message in request["messages"])
    # The letter in [[X]], else one that is always the same for a question, so that summaries can be compared.
    named = re.findall(r"\[\[([A-D])\]\]", text)
    letter = named[-1] if named else "ABCD"[hashlib.sha256(text.encode()).digest()[0] % 4]
    answer, thinking = f"ANSWER: {letter}", f"I was asked {len(text)} characters. ANSWER: Z"
    message: dict[str, Any] = {"role": "assistant", "content": answer, "reasoning_content": None, "tool_calls": None}
    if options.reasoning_parser == "minimax-append-think":
        message["content"] = f"<think>{thinking}</think>{answer}"
    elif options.reasoning_parser:
        message["reasoning_content"] = thinking
    if request.get("tools"):
        name = request["tools"][0]["function"]["name"]
        if options.tool_call_parser:
            call = {"id": "call_0", "type": "function", "function": {"name": name, "arguments": "{}"}}
            message |= {"content": None, "tool_calls": [{"index": 0, **call}]}
        else:
            message["content"] = f'<minimax:tool_call><invoke name="{name}"></invoke></minimax:tool_call>'
    return message


class Handler(BaseHTTPRequestHandler):
    """SGLang's endpoints."""

    protocol_version = "HTTP/1.1"
    state: State

    def do_GET(self) -> None:
        """The information endpoints."""
        if self.state.is_hanging:
            threading.Event().wait()
        options, path = self.state.options, self.path.partition("?")[0]
        name = options.served_model_name or options.model_path
        context = int(SCRIPT.get("context", options.context_length or 196608))
        if path in ("/health", "/health_generate", "/ready"):
            self.send(200 if self.state.is_up else 503, b"")
        elif path == "/v1/models":
            card = {"id": name, "object": "model", "owned_by": "sglang", "root": name, "max_model_len": context}
            self.send(200, {"object": "list", "data": [card]})
        elif path in ("/model_info", "/get_model_info"):
            parsers = {"reasoning_parser": options.reasoning_parser, "tool_call_parser": options.tool_call_parser}
            self.send(200, {"model_path": options.model_path, "weight_version": "default", **parsers})
        elif path in ("/server_info", "/get_server_info"):
            told = {
                "version": SCRIPT.get("version", FLAGS["version"]),
                "quantization": "fp8",
                "api_key": options.api_key,
            }
            told |= {"allow_auto_truncate": bool(SCRIPT.get("auto_truncate")), "sampling_defaults": "model"}
            self.send(200, {**told, "launch_command": " ".join(sys.argv), "max_running_requests": 64})
        elif path == "/flush_cache":
            self.state.note({"flush": True})
            self.send(400 if self.state.running else 200, b"Cache flushed.\n")
        else:
            self.send(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        """Chat, abort, flush."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/v1/chat/completions":
            self.chat(json.loads(raw))
        elif self.path == "/abort_request":
            wanted = json.loads(raw)
            self.state.note({"abort": wanted})
            for rid, event in list(self.state.running.items()):
                if wanted.get("abort_all") or rid.startswith(wanted["rid"]):
                    event.set()
            self.send(200, b"")
        else:
            self.do_GET()

    def chat(self, request: dict[str, Any]) -> None:
        """One answer, whole or in pieces; aborted when told so."""
        rid = str(request.get("rid") or id(request))
        self.state.note({"chat": request["messages"], "rid": request.get("rid")})
        aborted = self.state.running.setdefault(rid, threading.Event())
        try:
            self.state.begin_chat()
            is_aborted = aborted.wait(SCRIPT["latency_s"]) if SCRIPT.get("latency_s") else False
            message = reply_to(request, self.state.options)
            finish = "abort" if is_aborted else "tool_calls" if message["tool_calls"] else "stop"
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            base = {"id": rid, "model": request["model"], "created": 0}
            if not request.get("stream"):
                choice = {"index": 0, "message": message, "finish_reason": finish}
                self.send(200, {**base, "object": "chat.completion", "choices": [choice], "usage": usage})
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            delta = {"index": 0, "delta": message, "finish_reason": None}
            last = {"index": 0, "delta": {}, "finish_reason": finish}
            for chunk in ({"choices": [delta]}, {"choices": [last]}, {"choices": [], "usage": usage}):
                self.wfile.write(
                    f"data: {json.dumps({**base, 'object': 'chat.completion.chunk', **chunk})}\n\n".encode()
                )
            self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True
        except OSError:
            self.close_connection = True
        finally:
            self.state.running.pop(rid, None)

    def send(self, status: int, body: Any) -> None:
        """One whole answer."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """The log holds milestones only."""


def leave_child() -> None:
    """A scheduler as the worst of them are: deaf to SIGTERM, in a session of its own, its parent gone."""
    if os.fork():
        os.wait()
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        signal.pause()


class Server(ThreadingHTTPServer):
    """Many connections at once, also in the moment of the start."""

    daemon_threads = True
    request_queue_size = 512


def main() -> int:
    """Run as a command."""
    options = flags(sys.argv[1:])
    for _ in range(SCRIPT.get("children", 0)):
        leave_child()
    Handler.state = state = State(options)
    server = Server((options.host or "127.0.0.1", int(options.port)), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    for number, line in enumerate(MILESTONES):
        if SCRIPT.get("fail") and number == SCRIPT.get("fail_after", 2):
            say(FAILURES[SCRIPT["fail"]])
            return 1
        if number == SCRIPT.get("freeze_after"):
            signal.pause()
        say(line)
        time.sleep(SCRIPT.get("pace_s", 0))
    state.is_up = True
    # The main thread waits for the end; on SIGTERM the default action ends the process, children stay behind.
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
