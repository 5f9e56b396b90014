"""Decodes calls written as JSON, as XML (two dialects), or in Java or JavaScript syntax.

JSON and XML are reply formats of BFCL's format sensitivity; text replies to Java and JavaScript questions use the
syntax of these languages. Sizes are bounded.

Departures from bfcl-eval 2025.10.27.1, all in favour of well-formed replies: JSON arguments may hold lists of objects;
Java text keeps its spaces and the block of `new HashMap<>() {{ ... }}`, which upstream's reader loses.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from pytest_modeleval.graders.calls.function_call import Call, Language, NoCallsFound, shown
from pytest_modeleval.graders.calls.native import check_depth
from pytest_modeleval.graders.calls.python_text import (
    MAX_TEXT_CHARS,
    bracketed,
    decode_python_text,
    without_odd_escapes,
)

MAX_XML_CHARS = 50_000
_TAG = re.compile(r"<TOOLCALL>(.*?)</TOOLCALL>", re.DOTALL)
_JSON_START = re.compile(r"\[\s*\{")
_XML = re.compile(r"<functions>.*?</functions>", re.DOTALL)
_CALLED = re.compile(r"\s*([A-Za-z_$][\w$]*(?:\s*\.\s*[A-Za-z_$][\w$]*)*)\s*\(")
_ASSIGNED = re.compile(r"\s*([A-Za-z_$][\w$]*)\s*=(?!=)\s*(.*?)\s*\Z", re.DOTALL)
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def decode_text(text: str, form: str = "python", *, is_tagged: bool = False) -> tuple[Call, ...]:
    """Decode the calls of a text reply. form: python, json, verbose_xml, concise_xml, java or javascript.

    is_tagged: the calls stand between <TOOLCALL> and </TOOLCALL>. Raises NoCallsFound as `decode_python_text` does.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise NoCallsFound("text_too_large", f"{len(text)} characters; more than {MAX_TEXT_CHARS} are not read")
    if is_tagged:
        found = _TAG.search(text)
        if found is None:
            raise NoCallsFound("no_call_tag", f"no <TOOLCALL> section: {shown(text)}")
        text = found.group(1).strip()
    return _DECODERS[form](text)


def _decode_json(text: str) -> tuple[Call, ...]:
    text = bracketed(text)
    decoder = json.JSONDecoder()
    # Prose before the list may contain brackets, so several starts are tried.
    starts = [found.start() for found in _JSON_START.finditer(text)][:20]
    for start in starts:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        return tuple(_json_call(entry) for entry in found if isinstance(entry, dict))
    raise NoCallsFound("text_instead_of_call", f"no JSON list of calls: {shown(text)}")


def _json_call(entry: Mapping[str, Any]) -> Call:
    name, arguments = entry.get("function"), entry.get("parameters")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise NoCallsFound("malformed_call", f"expected function and parameters, found {shown(entry)}")
    check_depth(arguments)
    return Call(name, arguments)


def _decode_xml(text: str) -> tuple[Call, ...]:
    found = _XML.search(text)
    if found is None:
        raise NoCallsFound("text_instead_of_call", f"no <functions> section: {shown(text)}")
    if len(found.group()) > MAX_XML_CHARS:
        raise NoCallsFound("text_too_large", f"more than {MAX_XML_CHARS} characters of XML")
    try:
        # The text starts at <functions>: a document type, and so entities, cannot precede the root.
        root = ET.fromstring(found.group())  # noqa: S314
    except ET.ParseError as error:
        raise NoCallsFound("malformed_call", f"the <functions> section is not XML: {error}") from None
    return tuple(_xml_call(function) for function in root.findall("function"))


def _xml_call(function: ET.Element) -> Call:
    holder = function.find("params")
    arguments: dict[Any, Any] = {}
    for parameter in (function if holder is None else holder).findall("param"):
        # The verbose dialect writes the value as an attribute, the concise one between the tags.
        text = parameter.get("value")
        text = (parameter.text or "").strip() if text is None else text
        arguments[parameter.get("name")] = _typed(text, parameter.get("type", "string"))
    name = function.get("name")
    if name is None:
        raise NoCallsFound("malformed_call", "a <function> has no name")
    check_depth(arguments)
    return Call(name, arguments)


def _typed(text: str, described: str) -> Any:
    try:
        if described == "integer":
            return int(text)
        if described == "float":
            return float(text)
        if described == "boolean":
            return text.lower() == "true"
        if described == "null":
            return None
        if described in ("array", "tuple", "object", "dict"):
            return ast.literal_eval(without_odd_escapes(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise NoCallsFound("malformed_call", f"{shown(text)} is not of type {described}") from None
    return text


def _decode_code(text: str) -> tuple[Call, ...]:
    """Decode one call `name(parameter=value, ...)`; values stay source text without their quotes."""
    text = text.strip("`\n ").removeprefix("[").removesuffix("]").strip()
    head = _CALLED.match(text)
    if head is None:
        raise NoCallsFound("text_instead_of_call", f"no call: {shown(text)}")
    arguments: dict[Any, Any] = {}
    parts, end = _parts(text, head.end())
    for part in parts:
        found = _ASSIGNED.match(part)
        if found is None:
            # Upstream files arguments without a name under None, where they are unexpected.
            if part.strip():
                arguments[None] = part.strip()
            continue
        name, value = found.groups()
        if name in arguments:
            raise NoCallsFound("malformed_call", f"the argument {name} is given twice")
        arguments[name] = _unquote(value)
    if text[end:].strip(" \n;"):
        raise NoCallsFound("text_instead_of_call", f"text after the call: {shown(text[end:])}")
    return (Call(re.sub(r"\s+", "", head.group(1)), arguments),)


def _unquote(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value


def _parts(text: str, place: int) -> tuple[list[str], int]:
    """Split the arguments from `place` to the closing bracket; also return the position after it."""
    parts: list[str] = []
    open_brackets = [")"]
    start = place
    quote = ""
    while place < len(text):
        sign = text[place]
        if quote:
            if sign == "\\":
                place += 1
            elif sign == quote:
                quote = ""
        elif sign in "\"'`":
            quote = sign
        elif sign in _CLOSERS:
            open_brackets.append(_CLOSERS[sign])
        elif sign == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return [*parts, text[start:place]], place + 1
        elif sign == "," and len(open_brackets) == 1:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    raise NoCallsFound("text_instead_of_call", f"a bracket is never closed: {shown(text)}")


_DECODERS: Mapping[str, Callable[[str], tuple[Call, ...]]] = {
    "python": decode_python_text,
    "json": _decode_json,
    "verbose_xml": _decode_xml,
    "concise_xml": _decode_xml,
    Language.JAVA: _decode_code,
    Language.JAVASCRIPT: _decode_code,
}
