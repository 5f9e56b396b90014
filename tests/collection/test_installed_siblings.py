"""Which entries of an installation are left out on the way to the shipped benchmarks."""

from __future__ import annotations

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
