"""Opening subsets and reading selected rows, from local files and inline rows."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.datasets import (
    Dataset,
    Manifest,
    Row,
    default_cache_dir,
    find_subsets,
    first_of,
    huggingface,
    inline,
    local,
    modelscope,
    open_manifest,
    pypi,
    read_rows,
)
from pytest_modeleval.datasets import indexing as opening_module
from pytest_modeleval.errors import DataError

ROWS: list[dict[str, object]] = [
    {"id": f"q{n}", "question": f"What is {n}?", "kind": "odd" if n % 2 else "even"} for n in range(7)
]


def by_id(row: Row) -> str:
    """The id that the data carries."""
    return row.text("id")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with one benchmark of two subsets."""
    (tmp_path / "data" / "cap").mkdir(parents=True)
    write(tmp_path / "data" / "cap" / "europe.jsonl", ROWS)
    write(tmp_path / "data" / "cap" / "asia.jsonl", ROWS[:2])
    return tmp_path / "data"


def write(path: Path, rows: list[dict[str, object]]) -> None:
    """Rows as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def opened(
    dataset: Dataset,
    subset: str,
    data_dir: Path | None,
    cache_dir: Path,
    sample_id: Callable[[Row], str] | None = None,
) -> Manifest:
    """open_manifest for a benchmark `cap`."""
    return open_manifest(
        dataset,
        subset,
        benchmark="cap",
        version="1",
        data_dir=data_dir,
        cache_dir=cache_dir,
        sample_id=sample_id,
    )


def test_a_manifest_says_what_the_file_is(folder: Path, tmp_path: Path) -> None:
    """Rows, ids, the sha256 of the very bytes, and names for people; no machine path reaches the run's record."""
    manifest = opened(local("cap/{subset}"), "europe", folder, tmp_path / "cache", by_id)
    path = folder / "cap" / "europe.jsonl"
    assert manifest.rows == 7
    assert manifest.ids == tuple(f"q{n}" for n in range(7))
    assert manifest.path == path
    assert manifest.lock_entry() == {
        "origin": "cap/europe.jsonl",
        "revision": None,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "rows": 7,
        "file": "cap/europe.jsonl",
    }


def test_the_hash_of_a_packed_file_is_that_of_its_bytes(folder: Path, tmp_path: Path) -> None:
    """sha256sum of the file, as it lies there, gives the recorded hash."""
    packed = folder / "cap" / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"id": "a"}\n'))
    manifest = opened(local("cap/{subset}"), "packed", folder, tmp_path / "cache")
    assert manifest.sha256 == hashlib.sha256(packed.read_bytes()).hexdigest()
    assert manifest.rows == 1


def test_without_ids_no_row_is_parsed(folder: Path, tmp_path: Path) -> None:
    """Counting takes lines as they are: a broken row costs nothing before it is selected, then it is told."""
    path = folder / "cap" / "broken.jsonl"
    path.write_bytes(b'{"a": 1}\n\nbroken\n{"a": 3}\n')
    dataset = local("cap/{subset}")
    manifest = opened(dataset, "broken", folder, tmp_path / "cache")
    assert (manifest.rows, manifest.ids) == (3, None)
    assert [row["a"] for row in read_rows(manifest, dataset, [2, 0])] == [3, 1]
    with pytest.raises(DataError, match=r"cap/broken\.jsonl, line 3"):
        read_rows(manifest, dataset, [1])


def test_a_second_call_reads_no_data(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file is not hashed, counted or parsed again, and gives an equal manifest."""
    dataset = local("cap/{subset}")
    first = opened(dataset, "europe", folder, tmp_path / "cache", by_id)

    def refuse(*_: object) -> None:
        raise AssertionError("the data file was read again")

    for name in ("sha256_of", "count_records", "read_records"):
        monkeypatch.setattr(opening_module, name, refuse)
    assert opened(dataset, "europe", folder, tmp_path / "cache", by_id) == first


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=8), st.binary(min_size=1, max_size=8), st.booleans(), st.booleans())
def test_changed_bytes_are_always_noticed(before: bytes, after: bytes, keeps_time: bool, replaces: bool) -> None:
    """Another content gives another hash, even with equal length and a restored modification time."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, cache = Path(temporary), Path(temporary) / "cache"
        path = folder / "f.jsonl"
        path.write_bytes(before)
        first = opened(local("f"), "s", folder, cache)
        times = path.stat()
        if replaces:
            (folder / "new").write_bytes(after)
            (folder / "new").replace(path)
        else:
            path.write_bytes(after)
        if keeps_time:
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        second = opened(local("f"), "s", folder, cache)
        assert second.sha256 == hashlib.sha256(after).hexdigest()
        assert (second.sha256 == first.sha256) == (before == after)


def test_ids_follow_an_edited_function(folder: Path, tmp_path: Path) -> None:
    """Other code of sample_id gives other ids at once, though the file and the version are the same."""
    dataset = local("cap/{subset}")
    cache = tmp_path / "cache"
    functions = [lambda row: row.text("id") + "-a", lambda row: row.text("id") + "-b", lambda row: row.text("question")]
    found = [opened(dataset, "asia", folder, cache, function).ids for function in functions]
    assert found == [("q0-a", "q1-a"), ("q0-b", "q1-b"), ("What is 0?", "What is 1?")]


def test_a_damaged_cache_is_survived(folder: Path, tmp_path: Path) -> None:
    """Manifests that were cut or scribbled on are made anew."""
    cache = tmp_path / "cache"
    first = opened(local("cap/{subset}"), "europe", folder, cache, by_id)
    (kept,) = (cache / "manifests").iterdir()
    for content in (b"", b"{", b"[]", b'{"schema": 1}', b'{"schema": 1, "stamp": {"x": 1}}', kept.read_bytes()[:-9]):
        kept.write_bytes(content)
        assert opened(local("cap/{subset}"), "europe", folder, cache, by_id) == first


def test_a_cache_that_cannot_be_written_costs_only_time(folder: Path, tmp_path: Path) -> None:
    """Local data is usable without a writable home."""
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    assert opened(local("cap/{subset}"), "europe", folder, tmp_path / "cache").rows == 7


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=12))
def test_rows_come_in_the_order_of_the_indices(indices: list[int]) -> None:
    """Any order, any repetition: one row per index, with its own place."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write(folder / "f.jsonl", ROWS)
        manifest = opened(local("f"), "s", folder, folder / "cache")
        rows = read_rows(manifest, local("f"), indices)
    assert [dict(row) for row in rows] == [ROWS[index] for index in indices]
    assert [(row.subset, row.index, row.where) for row in rows] == [
        ("s", index, f"f.jsonl, line {index + 1}") for index in indices
    ]


def test_an_index_outside_is_our_mistake(folder: Path, tmp_path: Path) -> None:
    """Neither negative indices nor those past the end are rows."""
    manifest = opened(local("cap/{subset}"), "asia", folder, tmp_path / "cache")
    for index in (-1, 2):
        with pytest.raises(IndexError):
            read_rows(manifest, local("cap/{subset}"), [0, index])


def test_a_file_changed_after_collection_is_told(folder: Path, tmp_path: Path) -> None:
    """Rows are never read from another file than the one whose ids were collected."""
    dataset = local("cap/{subset}")
    manifest = opened(dataset, "asia", folder, tmp_path / "cache", by_id)
    write(folder / "cap" / "asia.jsonl", ROWS[2:4])
    with pytest.raises(DataError, match="run again"):
        read_rows(manifest, dataset, [0])
    (folder / "cap" / "asia.jsonl").unlink()
    with pytest.raises(DataError, match="run again"):
        read_rows(manifest, dataset, [0])


def test_an_id_that_comes_twice_is_told_with_both_places(folder: Path, tmp_path: Path) -> None:
    """Two samples with one id would be one journal entry."""
    write(folder / "cap" / "twice.jsonl", [*ROWS, ROWS[3]])
    with pytest.raises(DataError, match=r"'q3' twice: at line 4 and in cap/twice\.jsonl, line 8"):
        opened(local("cap/{subset}"), "twice", folder, tmp_path / "cache", by_id)


@pytest.mark.parametrize("name", ["", None, 3])
def test_an_id_is_text(folder: Path, tmp_path: Path, name: object) -> None:
    """An id that is empty or no text is refused with the row's place."""
    with pytest.raises(DataError, match=r"expected sample_id to give text.*line 1"):
        opened(local("cap/{subset}"), "asia", folder, tmp_path / "cache", lambda _: name)  # type: ignore[arg-type, return-value]


def test_subsets_that_share_a_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """subset_of splits a file: rows counted from 0 in their subset, places those of the file, one pass for all."""
    write(folder / "all.jsonl", ROWS)
    dataset = local("all", subset_of=lambda row: row.text("kind"))
    odd = opened(dataset, "odd", folder, tmp_path / "cache", by_id)
    monkeypatch.setattr(opening_module, "read_records", None)
    even = opened(dataset, "even", folder, tmp_path / "cache", by_id)
    monkeypatch.undo()
    assert odd.ids == ("q1", "q3", "q5")
    assert even.ids == ("q0", "q2", "q4", "q6")
    (row,) = read_rows(odd, dataset, [2])
    assert (row["id"], row.index, row.subset, row.where) == ("q5", 2, "odd", "all.jsonl, line 6")
    named = opened(dataset, "odd", folder, tmp_path / "cache", lambda row: f"{row.subset}-{row.index}")
    assert named.ids == ("odd-0", "odd-1", "odd-2")
    with pytest.raises(DataError, match=r"'prime', found rows of even, odd, in all\.jsonl"):
        opened(dataset, "prime", folder, tmp_path / "cache", by_id)


def test_find_subsets_lists_files_once_and_in_order(folder: Path) -> None:
    """The stems of data files of every format, sorted; other files, hidden files and folders are none."""
    for name in ("africa.csv", "antarctica.parquet", "oceania.csv.gz", "notes.txt", ".hidden.jsonl"):
        (folder / "cap" / name).write_bytes(b"")
    (folder / "cap" / "folder.jsonl.d").mkdir()
    assert find_subsets(local("cap/{subset}"), folder) == ["africa", "antarctica", "asia", "europe", "oceania"]
    assert find_subsets(local("cap/europe"), folder) == []
    assert find_subsets(local("none/{subset}"), folder) == []
    assert find_subsets(local("cap/{subset}"), None) == []


def test_find_subsets_reads_folders_and_literal_brackets(folder: Path) -> None:
    """{subset} may be a folder, and what looks like a wildcard in a pattern is none."""
    for place in ("x[1]/de/test.jsonl", "x[1]/fr/test.jsonl", "x1/it/test.jsonl", "x[1]/es/other.jsonl"):
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_bytes(b"")
    assert find_subsets(local("x[1]/{subset}/test"), folder) == ["de", "fr"]


def test_a_file_name_that_names_no_subset_is_told(folder: Path) -> None:
    """A space or bracket would break test ids, so it is refused with the file's path."""
    (folder / "cap" / "south america.jsonl").write_bytes(b"")
    with pytest.raises(DataError, match=r"south america\.jsonl; rename"):
        find_subsets(local("cap/{subset}"), folder)
    found = find_subsets(local("cap/{subset}"), folder, may_be_selected=lambda name: name == "asia")
    assert found == ["asia", "europe"]


def test_a_missing_file_names_everything_that_was_tried(folder: Path, tmp_path: Path) -> None:
    """Path, endings, and the next step."""
    with pytest.raises(DataError) as caught:
        opened(local("cap/{subset}"), "mars", folder, tmp_path / "cache")
    message = str(caught.value)
    for part in (str(folder / "cap" / "mars"), ".jsonl .jsonl.gz .csv .csv.gz", "--eval-data DIR"):
        assert part in message


def test_a_missing_folder_is_told_as_such(tmp_path: Path) -> None:
    """A typing error in --eval-data is not a missing file."""
    with pytest.raises(DataError, match=r"expected a folder of data.*nowhere"):
        opened(local("f"), "s", tmp_path / "nowhere", tmp_path / "cache")


def test_two_files_for_one_subset_are_told(folder: Path, tmp_path: Path) -> None:
    """Nobody should edit one and be graded on the other."""
    (folder / "cap" / "asia.csv").write_bytes(b"id\nq0\n")
    with pytest.raises(DataError, match=r"cap/asia\.jsonl and cap/asia\.csv"):
        opened(local("cap/{subset}"), "asia", folder, tmp_path / "cache")


def test_local_rows_need_a_folder(tmp_path: Path) -> None:
    """A benchmark over files of the user's says how to name their folder."""
    with pytest.raises(DataError, match=r"cap/\{subset\}.*--eval-data DIR"):
        opened(local("cap/{subset}"), "asia", None, tmp_path / "cache")


def test_with_a_data_folder_no_source_is_asked(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--eval-data means offline: a missing file is an error though a source is declared."""
    monkeypatch.setattr(opening_module, "fetch_first_available", None)
    dataset = huggingface("o/d", file="{subset}.jsonl", local="hub/{subset}")
    with pytest.raises(DataError, match="leave --eval-data out to fetch"):
        opened(dataset, "asia", folder, tmp_path / "cache")


def test_first_of_reads_the_first_local_pattern_that_exists(folder: Path, tmp_path: Path) -> None:
    """Alternatives below --eval-data are tried in the order of the declaration."""
    dataset = first_of(local("none/{subset}"), local("cap/{subset}"), local("cap/europe"))
    assert opened(dataset, "asia", folder, tmp_path / "cache").file == "cap/asia.jsonl"


def test_inline_rows_are_a_dataset(tmp_path: Path) -> None:
    """Rows made by code have ids, a hash over their content and a place; nothing is written."""

    def rows() -> dict[str, list[dict[str, object]]]:
        return {"one": [{"id": "a", "n": 1}, {"id": "b", "n": 2}], "none": []}

    manifest = opened(inline(rows), "one", None, tmp_path / "cache", by_id)
    assert (manifest.rows, manifest.ids, manifest.path) == (2, ("a", "b"), None)
    assert [row["n"] for row in read_rows(manifest, inline(rows), [1, 0, 1])] == [2, 1, 2]
    assert read_rows(manifest, inline(rows), [1])[0].where == "cap (inline rows), line 2"
    changed = opened(inline(lambda: {"one": [{"id": "a", "n": 1}, {"id": "b", "n": 3}]}), "one", None, tmp_path, by_id)
    assert manifest.sha256 != changed.sha256
    assert opened(inline(rows), "none", None, tmp_path / "cache").rows == 0
    assert not (tmp_path / "cache").exists()
    with pytest.raises(DataError, match="'two', found rows for one, none"):
        opened(inline(rows), "two", None, tmp_path / "cache")


def test_inline_rows_are_json(tmp_path: Path) -> None:
    """A value that JSON cannot hold is told before it meets the journal."""
    with pytest.raises(DataError, match="JSON values"):
        opened(inline(lambda: {"s": [{"x": {1, 2}}]}), "s", None, tmp_path)


@pytest.mark.parametrize("pattern", ["", "/etc/x", "../x", "a/../b", "a//b", "a\\b", "./a"])
def test_patterns_stay_below_the_data_folder(pattern: str) -> None:
    """A declaration names relative paths only."""
    with pytest.raises(ValueError, match="relative path"):
        local(pattern)


def test_contradicting_declarations_are_refused() -> None:
    """file= with config=, nothing to choose from, inline alternatives, different splits."""
    with pytest.raises(ValueError, match="either file= or config="):
        huggingface("o/d", local="x", file="f.jsonl", config="main")
    with pytest.raises(ValueError, match="at least one"):
        first_of()
    with pytest.raises(ValueError, match="inline"):
        first_of(local("x"), inline(dict))
    with pytest.raises(ValueError, match="same subset_of"):
        first_of(local("x"), local("y", subset_of=by_id))


def test_datasets_are_values() -> None:
    """The same declaration is equal to itself and hashable; another revision is another one."""
    made = [huggingface("o/d", file="f.jsonl", local="x"), modelscope("o/d", file="f.jsonl", local="x")]
    made.append(pypi("p", "1", sha256=None, file="f.jsonl", local="x"))
    again = [huggingface("o/d", file="f.jsonl", local="x"), modelscope("o/d", file="f.jsonl", local="x")]
    assert made[:2] == again
    assert len(set(made)) == 3
    assert huggingface("o/d", file="f.jsonl", local="x", revision="v2") != made[0]
    assert replace(made[0], locals=("y",)) != made[0]


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MODELEVAL_CACHE, else the XDG folder, else ~/.cache; a relative XDG path is ignored as its standard says."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MODELEVAL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_cache_dir() == tmp_path / ".cache" / "pytest-modeleval"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache_dir() == tmp_path / "xdg" / "pytest-modeleval"
    monkeypatch.setenv("MODELEVAL_CACHE", "~/mine")
    assert default_cache_dir() == tmp_path / "mine"


def test_importing_datasets_imports_nothing_heavy() -> None:
    """Neither HTTP libraries nor hub clients nor table formats are imported by a declaration."""
    heavy = ["httpx", "huggingface_hub", "datasets", "modelscope", "pyarrow", "numpy", "pandas", "orjson", "zipfile"]
    code = (
        "import sys, pytest_modeleval.datasets as d;"
        "d.huggingface('o/d', file='f', local='x'); d.modelscope('o/d', file='f', local='x');"
        "d.pypi('p', '1', sha256=None, file='f', local='x');"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    root = Path(opening_module.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
