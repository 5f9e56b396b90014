"""Messages about data files that almost fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_modeleval.datasets import describe_empty, local
from pytest_modeleval.datasets.local_files import find_local_file
from pytest_modeleval.errors import DataError


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("easy.xlsx", "save a spreadsheet as CSV"),
        ("easy.CSV", "ending in lower case"),
        ("easy.json", "one JSON object on each line"),
        ("notes.txt", "there is notes.txt"),
    ],
)
def test_files_that_almost_fit_are_named(tmp_path: Path, name: str, advice: str) -> None:
    """The file that is there, and the one step that makes it readable; for a named subset and for a whole folder."""
    (tmp_path / "trivia").mkdir()
    (tmp_path / "trivia" / name).write_text("x")
    dataset = local("trivia/{subset}")
    with pytest.raises(DataError, match=advice) as caught:
        find_local_file(dataset, "easy", tmp_path)
    assert name in str(caught.value)
    assert name in describe_empty(dataset, tmp_path)


def test_an_empty_folder_says_what_is_looked_for(tmp_path: Path) -> None:
    """Path, endings; without a folder, the option."""
    assert f"no data file {tmp_path}/trivia/<subset>" in describe_empty(local("trivia/{subset}"), tmp_path)
    assert "--eval-data=DIR" in describe_empty(local("trivia/{subset}"), None)
