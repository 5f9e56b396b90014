"""Which entries of an installation are left out on the way to the shipped benchmarks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pytest_modeleval.collection.installed_siblings import PACKAGE, InstalledSiblings


def test_only_what_does_not_lead_to_the_benchmarks_is_left_out() -> None:
    """Other packages and our own rooms are; the way to the pages, the pages, and everything above are kept."""
    siblings = InstalledSiblings(PACKAGE / "shipped_benchmarks")
    left_out = [PACKAGE.parent / "attrs", PACKAGE / "client", PACKAGE / "plugin.py"]
    kept = [PACKAGE, PACKAGE.parent, PACKAGE.parent.parent / "x", PACKAGE / "shipped_benchmarks"]
    kept += [PACKAGE / "shipped_benchmarks" / "gsm8k", PACKAGE.parent / "attrs" / "test_attrs.py"]
    assert [path in siblings for path in left_out] == [True] * 3
    assert [path in siblings for path in kept] == [False] * 6


def test_nothing_is_left_out_in_a_checkout(tmp_path: Path) -> None:
    """There the benchmarks stand next to the project's own tests."""
    siblings = InstalledSiblings(tmp_path / "benchmarks")
    assert tmp_path / "tests" not in siblings
    assert PACKAGE / "client" not in siblings


ROOT = PACKAGE.parent


def test_an_environment_inside_of_the_project_is_entered(tmp_path: Path) -> None:
    """The shipped benchmarks are found there, from no path, beside testpaths and by a printed id; nothing else is."""
    site = tmp_path / ".venv" / "lib" / "python3" / "site-packages"
    unread = shutil.ignore_patterns("__pycache__", "vendor")
    shutil.copytree(PACKAGE, site / "pytest_modeleval", ignore=unread)
    shutil.copytree(ROOT / "benchmarks", site / "pytest_modeleval" / "shipped_benchmarks", ignore=unread)
    (tmp_path / ".venv" / "pyvenv.cfg").touch()
    (tmp_path / ".venv" / "lib64").symlink_to("lib")
    other = "import pytest_modeleval\n\ndef test_wiring_of_another_package(): pass\n"
    for folder in (site / "other", tmp_path / ".venv" / "share"):
        folder.mkdir()
        (folder / "test_other.py").write_text(other)
    (tmp_path / "tests").mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MODELEVAL_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "--model", "m", "--model-url", "http://127.0.0.1:9", "--collect-only"]
    for more in (["-k", "wiring"], ["-k", "wiring", "-o", "testpaths=tests"], ["wiring"]):
        done = subprocess.run(
            [*command, "-q", "-p", "no:cacheprovider", *more],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "90 tests collected" in done.stdout, (more, done.stdout, done.stderr)
