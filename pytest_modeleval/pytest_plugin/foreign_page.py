"""The tasks of --eval-tasks in pytest's tree: a module that no file holds, with one test function for each task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pytest_modeleval.datasets import default_cache_dir
from pytest_modeleval.foreign_tasks.loading import PAGE, declare_tasks
from pytest_modeleval.foreign_tasks.names import parse_task_names


class ForeignPage:
    """Collects the tasks of other packages. print_line: for what of them is not carried over."""

    def __init__(self, texts: tuple[str, ...], print_line: Callable[[str], None]) -> None:
        self._texts = texts
        self._print_line = print_line

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        """The module of the tasks. Raises UserError where one cannot run here."""
        if module_path != PAGE:
            return None
        found = ModuleType("eval_tasks")
        for task in declare_tasks(parse_task_names(self._texts), cache_dir=default_cache_dir()):
            setattr(found, task.name, task.function)
            for note in task.notes:
                self._print_line(note)
        module: pytest.Module = pytest.Module.from_parent(parent, path=module_path, nodeid=PAGE.name)
        module.obj = found
        return module
