"""Memory and start of LiveCodeBench over data as large as wanted: rows of our own in upstream's form, real runs.

    python ci/bench_code_data.py                       400 problems of 1 MB each, judged to the end
    python ci/bench_code_data.py --problems 1000 --megabytes 0.5
    python ci/bench_code_data.py --data DIR            release_v1 below DIR as it is

A server of its own answers every problem with one program; it notes when the first question comes. Prints the size of
the data, seconds from the command to the first question (with and without a cached index of the rows), the peak memory
of pytest's process (VmHWM) when the first question came and at the end, and what became of the samples.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUBSET = "release_v1"
PROGRAM = "```python\nimport sys\nprint(sum(map(int, sys.stdin.read().split())))\n```"


class Server(ThreadingHTTPServer):
    """Answers chat completions. first_at: when the first came; peak_bytes: of pytest's process at that time."""

    daemon_threads = True
    first_at = 0.0
    peak_bytes = 0
    pid = 0


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """The list of models; all else is unknown here."""
        known = self.path.endswith("/models")
        self._send(
            {"object": "list", "data": [{"id": "bench", "object": "model"}]} if known else {}, 200 if known else 404
        )

    def do_POST(self) -> None:
        """The program."""
        self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.first_at:
            self.server.first_at = time.monotonic()
            self.server.peak_bytes = peak_of(self.server.pid)
        message = {"role": "assistant", "content": PROGRAM}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._send({"id": "1", "object": "chat.completion", "model": "bench", "choices": [choice]}, 200)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""

    def _send(self, content: object, status: int) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def peak_of(pid: int) -> int:
    """Greatest resident size of a process so far, in bytes; 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def write_rows(file: Path, problems: int, packed_bytes: int) -> None:
    """Problems whose private tests take so many bytes packed: sums of numbers that hardly shrink."""
    draw = random.Random(7)
    with file.open("w", encoding="utf-8") as stream:
        for number in range(problems):
            tests: list[dict[str, str]] = []
            size = 0
            while size < packed_bytes * 1.7 or not tests:
                numbers = [draw.randrange(10**17) for _ in range(2000)]
                text = " ".join(map(str, numbers))
                tests.append({"input": text + "\n", "output": str(sum(numbers)), "testtype": "stdin"})
                size += len(text)
            packed = base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)), 1)).decode()
            row = {
                "question_title": f"Sum {number}",
                "question_content": f"Print the sum of the numbers of the input. ({number})",
                "platform": "atcoder",
                "question_id": f"sum_{number}",
                "contest_id": "own",
                "contest_date": f"2023-{number % 12 + 1:02d}-01T00:00:00",
                "starter_code": "",
                "difficulty": ("easy", "medium", "hard")[number % 3],
                "public_test_cases": json.dumps([{"input": "1 2\n", "output": "3", "testtype": "stdin"}]),
                "private_test_cases": packed,
                "metadata": "{}",
            }
            stream.write(json.dumps(row) + "\n")


def run(data: Path, home: Path) -> dict[str, float | str]:
    """One run of pytest; seconds and bytes."""
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--model", "bench"]
    command += ["--model-url", f"http://127.0.0.1:{server.server_port}/v1", "--eval-data", str(data), "-k", SUBSET]
    command += ["--eval-param", "stream=false", "--eval-run", str(home / f"run-{time.monotonic_ns()}")]
    command += ["--rootdir", str(ROOT), str(ROOT / "benchmarks" / "live_code_bench"), "-q"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELEVAL_", "PYTEST_"))}
    begun = time.monotonic()
    with subprocess.Popen(
        command, cwd=home, env={**kept, "MODELEVAL_CACHE": str(home / "cache")}, stdout=subprocess.PIPE, text=True
    ) as process:
        server.pid, peak = process.pid, 0
        lines: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
        reader.start()
        while process.poll() is None:
            peak = max(peak, peak_of(process.pid))
            time.sleep(0.1)
        reader.join()
    server.shutdown()
    shown = next((line.strip() for line in lines if " items: " in line), "no summary: " + "".join(lines[-5:]))
    return {
        "first_question_s": server.first_at - begun,
        "first_question_mb": server.peak_bytes / 1e6,
        "end_s": time.monotonic() - begun,
        "peak_mb": peak / 1e6,
        "counts": shown,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=400)
    parser.add_argument("--megabytes", type=float, default=1.0, help="packed private tests of one problem")
    parser.add_argument("--data", type=Path, help="a folder with live_code_bench/release_v1.jsonl")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        data = chosen.data.resolve() if chosen.data else home / "data"
        file = data / "live_code_bench" / f"{SUBSET}.jsonl"
        if not chosen.data:
            file.parent.mkdir(parents=True)
            write_rows(file, chosen.problems, int(chosen.megabytes * 1e6))
        print(f"data: {file.stat().st_size / 1e6:.1f} MB")
        for what in ("no index yet", "index cached"):
            print(f"{what}:")
            for name, value in run(data, home).items():
                print(f"  {name:20} {value:.2f}" if isinstance(value, float) else f"  {name:20} {value}")


if __name__ == "__main__":
    main()
