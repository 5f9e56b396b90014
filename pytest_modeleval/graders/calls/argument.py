"""Is a value one of the accepted ones? The comparison rules of BFCL's AST check.

Source of the rules: the Berkeley Function-Calling Leaderboard, bfcl-eval 2025.10.27.1 (Apache-2.0). Every rule is kept,
the odd ones too, so that verdicts equal the official ones; ci/conformance_bfcl compares them. What is odd:

- text is compared without case, blanks and , . / - _ * ^, and ' counts as ";
- [1, 2] is no array of floats, although 1 is a float;
- lists are compared in order; inside dicts only texts are smoothed, everything else is compared as it is;
- True equals 1 where only equality decides (inside dicts), but is no integer as an argument;
- a value whose type differs from the description passes if the accepted values have that type: it names a variable.

An empty text among the accepted values means that the parameter may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.graders.calls.function_call import Mismatch, shown

OPTIONAL = ""
_IGNORED = str.maketrans("'", '"', " ,./-_*^")


def smooth(text: str) -> str:
    """Text as it is compared: lower case, one kind of quote, without blanks and , . / - _ * ^."""
    return text.translate(_IGNORED).lower()


def is_omissible(accepted: Any) -> bool:
    """True if a parameter with these accepted values may be left out."""
    return OPTIONAL in accepted


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as its function describes it.

    expected: the Python type of the described type; inner: that of list elements, None unless they are checked.
    described: the type's name in the description, for the explanation.
    """

    name: str
    expected: type
    inner: type | None
    described: str


def check_value(parameter: Parameter, value: Any, accepted: Sequence[Any]) -> Mismatch | None:
    """None if the value is one of the accepted ones."""
    mismatch, is_variable = _check_type(parameter, value, accepted)
    if mismatch is not None:
        return mismatch
    name, what = parameter.name, "other"
    # A variable's name is compared as it stands.
    expected = None if is_variable else parameter.expected
    if expected is dict:
        return _check_dict(name, value, accepted)
    if expected is list and parameter.inner is dict:
        return _check_dicts(name, value, accepted)
    if expected is str:
        what, is_known = "text", smooth(value) in [smooth(answer) for answer in accepted if type(answer) is str]
    elif expected is list:
        what, is_known = "list", _smooth_list(value) in [_smooth_list(answer) for answer in accepted]
    else:
        is_known = value in accepted
    return None if is_known else _wrong(name, value, accepted, what)


def _wrong(name: Any, value: Any, accepted: Any, what: str) -> Mismatch:
    return Mismatch(f"wrong_value_{what}", f"{shown(name)} is {shown(value)}, accepted: {shown(accepted)}")


def _type_of_accepted(accepted: Sequence[Any]) -> type | None:
    return next((type(answer) for answer in accepted if answer != OPTIONAL), None)


def _check_type(parameter: Parameter, value: Any, accepted: Sequence[Any]) -> tuple[Mismatch | None, bool]:
    """The type check, and whether the value stands for a variable."""
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
    # An accepted value that is no list (the "may be left out" mark) puts no condition on the elements.
    if type(answer) is not list or parameter.inner is None:
        return True
    element = Parameter(parameter.name, parameter.inner, None, parameter.inner.__name__)
    return all(_check_type(element, part, answer)[0] is None for part in value)


def _smooth_list(elements: Any) -> list[Any]:
    return [smooth(element) if type(element) is str else element for element in elements]


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
    """One dict against one accepted dict, which maps each key to its accepted values.

    A bare text in place of the accepted values is read letter by letter, as upstream does (one Java entry has it).
    """
    missing = [key for key, known in answer.items() if key not in value and not is_omissible(known)]
    if missing:
        return Mismatch("wrong_dict_key", f"the key {shown(missing[0])} is missing")
    for key, element in value.items():
        if key not in answer:
            return Mismatch("wrong_dict_key", f"the key {shown(key)} is not expected")
        if (smooth(element) if type(element) is str else element) not in _smooth_list(answer[key]):
            return _wrong(key, element, answer[key], "in_dict")
    return None


def _check_dicts(name: str, value: Sequence[Any], accepted: Sequence[Any]) -> Mismatch | None:
    last = _wrong(name, value, accepted, "dicts")
    for answer in accepted:
        if len(value) != len(answer):
            last = Mismatch("wrong_dict_count", f"{shown(name)} holds {len(value)} dicts, expected {len(answer)}")
            continue
        for element, part in zip(value, answer, strict=True):
            # An element may be no dict where "may be left out" stands among the accepted values: then it is wrong.
            found = _check_dict(name, element, [part]) if isinstance(element, dict) else last
            if found is not None:
                last = found
                break
        else:
            return None
    return last
