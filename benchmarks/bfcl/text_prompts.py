"""Asking for calls as text: the system message that describes the functions and the form of the reply.

For models without a tool parser. The forms are those of bfcl-eval 2025.10.27.1 (its 26 prompt configurations are made
of them); the words are ours, so scores in this way of asking need not equal published ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_FORMS = {
    "python": "[first_function(name1=value1, name2=value2), second_function(name3=value3)]",
    "json": '```json\n[{"function": "first_function", "parameters": {"name1": "value1", "name2": 2}}]\n```',
    "verbose_xml": '<functions><function name="first_function"><params><param name="name1" value="value1" '
    'type="string"/></params></function></functions>',
    "concise_xml": '<functions><function name="first_function"><param name="name1" type="string">value1</param>'
    "</function></functions>",
}
_XML_TYPES = "Each type is one of string, integer, float, boolean, array, dict, tuple."
_CLASSIC = {
    "role": "You decide which functions to call.",
    "task": "Below you find functions; the user asks a question. Answer it with one call, or with several, that serve "
    "the question. If no function fits, or the question does not give a value that a function requires, say so instead "
    "of calling.",
    "only": "Write nothing but the calls.",
    "turns": "In each turn, keep calling until the user's request is done as well as the functions allow; then reply "
    "without a call, and the next turn begins.",
    "list": "The functions, described in {form}:",
}
_EXPERIMENTAL = {
    "role": "You turn requests into function calls.",
    "task": "Given a request and functions, produce the calls that fulfil the request. Where none is suitable, or a "
    "required value is not given, state that instead.",
    "only": "No other text.",
    "turns": "Within one turn, go on with calls until the request is fulfilled; a reply without a call ends the turn.",
    "list": "Functions in {form}:",
}


@dataclass(frozen=True, slots=True)
class TextForm:
    """One way of asking: the form of calls, tags around them, how functions are described, layout and wording."""

    reply: str = "python"
    is_tagged: bool = False
    documents: str = "json"
    layout: str = "plaintext"
    wording: str = "classic"

    @property
    def name(self) -> str:
        """The name that the official data gives to this configuration."""
        return (
            f"ret_fmt={self.reply}&tool_call_tag={self.is_tagged}&func_doc_fmt={self.documents}"
            f"&prompt_fmt={self.layout}&style={self.wording}"
        )


def all_forms() -> list[TextForm]:
    """The 26 configurations of format sensitivity, in the official order."""
    forms = [
        TextForm(reply, is_tagged, documents)
        for reply in ("python", "json", "verbose_xml", "concise_xml")
        for is_tagged in (True, False)
        for documents in ("python", "xml", "json")
    ]
    return [*forms, TextForm(layout="markdown"), TextForm(wording="experimental")]


def system_text(functions: Sequence[Mapping[str, Any]], form: TextForm | None = None) -> str:
    """The system message for these functions."""
    form = form or TextForm()
    words = _CLASSIC if form.wording == "classic" else _EXPERIMENTAL
    pattern = f"<TOOLCALL>{_FORMS[form.reply]}</TOOLCALL>" if form.is_tagged else _FORMS[form.reply]
    types = f" {_XML_TYPES}" if form.reply.endswith("xml") else ""
    calls = f"Write calls in this form: {pattern}{types} {words['only']}"
    listing = f"{words['list'].format(form=form.documents)}\n{describe(functions, form.documents)}"
    if form.layout == "markdown":
        heads = (("Task", words["task"]), ("Form of calls", calls), ("Turns", words["turns"]), ("Functions", listing))
        return "\n\n".join([words["role"], *(f"## {head}\n{text}" for head, text in heads)])
    return "\n\n".join((f"{words['role']} {words['task']}", calls, words["turns"], listing))


def with_system(messages: Sequence[Mapping[str, Any]], text: str) -> list[dict[str, Any]]:
    """The messages, led by a system message; one that is there already follows in the same message."""
    first = messages[0] if messages else {}
    if first.get("role") == "system":
        return [{"role": "system", "content": f"{text}\n\n{first['content']}"}, *map(dict, messages[1:])]
    return [{"role": "system", "content": text}, *map(dict, messages)]


def describe(functions: Sequence[Mapping[str, Any]], form: str) -> str:
    """Function descriptions as JSON, as Python documentation, or as XML."""
    if form == "json":
        return json.dumps(list(functions), indent=4)
    one = _python_lines if form == "python" else _xml_lines
    return "\n\n".join("\n".join(one(function)) for function in functions)


def _python_lines(function: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Function: {function['name']}"
    yield '    """'
    yield f"    {function.get('description', '')}"
    properties = function.get("parameters", {}).get("properties", {})
    if properties:
        yield ""
        yield "    Args:"
        yield from _python_parameters(properties, 8)
    yield '    """'


def _python_parameters(properties: Mapping[str, Any], indent: int) -> Iterator[str]:
    for name, schema in properties.items():
        default = f", default={schema['default']!r}" if "default" in schema else ""
        yield f"{' ' * indent}{name} ({_python_type(schema)}{default}): {_described(schema)}"
        yield from _python_parameters(schema.get("properties", {}), indent + 4)


def _python_type(schema: Mapping[str, Any]) -> str:
    described = schema.get("type", "string")
    known = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"}
    if described in known:
        return known[described]
    if described in ("array", "list", "tuple") and "items" in schema:
        return f"list[{_python_type(schema['items'])}]"
    return "dict" if described in ("dict", "object") else str(described)


def _xml_lines(function: Mapping[str, Any]) -> Iterator[str]:
    parameters = function["parameters"]
    yield f'<function name="{function["name"]}">'
    yield f"  <desc>{function.get('description', '')}</desc>"
    yield "  <params>"
    yield from _xml_parameters(parameters.get("properties", {}), parameters.get("required"), 4)
    yield "  </params>"
    yield "</function>"


def _xml_parameters(properties: Mapping[str, Any], required: Sequence[str] | None, indent: int) -> Iterator[str]:
    pad = " " * indent
    for name, schema in properties.items():
        described = schema.get("type", "string")
        if "type" in schema.get("items", {}):
            described = f"{described}[{schema['items']['type']}]"
        is_required = "true" if required is None or name in required else "false"
        default = f' default="{schema["default"]!r}"' if "default" in schema else ""
        yield f'{pad}<param name="{name}" type="{described}" required="{is_required}"{default}>'
        yield f"{pad}  <desc>{_described(schema)}</desc>"
        if "properties" in schema:
            yield f"{pad}  <params>"
            yield from _xml_parameters(schema["properties"], schema.get("required"), indent + 4)
            yield f"{pad}  </params>"
        yield f"{pad}</param>"


def _described(schema: Mapping[str, Any]) -> str:
    values = f" Enum values: {schema['enum']}." if "enum" in schema else ""
    return f"{schema.get('description', '')}{values}"
