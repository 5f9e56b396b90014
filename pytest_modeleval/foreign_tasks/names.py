"""`--eval-tasks PACKAGE:NAME[,NAME]`: which tasks of which package, and the names that their items get. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_modeleval._support.suggest import hint
from pytest_modeleval.errors import SettingsError

# Package -> the extra that installs it, and the modules that it needs.
PACKAGES = {
    "lm_eval": ("lm-eval", ("lm_eval",)),
    "inspect": ("inspect", ("inspect_ai",)),
    "evalscope": ("evalscope", ("evalscope",)),
}


@dataclass(frozen=True, slots=True)
class TaskName:
    """A task as the user names it."""

    package: str
    """A key of PACKAGES."""
    name: str
    """In the package's own words; may be a path."""

    def __str__(self) -> str:
        return f"{self.package}:{self.name}"


def parse_task_names(texts: Iterable[str]) -> tuple[TaskName, ...]:
    """The tasks of PACKAGE:NAME[,NAME] texts, each once, in their order. Raises SettingsError."""
    found: dict[TaskName, None] = {}
    for text in texts:
        package, sign, names = text.partition(":")
        package = package.strip().replace("-", "_")
        tasks = [name.strip() for name in names.split(",") if name.strip()]
        if not sign or not tasks:
            raise SettingsError(f"--eval-tasks: expected PACKAGE:NAME[,NAME], such as lm_eval:gsm8k, found {text!r}")
        if package not in PACKAGES:
            raise SettingsError(f"--eval-tasks: no tasks of {package!r} are known here; {hint(package, PACKAGES)}")
        found |= dict.fromkeys(TaskName(package, name) for name in tasks)
    return tuple(found)


def item_name(package: str, task: str) -> str:
    """The name of a task's benchmark: "lm_eval" and "MMLU-Pro" give "lm_eval_mmlu_pro"."""
    return re.sub(r"[^a-z0-9]+", "_", f"{package} {task}".lower()).strip("_")


def subset_name(task: str) -> str:
    """A task's name where it is a subset: without blanks, slashes, colons and brackets."""
    return re.sub(r"[\[\]\s/\\:]+", "_", task).strip("_") or "task"
