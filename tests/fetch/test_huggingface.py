"""Files and tables of the Hugging Face hub, through its own clients, against an imitation on loopback."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.datasets import Manifest, first_of, huggingface, modelscope, open_manifest, read_rows
from pytest_modeleval.datasets.sources import Dataset
from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch import FetchError, Pins, Progress, fetch_cached
from pytest_modeleval.fetch.huggingface import HubFile, HubTable
from tests.support.hub_imitation import COMMIT, LATER_COMMIT, Hub

ROWS = b'{"id": "a", "question": "one"}\n{"id": "b", "question": "two"}\n'
PICTURE = b"\x89PNG\r\n\x1a\nno picture at all"
CARD = b"---\nconfigs:\n- config_name: main\n  data_files:\n  - split: test\n    path: main/test-*\n---\n# A data set\n"


# Where the hub's client waits between its attempts.
HUB_SLEEP = "huggingface_hub.utils._http.time.sleep"


def opened(dataset: Dataset, cache_dir: Path, subset: str = "s", *, is_offline: bool = False) -> Manifest:
    """The manifest of a subset without --eval-data."""
    return open_manifest(
        dataset,
        subset,
        benchmark="b",
        version="1",
        data_dir=None,
        cache_dir=cache_dir,
        sample_id=None,
        is_offline=is_offline,
    )


def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def test_a_file_becomes_rows_pinned_to_a_commit(hugging_face: Hub, tmp_path: Path) -> None:
    """huggingface(file=) with {subset}: rows, the commit behind "main", the hash of the bytes, all in the manifest."""
    hugging_face.add("o/d", {"data/s.jsonl": ROWS})
    dataset = huggingface("o/d", file="data/{subset}.jsonl", local="x/{subset}")
    manifest = open_manifest(
        dataset,
        "s",
        benchmark="b",
        version="1",
        data_dir=None,
        cache_dir=tmp_path,
        sample_id=lambda row: row.text("id"),
    )
    assert manifest.ids == ("a", "b")
    assert [row["question"] for row in read_rows(manifest, dataset, [1])] == ["two"]
    assert manifest.lock_entry() == {
        "origin": "huggingface o/d",
        "revision": COMMIT,
        "sha256": hashlib.sha256(ROWS).hexdigest(),
        "rows": 2,
        "file": "o/d/s.jsonl",
    }
    entry = json.loads((tmp_path / "datasets.lock.json").read_text())["entries"]["huggingface:o/d@main/data/s.jsonl"]
    assert (entry["revision"], entry["sha256"]) == (COMMIT, hashlib.sha256(ROWS).hexdigest())


def test_a_second_opening_asks_no_network(hugging_face: Hub, tmp_path: Path) -> None:
    """Once fetched, a file is opened without one request, even where the branch has moved."""
    repo = hugging_face.add("o/d", {"s.jsonl": ROWS})
    dataset = huggingface("o/d", file="s.jsonl", local="x")
    first = opened(dataset, tmp_path)
    hugging_face.asked.clear()
    repo.commits[LATER_COMMIT] = {"s.jsonl": b"{}\n"}
    repo.branches["main"] = LATER_COMMIT
    assert opened(dataset, tmp_path) == first
    assert hugging_face.asked == []


def test_a_large_file_is_followed_to_its_storage(hugging_face: Hub, tmp_path: Path) -> None:
    """Files that the hub stores elsewhere come by redirect, with the commit from the first answer."""
    content = ROWS * 2000
    hugging_face.add("o/d", {"s.jsonl": content}, stored_elsewhere={"s.jsonl"})
    fetched = fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path)
    assert fetched.path.read_bytes() == content
    assert fetched.revision == COMMIT
    assert any("/elsewhere/" in asked for asked in hugging_face.asked)


def test_the_lock_fetches_the_pinned_commit_again(hugging_face: Hub, tmp_path: Path) -> None:
    """With the file lost and the branch moved, the locked commit comes again: the same rows."""
    repo = hugging_face.add("o/d", {"s.jsonl": ROWS})
    first = fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path)
    repo.commits[LATER_COMMIT] = {"s.jsonl": b"{}\n"}
    repo.branches["main"] = LATER_COMMIT
    first.path.unlink()
    second = fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path)
    assert (second.revision, second.path.read_bytes()) == (COMMIT, ROWS)


def test_a_vanished_commit_says_how_to_take_the_newest(hugging_face: Hub, tmp_path: Path) -> None:
    """A rewritten history is an error that names the lock; without its entry the newest comes."""
    repo = hugging_face.add("o/d", {"s.jsonl": ROWS})
    first = fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path)
    first.path.unlink()
    repo.commits = {LATER_COMMIT: {"s.jsonl": b"{}\n"}}
    repo.branches["main"] = LATER_COMMIT
    with pytest.raises(FetchError, match=rf"datasets\.lock\.json pins .* to revision {COMMIT}.*delete that entry"):
        fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path)
    Pins(tmp_path).path.unlink()
    assert fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path).revision == LATER_COMMIT


@pytest.mark.parametrize(
    ("repo", "file", "revision", "told"),
    [
        ("o/none", "s.jsonl", "main", "no such data set"),
        ("o/d", "none.jsonl", "main", "no such file"),
        ("o/d", "s.jsonl", "v9", "no revision v9"),
        ("o/gated", "s.jsonl", "main", "a gated data set"),
    ],
)
def test_each_refusal_is_one_error_with_the_next_step(
    hugging_face: Hub, tmp_path: Path, repo: str, file: str, revision: str, told: str
) -> None:
    """404 of repository, file and revision, and 401: what was asked, what was found, where, --eval-data."""
    hugging_face.add("o/d", {"s.jsonl": ROWS})
    hugging_face.add("o/gated", {"s.jsonl": ROWS}, gated=True)
    with pytest.raises(DataError) as caught:
        opened(huggingface(repo, file=file, local="x", revision=revision), tmp_path)
    message = str(caught.value)
    for part in (told, f"expected {file} of data set {repo}", f"{hugging_face.url}/datasets/{repo}", "--eval-data DIR"):
        assert part in message


def test_a_token_opens_a_gated_data_set(hugging_face: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_TOKEN is used by the hub's client, and is in no file of ours."""
    hugging_face.add("o/gated", {"s.jsonl": ROWS}, gated=True)
    monkeypatch.setenv("HF_TOKEN", "hf_secret_word")
    assert fetch_cached(HubFile("o/gated", "s.jsonl"), "", cache_dir=tmp_path).path.read_bytes() == ROWS
    assert all(b"hf_secret_word" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_busy_hub_is_asked_again(hugging_face: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 once, then fine: fetched."""
    monkeypatch.setattr(HUB_SLEEP, lambda _: None)
    hugging_face.add("o/d", {"s.jsonl": ROWS})
    hugging_face.failures = [503]
    assert fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path).revision == COMMIT
    assert hugging_face.failures == []


def test_a_broken_hub_is_told(hugging_face: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lasting 500 is an error with the status, and nothing enters the lock."""
    monkeypatch.setattr(HUB_SLEEP, lambda _: None)
    hugging_face.add("o/d", {"s.jsonl": ROWS})
    hugging_face.failures = [500] * 50
    with pytest.raises(FetchError, match=r"HTTP 500.*try again later.*--eval-data DIR"):
        fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path)
    assert not Pins(tmp_path).path.exists()


def test_a_hub_out_of_reach_is_told(hugging_face: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens: the address, the cause, and two ways on."""
    monkeypatch.setattr(HUB_SLEEP, lambda _: None)
    endpoint = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(FetchError, match=rf"out of reach at {endpoint}.*HF_ENDPOINT.*--eval-data DIR"):
        fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path)


def test_offline_takes_what_the_hubs_cache_has(hugging_face: Hub, tmp_path: Path) -> None:
    """Offline, a file that another tool or cache folder fetched is found in the hub's own cache; others are told."""
    hugging_face.add("o/d", {"s.jsonl": ROWS, "t.jsonl": ROWS})
    online = fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path / "one")
    hugging_face.asked.clear()
    offline = fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path / "two", is_offline=True)
    assert offline == online
    with pytest.raises(FetchError, match=r"t\.jsonl in the cache .*offline.*--eval-data DIR"):
        fetch_cached(HubFile("o/d", "t.jsonl"), "", cache_dir=tmp_path / "two", is_offline=True)
    assert hugging_face.asked == []


def test_the_hub_switched_off_is_told(hugging_face: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE=1 is named as the cause, rather than the network."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match=r"HF_HUB_OFFLINE.*--eval-data DIR"):
        fetch_cached(HubFile("o/d", "s.jsonl"), "", cache_dir=tmp_path)
    assert hugging_face.asked == []


def test_progress_is_said_once_and_bars_stay_hidden(
    hugging_face: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line through `say`; the hub's bars are off during a download and as they were afterwards."""
    import huggingface_hub
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    download, seen = huggingface_hub.hf_hub_download, []

    def watched(*args: Any, **options: Any) -> Any:
        seen.append(are_progress_bars_disabled())
        return download(*args, **options)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", watched)
    hugging_face.add("o/d", {"s.jsonl": ROWS, "t.jsonl": ROWS})
    said: list[str] = []
    try:
        for switch, file in ((enable_progress_bars, "s.jsonl"), (disable_progress_bars, "t.jsonl")):
            switch()
            before = are_progress_bars_disabled()
            fetch_cached(HubFile("o/d", file), "", cache_dir=tmp_path, progress=Progress(print_line=said.append))
            assert are_progress_bars_disabled() == before
    finally:
        enable_progress_bars()
    assert seen == [True, True]
    assert said == ["fetching s.jsonl of huggingface o/d", "fetching t.jsonl of huggingface o/d"]


def test_the_next_source_is_tried_where_one_fails(hugging_face: Hub, model_scope: Hub, tmp_path: Path) -> None:
    """first_of: what the hub lacks comes from ModelScope, and later the cached one is taken without asking the hub."""
    model_scope.add("m/d", {"s.jsonl": ROWS})
    dataset = first_of(huggingface("o/d", file="s.jsonl", local="x"), modelscope("m/d", file="s.jsonl", local="x"))
    manifest = opened(dataset, tmp_path)
    assert manifest.origin == "modelscope m/d"
    hugging_face.asked.clear()
    assert opened(dataset, tmp_path) == manifest
    assert hugging_face.asked == []


def test_the_reasons_of_every_source_are_told(hugging_face: Hub, model_scope: Hub, tmp_path: Path) -> None:
    """Where no source gives the file, one error tells why for each."""
    dataset = first_of(huggingface("o/d", file="s.jsonl", local="x"), modelscope("m/d", file="s.jsonl", local="x"))
    with pytest.raises(DataError) as caught:
        opened(dataset, tmp_path)
    first, second = str(caught.value).splitlines()
    assert first.startswith("source 1 of 2: expected s.jsonl of data set o/d")
    assert second.startswith("source 2 of 2: expected s.jsonl of data set m/d")


@pytest.mark.parametrize("is_hidden", [False, True])
def test_a_file_changed_in_the_cache_is_told(hugging_face: Hub, tmp_path: Path, is_hidden: bool) -> None:
    """A scribble on a fetched file is not graded on, even one of the same size that keeps the time of change."""
    hugging_face.add("o/d", {"s.jsonl": ROWS})
    dataset = huggingface("o/d", file="s.jsonl", local="x")
    path = fetch_cached(dataset.remotes[0], "s", cache_dir=tmp_path).path
    times = path.stat()
    path.write_bytes(ROWS.replace(b"one", b"eno"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns if is_hidden else times.st_mtime_ns + 1))
    with pytest.raises(DataError, match=r"changed (in the cache|by hand).*delete it to fetch it again"):
        opened(dataset, tmp_path)


@pytest.fixture(scope="module")
def parquet() -> bytes:
    """The rows as a Parquet file, with a column of pictures as the hub has it."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [json.loads(line) | {"image": {"bytes": PICTURE, "path": "a.png"}} for line in ROWS.splitlines()]
    features: dict[str, dict[str, str]] = {name: {"dtype": "string", "_type": "Value"} for name in ("id", "question")}
    features["image"] = {"_type": "Image"}
    table = pyarrow.Table.from_pylist(rows)
    sink = io.BytesIO()
    parquet.write_table(
        table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), sink
    )
    return sink.getvalue()


def test_a_table_is_written_once_as_json_lines(hugging_face: Hub, tmp_path: Path, parquet: bytes) -> None:
    """Config and split through datasets.load_dataset, out of Parquet: the rows, the commit, one load only.

    Pictures stay the bytes that they are, in base64, and nobody decodes them. A subset may have a configuration of
    another name.
    """
    hugging_face.add("o/t", {"README.md": CARD, "main/test-00000-of-00001.parquet": parquet})
    dataset = huggingface("o/t", config={"s": "main"}, split="test", local="x")
    manifest = opened(dataset, tmp_path)
    rows = read_rows(manifest, dataset, [0, 1])
    image = {"bytes_base64": base64.b64encode(PICTURE).decode(), "path": "a.png"}
    assert [dict(row) for row in rows] == [json.loads(line) | {"image": image} for line in ROWS.splitlines()]
    assert manifest.revision == COMMIT
    assert manifest.path is not None
    assert manifest.path.is_relative_to(tmp_path)
    hugging_face.asked.clear()
    assert opened(dataset, tmp_path) == manifest
    assert hugging_face.asked == []


@pytest.mark.parametrize(
    ("config", "split", "told"),
    [("other", "test", "other/test .*'other' not found.*main"), ("main", "train", "main/train .*Unknown split")],
)
def test_a_table_that_is_not_there_is_told(
    hugging_face: Hub, tmp_path: Path, parquet: bytes, config: str, split: str, told: str
) -> None:
    """An unknown config or split: the library's own words, the revision, and the next step; no half file stays."""
    hugging_face.add("o/t", {"README.md": CARD, "main/test-00000-of-00001.parquet": parquet})
    with pytest.raises(FetchError, match=f"{told}.*--eval-data DIR"):
        fetch_cached(HubTable("o/t", config, split), "", cache_dir=tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "huggingface" in path.parts]


def test_a_gated_table_says_how_to_get_in(hugging_face: Hub, tmp_path: Path, parquet: bytes) -> None:
    """The data set's page is public, its files are not: the next step is its terms and a token."""
    hugging_face.add("o/t", {"README.md": CARD, "main/test-00000-of-00001.parquet": parquet}, gated=True)
    with pytest.raises(FetchError, match=r"gated.*HF_TOKEN"):
        fetch_cached(HubTable("o/t", "main", "test"), "", cache_dir=tmp_path)


def test_an_unknown_data_set_costs_no_load(hugging_face: Hub, tmp_path: Path) -> None:
    """The repository is looked up before seconds go into importing the datasets library."""
    with pytest.raises(FetchError, match="no such data set"):
        fetch_cached(HubTable("o/none", "main", "test"), "", cache_dir=tmp_path)
    assert hugging_face.asked == ["GET /api/datasets/o/none/revision/main"]
