"""Real benchmark rows: every file of the shared data folder reads as its list of sources says."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from pytest_modeleval.datasets import find_subsets, local, open_manifest, read_rows

DATA = Path(os.environ.get("MODELEVAL_DATA") or Path(__file__).parents[2].with_name("shared") / "data")
needs_data = pytest.mark.skipif(not (DATA / "SOURCES.md").is_file(), reason="no shared benchmark data (MODELEVAL_DATA)")
# | file | benchmark | rows | bytes | ... | sha256 | notes |
LISTED = re.compile(r"\| (\S+\.jsonl(?:\.gz)?) \| [^|]* \| (\d+) \| \d+ \|.* \| `([0-9a-f]{64})` \|")


@needs_data
def test_every_listed_file_has_its_rows_and_hash(tmp_path: Path) -> None:
    """Row counts and sha256 of the manifests are those of SOURCES.md; every row is read and equals plain JSON."""
    listed = LISTED.findall((DATA / "SOURCES.md").read_text(encoding="utf-8"))
    assert len(listed) >= 30
    for file, rows, sha256 in listed:
        dataset = local(file.removesuffix(".gz").removesuffix(".jsonl"))
        manifest = open_manifest(
            dataset, "s", benchmark="b", version="1", data_dir=DATA, cache_dir=tmp_path, sample_id=None
        )
        assert (manifest.rows, manifest.sha256, manifest.origin) == (int(rows), sha256, file)
        if file.endswith(".jsonl"):
            lines = (DATA / file).read_bytes().decode().split("\n")
            expected = [json.loads(line) for line in lines if line]
            assert [dict(row) for row in read_rows(manifest, dataset, range(manifest.rows))] == expected


@needs_data
def test_subsets_come_from_files_or_from_a_field(tmp_path: Path) -> None:
    """AIME 2025 has a file per subset; MMLU's full test has 57 subjects in one packed file."""
    assert find_subsets(local("aime25/{subset}"), DATA) == ["AIME2025-I", "AIME2025-II", "default"]
    dataset = local("mmlu/test_full", subset_of=lambda row: row.text("subject"))
    opened = {
        subject: open_manifest(
            dataset, subject, benchmark="mmlu", version="1", data_dir=DATA, cache_dir=tmp_path, sample_id=None
        )
        for subject in ("abstract_algebra", "professional_law", "world_religions")
    }
    assert {name: manifest.rows for name, manifest in opened.items()} == {
        "abstract_algebra": 100,
        "professional_law": 1534,
        "world_religions": 171,
    }
    for name, manifest in opened.items():
        rows = read_rows(manifest, dataset, [manifest.rows - 1, 0])
        assert [(row["subject"], row.index) for row in rows] == [(name, manifest.rows - 1), (name, 0)]
        assert {row.letter("answer", 4) for row in rows} <= set("ABCD")
    assert (
        opened["abstract_algebra"].sha256
        == hashlib.sha256((DATA / "mmlu" / "test_full.jsonl.gz").read_bytes()).hexdigest()
    )
