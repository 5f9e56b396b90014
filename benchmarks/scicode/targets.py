"""Numeric targets of SciCode's tests, read from the authors' test_data.h5 and packed for the sandbox.

Layout: STEP/testN holds one variable for each name, or one alone; a variable is a dataset, or a group with a `list`, a
`sparse_matrix` or the entries of a dict. h5py is used here and never inside of the sandbox.
"""

from __future__ import annotations

import base64
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_modeleval.graders.code.problem import ProgramGraderError

VARIABLE = "MODELEVAL_SCICODE_TARGETS"
FILE_NAME = "test_data.h5"
MOST_BYTES = 64 * 2**20
"""Of one dataset. The largest tests of the published file are not known here."""
Packed = dict[str, Any]


def why_missing() -> str:
    """What the user has to do before the tests can run, in one sentence; "" if nothing."""
    folder = os.environ.get(VARIABLE, "")
    if not folder:
        return (
            f"its tests compare with numeric targets: download {FILE_NAME} (about 1 GB, linked in the README of "
            f"scicode-bench/SciCode) and set {VARIABLE} to its folder"
        )
    if not (Path(folder) / FILE_NAME).is_file():
        return f"expected {FILE_NAME} in the folder {folder}, which {VARIABLE} names, found none"
    if importlib.util.find_spec("h5py") is None:
        return f"{FILE_NAME} is read with h5py: pip install 'pytest-modeleval[scicode]'"
    return ""


def folder() -> Path:
    """The folder that the user named."""
    return Path(os.environ.get(VARIABLE, ""))


def size() -> str:
    """Bytes of the file, which tell one version from another; "" without it."""
    file = folder() / FILE_NAME
    return f"{FILE_NAME} of {file.stat().st_size} bytes" if os.environ.get(VARIABLE) and file.is_file() else ""


def given_code(step: str) -> str:
    """The authors' code of a step that is not asked for; "" where the user has no such file."""
    file = folder() / f"{step}.txt"
    return file.read_text(encoding="utf-8") if os.environ.get(VARIABLE) and file.is_file() else ""


def read_targets(step: str, tests: int) -> list[Packed]:
    """The packed target of each test of a step. Raises ProgramGraderError where the file lacks one."""
    import h5py  # noqa: PLC0415 - an extra

    try:
        with h5py.File(folder() / FILE_NAME, "r") as file:
            return [_target(file[f"{step}/test{number}"]) for number in range(1, tests + 1)]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ProgramGraderError(f"{FILE_NAME}: no target of step {step} can be read: {error}") from error


def _target(group: Any) -> Packed:
    variables = [_variable(value) for value in group.values()]
    return variables[0] if len(variables) == 1 else {"tuple": variables}


def _variable(value: Any) -> Packed:
    if not _is_group(value):
        return _dataset(value)
    if "list" in value:
        return {"list": [_dataset(each) for each in value["list"].values()]}
    if "sparse_matrix" in value:
        return _sparse(value["sparse_matrix"])
    return {"dict": [[name, _entry(each)] for name, each in value.items()]}


def _entry(value: Any) -> Packed:
    return _sparse(value["sparse_matrix"]) if _is_group(value) else _dataset(value)


def _is_group(value: Any) -> bool:
    return hasattr(value, "keys")


def _sparse(group: Mapping[str, Any]) -> Packed:
    return {"sparse": {name: _dataset(value) for name, value in group.items()}}


def _dataset(value: Any) -> Packed:
    """A text, or an array by type, shape and bytes; single numbers are arrays without dimensions."""
    if value.nbytes > MOST_BYTES:
        raise ValueError(f"{value.name} has {value.nbytes} bytes, more than {MOST_BYTES}")
    found = value[()]
    if isinstance(found, bytes):
        return {"text": found.decode("utf-8")}
    if value.dtype.hasobject:
        return {"texts": [base64.b64encode(each).decode() for each in found.ravel()], "shape": list(found.shape)}
    raw = base64.b64encode(found.tobytes()).decode()
    return {"dtype": value.dtype.str, "shape": list(value.shape), "data": raw}
