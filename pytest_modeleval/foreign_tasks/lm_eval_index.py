"""In which folders of lm-eval the files of a task lie, so that its 15,000 YAML files are read once and not at each run.

The package reads all of them at every start, which takes 14 s of CPU. Its own index is kept here as a small file, by
version and place of the package.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_modeleval._support.atomic_file import atomic_write


def folders_of(name: str, *, cache_dir: Path, version: str) -> tuple[list[str] | None, Iterable[str]]:
    """The folders to read for a task, group or tag (None for an unknown name), and all known names."""
    import lm_eval.tasks as package  # noqa: PLC0415 - takes seconds, and only where a task of it is named

    root = Path(str(package.__file__)).parent
    place = hashlib.sha256(str(root).encode()).hexdigest()[:12]
    file = cache_dir / "foreign_tasks" / f"lm_eval-{version}-{place}.json"
    index = _read(file)
    if name not in index:
        # A task may have been put into the package since.
        index = _index(package.TaskManager().task_index)
        file.parent.mkdir(parents=True, exist_ok=True)
        # Without a cache the next run only takes longer.
        with suppress(OSError):
            atomic_write(file, json.dumps(index).encode())
    return index.get(name), index


def _read(file: Path) -> dict[str, list[str]]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _index(entries: Mapping[str, Any]) -> dict[str, list[str]]:
    """Name -> folders. A tag has those of all its tasks."""
    folders = {name: [str(Path(entry.yaml_path).parent)] for name, entry in entries.items() if entry.yaml_path}
    for name, entry in entries.items():
        if name not in folders:
            folders[name] = sorted({folder for task in entry.tags for folder in folders.get(task, ())})
    return folders
