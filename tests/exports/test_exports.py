"""Exports of a run: every sample once, scores as in the summary, texts as texts, nothing outside of the target."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.cli import main
from pytest_modeleval.exports.tables import write_csv
from pytest_modeleval.exports.target import safe_name
from pytest_modeleval.records import Kind
from pytest_modeleval.runs.finished_run import open_run
from pytest_modeleval.samples.record import SampleRecord
from pytest_modeleval.samples.rows import COLUMNS
from tests.support.run_folders import quiz_run, varied_run


def export(run: Path, form: str, out: Path) -> None:
    """Export with the command."""
    assert main(["export", str(run), "--to", form, "--out", str(out)]) == 0


def test_tables_have_a_row_for_every_sample(tmp_path: Path) -> None:
    """CSV, Parquet and the data frame agree; samples without a verdict have no value."""
    pandas = pytest.importorskip("pandas")
    run = varied_run(tmp_path / "run")
    export(run, "csv", tmp_path / "a.csv")
    export(run, "parquet", tmp_path / "a.parquet")
    frame = open_run(run).samples.to_frame()
    stored = pandas.read_parquet(tmp_path / "a.parquet")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert list(frame.columns) == list(stored.columns) == list(found[0]) == list(COLUMNS)
    assert len(frame) == len(stored) == len(found) == 11
    assert list(frame["id"]) == list(stored["id"]) == [row["id"] for row in found]
    assert frame["value"].sum() == stored["value"].sum() == 4.25
    graded = set(frame["kind"][frame["value"].isna()])
    assert graded == {"server_error", "grader_error", "not_run"}
    assert set(frame["completion_tokens"].dropna()) == {3}


def test_a_run_without_operating_points_has_none_to_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says how to measure some; no file appears."""
    run = quiz_run(tmp_path / "run")
    for form in ("vllm-bench", "sglang-bench"):
        assert main(["export", str(run), "--to", form, "--out", str(tmp_path / form)]) == 4
        assert "`modeleval perf` measures some" in capsys.readouterr().err
        assert not (tmp_path / form).exists()


def test_the_summary_is_a_frame_of_subsets_and_aggregates(tmp_path: Path) -> None:
    """One row for each, with counts of every kind where it has some."""
    pytest.importorskip("pandas")
    frame = open_run(quiz_run(tmp_path / "run", wrong=[1, 2, 7])).summary.to_frame()
    assert list(frame["subset"]) == ["easy", "hard"]
    assert [round(score, 4) for score in frame["score"]] == [0.6667, 0.8333]
    assert list(frame["wrong"]) == [2, 1]
    assert set(frame["aggregate"].isna()) == {True}


def test_a_spreadsheet_takes_no_text_for_a_formula(tmp_path: Path) -> None:
    """Texts of the model that begin as formulas do begin with an apostrophe; numbers stay numbers."""
    texts = ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "\uff1d1"]
    plain = ["-5", "+1,000.5", "-1e-3", "a=b", "", "x\x00y"]
    records = [
        SampleRecord(benchmark="b", subset="s", sample=str(number), kind=Kind.WRONG, answer=text)
        for number, text in enumerate([*texts, *plain])
    ]
    write_csv(records, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        found = [row["answer"] for row in csv.DictReader(file)]
    assert found == [f"'{text}" for text in texts] + [*plain[:-1], "x\ufffdy"]


def test_the_table_for_a_pull_request_is_the_one_of_the_step_summary(tmp_path: Path) -> None:
    """Markdown: scores, counts, and nothing that a page would take for a link or markup."""
    export(quiz_run(tmp_path / "run"), "markdown", tmp_path / "a.md")
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert "| quiz |" in text
    assert "12 items: 10 right, 2 wrong" in text


def test_evalscope_finds_report_predictions_and_reviews(tmp_path: Path) -> None:
    """Names of files are those that the report names; ungraded samples have no review. Nothing is written elsewhere."""
    run = varied_run(tmp_path / "run")
    export(run, "evalscope", tmp_path / "out")
    place = tmp_path / "out" / "run"
    [model] = (path.name for path in (place / "reports").iterdir())
    report = json.loads((place / "reports" / model / "quiz.json").read_bytes())
    assert (report["name"], report["metrics"][0]["num"]) == (f"{model}@quiz", 4)
    subsets = report["metrics"][0]["categories"][0]["subsets"]
    assert [part["score"] for part in subsets] == [0.5, 0.375]
    for part in subsets:
        for folder, count in (("predictions", [4, 3]), ("reviews", [4, 3])):
            lines = (place / folder / model / f"quiz_{part['name']}.jsonl").read_text(encoding="utf-8").splitlines()
            assert len(lines) == count[subsets.index(part)]
    review = json.loads((place / "reviews" / model / "quiz_plain.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert review["messages"][-1]["content"][0] == {"type": "reasoning", "reasoning": "why"}
    assert review["sample_score"]["score"]["value"] == {"mean_acc": 0.0}
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} == {"run", "out"}


def test_inspect_finds_a_log_for_each_benchmark(tmp_path: Path) -> None:
    """Scores of subsets, a sample for each item, calls as calls; an ungraded one has an error and no score."""
    export(varied_run(tmp_path / "run"), "inspect", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "run_empty.eval",
        "run_quiz.eval",
        "run_talk.eval",
    ]
    with zipfile.ZipFile(tmp_path / "out" / "run_quiz.eval") as archive:
        assert not [name for name in archive.namelist() if ".." in name or name.startswith("/")]
        header = json.loads(archive.read("header.json"))
        summaries = json.loads(archive.read("summaries.json"))
        samples = [json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("samples/")]
    [score] = header["results"]["scores"]
    assert {name: metric["value"] for name, metric in score["metrics"].items()} == {"a/../b": 0.5, "plain": 0.375}
    assert (score["scored_samples"], score["unscored_samples"], len(summaries), len(samples)) == (7, 1, 8, 8)
    assert header["eval"]["config"]["epochs"] == 2
    [refused] = (sample for sample in samples if not sample["scores"])
    assert refused["error"]["message"] == "server error: http_400"
    [called] = (sample for sample in samples if sample["messages"] and sample["messages"][-1].get("tool_calls"))
    calls = called["messages"][-1]["tool_calls"]
    assert [(call["arguments"], call["parse_error"]) for call in calls] == [
        ({"x": [1]}, None),
        ({"text": "no json"}, "the arguments are no JSON"),
    ]


@given(st.text(max_size=100), st.text(max_size=100))
def test_names_become_different_parts_of_a_path(one: str, other: str) -> None:
    """Short, of ASCII characters, leading nowhere else; different names never meet."""
    first, second = safe_name(one), safe_name(other)
    assert first.isascii()
    assert 0 < len(first) < 100
    assert first not in (".", "..")
    assert not set(first) & set("/\\\x00:")
    assert (first == second) == (one == other)


@pytest.mark.parametrize("form", ["csv", "evalscope"])
def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """A path that is taken, a link that leads somewhere, or a folder that is missing: status 4, one line."""
    run = quiz_run(tmp_path / "run")
    taken, link = tmp_path / "taken", tmp_path / "link"
    taken.write_text("mine")
    link.symlink_to(tmp_path / "elsewhere")
    for out in (taken, link, tmp_path / "none" / "x"):
        assert main(["export", str(run), "--to", form, "--out", str(out)]) == 4
        assert "ERROR: --out: expected a" in capsys.readouterr().err
    assert taken.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()
