"""What pictures cost the client: `python ci/bench_images.py [--count 900] [--bytes 1000000] [--keep DIR]`.

Makes rows with pictures that are like no other, asks a server of another process that answers at once, and prints CPU
of a question, largest memory, and the size of journal, pictures and report; then the same for rescoring, and for
questions without a picture.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pytest_modeleval.images.drawing import png_file  # noqa: E402 - from this checkout, installed or not
from tests.support.suites import without_plugins  # noqa: E402

PAGE = """
from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders import grade_exact
from pytest_modeleval.prompts import user

def to_sample(row):
    images = [row.image("image")] if "image" in row else []
    return Sample(question=row.text("question"), target="A", data={"images": images})

def to_request(sample):
    return Request(user(sample.question, *sample.data["images"]))

@benchmark(name="pictures", version="1", dataset=local("pictures/{subset}"), subsets=["rows"], sample=to_sample,
           request=to_request, grade=grade_exact)
def test_pictures(grade):
    assert grade
"""
REPLY = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ANSWER: A"}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    }
).encode()
MODELS = json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()


def serve(port: Connection) -> None:
    """Answer every request as soon as it is whole."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
                await reader.readexactly(length)
                body = REPLY if head.startswith("post") else MODELS if "/v1/models" in head else b"{}"
                status = b"200 OK" if body != b"{}" else b"404 Not Found"
                kind = b"Content-Type: application/json\r\n"
                writer.write(b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, kind, len(body), body))
                await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 24)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def write_rows(folder: Path, count: int, size: int) -> None:
    """Rows with pictures of about `size` bytes; without any for 0."""
    path = folder / "data" / "pictures" / "rows.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    side = int((size / 3) ** 0.5)
    made = random.Random(1)
    noise = made.randbytes(2 * size)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            row = {"question": f"Which? {number}"}
            if size:
                start = made.randrange(size)
                pixels = [noise[start + 3 * side * line : start + 3 * side * (line + 1)] for line in range(side)]
                row["image"] = base64.b64encode(png_file(side, side, pixels, level=0)).decode()
            file.write(json.dumps(row) + "\n")
    (folder / "test_pictures.py").write_text(PAGE, encoding="utf-8")


def run(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """(CPU seconds, wall seconds, largest memory in MB) of a run of pytest in a process of its own."""
    before, started_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [
        sys.executable,
        "-c",
        MEASURED,
        "-p",
        "no:cacheprovider",
        "-q",
        "--eval-data=data",
        *arguments,
        "test_pictures.py",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": without_plugins()}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory = float(done.stderr.rpartition("peak ")[2].split()[0]) / 1024
    return cpu_s, time.monotonic() - started_s, memory


MEASURED = """
import resource, sys, pytest
status = pytest.main(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The address of a server in a process of its own."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=900)
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    base = given.keep or Path(tempfile.mkdtemp(prefix="bench-images-"))
    costs = {}
    with served() as url:
        for name, size in (("text", 0), ("pictures", given.bytes)):
            folder = base / name
            write_rows(folder, given.count, size)
            asked = run(folder, "--model=m", f"--model-url={url}", "--eval-run=run")
            scored = run(folder, "--eval-rescore=run")
            for label, (cpu_s, wall_s, memory) in (("asked", asked), ("rescored", scored)):
                costs[name, label] = cpu_s
                each = 1000 * cpu_s / given.count
                print(f"{name:8} {label:8} {cpu_s:6.1f} s CPU ({each:5.1f} ms each), {wall_s:5.1f} s, {memory:5.0f} MB")
            files = {path.name: path.stat().st_size for path in (folder / "run").iterdir() if path.is_file()}
            kept = sum(path.stat().st_size for path in (folder / "run").glob("images/*"))
            sizes = ", ".join(f"{name} {files[name] / 1e6:.2f} MB" for name in ("journal.jsonl", "report.html"))
            print(f"{name:8} {sizes}, images {kept / 1e6:.0f} MB")
    for label in ("asked", "rescored"):
        more = 1000 * (costs["pictures", label] - costs["text", label]) / given.count
        print(f"a picture of {given.bytes / 1e6:g} MB, {label}: {more:.1f} ms of CPU")
    if given.keep is None:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
