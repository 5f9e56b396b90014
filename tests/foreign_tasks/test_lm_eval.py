"""Tasks of an installed lm-eval, with rows of the test's own; ci/check_foreign_tasks.py compares with its own runs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_modeleval.errors import DataError, SettingsError
from pytest_modeleval.foreign_tasks.loading import declare_tasks
from pytest_modeleval.foreign_tasks.names import TaskName
from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite

pytest.importorskip("lm_eval", reason="needs the extra lm-eval")

TASK = """
task: sums
dataset_path: json
dataset_kwargs: {data_files: {test: ROWS}}
output_type: generate_until
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
description: "Reply as asked."
generation_kwargs: {until: ["STOP"], max_gen_toks: 40}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
filter_list:
  - name: letter
    filter: [{function: regex, regex_pattern: "([A-D])$"}, {function: take_first}]
metadata: {version: 7}
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A YAML file with two rows."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"question": f"[[{key}]]", "answer": "A"}) + "\n" for key in "AB"))
    file = tmp_path / "sums.yaml"
    file.write_text(TASK.replace("ROWS", str(rows)), encoding="utf-8")
    return file


def test_a_task_runs_with_its_own_prompt_filter_and_metric(suite: Suite, server: LoopbackServer, task: Path) -> None:
    """Version, system message, stop text and figure are those of the task."""
    where = [f"--model-url={server.url}", f"--eval-run={suite.run_dir}", "--model=test-model", "-p", "no:cacheprovider"]
    result = suite.command(*where, f"--eval-tasks=lm_eval:{task}")
    assert result.status == 0, result.out + result.err
    assert result.summary is not None
    benchmark = result.summary["benchmarks"][0]
    assert (benchmark["benchmark"], benchmark["metric"]) == ("lm_eval_sums", "exact_match,letter")
    assert benchmark["version"].endswith("-task-7")
    assert result.subset("sums")["score"] == 0.5
    body = server.seen.bodies[-1]
    assert (body["messages"][0], body["stop"], body["max_tokens"]) == (
        {"role": "system", "content": "Reply as asked."},
        ["STOP"],
        40,
    )


def test_unsafe_and_unknown_tasks_are_refused(task: Path, tmp_path: Path) -> None:
    """By name, with the reason."""
    from pytest_modeleval.foreign_tasks.lm_eval_benchmark import declare

    unsafe = tmp_path / "unsafe.yaml"
    unsafe.write_text(task.read_text(encoding="utf-8") + "unsafe_code: true\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="sums cannot run here: its grader runs programs"):
        declare(str(unsafe), tmp_path)


def test_without_names_that_the_package_does_not_document(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `_filters` the first reply counts as it is, without `env` nothing is kept, without `load` none is run."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    from pytest_modeleval.foreign_tasks import lm_eval_tasks

    (loaded,) = lm_eval_tasks.load(str(task), cache_dir=task.parent).tasks
    assert loaded.results(0, [["It is A"]]) == {("exact_match", "letter"): 1.0}
    monkeypatch.delattr(loaded.task, "_filters")
    assert loaded.filters == ["none"]
    assert loaded.results(0, [["A"]]) == {("exact_match", "none"): 1.0}
    assert loaded.results(0, [["It is A"]]) == {("exact_match", "none"): 0.0}
    with monkeypatch.context() as without_env:
        without_env.setattr(lm_eval, "utils", SimpleNamespace())
        lm_eval_tasks._compile_templates_once()
    monkeypatch.delattr(TaskManager, "load")
    with pytest.raises(DataError, match=r"sums.yaml: its package cannot load it .*no attribute .load"):
        declare_tasks([TaskName("lm_eval", str(task))], cache_dir=task.parent)
