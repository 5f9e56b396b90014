"""A damaged journal in a whole run: a resumed run asks again for what was lost, rescoring says what it lacks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.support.loopback import LoopbackServer, loopback
from tests.support.suites import Suite, key_answer

ROWS = 4


def _damaged(line: bytes, change: str) -> bytes:
    middle = len(line) // 2
    return {
        "flipped": line[:middle] + bytes([line[middle] ^ 1]) + line[middle + 1 :],
        "cut": line[:middle],
        "zeroed": line[:middle] + bytes(len(line) - middle - 1) + line[-1:],
    }[change]


@pytest.fixture
def counting() -> Iterator[LoopbackServer]:
    """A server of its own, so that its counts are those of one run."""
    with loopback(key_answer) as running:
        yield running


@pytest.mark.parametrize(
    ("kind", "change"),
    [("plan", "flipped"), ("response", "flipped"), ("response", "cut"), ("response", "zeroed"), ("grade", "cut")],
)
def test_a_damaged_line_is_named_and_made_good(
    suite: Suite, server: LoopbackServer, counting: LoopbackServer, kind: str, change: str
) -> None:
    """No silent score and no traceback: the summary is the undamaged one, or the run is incomplete and says why."""
    suite.write_rows(ROWS)
    whole = suite.run(server.url)
    assert whole.status == 0, whole.out
    journal = suite.run_dir / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if json.loads(line)["type"] == kind)
    # A cut line is joined with the line that follows, which is lost with it.
    lost = [json.loads(line)["type"] for line in lines[place : place + (2 if change == "cut" else 1)]]
    lines[place] = _damaged(lines[place], change)
    journal.write_bytes(b"".join(lines))
    shutil.copytree(suite.run_dir, suite.path / "copy")

    rescored = suite.command(*suite.arguments(None, f"--eval-rescore={suite.path / 'copy'}", run=False))
    said = " ".join((rescored.out + rescored.err).split())
    assert "Traceback" not in said
    assert f"damaged line is not used: journal.jsonl line {place + 1}" in said
    found = json.loads((suite.path / "copy" / "summary.json").read_text())
    assert rescored.status == (4 if "plan" in lost else 6 if "response" in lost else 0), said
    if rescored.status != 6:
        assert found["benchmarks"] == (whole.summary or {})["benchmarks"]
    else:
        assert found["complete"] is False
        assert found["benchmarks"][0]["subsets"][0]["counts"]["not_run"] >= 1

    resumed = suite.run(counting.url)
    said = " ".join((resumed.out + resumed.err).split())
    assert resumed.status == 0, said
    assert "Traceback" not in said
    assert f"damaged line is not used: journal.jsonl line {place + 1}" in said
    assert resumed.subset() == whole.subset()
    assert sum(counting.seen.prompts.values()) == lost.count("response")
