"""benchmarks/index.json says what the pages declare, and leaves out only what -k cannot select."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_modeleval._support.shipped_folder import shipped_folder
from pytest_modeleval.catalogue import read_catalogue
from pytest_modeleval.collection.page_index import PageIndex

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(page.parent for page in shipped_folder().glob("*/test_*.py"))
BENCHMARKS = {entry.page.partition("/")[0]: entry.benchmark for entry in read_catalogue()}
# Their subsets are the files of the user.
OPEN = {name for name, declared in BENCHMARKS.items() if not declared.subsets}
# Their ids come from the data.
OWN_IDS = {name for name, declared in BENCHMARKS.items() if declared.sample_id is not None} - OPEN


def kept(expression: str) -> set[str]:
    """The folders whose pages are imported, without those whose subsets are the files of the user."""
    index = PageIndex(shipped_folder(), expression)
    return {folder.name for folder in FOLDERS if not index.left_out(folder)} - OPEN


def test_the_index_is_current() -> None:
    """Otherwise: python ci/make_page_index.py."""
    check = [sys.executable, str(ROOT / "ci" / "make_page_index.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("general_mcq", set()),
        ("mmlu", {"mmlu", "mmlu_pro", "cmmlu"}),
        ("mmlu and not mmlu_pro and not cmmlu", {"mmlu"}),
        ("test_gsm8k.py", {"gsm8k", *OWN_IDS}),
        ("anatomy", {"mmlu", "cmmlu", *OWN_IDS}),
        ("bfcl_v4", {"bfcl_v4"}),
        ("gsm8k or iquiz", {"gsm8k", "iquiz"}),
        ("simple_python_12", OWN_IDS),
        ("(gsm8k", set()),
    ],
)
def test_pages_that_k_cannot_select_are_left_out(expression: str, expected: set[str]) -> None:
    """By name, subset or id; a word that may be an id of the data keeps every page whose ids come from it."""
    assert kept(expression) == expected


def test_all_pages_are_kept_where_k_says_nothing_of_names() -> None:
    """Without -k, for all but one, and for a number, which is a part of every id."""
    everything = {folder.name for folder in FOLDERS} - OPEN
    assert kept("") == kept(" ") == kept("7") == kept(shipped_folder().name) == everything
    assert kept("not gsm8k") == everything - {"gsm8k"}


def test_pages_outside_of_the_index_are_kept(tmp_path: Path) -> None:
    """A folder that the index does not name, and every folder where there is no index."""
    assert PageIndex(shipped_folder(), "gsm8k").left_out(tmp_path) == []
    assert PageIndex(tmp_path, "gsm8k").left_out(tmp_path / "iquiz") == []


def test_no_page_has_marks() -> None:
    """-k matches the names of marks too, and the index does not have them."""
    for entry in read_catalogue():
        text = (shipped_folder() / entry.page).read_text(encoding="utf-8")
        assert "pytest.mark" not in text
        assert "pytestmark" not in text
