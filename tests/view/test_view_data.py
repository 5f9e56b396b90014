"""What `modeleval view` serves: the list with changes, a run's page and samples, comparisons, untrusted folders."""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.store.journal import JournalWriter
from pytest_modeleval.view import app, run_folders, run_list
from pytest_modeleval.view.recent import Recent
from pytest_modeleval.view.run_folders import find_runs, is_inside, is_running
from pytest_modeleval.view.run_list import RunList
from pytest_modeleval.view.run_row import read_row
from pytest_modeleval.view.run_samples import RunSamples
from tests.support.run_folders import RUN, grade, plan, quiz_run, repeated_run, response, write_run

LATER = {"started": "2026-11-28T08:00:00.000Z", "finished": "2026-11-28T08:10:00.000Z"}
LIVE = {"finished": None, "complete": False, "started": "2026-11-29T08:00:00.000Z"}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two finished runs of one model in folders of different depth."""
    quiz_run(tmp_path / "runs" / "m" / "one", wrong=[1, 3])
    quiz_run(tmp_path / "runs" / "deep" / "er" / "two", wrong=[1, 2, 7], **LATER)
    return tmp_path / "runs"


@pytest.fixture
def served(runs: Path) -> Iterator[Any]:
    """A client of the application."""
    testing = pytest.importorskip("starlette.testclient", reason="starlette (the extra view) is not installed")
    from pytest_modeleval.view.app import make_app

    with testing.TestClient(make_app(runs)) as client:
        yield client


def keys_of(served: Any) -> dict[str, str]:
    """Name of each run -> its key."""
    while (found := served.get("/api/runs").json())["pending"]:
        continue
    return {run["name"]: run["key"] for run in found["runs"]}


def samples_of(served: Any, key: str) -> list[dict[str, Any]]:
    """Every sample of a run, from its index and chunks."""
    index = served.get(f"/runs/{key}/data/index.json").json()
    found: list[dict[str, Any]] = []
    for number, chunk in enumerate(index["chunks"]):
        packed = served.get(f"/runs/{key}/data/chunks/{number}").content
        lines = zlib.decompress(packed).splitlines()
        assert (chunk["start"], chunk["count"]) == (len(found), len(lines))
        found += map(json.loads, lines)
    assert index["count"] == len(found)
    assert [sample["id"] for sample in found] == index["columns"]["id"]
    return found


def test_the_list_has_scores_and_the_change_since_the_last_comparable_run(served: Any, runs: Path) -> None:
    """Newest first; a run of another model, other parameters or other questions is not compared with."""
    quiz_run(runs / "other", wrong=[0], model="another", started="2026-11-27T12:00:00.000Z")
    lines = [
        plan({"easy": ["easy-0"], "hard": ["hard-0"]}),
        grade(ItemKey("quiz", "easy", "easy-0"), Kind.RIGHT),
        grade(ItemKey("quiz", "hard", "hard-0"), Kind.WRONG),
    ]
    write_run(runs / "fewer", lines, started="2026-11-27T13:00:00.000Z")
    found = served.get("/api/runs").json()
    assert [run["name"] for run in found["runs"]] == ["deep/er/two", "fewer", "other", "m/one"]
    two, fewer, other, one = found["runs"]
    assert [entry["subset"] for entry in two["benchmarks"]] == ["easy", "hard"]
    assert [entry["score"] for entry in two["benchmarks"]] == [pytest.approx(4 / 6), pytest.approx(5 / 6)]
    assert two["benchmarks"][1]["change"] == {"score": pytest.approx(-1 / 6), "key": one["key"]}
    assert (two["live"], two["complete"], two["benchmarks"][0]["counts"]["wrong"]) == (False, True, 2)
    assert all(entry["change"] is None for run in (fewer, other, one) for entry in run["benchmarks"])
    assert (found["pending"], found["cut"]) == (0, False)


def test_runs_that_cannot_be_read_say_why_and_hide_no_other(served: Any, runs: Path) -> None:
    """Damaged JSON, a journal that is a link or a pipe: a sentence in the list, a refusal of the page."""
    quiz_run(runs / "linked")
    (runs / "linked" / "journal.jsonl").unlink()
    (runs / "linked" / "journal.jsonl").symlink_to("/etc/passwd")
    quiz_run(runs / "piped")
    os.mkfifo(runs / "piped" / "journal-gw0.jsonl")
    quiz_run(runs / "damaged")
    (runs / "damaged" / "run.json").write_text("{" * 100_000)
    found = {run["name"]: run for run in served.get("/api/runs").json()["runs"]}
    assert "found a link" in found["linked"]["error"]
    assert "found a pipe" in found["piped"]["error"]
    assert "expected JSON" in found["damaged"]["error"]
    assert "error" not in found["m/one"]
    answer = served.get(f"/runs/{found['linked']['key']}/")
    assert (answer.status_code, "found a link" in answer.json()["error"]) == (409, True)


def test_links_are_not_followed_and_the_search_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run behind a link is not in the list; a found folder that becomes a link is refused; depth and number end."""
    outside = quiz_run(tmp_path / "outside" / "secret")
    root = tmp_path / "root"
    quiz_run(root / "one")
    (root / "link").symlink_to(outside.parent)
    (root / "loop").symlink_to(root)
    quiz_run(root / "real")
    (root / "real" / "run.json").unlink()
    (root / "real" / "run.json").symlink_to(outside / "run.json")
    assert list(find_runs(root).paths.values()) == [root / "one"]
    found = RunList(root)
    (key,) = found.search().paths
    assert found.path(key) == root / "one"
    (root / "one").rename(tmp_path / "moved")
    (root / "one").symlink_to(outside)
    assert found.path(key) is None
    assert not is_inside(root, root / "gone")
    quiz_run(root / Path(*"abcdefghijklmnop"))
    assert find_runs(root).paths == {}
    monkeypatch.setattr(run_folders, "MOST_FOLDERS", 3)
    assert find_runs(root).is_cut


def test_a_long_list_is_read_step_by_step(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without time one run is read in each request, and the others are counted as pending."""
    found = RunList(runs)
    assert [found.to_json(read_s=0)["pending"], found.to_json(read_s=0)["pending"]] == [1, 0]
    read: list[Path] = []
    monkeypatch.setattr(run_list, "read_row", lambda path, _: read.append(path))
    assert found.to_json()["pending"] == 0
    assert read == []


def test_a_run_has_the_page_of_the_report_with_its_samples_over_http(served: Any) -> None:
    """The page holds no sample; index and chunks give all of them in the order of the plan; a policy by header."""
    key = keys_of(served)["m/one"]
    page = served.get(f"/runs/{key}/")
    assert '"source":"http"' in page.text
    assert "thought 0" not in page.text
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    found = samples_of(served, key)
    assert [sample["id"] for sample in found] == [f"{name}-{n}" for name in ("easy", "hard") for n in range(6)]
    assert found[1]["exchanges"][0]["reply"]["content"] == "ANSWER: B"
    assert served.get(f"/runs/{key}/data/chunks/7").status_code == 404


def test_a_sample_is_served_alone(served: Any) -> None:
    """For answers side by side; an item that the run does not have is 404, a wild repeat is the first."""
    key = keys_of(served)["m/one"]
    asked = {"benchmark": "quiz", "subset": "easy", "sample": "easy-1"}
    assert served.get(f"/runs/{key}/sample", params=asked).json()["explanation"] == "B is named, A is right"
    assert served.get(f"/runs/{key}/sample", params={**asked, "repeat": "9" * 5000}).status_code == 200
    assert served.get(f"/runs/{key}/sample", params={**asked, "sample": "none"}).status_code == 404


def test_a_comparison_has_differences_and_the_answers_of_both_sides(served: Any) -> None:
    """Paired, with what became wrong and right; one run, or too many, is a mistake."""
    keys = keys_of(served)
    found = served.get(f"/api/compare?run={keys['m/one']}&run={keys['deep/er/two']}").json()
    assert [side["name"] for side in found["sides"]] == ["m/one", "deep/er/two"]
    whole = found["scopes"][0]
    assert (whole["benchmark"], whole["subset"], whole["scores"]) == ("quiz", "", [pytest.approx(10 / 12), 0.75])
    assert (whole["differences"][0]["newly_wrong"], whole["differences"][0]["newly_right"]) == (2, 1)
    changes = {(entry["is"], entry["sample"]): entry["results"] for entry in found["changes"]}
    assert changes == {
        ("wrong", "easy-2"): ["right 'A'", "wrong 'B'"],
        ("wrong", "hard-1"): ["right 'A'", "wrong 'B'"],
        ("right", "easy-3"): ["wrong 'B'", "right 'A'"],
    }
    alone = served.get(f"/api/compare?run={keys['m/one']}")
    assert (alone.status_code, "found 1" in alone.json()["error"]) == (409, True)


def test_a_comparison_has_measures_indexes_and_every_repeat(served: Any, runs: Path) -> None:
    """Figures and differences in the measure's own range, the bounds of a partial index, and the repeats of a side."""
    repeated_run(runs / "before", 4, wrong=0)
    repeated_run(runs / "after", 3, wrong=2, **LATER)
    keys = keys_of(served)
    found = served.get(f"/api/compare?run={keys['before']}&run={keys['after']}").json()
    steps, took = found["measures"]
    assert (steps["name"], steps["subset"], steps["share"], steps["unit"]) == ("steps", "main", True, "")
    assert steps["figures"] == [{"value": 1.0, "n": 3}, {"value": 0.75, "n": 3}]
    (difference,) = steps["differences"]
    assert (difference["change"], difference["n"]) == (pytest.approx(-0.25), 3)
    assert difference["sentence"].startswith("A to B: -0.2500 (95 %")
    assert (took["unit"], took["share"], took["differences"][0]["change"]) == ("s", False, 0.0)
    points = {point["measure"]: point["figures"] for point in found["points"]}
    assert [side["value"] for side in points["ttft_p50"]] == [pytest.approx(0.114), pytest.approx(0.122)]
    (index,) = found["indexes"]
    assert (index["name"], [score["at_least"] for score in index["scores"]]) == ("ours", [0.5, pytest.approx(1 / 6)])
    assert (index["scores"][0]["score"], index["scores"][0]["missing"]) == (None, ["other"])
    assert index["differences"][0]["change"] is None
    assert [change["results"] for change in found["changes"]] == [["3 of 3 right", "1 of 3 right"]] * 3
    assert found["left_out"] == 0
    question = f"/runs/{keys['after']}/question?benchmark=steps&subset=main&sample=b"
    assert served.get(question).json()["repeats"] == [
        {"repeat": repeat, "kind": "wrong" if repeat < 2 else "right", "answer": f"answer {repeat}"}
        for repeat in range(3)
    ]
    assert served.get(question + "x").status_code == 404


def test_other_pages_are_answered_while_a_large_run_is_read(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its page and its row may take long: other runs open, keys are known, and the list says that one is pending."""
    begun, may_end = threading.Event(), threading.Event()
    large = runs / "m" / "one"

    def slowly(read: Any, folder: Path, *given: Any, **more: Any) -> Any:
        if folder == large:
            begun.set()
            assert may_end.wait(30)
        return read(folder, *given, **more)

    monkeypatch.setattr(app, "RunSamples", partial(slowly, RunSamples))
    monkeypatch.setattr(run_list, "read_row", partial(slowly, read_row))
    viewer = app.RunViewer(runs)
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(lambda: viewer.samples(large).count)
        assert begun.wait(30)
        assert viewer.samples(runs / "deep" / "er" / "two").count == 12
        may_end.set()
        assert page.result(30) == 12
        begun.clear()
        may_end.clear()
        row = pool.submit(viewer.runs.to_json)
        assert begun.wait(30)
        found = viewer.runs.to_json(read_s=0)
        assert [run["name"] for run in found["runs"]] == ["deep/er/two"]
        assert (found["count"], found["pending"]) == (2, 1)
        assert all(map(viewer.runs.path, viewer.runs.search().paths))
        may_end.set()
        assert len(row.result(30)["runs"]) == 2


def test_a_run_under_way_grows_in_the_order_of_its_grades(served: Any, runs: Path) -> None:
    """Chunks that were sent stay; the last one gets another id; what was never asked comes at the end."""
    folder = write_run(runs / "live", [plan({"easy": [f"easy-{n}" for n in range(4)]})], **LIVE)
    key = keys_of(served)["live"]
    assert served.get(f"/runs/{key}/").status_code == 200
    assert samples_of(served, key) == []
    writer = JournalWriter(folder / "journal.jsonl")
    ids = []
    for name in ("easy-2", "easy-0"):
        item = ItemKey("quiz", "easy", name)
        writer.write(response(item, f"about {name}"))
        writer.write(grade(item, Kind.RIGHT))
        ids.append(served.get(f"/runs/{key}/data/index.json").json()["chunks"][0]["id"])
    assert [sample["id"] for sample in samples_of(served, key)] == ["easy-2", "easy-0"]
    assert ids[0] != ids[1]
    row = next(run for run in served.get("/api/runs").json()["runs"] if run["key"] == key)
    assert (row["live"], row["benchmarks"][0]["counts"]["not_run"]) == (True, 2)
    whole = served.get(f"/runs/{key}/data/index.json").json()
    same = {"since": 2, "epoch": whole["epoch"]}
    assert served.get(f"/runs/{key}/data/index.json", params=same).json()["columns"]["id"] == []
    item = ItemKey("quiz", "easy", "easy-1")
    writer.write(response(item, "", question="Q easy-1"))
    writer.write(grade(item, Kind.RIGHT))
    more = served.get(f"/runs/{key}/data/index.json", params=same).json()
    assert (more["from"], more["count"], more["columns"]["id"]) == (2, 3, ["easy-1"])
    for wild in ({"since": 9, "epoch": whole["epoch"]}, {"since": "x" * 99, "epoch": ""}, {"since": 2, "epoch": "old"}):
        assert len(served.get(f"/runs/{key}/data/index.json", params=wild).json()["columns"]["id"]) == 3
    writer.close()
    (folder / "run.json").write_text(json.dumps({**RUN, **LIVE, "finished": "2026-11-29T09:00:00.000Z"}))
    assert [sample["id"] for sample in samples_of(served, key)] == ["easy-2", "easy-0", "easy-1", "easy-3"]
    assert "event: end" in served.get(f"/runs/{key}/data/events").text
    assert served.get(f"/runs/{key}/").status_code == 200
    assert [sample["id"] for sample in samples_of(served, key)] == [f"easy-{n}" for n in range(4)]


def test_a_run_is_under_way_while_its_lock_is_held(tmp_path: Path) -> None:
    """The lock is seen without being taken; without one, a journal that was just written to counts; an end ends it."""
    from pytest_modeleval._support.file_lock import try_file_lock

    folder = quiz_run(tmp_path / "run")
    os.utime(folder / "journal.jsonl", (0, 0))
    unfinished: dict[str, Any] = {**RUN, "finished": None}
    assert not is_running(folder, unfinished)
    held = try_file_lock(folder / "run.lock")
    assert held is not None
    if run_folders._LOCKS.exists():
        assert is_running(folder, unfinished)
    assert not is_running(folder, RUN)
    held.release()
    assert not is_running(folder, unfinished)
    os.utime(folder / "journal.jsonl")
    assert is_running(folder, unfinished)


def test_recent_forgets_what_was_used_longest_ago() -> None:
    """At most so many values; asking for one counts as use."""
    kept: Recent[str, int] = Recent(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c"), len(kept)) == (1, None, 3, 2)
