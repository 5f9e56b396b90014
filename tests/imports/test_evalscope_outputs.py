"""Outputs of EvalScope as runs: its scores, its texts, kinds as far as they can be told; nothing outside is read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.cli import main
from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.imports.evalscope import read_evalscope
from pytest_modeleval.imports.reading import json_lines, json_object, number
from pytest_modeleval.runs.finished_run import open_run
from tests.imports.outputs import CONFIG, evalscope_outputs, graded_outputs, review, write
from tests.support.run_folders import varied_run


def test_scores_kinds_and_texts_are_those_of_the_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Losses have their kind; what has no usable score is ungraded, with the reason; figures are equal."""
    outputs = evalscope_outputs(tmp_path / "20261126_213000")
    run = tmp_path / "run"
    assert main(["import-run", "evalscope", str(outputs), "--to", str(run)]) == 0
    text = capsys.readouterr().out
    assert "imported 8 samples of one benchmark from EvalScope 1.14.1: toy" in text
    assert "3 of 3 figures of EvalScope are equal" in text
    found = open_run(run)
    [entry] = found.summary.benchmarks
    assert (entry.benchmark, entry.version, entry.metric) == ("evalscope_quiz", "evalscope-1.14.1-v1.2", "accuracy")
    assert [(score.subset, score.num, score.score) for score in entry.subsets] == [("easy", 4, 0.25), ("Level_2", 1, 1)]
    assert [(score.name, score.score) for score in entry.aggregates] == [("OVERALL", 0.4)]
    records = {record.sample: record for record in found.samples.read()}
    assert {name: (record.kind.value, record.cause) for name, record in records.items()} == {
        "easy-0001": ("wrong", "wrong_answer"),
        "easy-0000": ("right", ""),
        "easy-0002": ("no_answer", "no_answer"),
        "easy-0003": ("truncated", "truncated"),
        "easy-0004": ("server_error", "transport_error"),
        "easy-0005": ("server_error", "model_error"),
        "easy-0006": ("grader_error", "no_review"),
        "Level_2-0000": ("right", ""),
    }
    first = records["easy-0000"]
    assert first.reply is not None
    assert (first.question, first.reply.text, first.reply.reasoning, first.target) == ("Question 0", "A", "hm", "A")
    assert (first.prompt_tokens, first.completion_tokens, first.total_s) == (7, 3, 0.5)
    assert records["easy-0004"].explanation == "the judge is away"
    stated = found.run["imported"]
    assert (stated["tool"], stated["version"], stated["from"]) == ("EvalScope", "1.14.1", "20261126_213000")
    assert found.run["benchmarks"]["evalscope_quiz"]["params"] == {"temperature": 0.5}
    assert (run / "report.html").exists()
    assert json.loads((run / "summary.json").read_bytes())["complete"] is False


def test_runs_of_two_days_are_compared_gated_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """compare, noise, show, export and merge with gates over a baseline read imported runs as any others."""
    sides = []
    for day, wrong in (("monday", 0), ("tuesday", 40)):
        outputs = graded_outputs(tmp_path / day, wrong=wrong)
        sides.append(str(tmp_path / f"run-{day}"))
        assert main(["import-run", "evalscope", str(outputs), "--to", sides[-1]]) == 0
    gates = tmp_path / "gates.toml"
    gates.write_text('[[gate]]\nkind = "regression"\nbenchmark = "evalscope_quiz"\n', encoding="utf-8")
    capsys.readouterr()
    assert main(["compare", *sides]) == 0
    assert "-0.6667" in capsys.readouterr().out
    assert main(["noise", *sides]) == 0
    assert main(["show", sides[1], "--kind", "wrong", "--no-pager"]) == 0
    assert "Question 0" in capsys.readouterr().out
    assert main(["export", sides[1], "--to", "csv", "--out", str(tmp_path / "a.csv")]) == 0
    blessed = str(tmp_path / "baseline.json")
    assert main(["merge", sides[0], "--into", str(tmp_path / "kept"), "--bless", blessed]) == 0
    judge = ["merge", sides[1], "--into", str(tmp_path / "judged"), "--gates", str(gates), "--baseline", blessed]
    capsys.readouterr()
    assert main(judge) == 1
    assert "fail" in capsys.readouterr().out.lower()


def test_our_own_export_is_read_back(tmp_path: Path) -> None:
    """Report form 1: repeats, partial credit and hostile names; scores of subsets are equal."""
    run = varied_run(tmp_path / "run")
    assert main(["export", str(run), "--to", "evalscope", "--out", str(tmp_path / "out")]) == 0
    assert main(["import-run", "evalscope", str(tmp_path / "out"), "--to", str(tmp_path / "back")]) == 0
    scores = [
        [score.score for entry in open_run(path).summary.benchmarks for score in entry.subsets if score.num]
        for path in (run, tmp_path / "back")
    ]
    assert scores[0] == scores[1]
    assert not open_run(tmp_path / "back").run["imported"]["figures_different"]


def test_a_figure_that_the_samples_do_not_give_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With both values; the run has the one of the samples."""
    outputs = evalscope_outputs(tmp_path / "outputs", overall=0.9)
    assert main(["import-run", "evalscope", str(outputs), "--to", str(tmp_path / "run")]) == 0
    text = capsys.readouterr().out
    assert "2 of 3 figures of EvalScope are equal" in text
    assert "evalscope_quiz, OVERALL: accuracy: the tool says 0.9" in text


def link(path: Path, name: str) -> None:
    """A link to another file."""
    (path.parent / "secret.jsonl").write_text('{"index": 0, "note": "secret"}\n', encoding="utf-8")
    (path / name).unlink()
    (path / name).symlink_to(path.parent / "secret.jsonl")


def pipe(path: Path, name: str) -> None:
    """A pipe without a writer."""
    (path / name).unlink()
    os.mkfifo(path / name)


def long_line(path: Path, name: str) -> None:
    """A line of 40 MB, which takes no space."""
    os.truncate(path / name, 40_000_000)


def torn(path: Path, name: str) -> None:
    """A last line that is cut."""
    (path / name).write_bytes((path / name).read_bytes()[:-20])


@pytest.mark.parametrize("spoil", [link, pipe, long_line, torn])
@pytest.mark.parametrize("name", ["reviews/toy/quiz_easy.jsonl", "predictions/toy/quiz_easy.jsonl"])
def test_files_of_a_stranger_are_refused_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path, str], None], name: str
) -> None:
    """One line that names the file, status 4, and no run folder."""
    outputs = evalscope_outputs(tmp_path / "outputs")
    spoil(outputs, name)
    assert main(["import-run", "evalscope", str(outputs), "--to", str(tmp_path / "run")]) == 4
    found = capsys.readouterr().err
    assert name in found
    assert "secret" not in found.replace("secret.jsonl", "")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_taken_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it holds."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine", encoding="utf-8")
    outputs = evalscope_outputs(tmp_path / "outputs")
    assert main(["import-run", "evalscope", str(outputs), "--to", str(tmp_path / "run")]) == 4
    assert "expected a new folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_what_is_no_single_run_is_refused_with_what_was_found(tmp_path: Path) -> None:
    """No reviews; several runs; several models; no report; one model of several can be named."""
    with pytest.raises(RunFolderError, match="without reviews"):
        read_evalscope(tmp_path)
    one = evalscope_outputs(tmp_path / "one")
    assert read_evalscope(tmp_path).model == "toy"
    evalscope_outputs(tmp_path / "two")
    with pytest.raises(RunFolderError, match="holds 2 runs"):
        read_evalscope(tmp_path)
    write(one, {"reviews/other/quiz_easy.jsonl": []})
    with pytest.raises(RunFolderError, match="2 models"):
        read_evalscope(one)
    assert read_evalscope(one, model="toy").model == "toy"
    with pytest.raises(RunFolderError, match="reports of a finished run"):
        read_evalscope(one, model="other")


def test_a_sample_may_not_come_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would count twice."""
    outputs = evalscope_outputs(tmp_path / "outputs")
    write(outputs, {"reviews/toy/quiz_easy.jsonl": [review(0, {"acc": 1}), review(0, {"acc": 1})]})
    assert main(["import-run", "evalscope", str(outputs), "--to", str(tmp_path / "run")]) == 4
    assert "found easy-0000 twice" in capsys.readouterr().err


def test_a_configuration_is_read_line_by_line(tmp_path: Path) -> None:
    """Anything but `key: scalar` is passed over, also what a parser of YAML would take to pieces."""
    outputs = evalscope_outputs(tmp_path / "outputs")
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\n!!python/object:os.system ls\n"
    write(outputs, {"configs/task_config.yaml": bomb + CONFIG.replace("limit: null", "limit: 10")})
    found = read_evalscope(outputs)
    assert (found.version, found.limit) == ("1.14.1", "10")
    assert [benchmark.params for benchmark in found.benchmarks] == [{"temperature": 0.5}]


def test_json_of_python_is_read() -> None:
    """NaN and infinities are no numbers; other damage is refused."""
    assert json_object(b'{"a": NaN, "b": [Infinity, 1]}', "x") == {"a": None, "b": [None, 1]}
    odd = json_object(b'{"a": NaN, "b": "\\ud83d \\ud83d\\ude00", "c": 1' + b"0" * 30 + b"}", "x")
    assert odd == {"a": None, "b": "? \U0001f600", "c": 1e30}
    assert orjson.loads(orjson.dumps(odd)) == odd
    for content in (b'{"a": "\\ud83d"', b"NaN" + b"[" * 100_000, b"NaN", b'{"a": NaN', b"[1]", b"", b"[" * 100_000):
        with pytest.raises(RunFolderError):
            json_object(content, "x")


@given(st.one_of(st.none(), st.booleans(), st.floats(), st.text(), st.lists(st.integers())))
def test_a_number_is_finite_or_none(value: object) -> None:
    """Whatever stands where a score is expected."""
    found = number(value)
    assert found is None or abs(found) < 1e300


def test_lines_are_read_one_at_a_time(tmp_path: Path) -> None:
    """Empty lines are passed over, and damage is named by its line."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n\n{"a": 2}\nx\n')
    lines = json_lines(path)
    assert [next(lines), next(lines)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(RunFolderError, match="line 4"):
        next(lines)
