"""Fields that are read again when they are needed, and not held until then."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_modeleval.datasets import Dataset, Manifest, Row, each_row, inline, local, open_manifest
from pytest_modeleval.errors import DataError

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)


def opened(dataset: Dataset, folder: Path, cache: Path) -> Manifest:
    """The manifest of the only subset."""
    return open_manifest(dataset, "part", benchmark="b", version="1", data_dir=folder, cache_dir=cache, sample_id=None)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    texts=st.lists(TEXT, min_size=1, max_size=6), has_mark=st.booleans(), ending=st.sampled_from(["\n", "\r\n", "\n\n"])
)
def test_each_row_of_a_plain_file_is_found_again(tmp_path: Path, texts: list[str], has_mark: bool, ending: str) -> None:
    """Whatever stands before a row, its fields are read from its own place, and none of them is held."""
    lines = ending.join(json.dumps({"n": n, "big": text}, ensure_ascii=False) for n, text in enumerate(texts))
    (tmp_path / "part.jsonl").write_bytes(b"\xef\xbb\xbf" * has_mark + lines.encode())
    dataset = local("{subset}")
    manifest = opened(dataset, tmp_path, tmp_path / "cache")
    handles = [row.lazy("big") for row in each_row(manifest, dataset, range(len(texts)))]
    assert [handle.texts() for handle in handles] == [(text,) for text in texts]
    assert all(not handle.values and handle.offset is not None for handle in handles)


def test_parquet_fields_are_found_again(tmp_path: Path) -> None:
    """Over several row groups, only the named columns are read."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"n": n, "big": str(n) * 50, "other": "x"} for n in range(25)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "part.parquet", row_group_size=10)
    dataset = local("{subset}")
    manifest = opened(dataset, tmp_path, tmp_path / "cache")
    handles = [row.lazy("big", "other") for row in each_row(manifest, dataset, [0, 9, 10, 24])]
    assert [handle.texts() for handle in handles] == [(str(n) * 50, "x") for n in (0, 9, 10, 24)]
    assert not handles[0].values


def test_where_a_file_cannot_be_entered_the_texts_are_held(tmp_path: Path) -> None:
    """Packed files, CSV and inline rows give the same, from memory."""
    with gzip.open(tmp_path / "part.jsonl.gz", "wt") as stream:
        stream.write(json.dumps({"big": "packed"}) + "\n")
    (tmp_path / "csv").mkdir()
    with (tmp_path / "csv" / "part.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["big"], ["a\nb"]])
    made = inline(lambda: {"part": [{"big": "made"}]})
    found = []
    for dataset, folder in ((local("{subset}"), tmp_path), (local("{subset}"), tmp_path / "csv"), (made, tmp_path)):
        manifest = opened(dataset, folder, tmp_path / "cache")
        found += [row.lazy("big") for row in each_row(manifest, dataset, [0])]
    assert [handle.texts() for handle in found] == [("packed",), ("a\nb",), ("made",)]
    assert all(handle.offset is None for handle in found)


def test_a_file_that_changed_is_told(tmp_path: Path) -> None:
    """Another file in its place, or none, is an error that says so, never another row's text."""
    file = tmp_path / "part.jsonl"
    file.write_text(json.dumps({"big": "one"}) + "\n")
    dataset = local("{subset}")
    (row,) = each_row(opened(dataset, tmp_path, tmp_path / "cache"), dataset, [0])
    handle = row.lazy("big")
    file.write_text(json.dumps({"big": "two!"}) + "\n")
    with pytest.raises(DataError, match="found it changed"):
        handle.texts()
    file.unlink()
    with pytest.raises(DataError, match="found it changed"):
        handle.texts()


def test_a_field_that_is_no_text_is_told_at_once() -> None:
    """While the row is read, with its place, and not when the first program is judged."""
    row = Row({"big": 7}, subset="part", index=0, file="part.jsonl", line=3)
    with pytest.raises(DataError, match=r"part\.jsonl, line 3"):
        row.lazy("big")
    with pytest.raises(DataError, match="'missing'"):
        row.lazy("missing")
