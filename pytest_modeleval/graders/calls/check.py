"""BFCL's AST check: compares decoded calls with function descriptions and accepted calls.

Pure: no function is called, nothing is evaluated. The rules are those of bfcl-eval 2025.10.27.1 (see `argument`);
ci/conformance_bfcl shows that verdicts equal the official ones. Calls are matched greedily in the order of the accepted
ones, as upstream does: if {1 or 2} and then {1} are accepted, the calls (1), (2) fail and (2), (1) pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_modeleval.graders.calls import java, javascript
from pytest_modeleval.graders.calls.argument import Parameter, check_value, is_omissible
from pytest_modeleval.graders.calls.function_call import Call, Language, Mismatch, Wanted, shown

# Described type -> Python type, per language. Types that the data never uses are missing on purpose: they raise
# KeyError, which leaves the sample ungraded instead of wrong.
PYTHON_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_TYPES: Mapping[Language, Mapping[str, type]] = {
    Language.PYTHON: PYTHON_TYPES,
    Language.JAVA: java.TYPES,
    Language.JAVASCRIPT: javascript.TYPES,
}
_READERS: Mapping[Language, Callable[[str, str, str | None], Any]] = {
    Language.JAVA: java.read,
    Language.JAVASCRIPT: javascript.read,
}
_WITH_ELEMENTS: Mapping[Language, frozenset[str]] = {
    Language.PYTHON: frozenset({"array", "tuple"}),
    Language.JAVA: frozenset({"Array", "ArrayList"}),
    Language.JAVASCRIPT: frozenset({"array"}),
}
_LARGEST_FLOAT_BITS = 1024


def check_calls(
    calls: Sequence[Call],
    *,
    functions: Sequence[Mapping[str, Any]],
    accepted: Sequence[Mapping[str, Any]],
    wanted: Wanted,
    language: Language = Language.PYTHON,
    has_dots: bool = False,
) -> Mismatch | None:
    """Compare calls with the accepted ones; None if they match, else the first mismatch.

    functions: descriptions as in the data (name, parameters.properties, parameters.required), without hints.
    accepted: one mapping {function name: {parameter: [accepted value, ...]}} per wanted call.
    has_dots: names keep their dots (text replies); in tool calls "_" replaces the dot, as the API requires.
    """
    if len(calls) != (1 if wanted is Wanted.ONE else len(accepted)):
        expected = 1 if wanted is Wanted.ONE else len(accepted)
        return Mismatch("wrong_count", f"{len(calls)} calls, expected {expected}")
    if wanted is Wanted.ONE:
        return _check_call(calls[0], functions[0], accepted[0], language, has_dots=has_dots)
    if wanted is Wanted.CHOICE:
        return _check_call(calls[0], _described(functions, accepted[0]), accepted[0], language, has_dots=has_dots)
    if wanted is not Wanted.SEVERAL:
        raise ValueError(f"check_calls compares calls; {wanted!r} needs no comparison")
    return _check_several(calls, functions, accepted, language, has_dots=has_dots)


def _check_several(
    calls: Sequence[Call],
    functions: Sequence[Mapping[str, Any]],
    accepted: Sequence[Mapping[str, Any]],
    language: Language,
    *,
    has_dots: bool,
) -> Mismatch | None:
    left = list(calls)
    for answer in accepted:
        function = _described(functions, answer)
        reasons = []
        for position, call in enumerate(left):
            found = _check_call(call, function, answer, language, has_dots=has_dots)
            if found is None:
                del left[position]
                break
            reasons.append(found)
        else:
            name = next(iter(answer))
            # A right name with a wrong value explains more than another name.
            near = next((reason for reason in reasons if reason.cause != "wrong_function"), reasons[0])
            return Mismatch("unmatched_call", f"no call matches {shown(name)}: {near.cause}: {near.explanation}")
    return None


def _described(functions: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> Mapping[str, Any]:
    name = next(iter(answer))
    for function in functions:
        if function["name"] == name:
            return function
    raise ValueError(f"the data accepts a call of {name!r}, which is not among the offered functions")


def _check_call(
    call: Call, function: Mapping[str, Any], answer: Mapping[str, Any], language: Language, *, has_dots: bool
) -> Mismatch | None:
    accepted: Mapping[str, Any] = next(iter(answer.values()))
    name = function["name"] if has_dots else function["name"].replace(".", "_")
    if call.name != name:
        return Mismatch("wrong_function", f"{shown(call.name)} is called, expected {name!r}")
    return (
        _find_missing_required(call, function)
        or _check_arguments(call, function, accepted, language)
        or _find_missing_optional(call, accepted)
    )


def _find_missing_required(call: Call, function: Mapping[str, Any]) -> Mismatch | None:
    for parameter in function["parameters"]["required"]:
        if parameter not in call.arguments:
            return Mismatch("missing_required", f"the required parameter {parameter!r} is missing")
    return None


def _check_arguments(
    call: Call, function: Mapping[str, Any], accepted: Mapping[str, Any], language: Language
) -> Mismatch | None:
    described = function["parameters"]["properties"]
    for parameter, value in call.arguments.items():
        if parameter not in described or parameter not in accepted:
            return Mismatch("unexpected_argument", f"the parameter {shown(parameter)} is not expected")
        found = _check_argument(parameter, value, described[parameter], accepted[parameter], language)
        if found is not None:
            return found
    return None


def _find_missing_optional(call: Call, accepted: Mapping[str, Any]) -> Mismatch | None:
    for parameter, values in accepted.items():
        if parameter not in call.arguments and not is_omissible(values):
            return Mismatch("missing_optional", f"the parameter {parameter!r} is missing and may not be omitted here")
    return None


def _check_argument(
    name: str, value: Any, description: Mapping[str, Any], accepted: Sequence[Any], language: Language
) -> Mismatch | None:
    described = description["type"]
    types = _TYPES[language]
    expected = types[described]
    element = description["items"]["type"] if described in _WITH_ELEMENTS[language] else None
    if language is not Language.PYTHON:
        if type(value) is not str:
            text = f"{shown(name)} is of type {type(value).__name__}, expected {language} source text in a string"
            return Mismatch("not_source_text", text)
        value = _READERS[language](value, described, element)
    elif described == "float" and type(value) is int and value.bit_length() < _LARGEST_FLOAT_BITS:
        value = float(value)
    elif described == "tuple" and type(value) is tuple:
        value = list(value)
    parameter = Parameter(name, expected, types[element] if element else None, described)
    return check_value(parameter, value, accepted)
