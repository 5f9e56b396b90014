"""Python values as JSON, both ways, so that only plain values cross from a program to its grader.

A program's own classes cannot pass: an int with an __eq__ of its own arrives as the int, an unknown class as an Opaque
that equals nothing. Runs inside the sandbox; standard library only.
"""

from __future__ import annotations

import json
import operator
from typing import Any

_TAGS = {"tuple": tuple, "set": set, "frozenset": frozenset}


class Opaque:
    """Replaces a value that cannot cross; equal to nothing, not even to itself."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def dump_plain(value: Any) -> bytes:
    """A returned value as JSON: tuples become lists at every depth, subclasses of numbers and str become plain."""
    return json.dumps(_plain(value), ensure_ascii=True).encode()


def _plain(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key if type(key) is str else json.dumps(_plain(key)): _plain(item) for key, item in value.items()}
    return _simple(value, {"no JSON value of type": kind.__name__[:100]})


def _simple(value: Any, otherwise: Any) -> Any:
    """The plain number or str of a subclass, or of a numpy scalar or array; `otherwise` for anything else."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if hasattr(value, "tolist"):  # numpy's arrays and scalars
        return _plain(value.tolist())
    try:
        return int(operator.index(value))
    except TypeError:
        return otherwise


def tagged(value: Any) -> Any:
    """A value as JSON that distinguishes tuples, sets, bytes, complex numbers and dictionary keys."""
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if isinstance(value, _SCALARS):
        return _tagged_scalar(value)
    if isinstance(value, list):
        return [tagged(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[tagged(key), tagged(item)] for key, item in value.items()]}
    for name, kind in _TAGS.items():
        if isinstance(value, kind):
            return {name: [tagged(item) for item in value]}
    if hasattr(value, "tolist"):
        return tagged(value.tolist())
    return {"opaque": type(value).__name__[:100]}


_SCALARS = (bool, int, float, str, bytes, bytearray, complex)


def _tagged_scalar(value: Any) -> Any:
    """A number, text or bytes, also of a subclass: the methods of the base class are called, not a program's."""
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        number = int.__int__(value)
        return number if abs(number) < 2**63 else {"int": hex(number)}
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    return {"bytes": bytes(value).hex()}


def untagged(value: Any) -> Any:
    """The inverse of `tagged`, made of plain types only. Raises on anything that `tagged` does not write."""
    if isinstance(value, list):
        return [untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((tag, content),) = value.items()
    if tag == "dict":
        return {untagged(key): untagged(item) for key, item in content}
    if tag in _TAGS:
        return _TAGS[tag](untagged(item) for item in content)
    if tag == "int":
        return int(content, 16)
    if tag == "bytes":
        return bytes.fromhex(content)
    if tag == "complex":
        return complex(*content)
    if tag == "opaque":
        return Opaque(str(content))
    raise ValueError(f"unknown tag {tag!r}")


def dump_tagged(value: Any) -> bytes:
    """`tagged` as one line of JSON."""
    return json.dumps(tagged(value)).encode()


def load_tagged(line: bytes) -> Any:
    """The value of one line written by `dump_tagged`."""
    return untagged(json.loads(line))
