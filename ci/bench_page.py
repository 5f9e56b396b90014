"""What report.html costs and how fast it is: size, writing, first paint, search, filters, memory.

    python ci/bench_page.py [--samples 20000] [--bytes 2000] [--keep DIR]

Writes a page of samples that are each about --bytes of JSON, in words and phrases that compress about as prose does
(the texts of GSM8K: 4.3 times); then 100 transcripts of 200 kB, and a reply of 1 MB. Opens each in headless Chromium
from disk. Times of search and filters are from the new address to the next frame, once, when all samples are loaded.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pytest_modeleval.reports.page.document import page_parts  # noqa: E402
from pytest_modeleval.store.summary_file import summary_json  # noqa: E402
from tests.support.browsers import chromium  # noqa: E402
from tests.support.page_cases import RUN  # noqa: E402
from tests.support.report_cases import full_summary  # noqa: E402

BARS = {"file MB": 15, "writing s": 3, "first paint ms": 2000, "search and filter ms": 200, "memory MB": 400}
# From the address to the frame that shows another count of samples.
STEP = """
const done = arguments[1];
const count = document.getElementById('sample-count');
const before = count.textContent;
const begun = performance.now();
const drawn = () => done(performance.now() - begun);
const look = () => {
  if (count.textContent !== before || performance.now() - begun > 5000) requestAnimationFrame(drawn);
  else setTimeout(look, 1);
};
location.hash = arguments[0];
look();
"""


def samples(count: int, size: int) -> Iterator[dict[str, Any]]:
    """Samples of about `size` bytes each: a question, thinking and a reply of words."""
    words = random.Random(1)
    letters = "etaoinshrdlucmfwypvbgk"
    known = ["".join(words.choices(letters, range(len(letters), 0, -1), k=words.randint(2, 9))) for _ in range(4000)]
    often = [1 / (place + 3) for place in range(len(known))]

    phrases = [" ".join(words.choices(known, often, k=words.randint(2, 5))) for _ in range(3000)]

    def text(length: int) -> str:
        pieces = zip(words.choices(known, often, k=length // 9), words.choices(phrases, k=length // 9), strict=True)
        found = " ".join(piece for pair in pieces for piece in pair)
        return found[:length]

    for number in range(count):
        kind = words.choices(["right", "wrong", "no_answer", "truncated"], [75, 19, 3, 3])[0]
        question = text(size // 6)
        tokens = int(words.lognormvariate(5, 0.6))
        yield {
            "benchmark": "iquiz",
            "subset": f"topic_{number % 57:02}",
            "sample": f"t-{number:05}",
            "id": f"t-{number:05}",
            "kind": kind,
            "value": float(kind == "right"),
            "answer": words.choice("ABCD"),
            "target": words.choice("ABCD"),
            **({} if kind == "right" else {"cause": f"cause_{number % 7}"}),
            "question": question,
            "finish_reason": "stop",
            "completion_tokens": tokens,
            "prompt_tokens": 90,
            "total_s": round(tokens / 55, 3),
            "first_token_s": 0.21,
            "exchanges": [
                {
                    "messages": [{"role": "user", "content": question}],
                    "params": {"model": "m", "temperature": 0, "max_tokens": 4096, "seed": number},
                    "reply": {"content": f"{text(size // 4)} end{number}", "reasoning": text(size // 6)},
                }
            ],
            "repeat": 0,
        }


def written(path: Path, made: Iterator[dict[str, Any]]) -> None:
    """Write a page, and print what it took. Making the samples is not counted."""
    ready = list(made)
    summary = full_summary()
    begun, cpu = time.perf_counter(), time.process_time()
    with path.open("w", encoding="utf-8") as file:
        for part in page_parts(summary, summary_json=summary_json(summary), run=RUN, samples=ready, title=path.stem):
            file.write(part)
    used = time.process_time() - cpu
    each = sum(len(json.dumps(sample)) for sample in ready) / len(ready)
    print(f"{path.name:<18} {len(ready):,} samples of {each:,.0f} bytes: {path.stat().st_size / 1e6:.1f} MB")
    print(f"  writing          {time.perf_counter() - begun:.2f} s wall, {used:.2f} s CPU")


def peak_of_writing(made: Iterator[dict[str, Any]]) -> float:
    """MB that writing a page holds at most, the samples made one by one."""
    summary = full_summary()
    tracemalloc.start()
    for _ in page_parts(summary, summary_json=summary_json(summary), run=RUN, samples=made, title="t"):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def waited(browser: Any, test: str) -> None:
    """Wait for something in the page."""
    until = time.monotonic() + 120
    while not browser.execute_script(f"return {test}"):
        assert time.monotonic() < until, test
        time.sleep(0.02)


def opened(browser: Any, path: Path) -> None:
    """Open a page from disk and print first paint, and when the list and all texts are there."""
    browser.get(path.as_uri())
    (paint,) = browser.execute_script(
        "return performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)"
    )
    waited(browser, "document.getElementById('sample-count').textContent.length > 0")
    listed = browser.execute_script("return performance.now()")
    browser.execute_script("location.hash = 'samples?q=no+such+word'")
    waited(browser, "document.getElementById('sample-count').textContent.startsWith('0 ')")
    waited(browser, "document.getElementById('search-progress').textContent === ''")
    loaded = browser.execute_script("return performance.now()")
    print(f"  first paint      {paint:.0f} ms; list {listed:.0f} ms; all texts {loaded:.0f} ms")


def steps(browser: Any, count: int) -> None:
    """Search and filter, and print how long each took."""
    for name, address in (
        ("rare word", f"samples?q=end{count - 1}"),
        ("no filter", "samples?"),
        ("common words", "samples?q=e+t+end1"),
        ("kind", "samples?kind=wrong"),
        ("subset, tokens", "samples?subset=topic_03&tokens=100.."),
        ("sort by tokens", "samples?sort=-tokens"),
        ("cause, sort by id", "samples?cause=cause_3&sort=id"),
    ):
        took = browser.execute_async_script(STEP, address)
        shown = browser.execute_script("return document.getElementById('sample-count').textContent")
        print(f"  {name:<16} {took:.0f} ms, {shown}")


def memory(browser: Any) -> str:
    """Memory of the page's process, from Chromium's own task."""
    import psutil  # noqa: PLC0415

    browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    children = psutil.Process(browser.service.process.pid).children(recursive=True)
    sizes = [child.memory_info().rss / 1e6 for child in children if "--type=renderer" in child.cmdline()]
    return f"  memory           {max(sizes):.0f} MB (resident, page and worker)"


def first_sample(browser: Any) -> None:
    """Open the first sample and print how long it took."""
    took = browser.execute_async_script(
        "const done = arguments[0]; const begun = performance.now(); document.querySelector('.list-row a').click();"
        "const look = () => document.querySelector('#sample .transcript')"
        " ? requestAnimationFrame(() => done(performance.now() - begun)) : setTimeout(look, 1); look();"
    )
    print(f"  open a sample    {took:.0f} ms")


def main() -> None:
    """Write the pages, open them, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--bytes", type=int, default=2_000)
    parser.add_argument("--keep", type=Path, default=None, metavar="DIR", help="write there, and leave the pages")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="bench-page-"))
    folder.mkdir(parents=True, exist_ok=True)
    print("bars: " + ", ".join(f"{name} {most}" for name, most in BARS.items()))
    try:
        pages = {
            "many.html": samples(given.samples, given.bytes),
            "long.html": samples(100, 265_000),
            "reply.html": samples(1, 4_000_000),
        }
        for name, made in pages.items():
            written(folder / name, made)
            with chromium() as browser:
                browser.set_script_timeout(120)
                opened(browser, folder / name)
                if name == "many.html":
                    steps(browser, given.samples)
                browser.execute_script("location.hash = 'samples?'")
                waited(browser, "document.querySelector('.list-row a')")
                first_sample(browser)
                print(memory(browser))
        print(f"memory of writing  {peak_of_writing(samples(given.samples, given.bytes)):.0f} MB at most")
    finally:
        if given.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
