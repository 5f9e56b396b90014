"""The tests of a problem as the data packs them: JSON, or base64 of zlib of a pickled text of JSON."""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import zlib
from typing import Any, NoReturn

from pytest_modeleval.graders.code.problem import Case

MAX_BYTES = 2**30


class TextUnpickler(pickle.Unpickler):
    """Loads plain values only and refuses a pickle that names a class or function."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        """Refuses every name."""
        raise pickle.UnpicklingError(f"expected a text, found a reference to {module_name}.{global_name}")

    def persistent_load(self, pid: Any, /) -> NoReturn:
        """Refuses references to outside."""
        raise pickle.UnpicklingError("expected a text, found a reference to something outside")


def cases(*fields: str) -> tuple[Case, ...]:
    """The tests in several packed fields, in order. Raises ValueError for any other content."""
    found = []
    for field in fields:
        for test in unpacked(field):
            if not isinstance(test, dict) or not isinstance(test.get("input"), str):
                raise ValueError(f"expected tests with texts in input and output, found {str(test)[:80]}")
            found.append(Case(test["input"], str(test["output"])))
    return tuple(found)


def unpacked(field: str) -> list[Any]:
    """The list in one field. Raises ValueError."""
    try:
        tests = json.loads(field if field.lstrip().startswith("[") else _text(field))
    except (binascii.Error, zlib.error, pickle.UnpicklingError, EOFError, RecursionError, MemoryError) as error:
        raise ValueError(f"packed tests cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(tests, list):
        raise ValueError(f"expected a list of tests, found {type(tests).__name__}")
    return tests


def _text(field: str) -> str:
    unzip = zlib.decompressobj()
    content = unzip.decompress(base64.b64decode(field, validate=True), MAX_BYTES)
    if unzip.unconsumed_tail:
        raise ValueError(f"expected at most {MAX_BYTES} bytes of tests, found more")
    text = TextUnpickler(io.BytesIO(content)).load()
    if not isinstance(text, str):
        raise ValueError(f"expected a pickled text, found {type(text).__name__}")
    return text
