"""A task of Inspect as a declared benchmark: its samples, solvers and scorers, with our model as their provider."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_modeleval.datasets import Row, inline
from pytest_modeleval.declaration import Subset
from pytest_modeleval.errors import SettingsError, Ungraded
from pytest_modeleval.foreign_tasks.grading import digest, grade_numbers
from pytest_modeleval.foreign_tasks.inspect_tasks import Asker, CannotRun, InspectTask, Scored, load
from pytest_modeleval.foreign_tasks.loading import DeclaredTask, declared_task
from pytest_modeleval.foreign_tasks.names import item_name, subset_name
from pytest_modeleval.metrics import mean
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Grade, JsonObject, Kind, Request, Response, Sample

PROBE = Response("ANSWER: A", finish_reason="stop", content="ANSWER: A")


def declare(name: str, cache_dir: Path) -> DeclaredTask:
    """The benchmark of a name. Raises SettingsError where it cannot run here."""
    del cache_dir
    task, version = load(name)
    if reason := task.refusal():
        raise SettingsError(f"--eval-tasks inspect:{name} cannot run here: {reason}")
    adapter = InspectBenchmark(task, version)
    try:
        example = asyncio.run(adapter.probe())
    except CannotRun as error:
        raise SettingsError(f"--eval-tasks inspect:{name} cannot run here: {error}") from error
    return declared_task(adapter.declaration(example), notes=adapter.notes(name))


@dataclass(frozen=True, slots=True)
class Solved:
    """What the solvers left for the scorers."""

    state: Any
    responses: list[Response]


class InspectBenchmark:
    """The functions of the declaration."""

    def __init__(self, task: InspectTask, version: str) -> None:
        self._task = task
        self._version = version
        self._subset = subset_name(task.name)
        self._needs_judge = False
        self._rows: list[JsonObject] = []

    async def probe(self) -> Scored | None:
        """The scores of the first sample for a meaningless reply; None where the task gives none.

        Raises CannotRun where it wants what is not carried over: tools, a sandbox.
        """

        async def reply(messages: Any, params: Any) -> Response:
            del messages, params
            return PROBE

        async def judged(messages: Any, params: Any) -> Response:
            self._needs_judge = True
            return await reply(messages, params)

        try:
            state, _ = await self._task.solve(0, reply)
            return await self._task.score(0, state, judged)
        except CannotRun:
            raise
        except Exception as error:
            if "sandbox" in str(error).lower():
                raise CannotRun("it runs programs in a sandbox of Inspect") from error
            return None

    def declaration(self, example: Scored | None) -> Mapping[str, Any]:
        """The arguments of the decorator. example: of `probe`."""
        names = list(example.values) if example is not None else []
        shares = [name for name in names if example is not None and 0.0 <= example.values[name] <= 1.0]
        return {
            "name": item_name("inspect", self._task.name),
            "version": f"{self._version}-task-{self._task.version}",
            "dataset": inline(self._all_rows),
            "subsets": [Subset(self._subset)],
            "sample": self._sample,
            "solve": self._solve,
            "grade": self._judged_grade if self._needs_judge else self._grade,
            "metric": shares[0] if shares else "mean_acc",
            "measures": [mean(name, high=1.0 if name in shares else None) for name in names],
            "defaults": self._task.params,
            "roles": ("judge",) if self._needs_judge else (),
        }

    def notes(self, name: str) -> tuple[str, ...]:
        """What is not carried over, or is done another way here."""
        found = []
        if others := self._task.other_metrics():
            found.append(
                f"inspect:{name}: not carried over, since they are no means of its values: {', '.join(others)}"
            )
        if self._task.epochs > 1:
            found.append(
                f"inspect:{name} asks each sample {self._task.epochs} times: --eval-repeats {self._task.epochs}"
            )
        return tuple(found)

    def _all_rows(self) -> dict[str, list[JsonObject]]:
        if not self._rows:
            numbers = range(len(self._task))
            self._rows = [{"sample": number, "sha256": digest(self._task.content(number))} for number in numbers]
        return {self._subset: self._rows}

    def _sample(self, row: Row) -> Sample:
        number = row.integer("sample")
        return Sample(question=self._task.question(number), target=self._task.target(number), data={"sample": number})

    async def _solve(self, sample: Sample, model: Model) -> Solved:
        async def ask(messages: list[dict[str, Any]], params: dict[str, Any]) -> Response:
            own = {name: value for name, value in params.items() if self._task.params.get(name) != value}
            return await model.ask(Request(messages, params=own))

        return Solved(*await self._task.solve(sample.data["sample"], ask))

    async def _grade(self, sample: Sample, solved: Solved) -> Grade:
        async def refuse(messages: Any, params: Any) -> Response:
            raise Ungraded(
                "the scorer asks a model for this sample and asked none for the first one, so no judge was called for",
                kind=Kind.GRADER_ERROR,
                cause="no_judge",
            )

        return await self._scored(sample, solved, refuse)

    async def _judged_grade(self, sample: Sample, solved: Solved, *, judge: Any) -> Grade:
        async def ask(messages: list[dict[str, Any]], params: dict[str, Any]) -> Response:
            found: Response = await judge.ask(Request(messages, params=params))
            return found

        return await self._scored(sample, solved, ask)

    async def _scored(self, sample: Sample, solved: Solved, ask: Asker) -> Grade:
        scored = await self._task.score(sample.data["sample"], solved.state, ask)
        return grade_numbers(scored.values, answer=scored.answer, shown=scored.shown, responses=solved.responses)
