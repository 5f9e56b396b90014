"""What is read of EvalScope's task_config.yaml: version, limit, generation parameters.

The file is YAML that EvalScope writes in block style, one scalar a line. Only such lines are read: nothing else of it
is wanted, and a parser of all of YAML would take what a stranger puts there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.imports.reading import count, file_bytes, is_folder

_MOST_BYTES = 1_000_000
_LINE = re.compile(r"( *)([\w.+-]{1,200}): ?(.{0,300})")
# Parameters of EvalScope's own client.
_NOT_SENT = frozenset({"batch_size", "timeout", "retries", "retry_interval"})


@dataclass(frozen=True, slots=True)
class Config:
    """What a run was started with; all empty where there is no configuration."""

    version: str = ""
    limit: str | None = None
    repeats: int = 1
    """How often each sample was asked."""
    params: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    """Benchmark -> its version in EvalScope."""

    def benchmark_version(self, name: str) -> str:
        """What is added to the version of a benchmark; "" where it is not known."""
        return f"-{self.versions[name]}" if name in self.versions else ""


def read_config(run: Path) -> Config:
    """The configuration of a run. Raises RunFolderError for a link, or a file that is too large."""
    path = run / "configs" / "task_config.yaml"
    if not is_folder(run / "configs") or not path.exists():
        return Config()
    content = file_bytes(path, _MOST_BYTES)
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise RunFolderError(f"{path}: expected UTF-8 text, found something else: {error.reason}") from error
    found = dict(_scalars(lines))
    limit = found.get(("limit",))
    return Config(
        version=str(found.get(("evalscope_version",)) or ""),
        limit=None if limit is None else str(limit),
        repeats=min(max(1, count(found.get(("repeats",))) or 1), 100_000),
        params=_params(found),
        versions={place[2]: str(value) for place, value in found.items() if _is_version(place)},
    )


def _params(found: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """What was sent; nested values are left out."""
    given = {place[1]: value for place, value in found.items() if len(place) == 2 and place[0] == "generation_config"}
    return {name: value for name, value in given.items() if name not in _NOT_SENT and value is not None}


def _is_version(place: tuple[str, ...]) -> bool:
    return len(place) == 4 and place[:2] == ("evaluation_identity", "benchmarks") and place[3] == "evaluation_version"


def _scalars(lines: list[str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path of keys, value) of every line `key: scalar`."""
    open_keys: list[tuple[int, str]] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        indent, key, raw = len(found[1]), found[2], found[3].strip()
        while open_keys and open_keys[-1][0] >= indent:
            open_keys.pop()
        if raw:
            yield (*(name for _, name in open_keys), key), _scalar(raw)
        else:
            open_keys.append((indent, key))


def _scalar(raw: str) -> Any:
    constants = {"null": None, "true": True, "false": False}
    if raw in constants:
        return constants[raw]
    for kind in (int, float):
        try:
            return kind(raw)
        except ValueError:
            continue
    return raw[1:-1] if len(raw) > 1 and raw[0] == raw[-1] and raw[0] in "'\"" else raw
