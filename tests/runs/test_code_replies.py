"""Whole program: LiveCodeBench with replies that are easily misread, and with hostile programs."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.live_code_bench import test_live_code_bench
from pytest_modeleval.graders.code.grader import RULE_MATTERS
from pytest_modeleval.graders.code.grader_pool import GraderPool
from pytest_modeleval.sandbox import SandboxUnavailable
from pytest_modeleval.store.summary_file import SCHEMA_FILE
from tests.support.loopback import Answer, LoopbackServer
from tests.support.samples import declaration
from tests.support.suites import Result, Suite

jsonschema: Any = importlib.import_module("jsonschema")
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "live_code_bench"
ADDS = "print(sum(map(int, input().split())))"
BUFFERED = "import sys\nfor line in sys.stdin.buffer:\n    print(sum(map(int, line.split())))"
REPLIES = {
    "cut_thinking": Answer(f"<think>Perhaps\n```python\n{ADDS}\n```\nbut wait", finish="length"),
    "sample_input_first": Answer(f"For the input\n```\n1 2\n```\nthis works:\n```python\n{ADDS}\n```"),
    "unusual_reading": Answer(f"```python\n{BUFFERED}\n```"),
    "no_code": Answer("I would add the numbers."),
    "wrong": Answer("```python\nprint(4)\n```"),
}


def row(name: str, *, date: str = "2024-01-01", difficulty: str = "easy") -> dict[str, Any]:
    """A problem of our own in upstream's form; its statement contains the name of its reply."""
    tests = [{"input": "1 2\n", "output": "3", "testtype": "stdin"}]
    return {
        "question_title": name,
        "question_content": f"Add the numbers of the line. [[{name}]]",
        "platform": "atcoder",
        "question_id": name,
        "contest_id": "own",
        "contest_date": f"{date}T00:00:00",
        "starter_code": "",
        "difficulty": difficulty,
        "public_test_cases": json.dumps(tests),
        "private_test_cases": "[]",
        "metadata": "{}",
    }


@pytest.fixture(autouse=True)
def needs_sandbox() -> None:
    """Skip where no sandbox can be built, because these runs are refused there."""
    pool = GraderPool(1)
    try:
        pool.isolation()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    finally:
        pool.close()


def write(suite: Suite, rows: list[dict[str, Any]], subset: str = "release_latest") -> None:
    """The rows of one subset."""
    data = suite.path / "data" / "live_code_bench" / f"{subset}.jsonl"
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))


def ask(suite: Suite, url: str, *more: str) -> Result:
    """Run the shipped benchmark on these rows."""
    return suite.command(*suite.arguments(url)[:-1], "--rootdir", str(BENCHMARK.parents[1]), str(BENCHMARK), *more)


def test_each_cause_of_a_zero_is_named(suite: Suite, server: LoopbackServer) -> None:
    """Cut thinking is truncated, a sample input before the code and unusual reading are right, none is a silent 0."""
    write(suite, [row(name) for name in REPLIES])

    def script(body: dict[str, Any], _attempt: int) -> Answer:
        prompt = body["messages"][-1]["content"]
        return next(reply for name, reply in REPLIES.items() if f"[[{name}]]" in prompt)

    server.script = script
    result = ask(suite, server.url)
    score = result.subset("release_latest")
    counts = {kind: count for kind, count in score["counts"].items() if count}
    assert counts == {"right": 2, "wrong": 1, "no_answer": 1, "truncated": 1}, result.out + result.err
    assert score["num"] == 5
    lines = [
        json.loads(line)
        for path in suite.run_dir.glob("journal*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    causes = {line["sample"].rpartition("-")[2]: line.get("cause") for line in lines if line["type"] == "grade"}
    assert causes["cut_thinking"] == "unclosed_thinking"
    assert causes["no_code"] == "no_code"
    assert causes["wrong"] == "wrong_answer"
    assert score["causes"] == {"no_code": 1, "unclosed_thinking": 1, "wrong_answer": 1}
    assert "live_code_bench, lost: 1 no_code, 1 unclosed_thinking, 1 wrong_answer." in result.out
    # Taken between the first two fences, the sample input would be the program.
    assert score["marks"] == {RULE_MATTERS: 1}
    said = " ".join(result.out.split())
    assert f"live_code_bench release_latest: {RULE_MATTERS} in 1 of 5 items." in said


def test_scores_by_difficulty_and_month_and_pass_at_5(suite: Suite, server: LoopbackServer) -> None:
    """Breakdowns are rows below the subset, pass@5 appears with five repeats, and rescoring gives the same."""
    write(
        suite,
        [
            row("one", date="2024-01-05", difficulty="hard"),
            row("two", date="2024-01-20", difficulty="easy"),
            row("three", date="2023-12-01", difficulty="easy"),
        ],
    )

    def script(body: dict[str, Any], _attempt: int) -> Answer:
        # The hard one is right once in five, the others always.
        is_hard = "[[one]]" in body["messages"][-1]["content"]
        hard.append(is_hard)
        return Answer(f"```python\n{ADDS if not is_hard or sum(hard) == 1 else 'print(4)'}\n```")

    hard: list[bool] = []
    server.script = script
    result = ask(suite, server.url, "--eval-repeats", "5", "--eval-in-flight", "1")
    assert result.summary is not None, result.out + result.err
    jsonschema.validate(result.summary, json.loads(SCHEMA_FILE.read_text()), jsonschema.Draft202012Validator)
    (entry,) = result.summary["benchmarks"]
    found = {(part["metric"], part["by"], part["group"]): (part["num"], part["score"]) for part in entry["parts"]}
    assert found == {
        ("pass@5", "", ""): (3, 1.0),
        ("pass@1", "difficulty", "easy"): (2, 1.0),
        ("pass@1", "difficulty", "hard"): (1, pytest.approx(0.2)),
        ("pass@1", "month", "2023-12"): (1, 1.0),
        ("pass@1", "month", "2024-01"): (2, pytest.approx(0.6)),
    }
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert any("pass@5 release_latest 3 1.0000" in line for line in lines), result.out
    assert any("pass@1 - hard 1 0.2000" in line for line in lines), result.out
    page = (suite.run_dir / "report.html").read_text(encoding="utf-8")
    assert "2023-<wbr>12" in page
    again = suite.command(
        "-p", "no:cacheprovider", "--eval-rescore", str(suite.run_dir), "--eval-data", str(suite.path / "data"),
        "--rootdir", str(BENCHMARK.parents[1]), str(BENCHMARK),
    )  # fmt: skip
    assert again.summary is not None, again.out + again.err
    assert again.summary["benchmarks"][0]["parts"] == entry["parts"]


HOSTILE = {
    "reports": (
        "import os, socket\nfor fd in range(3, 3000):\n    try:\n        os.write(fd, b'1')\n"
        "        socket.socket(fileno=os.dup(fd)).send(b'{}')\n    except OSError:\n        pass\nprint(3)"
    ),
    "closes": (
        "import os\nfor place in ('/tmp', '/dev/shm'):\n    try:\n        os.chmod(place, 0o555)\n"
        "    except OSError:\n        pass\nprint(3)"
    ),
    "careless": "print(sum(list(range(10**11))))",
}
CAREFUL = (
    "with open('/tmp/n', 'w') as file:\n    file.write(input())\nprint(sum(map(int, open('/tmp/n').read().split())))"
)


def test_hostile_programs_change_no_other_score(suite: Suite, server: LoopbackServer) -> None:
    """Among 60 programs at 128 in flight, three hostile ones get their own results and no other program loses."""
    names = [f"q{number:02}" for number in range(57)]
    write(suite, [row(name) for name in [*names[:20], *HOSTILE, *names[20:]]])

    def script(body: dict[str, Any], _attempt: int) -> Answer:
        prompt = body["messages"][-1]["content"]
        hostile = [source for name, source in HOSTILE.items() if f"[[{name}]]" in prompt]
        return Answer(f"```python\n{hostile[0] if hostile else CAREFUL}\n```")

    server.script = script
    result = ask(suite, server.url, "--eval-in-flight", "128")
    score = result.subset("release_latest")
    assert {kind: count for kind, count in score["counts"].items() if count} == {"right": 59, "wrong": 1}, result.out
    assert score["causes"] == {"memory_limit": 1}


def listed(result: Result) -> set[str]:
    """The problems that --collect-only lists."""
    lines = result.out.splitlines()
    return {line.rpartition("-")[2].rstrip("]") for line in lines if "test_live_code_bench[" in line}


@pytest.mark.parametrize(
    ("keyword", "names"),
    [
        ("release_v6", {"a", "b", "c"}),
        ("v4_v6", {"c"}),
        ("v5", {"d"}),
        ("release_v6 and 2024-08", {"b"}),
        ("release_v6 and (2024-08 or 2024-09)", {"b", "c"}),
        ("release_v6 and hard", {"a", "c"}),
        ("live_code_bench", {"latest"}),
    ],
)
def test_releases_windows_and_dates_are_chosen_by_k(suite: Suite, keyword: str, names: set[str]) -> None:
    """-k names a release, a window, a range of windows, months and degrees; without one it is release_latest."""
    write(
        suite,
        [
            row("a", date="2024-07-31", difficulty="hard"),
            row("b", date="2024-08-01", difficulty="easy"),
            row("c", date="2024-09-30", difficulty="hard"),
        ],
        "release_v6",
    )
    write(suite, [row("c")], "v4_v6")
    write(suite, [row("d")], "v5")
    write(suite, [row("latest")])
    result = ask(suite, "http://127.0.0.1:9/v1", "--collect-only", "-q", "-k", keyword)
    assert listed(result) == names, result.out + result.err


def test_every_release_and_window_has_a_name(suite: Suite) -> None:
    """28 subsets: release_latest, release_v1 to v6, and each run of windows from v1 to v6; each is chosen alone."""
    names = [part.name for part in declaration(test_live_code_bench.test_live_code_bench).subsets]
    windows = [
        f"v{first}" if first == last else f"v{first}_v{last}" for first in range(1, 7) for last in range(first, 7)
    ]
    assert names == ["release_latest", *(f"release_v{number}" for number in range(1, 7)), *windows]
    assert len(names) == 28
    for name in names:
        write(suite, [row(f"only_{name}")], name)
    result = ask(suite, "http://127.0.0.1:9/v1", "--collect-only", "-q", "-k", " or ".join(names))
    assert listed(result) == {f"only_{name}" for name in names}, result.out + result.err
