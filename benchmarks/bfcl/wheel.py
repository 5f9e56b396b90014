"""What comes out of the bfcl-eval wheel: rows, function descriptions, and the code of the simulated APIs.

The wheel is fetched without dependencies, checked by sha256 and unpacked in the cache; nothing of it is imported into
this process.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_modeleval.datasets import default_cache_dir
from pytest_modeleval.errors import DataError, SettingsError
from pytest_modeleval.fetch.package import fetch_package

from .official_modules import DESCRIPTIONS, MODULES, PACKAGE, SHARED_MODULES

NAME = "bfcl-eval"
# Of the wheels, as PyPI serves them.
WHEELS: Mapping[str, str] = {
    "2025.10.27.1": "520cdc0f517b7620737670c1af09fa5b0a040a4123fb133896b4256d86c1c213",
    "2026.3.23": "3bb6dfa5f0c68ad403c9ec50b00db2bb3b4cc9b38ab1ff33f48fe30d853d3a0a",
}
DEFAULT_VERSION = "2025.10.27.1"


def chosen_version(environ: Mapping[str, str] = os.environ) -> str:
    """The version whose questions are asked: MODELEVAL_BFCL, else the default. Raises SettingsError for any other."""
    asked = environ.get("MODELEVAL_BFCL", "").strip() or DEFAULT_VERSION
    if asked not in WHEELS:
        raise SettingsError(
            f"MODELEVAL_BFCL: expected a version of bfcl-eval whose sha256 is known ({', '.join(WHEELS)}), found "
            f"{asked!r}"
        )
    return asked


def sha256_of_wheel(version: str) -> str:
    """The pinned sha256 of a version's wheel. Raises DataError for a version that is not pinned."""
    if version not in WHEELS:
        raise DataError(f"expected a bfcl-eval version whose sha256 is known ({', '.join(WHEELS)}), found {version!r}")
    return WHEELS[version]


def member(version: str, path: str) -> Path:
    """One file of the wheel, unpacked. Raises DataError if it cannot be read."""
    return fetch_package(NAME, version, sha256=sha256_of_wheel(version), member=path, cache_dir=default_cache_dir())


@functools.cache
def official_code(version: str) -> Path:
    """A folder to import the simulated APIs from, in another process."""
    files = [
        member(version, f"{PACKAGE.replace('.', '/')}/{module}.py") for module in (*MODULES.values(), *SHARED_MODULES)
    ]
    # The files keep their places below one folder: bfcl_eval/eval_checker/multi_turn_eval/func_source_code/x.py.
    return files[0].parents[4]


@functools.cache
def functions_of(class_name: str, version: str) -> tuple[Mapping[str, Any], ...]:
    """The descriptions of a simulated API's functions, in the official order. Not to be changed by callers."""
    path = member(version, f"bfcl_eval/data/multi_turn_func_doc/{DESCRIPTIONS[class_name]}.json")
    return _lines(path)


@functools.cache
def earlier_conversations(scenario: str, version: str) -> tuple[Mapping[str, Any], ...]:
    """The conversations that fill a memory before its questions are asked, in order."""
    return _lines(member(version, f"bfcl_eval/data/memory_prereq_conversation/memory_{scenario}.json"))


def _lines(path: Path) -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
