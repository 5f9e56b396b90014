"""A benchmark of EvalScope as a declared one: its adapter's prompt, parser and score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.declaration import Subset
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.foreign_tasks.evalscope_tasks import EvalScopeTask, load
from pytest_modeleval.foreign_tasks.grading import answer_text, digest, grade_numbers
from pytest_modeleval.foreign_tasks.loading import DeclaredTask, declared_task
from pytest_modeleval.foreign_tasks.names import item_name, subset_name
from pytest_modeleval.metrics import mean, micro
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Grade, JsonObject, Request, Response, Sample

PROBE = "ANSWER: A"


def declare(name: str, cache_dir: Path) -> DeclaredTask:
    """The benchmark of a name. Raises SettingsError where it cannot run here."""
    del cache_dir
    task, version = load(name)
    if reason := task.refusal():
        raise SettingsError(f"--eval-tasks evalscope:{task.name} cannot run here: {reason}")
    task.load()
    if not task.sizes:
        raise SettingsError(f"--eval-tasks evalscope:{task.name} cannot run here: it has no samples")
    adapter = EvalScopeBenchmark(task, version)
    return declared_task(adapter.declaration(), notes=adapter.notes())


class EvalScopeBenchmark:
    """The functions of the declaration."""

    def __init__(self, task: EvalScopeTask, version: str) -> None:
        self._task = task
        self._version = version
        self._subsets = {subset_name(subset): subset for subset in task.sizes}
        self._rows: dict[str, list[JsonObject]] = {}

    def declaration(self) -> Mapping[str, Any]:
        """The arguments of the decorator."""
        example = self._example()
        shares = [name for name, value in example.items() if value is None or 0.0 <= value <= 1.0]
        return {
            "name": item_name("evalscope", self._task.name),
            "version": f"evalscope-{self._version}",
            "dataset": inline(self._all_rows),
            "subsets": [Subset(subset) for subset in self._subsets],
            "sample": self._sample,
            "solve": self._solve,
            "grade": self._grade,
            "metric": shares[0] if shares else "mean_acc",
            "measures": [mean(name, high=1.0 if name in shares else None) for name in example],
            "aggregates": [micro("OVERALL")] if len(self._subsets) > 1 else [],
        }

    def notes(self) -> tuple[str, ...]:
        """What is not carried over, or is done another way here."""
        name, found = self._task.name, []
        if not self._task.is_mean:
            found.append(
                f"evalscope:{name}: its own aggregation is not carried over; the figures are means of its values"
            )
        if self._task.repeats > 1:
            found.append(f"evalscope:{name} asks each sample {self._task.repeats} times: --eval-repeats does here")
        return tuple(found)

    def _example(self) -> dict[str, float | None]:
        """The metrics, with their values for a meaningless reply; None where the task gives none."""
        subset = next(iter(self._task.sizes))
        try:
            return dict(self._task.score(subset, 0, PROBE)[0])
        except Exception:  # noqa: BLE001 - what a task does with such a reply is its own
            return dict.fromkeys(self._task.metrics)

    def _all_rows(self) -> dict[str, list[JsonObject]]:
        if not self._rows:
            for name, subset in self._subsets.items():
                numbers = range(self._task.sizes[subset])
                self._rows[name] = [{"sample": n, "sha256": digest(self._task.content(subset, n))} for n in numbers]
        return self._rows

    def _sample(self, row: Row) -> Sample:
        subset, number = self._subsets[row.subset], row.integer("sample")
        messages = self._task.messages(subset, number)
        data = {"sample": number, "messages": messages}
        return Sample(question=messages[-1]["content"], target=self._task.target(subset, number), data=data)

    async def _solve(self, sample: Sample, model: Model) -> Response:
        return await model.ask(Request(sample.data["messages"]))

    def _grade(self, sample: Sample, response: Response) -> Grade:
        subset = self._subsets[sample.subset]
        values, answer = self._task.score(subset, sample.data["sample"], answer_text(response))
        shown = {name: f"{value:.4g}" for name, value in values.items()}
        return grade_numbers(values, answer=answer, shown=shown, responses=[response])
