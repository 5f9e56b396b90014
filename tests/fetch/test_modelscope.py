"""Files of ModelScope over plain HTTP, against an imitation on loopback."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch import Fetched, FetchError, Progress, fetch_cached
from pytest_modeleval.fetch.http import MAX_JSON_BYTES
from pytest_modeleval.fetch.modelscope import ScopeFile
from tests.support.hub_imitation import COMMIT, LATER_COMMIT, Hub, ModelScopeHandler

ROWS = b'{"question": "one"}\n{"question": "two"}\n'


def fetched(cache_dir: Path, repo: str = "o/d", file: str = "s.jsonl", revision: str = "master") -> Fetched:
    """The file, without waiting between attempts."""
    return fetch_cached(ScopeFile(repo, file, revision, pause=lambda _: None), "s", cache_dir=cache_dir)


@pytest.mark.parametrize("file", ["s.jsonl", "data/deep/s.jsonl", "data/a b&c=d.jsonl", "{subset}.jsonl"])
def test_a_file_comes_with_its_commit(model_scope: Hub, tmp_path: Path, file: str) -> None:
    """The bytes, the commit from the folder's listing, the hash; names with odd characters too."""
    model_scope.add("o/d", {file.replace("{subset}", "s"): ROWS})
    found = fetched(tmp_path, file=file)
    assert found.path.read_bytes() == ROWS
    assert (found.revision, found.sha256) == (COMMIT, hashlib.sha256(ROWS).hexdigest())
    model_scope.asked.clear()
    assert fetched(tmp_path, file=file) == found
    assert model_scope.asked == []


def test_the_locked_commit_is_fetched_again(model_scope: Hub, tmp_path: Path) -> None:
    """With the file lost and the branch moved, the same rows come."""
    repo = model_scope.add("o/d", {"s.jsonl": ROWS})
    fetched(tmp_path).path.unlink()
    repo.commits[LATER_COMMIT] = {"s.jsonl": b"{}\n"}
    repo.branches["master"] = LATER_COMMIT
    assert fetched(tmp_path).path.read_bytes() == ROWS


def test_a_large_file_is_checked_against_the_announced_hash(model_scope: Hub, tmp_path: Path) -> None:
    """A redirect to the storage is followed; bytes other than the announced ones are refused and not kept."""
    content = ROWS * 3000
    repo = model_scope.add("o/d", {"s.jsonl": content, "t.jsonl": content}, stored_elsewhere={"s.jsonl", "t.jsonl"})
    assert fetched(tmp_path).path.read_bytes() == content

    class Lying(dict[str, bytes]):
        """Files whose listing tells of other bytes than a download gives."""

        def get(self, key: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
            return b"other" if key == "t.jsonl" else super().get(key, default)

    repo.stored_elsewhere.clear()
    repo.commits[COMMIT] = Lying(repo.commits[COMMIT])
    with pytest.raises(DataError, match=f"sha256 {hashlib.sha256(content).hexdigest()} as ModelScope announces"):
        fetched(tmp_path, file="t.jsonl")
    assert not list(tmp_path.rglob("t.jsonl"))


@pytest.mark.parametrize(
    ("repo", "file", "revision", "told"),
    [
        ("o/none", "s.jsonl", "master", "no such data set, revision or file"),
        ("o/d", "none.jsonl", "master", "no such data set, revision or file"),
        ("o/d", "s.jsonl", "v9", "no such data set, revision or file"),
        ("o/gated", "s.jsonl", "master", "needs a login"),
    ],
)
def test_each_refusal_is_one_error_with_the_next_step(
    model_scope: Hub, tmp_path: Path, repo: str, file: str, revision: str, told: str
) -> None:
    """404 of data set, file and revision, and 403: what was asked, where, --eval-data."""
    model_scope.add("o/d", {"s.jsonl": ROWS})
    model_scope.add("o/gated", {"s.jsonl": ROWS}, gated=True)
    with pytest.raises(FetchError) as caught:
        fetched(tmp_path, repo, file, revision)
    message = str(caught.value)
    for part in (told, f"{file} of data set {repo} (revision {revision})", model_scope.url, "--eval-data DIR"):
        assert part in message


def test_trouble_that_passes_is_waited_out(model_scope: Hub, tmp_path: Path) -> None:
    """503 and 429, then a connection cut in the middle, then fine: the whole file."""
    content = ROWS * 5000
    model_scope.add("o/d", {"s.jsonl": content})
    model_scope.failures = [503, 429]
    model_scope.cut_after = 70_000
    pauses: list[float] = []
    source = ScopeFile("o/d", "s.jsonl", pause=pauses.append)
    assert fetch_cached(source, "s", cache_dir=tmp_path).path.read_bytes() == content
    assert pauses == [1.0, 3.0, 1.0]


def test_lasting_trouble_is_told_and_leaves_nothing(model_scope: Hub, tmp_path: Path) -> None:
    """A server that stays broken is an error with its status; no file, no lock entry."""
    model_scope.add("o/d", {"s.jsonl": ROWS})
    model_scope.failures = [500] * 50
    with pytest.raises(FetchError, match=r"HTTP 500.*try again later"):
        fetched(tmp_path)
    assert not list(tmp_path.rglob("*.jsonl"))
    assert not list(tmp_path.rglob("*.tmp"))
    assert not (tmp_path / "datasets.lock.json").exists()


def test_out_of_reach_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing listens: the address and the next step."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{bound.getsockname()[1]}"
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", endpoint)
    with pytest.raises(FetchError, match=rf"out of reach .* at {endpoint}; check the network.*--eval-data DIR"):
        fetched(tmp_path)


@pytest.mark.parametrize(
    ("listing", "told"),
    [
        (b"[" * 200_000, "no JSON at"),
        (b'{"Data": "' + b"x" * MAX_JSON_BYTES + b'"}', "a listing of more than 16,000,000 bytes"),
    ],
    ids=["deep", "long"],
)
def test_a_hostile_listing_is_refused(
    model_scope: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: bytes, told: str
) -> None:
    """Deep brackets and a listing without end are an error of the source, within bounded memory."""
    model_scope.add("o/d", {"s.jsonl": ROWS})
    monkeypatch.setattr(ModelScopeHandler, "_list", lambda handler, *_: handler._send(200, listing))
    with pytest.raises(FetchError, match=told):
        fetched(tmp_path)


def test_offline_asks_nothing(model_scope: Hub, tmp_path: Path) -> None:
    """Offline, what is not in the cache is told without a request."""
    with pytest.raises(FetchError, match=r"offline.*--eval-data DIR"):
        fetch_cached(ScopeFile("o/d", "s.jsonl"), "", cache_dir=tmp_path, is_offline=True)
    assert model_scope.asked == []


@pytest.mark.parametrize("commit", ["../../../../escaped", "a/b", "", "main"])
def test_a_listing_cannot_choose_the_folder(
    model_scope: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit: str
) -> None:
    """A revision that is no commit id is not believed: the file lies below the cache, under the asked revision."""
    repo = model_scope.add("o/d", {"s.jsonl": ROWS})
    repo.commits[commit] = repo.commits.pop(COMMIT)
    repo.branches = {"master": commit}
    found = fetched(tmp_path)
    assert found.revision == "master"
    assert found.path == tmp_path / "modelscope" / "o" / "d" / "master" / "s.jsonl"


def test_bytes_are_counted_while_they_come(model_scope: Hub, tmp_path: Path) -> None:
    """Progress grows to the size of the file, of which the total tells from the beginning."""
    content = ROWS * 5000
    model_scope.add("o/d", {"s.jsonl": content})
    counted: list[tuple[int, int | None]] = []
    said: list[str] = []
    progress = Progress(print_line=said.append, received=lambda done, total: counted.append((done, total)))
    fetch_cached(ScopeFile("o/d", "s.jsonl"), "s", cache_dir=tmp_path, progress=progress)
    assert said == ["fetching s.jsonl of modelscope o/d"]
    assert [done for done, _ in counted] == sorted(done for done, _ in counted)
    assert counted[-1] == (len(content), len(content))
    assert {total for _, total in counted} == {len(content)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("is_large", [False, True])
def test_the_packages_own_client_asks_the_same_url(model_scope: Hub, tmp_path: Path, is_large: bool) -> None:
    """The imitation is what the `modelscope` package expects, and our download URL is the package's."""
    hub_files = pytest.importorskip("modelscope.hub.file_download", reason="the modelscope package is not installed")
    model_scope.add("o/d", {"data/s.jsonl": ROWS}, stored_elsewhere={"data/s.jsonl"} if is_large else set())
    theirs = hub_files.dataset_file_download(
        "o/d", "data/s.jsonl", cache_dir=str(tmp_path / "theirs"), endpoint=model_scope.url
    )
    assert Path(theirs).read_bytes() == ROWS
    asked_by_them = [asked for asked in model_scope.asked if "FilePath" in asked]
    model_scope.asked.clear()
    fetched(tmp_path / "ours", file="data/s.jsonl")
    asked_by_us = [asked.replace(COMMIT, "master") for asked in model_scope.asked if "FilePath" in asked]
    assert asked_by_us == asked_by_them
