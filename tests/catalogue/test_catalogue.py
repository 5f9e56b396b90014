"""`modeleval benchmarks`: what is shipped, counted offline, without pytest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_modeleval._support.shipped_folder import shipped_folder
from pytest_modeleval.catalogue import count_rows, read_catalogue
from pytest_modeleval.cli import main


def test_every_shipped_page_is_listed_with_its_subject() -> None:
    """One entry per folder with a page, each with a subject; data of others has a licence."""
    entries = {entry.benchmark.name: entry for entry in read_catalogue()}
    assert sorted(entries) == sorted(page.parent.name for page in shipped_folder().glob("*/test_*.py"))
    assert all(entry.subject for entry in entries.values())
    assert all(entry.licence for entry in entries.values() if entry.benchmark.dataset.remotes)


def test_rows_are_counted_in_the_given_folder(tmp_path: Path) -> None:
    """A file below --data gives the count, its absence none; declared sizes need no file."""
    entries = {entry.benchmark.name: entry for entry in read_catalogue()}
    gsm8k, bfcl = entries["gsm8k"], entries["bfcl_v4"]
    (subset,) = gsm8k.benchmark.subsets
    assert count_rows(gsm8k, subset, tmp_path) is None
    (tmp_path / "gsm8k").mkdir()
    (tmp_path / "gsm8k" / "test.jsonl").write_text(json.dumps({"question": "?", "answer": "#### 1"}) + "\n")
    assert count_rows(gsm8k, subset, tmp_path) == 1
    assert count_rows(bfcl, bfcl.benchmark.subsets[0], tmp_path) == 400


def test_the_list_and_one_benchmark(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The list names all; one benchmark shows subsets and what they wait for; a misspelling gets a suggestion."""
    assert main(["benchmarks", "--data", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    assert "bfcl_v4" in listed
    assert "gsm8k" in listed
    assert main(["benchmarks", "bfcl_v4"]) == 0
    shown = capsys.readouterr().out
    assert "Apache-2.0" in shown
    assert "waits: no web search is set" in shown
    assert main(["benchmarks", "hellaswag"]) == 0
    assert "needs       a server that scores texts" in capsys.readouterr().out
    assert main(["benchmarks", "ruler"]) == 0
    assert "data        made by code" in capsys.readouterr().out
    assert main(["benchmarks", "gsmk8"]) == 4
    assert "did you mean 'gsm8k'?" in capsys.readouterr().err


def test_no_pytest_and_no_network_library_is_imported() -> None:
    """The command works where pytest is broken, and asks no network."""
    code = (
        "import sys; from pytest_modeleval.cli import main; main(['benchmarks']);"
        "print([name for name in ('pytest', 'httpx', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
