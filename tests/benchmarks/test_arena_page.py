"""The page arena: which answers of stored runs become pairs, and which figures are declared."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arena import stored_runs
from pytest_modeleval.errors import DataError, SettingsError
from pytest_modeleval.records import ItemKey, Kind
from tests.support.run_folders import grade, plan, response, write_run

LONG = "The same words for everybody. " * 10


def run(
    folder: Path, model: str, said: list[str], *, questions: list[str] | None = None, last: Kind = Kind.RIGHT
) -> Path:
    """A finished run; `last` is what became of its last item."""
    keys = [ItemKey("quiz", "part", f"q{number}") for number in range(len(said))]
    lines: list[dict[str, Any]] = [plan({"part": [key.sample for key in keys]})]
    for number, (key, text) in enumerate(zip(keys, said, strict=True)):
        question = questions[number] if questions else f"Question {number}"
        lines += [response(key, text, question=question), grade(key, last if key is keys[-1] else Kind.RIGHT)]
    return write_run(folder, lines, model=model, served=model)


def options(*folders: Path, **more: Any) -> dict[str, Any]:
    """The values of the page's options."""
    return {option.name: option.default for option in stored_runs.OPTIONS} | {
        "runs": os.pathsep.join(map(str, folders)),
        **more,
    }


def test_pairs_of_equal_prompts(tmp_path: Path) -> None:
    """What is left out is said once, with its reason; ids are unique; one answer for many prompts is noted."""
    one = run(tmp_path / "one", "a/one", [LONG, LONG, "x", "y"])
    other = run(
        tmp_path / "two", "two", ["p", "q", "r", "s"], questions=["Question 0", "other", "Question 2", "Question 3"]
    )
    third = run(tmp_path / "three", "two", ["1", "2", "3", "4"], last=Kind.SERVER_ERROR)
    with pytest.warns(UserWarning, match="^arena: ") as said:
        made = stored_runs.rows(options(one, other, third))["arena"]
    texts = [str(warning.message) for warning in said]
    assert "arena: two (three): items without a graded answer are left out: 1" in texts
    assert "arena: a/one and two (two): unequal prompts are left out: 1 (q1)" in texts
    assert [row["names"] for row in made] == [["a/one", "two (two)"]] * 3 + [["a/one", "two (three)"]] * 3 + [
        ["two (two)", "two (three)"]
    ] * 2
    assert len({row["id"] for row in made}) == len(made)
    assert [row["is_repeated"] for row in made[:3]] == [True, False, False]
    assert made[0]["question"] == "Question 0"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stored_runs.rows(options(one, other, third))["arena"] == made


def test_figures_follow_the_options(tmp_path: Path) -> None:
    """Against a baseline, of every pair, with style."""
    folders = [run(tmp_path / name, name, ["x", "y"]) for name in "abc"]

    def names(**more: Any) -> list[str]:
        return [measure.name for measure in stored_runs.measures(options(*folders, **more))]

    judge = ["consistency", "first_place"]
    assert names() == [*judge, "a", "b", "c", "a over b", "a over c", "b over c"]
    assert names(baseline=2) == [*judge, "a", "c", "a over b", "c over b", "a less c"]
    assert names(baseline=2, style=True)[-6:-4] == ["a, same style", "c, same style"]
    assert [measure.name for measure in stored_runs.measures({})] == judge
    assert len(stored_runs.rows(options(*folders, baseline=1))["arena"]) == 4
    assert len(stored_runs.rows(options(*folders, baseline=1, every_pair=True))["arena"]) == 6


def test_mistakes_are_named(tmp_path: Path) -> None:
    """No run, one run, a run twice, a baseline that is none, runs without an equal prompt."""
    one, other = run(tmp_path / "one", "one", ["x"]), run(tmp_path / "two", "two", ["y"], questions=["else"])
    with pytest.raises(DataError, match="expected run folders"):
        stored_runs.rows(options())
    for folders in ((one,), (one, one)):
        with pytest.raises(SettingsError, match="expected two or more different runs"):
            stored_runs.rows(options(*folders))
    with pytest.warns(UserWarning, match="unequal prompts"):
        stored_runs.measures(options(one, other))
    with pytest.raises(SettingsError, match="from 1 to 2, found 3"):
        stored_runs.rows(options(one, other, baseline=3))
    with pytest.raises(DataError, match="expected equal prompts in the runs of one, two"):
        stored_runs.rows(options(one, other))
    with pytest.raises(SettingsError, match=r"arena\.runs"):
        stored_runs.rows(options(one, tmp_path / "nothing"))
