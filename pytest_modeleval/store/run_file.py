"""run.json: what a run folder says of its run (docs/run-folder.md). Read with one schema, bounded."""

from __future__ import annotations

from pathlib import Path

import orjson

from pytest_modeleval._support.bounded_file import read_bounded
from pytest_modeleval._support.schema import (
    BOOLEAN,
    TABLE,
    Rule,
    choice,
    list_of,
    optional,
    required,
    table,
    validate,
    whole_number,
)
from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.indexes import is_index
from pytest_modeleval.records import JsonObject

RUN_FILE = "run.json"
_MOST_BYTES = 64_000_000
_TEXT = Rule("a text", lambda value: isinstance(value, str))
_TEXTS = list_of(_TEXT)
_COUNT = whole_number(0, 2**53)
_SERVER = table(
    {
        **dict.fromkeys(
            (
                "model",
                "kind",
                "version",
                "root",
                "quantization",
                "weight_version",
                "chat_template_sha256",
                "launch_command",
            ),
            _TEXT,
        ),
        "urls": _TEXTS,
        "notes": _TEXTS,
        "aliases": _TEXTS,
        "other_models": _TEXTS,
        "context_tokens": optional(_COUNT),
        "sampling_defaults": optional(_TEXT),
        "max_running_requests": optional(_COUNT),
    },
    is_closed=False,
)
_ROLE = table(
    {
        "model": required(
            table({"name": required(_TEXT), "identity": required(_TEXT), "server": required(_SERVER)}, is_closed=False)
        ),
        "params": required(TABLE),
        "in_flight": _COUNT,
    },
    is_closed=False,
)
_RULE = table(
    {
        "schema": required(whole_number(1, 1)),
        "model": required(_TEXT),
        "served": required(_TEXT),
        "identity": required(_TEXT),
        "model_names": _TEXTS,
        "resume_key": _TEXT,
        "urls": _TEXTS,
        "server": optional(_SERVER),
        "context_tokens": optional(_COUNT),
        "tool_calls": optional(choice("native", "text")),
        "profile_params": optional(TABLE),
        "user_params": optional(TABLE),
        "limit": optional(_TEXT),
        "system": optional(_TEXT),
        "system_sha256": optional(_TEXT),
        "repeats": optional(whole_number(1, 100_000)),
        "order_seed": optional(_COUNT),
        "until_decided": optional(whole_number(1, 100_000)),
        "shard": optional(_TEXT),
        "roles": table(entries=_ROLE),
        "only": optional(_TEXTS),
        "caller": optional(TABLE),
        "indexes": optional(list_of(Rule("an index over benchmarks", is_index))),
        "benchmarks": table(entries=TABLE),
        "invocations": required(list_of(TABLE)),
        "merged": optional(list_of(TABLE)),
        "imported": optional(TABLE),
        "started": optional(_TEXT),
        "finished": optional(_TEXT),
        "complete": BOOLEAN,
    },
    is_closed=False,
)


def load_run(folder: Path) -> JsonObject:
    """run.json of a folder. Raises RunFolderError, whose text says what was expected, where there is no usable one."""
    path = folder / RUN_FILE
    try:
        found = orjson.loads(read_bounded(path, _MOST_BYTES, follows_link=False))
    except FileNotFoundError:
        raise RunFolderError(f"expected a run folder (with run.json), found {folder}") from None
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise RunFolderError(f"{path}: expected JSON, found something else: {error}") from error
    problem = next(validate(found, _RULE), None)
    if problem is not None:
        raise RunFolderError(f"{path}: {problem.sentence}; restore the file, or name another folder")
    run: JsonObject = found
    return run


def read_run(folder: Path) -> JsonObject | None:
    """run.json of a folder; None if it has none or it is damaged."""
    try:
        return load_run(folder)
    except RunFolderError:
        return None
