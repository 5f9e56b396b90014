"""Profiles of models, read from models.toml: how to launch a model, its names and its parameters (docs/models.md).

The project's models.toml overrides the shipped one profile by profile and key by key; a profile may extend another.
Lists are replaced as a whole, tables are merged.
"""

from __future__ import annotations

import functools
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support import suggest
from pytest_modeleval.errors import SettingsError
from pytest_modeleval.rag.profile import RagProfile
from pytest_modeleval.server.profile_schema import validation_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE_NAME = "models.toml"
SHIPPED = Path(__file__).with_name(FILE_NAME)
_MAX_BYTES = 1_000_000
_MAX_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a server is started. Texts may contain {python}, {port}, {replica} (from 0) and {gpus} ("0,1,2,3")."""

    argv: tuple[str, ...]
    """The whole command."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Variables set for it."""

    pass_env: tuple[str, ...] = ()
    """Names, or prefixes ending in *, of variables that it inherits beyond _support.child_env.SERVER.

    No other variable passes, so that no key of ours ends up in a server's log.
    """

    package: str = ""
    """The distribution whose version is recorded; "" if unknown."""

    port: int | None = None
    """The preferred port, used if it is free; None for any free port."""

    ready_path: str = "/health"
    """Answers 200 as soon as requests are served."""

    stall_s: float = 600.0
    """Seconds without growth of the log after which the start is given up."""

    ready_s: float = 7200.0
    """The limit for the whole start, in seconds."""

    stop_s: float = 5.0
    """Seconds between SIGTERM and SIGKILL."""

    gpu_release_s: float = 0.0
    """The longest wait afterwards, in seconds, until the GPUs have released their memory; 0 does not wait."""

    replicas: int = 1

    gpus_each: int = 0
    """Devices of each replica, for {gpus}."""

    def fill_placeholders(self, *, port: int, replica: int = 0) -> tuple[tuple[str, ...], dict[str, str]]:
        """The command and its own variables, without placeholders."""
        first = replica * self.gpus_each
        values = {
            "{python}": sys.executable,
            "{port}": str(port),
            "{replica}": str(replica),
            "{gpus}": ",".join(str(number) for number in range(first, first + self.gpus_each)),
        }

        def fill(text: str) -> str:
            # Not str.format: a JSON argument such as '{"num_threads": 64}' has braces of its own.
            for name, value in values.items():
                text = text.replace(name, value)
            return text

        return tuple(fill(part) for part in self.argv), {name: fill(text) for name, text in self.env.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One model as it is served."""

    name: str

    served_names: tuple[str, ...] = ()
    """The ids that /v1/models may list for it."""

    urls: tuple[str, ...] = ()
    """Where a running server is looked for first; several are replicas."""

    launch: Launch | None = None
    """How to start it where nothing answers; None if we cannot."""

    params: Mapping[str, Any] = field(default_factory=dict)
    """Sent with every request."""

    context_tokens: int | None = None
    """Prompt and answer together; None if unknown."""

    restart: int = 0
    """How often a launched server that died in mid-run is started again."""

    in_flight: int | None = None
    """Concurrent requests unless the user sets another number."""

    tool_calls: str = "detect"
    """"native" (tools are offered with the request), "text" (the prompt describes them) or "detect"."""

    rag: RagProfile | None = None
    """The user's own RAG pipeline; None where the profile has none."""

    source: str = ""
    """The file that it comes from, for messages."""


def load_profile(name: str, *, project_dir: Path, overriding: Mapping[str, Any] | None = None) -> Profile | None:
    """The profile of that name; None if there is none (the name may be a served model's).

    overriding: the table of server.overrides, which wins over the files; without a profile it is one of its own.
    Raises SettingsError for any mistake in the project's models.toml, also in other profiles: a typo is better
    reported early than when that profile is needed.
    """
    tables, sources = _all_tables(project_dir)
    if overriding:
        tables[name] = _merged(tables.get(name, {}), overriding)
        sources.setdefault(name, Path("--model-set"))
    if name not in tables:
        return None
    merged = _inherited(name, tables, sources, ())
    return _profile(name, merged, sources[name])


def profile_names(project_dir: Path) -> tuple[str, ...]:
    """The names of all profiles, sorted. Raises SettingsError as load_profile does."""
    return tuple(sorted(_all_tables(project_dir)[0]))


def closest_profile(name: str, *, project_dir: Path) -> str | None:
    """The profile that the user may have meant; None if no name is similar."""
    return suggest.closest(name, profile_names(project_dir))


def _all_tables(project_dir: Path) -> tuple[dict[str, dict[str, Any]], dict[str, Path]]:
    tables = dict(_shipped_tables())
    sources = dict.fromkeys(tables, SHIPPED)
    own = project_dir / FILE_NAME
    if own.exists() and not own.samefile(SHIPPED):
        for name, table in _read_tables(own).items():
            tables[name] = _merged(tables.get(name, {}), table)
            sources[name] = own
    return tables, sources


@functools.cache
def _shipped_tables() -> dict[str, dict[str, Any]]:
    return _read_tables(SHIPPED)


def _read_tables(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: expected a readable file of profiles, found: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise SettingsError(f"{path}: expected a file of profiles of at most {_MAX_BYTES:,} bytes, found a larger one")
    try:
        tables = tomllib.loads(raw.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: expected TOML in UTF-8, found: {error}") from error
    _check_tables(path, tables)
    return tables


def _check_tables(path: Path, tables: Mapping[str, Any]) -> None:
    """Raise SettingsError with the first mistakes in the profiles."""
    found = [error for name, table in tables.items() for error in validation_errors(name, table)]
    if found:
        more = [f"... and {len(found) - _MAX_SHOWN} more"] if len(found) > _MAX_SHOWN else []
        lines = "\n".join(f"  {line}" for line in found[:_MAX_SHOWN] + more)
        raise SettingsError(f"{path}: {len(found)} mistake{'s' if len(found) > 1 else ''} in the profiles:\n{lines}")


def _inherited(
    name: str, tables: Mapping[str, dict[str, Any]], sources: Mapping[str, Path], seen: tuple[str, ...]
) -> dict[str, Any]:
    table = tables[name]
    parent = table.get("extends")
    if parent is None:
        return table
    chain = (*seen, name)
    if parent in chain:
        circle = " -> ".join((*chain[chain.index(parent) :], parent))
        raise SettingsError(f"{sources[name]}: [{name}] extends: expected a profile above it, found a circle: {circle}")
    if parent not in tables:
        hint = suggest.hint(parent, sorted(tables))
        raise SettingsError(f"{sources[name]}: [{name}] extends: there is no profile {parent!r}; {hint}")
    return _merged(_inherited(parent, tables, sources, chain), table)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _profile(name: str, table: Mapping[str, Any], source: Path) -> Profile:
    launch = table.get("launch")
    return Profile(
        name=name,
        served_names=tuple(table.get("served_names", ())),
        urls=tuple(table.get("urls", ())),
        launch=None if launch is None else _launch(name, launch, source),
        params=dict(table.get("params", {})),
        context_tokens=table.get("context_tokens"),
        restart=table.get("restart", 0),
        in_flight=table.get("in_flight"),
        tool_calls=table.get("tool_calls", "detect"),
        rag=None if "rag" not in table else RagProfile(**table["rag"]),
        source=str(source),
    )


def _launch(name: str, table: Mapping[str, Any], source: Path) -> Launch:
    if "argv" not in table:
        raise SettingsError(f"{source}: [{name}.launch] argv: expected the command that starts the server, found none")
    fixed = {key: value for key, value in table.items() if key not in ("argv", "flags", "env", "pass_env")}
    return Launch(
        argv=(*table["argv"], *_flag_arguments(table.get("flags", {}))),
        env=dict(table.get("env", {})),
        pass_env=tuple(table.get("pass_env", ())),
        **fixed,
    )


def _flag_arguments(flags: Mapping[str, str | float | bool | Sequence[str]]) -> list[str]:
    """Flags as arguments: true is the bare flag, false leaves it out, a list gives it several values."""
    arguments: list[str] = []
    for name, value in flags.items():
        if value is False:
            continue
        arguments.append(f"--{name}")
        if value is True:
            continue
        arguments.extend([str(value)] if isinstance(value, str | int | float) else value)
    return arguments
