"""Outputs of lm-eval as runs: filters, groups, ratios and perplexities; figures equal to its own."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.cli import main
from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.imports.lm_eval import read_lm_eval
from pytest_modeleval.runs.finished_run import open_run
from tests.imports.outputs import write

STAMP = "2026-11-26T21-30-00.000001"


def generated(doc: int, filtered: str, metrics: dict[str, Any], said: str = "So: 7") -> dict[str, Any]:
    """A line of a task that generates, asked as a chat."""
    chat = json.dumps([{"role": "user", "content": f"Question {doc}"}])
    return {
        "doc_id": doc,
        "target": "7",
        "arguments": {"gen_args_0": {"arg_0": [chat], "arg_1": {"until": ["\n"], "temperature": 0}}},
        "resps": [[said]],
        "filtered_resps": [said[-1:]],
        "filter": filtered,
        "metrics": list(metrics),
        **metrics,
    }


def chosen(doc: int, metrics: dict[str, Any]) -> dict[str, Any]:
    """A line of a task that compares log-probabilities."""
    arguments = {f"gen_args_{n}": {"arg_0": "Q: x\nA:", "arg_1": f" {n}"} for n in range(2)}
    resps = [[["-1.5", "True"]], [["-2.5", "False"]]]
    return {"doc_id": doc, "arguments": arguments, "resps": resps, "filter": "none", "metrics": [*metrics], **metrics}


def samples(task: str, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The file of a task's lines."""
    return {f"toy/samples_{task}_{STAMP}.jsonl": list(lines)}


def lm_eval_outputs(folder: Path) -> Path:
    """A task with two filters, a group of two, a text, instructions; a metric that is not carried over."""
    math_lines = [
        generated(doc, name, {"exact_match": float(doc < right)}, said="" if doc == 3 else "So: 7")
        for name, right in (("strict-match", 1), ("flexible-extract", 3))
        for doc in range(4)
    ]
    texts = [{**chosen(doc, {"word_perplexity": [-2.0 * (doc + 1), 4]}), "arguments": {}} for doc in range(2)]
    flags = [generated(doc, "none", {"inst": flags}) for doc, flags in enumerate(([True, False], [True]))]
    results = {
        "results": {
            "calc": {"alias": "calc", "exact_match,strict-match": 0.25, "exact_match,flexible-extract": 0.75},
            "left": {"acc,none": 0.5, "acc_stderr,none": 0.1, "f1,none": 0.4},
            "right": {"acc,none": 1.0},
            "both": {"acc,none": 2 / 3},
            "wiki": {"word_perplexity,none": math.exp(6 / 8)},
            "rules": {"inst,none": 2 / 3},
        },
        "group_subtasks": {"both": ["left", "right"], "calc": []},
        "versions": {"calc": 3.0, "left": 1.0, "right": 1.0},
        "higher_is_better": {"wiki": {"word_perplexity": False}},
        "n-samples": {"calc": {"original": 9, "effective": 4}},
        "configs": {"calc": {"generation_kwargs": {"until": ["\n"], "temperature": 0.0}}},
        "config": {"limit": 4.0, "model_args": {"api_key": "sk-very-secret"}},
        "date": 1795818524.3,
        "lm_eval_version": "0.4.13",
        "model_name": "toy",
    }
    files = {
        f"toy/results_{STAMP}.json": results,
        **samples("calc", math_lines),
        **samples("left", [chosen(doc, {"acc": float(doc), "f1": [1, 0]}) for doc in range(2)]),
        **samples("right", [chosen(0, {"acc": 1.0})]),
        **samples("wiki", texts),
        **samples("rules", flags),
    }
    return write(folder, files)


def test_figures_are_those_of_the_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of tasks, filters and groups; a metric that no value of a document carries is named."""
    outputs = lm_eval_outputs(tmp_path / "outputs")
    run = tmp_path / "run"
    assert main(["import-run", "lm-eval", str(outputs), "--to", str(run)]) == 0
    text = capsys.readouterr().out
    assert "imported 11 samples of 4 benchmarks from lm-eval 0.4.13: toy" in text
    assert "7 of 8 figures of lm-eval are equal" in text
    assert "lm_eval_both, left: f1: the tool says 0.4, its samples do not give it" in text
    found = open_run(run)
    assert found.summary.is_complete
    entries = {entry.benchmark: entry for entry in found.summary.benchmarks}
    assert list(entries) == ["lm_eval_both", "lm_eval_calc", "lm_eval_wiki", "lm_eval_rules"]
    calc = entries["lm_eval_calc"]
    assert (calc.metric, calc.version) == ("exact_match,strict-match", "lm-eval-0.4.13-task-3.0")
    assert [(score.name, score.score) for score in entries["lm_eval_both"].aggregates] == [("both", 2 / 3)]
    records = {record.sample: record for record in found.samples.read()}
    kinds = [records[f"calc-000{doc}"].kind.value for doc in range(4)]
    assert kinds == ["right", "wrong", "wrong", "no_answer"]
    assert (records["calc-0001"].question, records["calc-0001"].target) == ("Question 1", "7")
    assert records["left-0000"].explanation == "log-probabilities: -1.5 ' 0', -2.5 ' 1'"
    assert found.run["limit"] == "4.0"
    assert found.run["started"].startswith("2026-11-27T22:28:44")
    assert not [path for path in run.rglob("*") if path.is_file() and b"sk-very-secret" in path.read_bytes()]


def test_what_is_no_single_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No results, two runs, no samples, a name that is a path, a document that comes twice."""
    with pytest.raises(RunFolderError, match="found none"):
        read_lm_eval(tmp_path)
    outputs = lm_eval_outputs(tmp_path / "outputs")
    other = outputs / "toy" / "results_2026-11-27T00-00-00.json"
    other.write_bytes((outputs / "toy" / f"results_{STAMP}.json").read_bytes())
    with pytest.raises(RunFolderError, match="2 runs"):
        read_lm_eval(outputs)
    spoilt = {"results": {"../x": {"acc,none": 1}, "calc": {}}, "model_name": "toy"}
    twice = [generated(0, "none", {"exact_match": 1.0})] * 2
    for files, said in (
        ({}, "--log_samples writes them"),
        ({f"toy/results_{STAMP}.json": spoilt}, "which is a path"),
        (samples("calc", twice), "found 0 twice"),
    ):
        write(outputs, files)
        path = other if not files else outputs / "toy" / f"results_{STAMP}.json"
        if said == "found 0 twice":
            write(outputs, {f"toy/results_{STAMP}.json": {"results": {"calc": {"exact_match,none": 1}}}})
        assert main(["import-run", "lm-eval", str(path), "--to", str(tmp_path / "run")]) == 4
        assert said in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


def test_groups_of_groups_end(tmp_path: Path) -> None:
    """A group that contains itself is read as any other."""
    outputs = lm_eval_outputs(tmp_path / "outputs")
    path = outputs / "toy" / f"results_{STAMP}.json"
    results = json.loads(path.read_bytes())
    results["group_subtasks"] = {"all": ["both", "calc", "all"], "both": ["left", "right"]}
    path.write_text(json.dumps(results), encoding="utf-8")
    assert read_lm_eval(path).model == "toy"
