"""Compares one argument with its accepted values by the rules of BFCL's AST check.

Source of the rules: the Berkeley Function-Calling Leaderboard, bfcl-eval 2025.10.27.1 (Apache-2.0). Every rule is kept
so that verdicts equal the official ones; ci/conformance_bfcl compares them. Surprising rules:

- text is compared without case, spaces and , . / - _ * ^, and ' counts as ";
- [1, 2] is not an array of floats, although 1 is accepted as a float;
- lists are compared in order; inside dicts only text is normalised;
- True equals 1 inside dicts, but is not an integer as an argument;
- a value whose type differs from the described one passes if the accepted values have its type: it names a variable.

An empty string among the accepted values means that the parameter may be omitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.graders.calls.function_call import Mismatch, shown

OPTIONAL = ""
_IGNORED = str.maketrans("'", '"', " ,./-_*^")


def normalise_text(text: str) -> str:
    """Lower-case the text, unify quotes, remove spaces and , . / - _ * ^."""
    return text.translate(_IGNORED).lower()


def is_omissible(accepted: Any) -> bool:
    """True if a parameter with these accepted values may be omitted."""
    return OPTIONAL in accepted


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as its function describes it."""

    name: str
    expected: type
    """The Python type that corresponds to the described type."""
    inner: type | None
    """The Python type of list elements; None if elements are not checked."""
    described: str
    """The type's name in the description, for explanations."""


def check_value(parameter: Parameter, value: Any, accepted: Sequence[Any]) -> Mismatch | None:
    """Compare a value with the accepted values; None if it equals one of them."""
    mismatch, is_variable = _check_type(parameter, value, accepted)
    if mismatch is not None:
        return mismatch
    name = parameter.name
    # The name of a variable is compared without normalisation.
    expected = None if is_variable else parameter.expected
    if expected is dict:
        return _check_dict(name, value, accepted)
    if expected is list and parameter.inner is dict:
        return _check_dicts(name, value, accepted)
    if expected is str:
        return None if _is_known_text(value, accepted) else _wrong(name, value, accepted, "text")
    if expected is list:
        return None if _is_known_list(value, accepted) else _wrong(name, value, accepted, "list")
    return None if value in accepted else _wrong(name, value, accepted, "other")


def _is_known_text(value: str, accepted: Sequence[Any]) -> bool:
    return normalise_text(value) in [normalise_text(answer) for answer in accepted if type(answer) is str]


def _is_known_list(value: Any, accepted: Sequence[Any]) -> bool:
    return _normalise_list(value) in [_normalise_list(answer) for answer in accepted]


def _wrong(name: Any, value: Any, accepted: Any, what: str) -> Mismatch:
    return Mismatch(f"wrong_value_{what}", f"{shown(name)} is {shown(value)}, accepted: {shown(accepted)}")


def _type_of_accepted(accepted: Sequence[Any]) -> type | None:
    return next((type(answer) for answer in accepted if answer != OPTIONAL), None)


def _check_type(parameter: Parameter, value: Any, accepted: Sequence[Any]) -> tuple[Mismatch | None, bool]:
    """Check the type. The flag is True if the value names a variable."""
    usual = _type_of_accepted(accepted)
    name, inner = shown(parameter.name), parameter.inner
    if type(value) is parameter.expected:
        if inner is None or any(_fits_list(parameter, value, answer) for answer in accepted):
            return None, usual is not None and usual is not parameter.expected
        text = f"{name} is {shown(value)}, expected {parameter.described} of {inner.__name__}"
        return Mismatch("wrong_type_inside", text), False
    if usual is not None and type(value) is usual:
        return None, True
    text = f"{name} is of type {type(value).__name__}, expected {parameter.described}; value: {shown(value)}"
    return Mismatch("wrong_type", text), False


def _fits_list(parameter: Parameter, value: Any, answer: Any) -> bool:
    # An accepted value that is not a list (the mark of an omissible parameter) does not restrict the elements.
    if type(answer) is not list or parameter.inner is None:
        return True
    element = Parameter(parameter.name, parameter.inner, None, parameter.inner.__name__)
    return all(_check_type(element, part, answer)[0] is None for part in value)


def _normalise_list(elements: Any) -> list[Any]:
    return [normalise_text(element) if type(element) is str else element for element in elements]


def _check_dict(name: Any, value: Mapping[Any, Any], accepted: Sequence[Any]) -> Mismatch | None:
    last = _wrong(name, value, accepted, "dict")
    for answer in accepted:
        if answer == OPTIONAL:
            continue
        found = _dict_mismatch(value, answer)
        if found is None:
            return None
        last = found
    return last


def _dict_mismatch(value: Mapping[Any, Any], answer: Mapping[Any, Any]) -> Mismatch | None:
    """Compare a dict with one accepted dict, which maps each key to its accepted values.

    A string in place of the list of accepted values is read letter by letter, as upstream does (one Java row has one).
    """
    missing = [key for key, known in answer.items() if key not in value and not is_omissible(known)]
    if missing:
        return Mismatch("wrong_dict_key", f"the key {shown(missing[0])} is missing")
    return next(filter(None, (_element_mismatch(key, element, answer) for key, element in value.items())), None)


def _element_mismatch(key: Any, element: Any, answer: Mapping[Any, Any]) -> Mismatch | None:
    if key not in answer:
        return Mismatch("wrong_dict_key", f"the key {shown(key)} is not expected")
    if (normalise_text(element) if type(element) is str else element) not in _normalise_list(answer[key]):
        return _wrong(key, element, answer[key], "in_dict")
    return None


def _check_dicts(name: str, value: Sequence[Any], accepted: Sequence[Any]) -> Mismatch | None:
    last = _wrong(name, value, accepted, "dicts")
    for answer in accepted:
        if len(value) != len(answer):
            last = Mismatch("wrong_dict_count", f"{shown(name)} holds {len(value)} dicts, expected {len(answer)}")
            continue
        for element, part in zip(value, answer, strict=True):
            # If the parameter is omissible, elements may have passed the type check without being dicts: wrong.
            found = _check_dict(name, element, [part]) if isinstance(element, dict) else last
            if found is not None:
                last = found
                break
        else:
            return None
    return last
