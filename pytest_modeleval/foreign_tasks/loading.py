"""The declared benchmarks of the tasks that the user names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pytest_modeleval._support.extras import missing_extra
from pytest_modeleval.declaration import benchmark
from pytest_modeleval.errors import DataError, SettingsError, UserError
from pytest_modeleval.foreign_tasks.names import PACKAGES, TaskName
from pytest_modeleval.records import Grade

PAGE = Path(__file__).with_name("eval_tasks.py")
"""Where the items of --eval-tasks stand in pytest's tree; the file holds nothing."""


@dataclass(frozen=True, slots=True)
class DeclaredTask:
    """A task that can run here."""

    name: str
    """Of its benchmark."""
    function: Callable[..., None]
    """The test function that carries the declaration."""
    notes: tuple[str, ...] = ()
    """Sentences about what of the task is not carried over."""


def declared_task(arguments: Mapping[str, Any], *, notes: Sequence[str] = ()) -> DeclaredTask:
    """arguments: of the decorator `benchmark`. Raises DeclarationError."""

    def test(grade: Grade) -> None:
        assert grade, grade.explanation

    name: str = arguments["name"]
    test.__name__ = test.__qualname__ = name
    return DeclaredTask(name, benchmark(**arguments)(test), tuple(notes))


def declare_tasks(names: Sequence[TaskName], *, cache_dir: Path) -> list[DeclaredTask]:
    """Each task as a benchmark. Raises SettingsError: the package is missing, has no such task, or it cannot run here.

    cache_dir: of this package, for what takes long to find out about another one.
    """
    for package in dict.fromkeys(task.package for task in names):
        extra, modules = PACKAGES[package]
        if missing := missing_extra(extra, modules):
            raise SettingsError(f"--eval-tasks {package}: {missing}")
    return [_declare(task, cache_dir) for task in names]


def _declare(task: TaskName, cache_dir: Path) -> DeclaredTask:
    module = import_module(f"pytest_modeleval.foreign_tasks.{task.package}_benchmark")
    declare: Callable[[str, Path], DeclaredTask] = module.declare
    with _explained(task):
        return declare(task.name, cache_dir)


@contextmanager
def _explained(task: TaskName) -> Iterator[None]:
    """Faults of the other package while it loads a task become one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        raise DataError(
            f"--eval-tasks {task}: its package cannot load it ({type(error).__name__}: {lines[0][:300]}); its data may "
            "have to be fetched first, or a package that it needs installed"
        ) from error
