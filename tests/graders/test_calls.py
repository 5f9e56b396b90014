"""Function calls: decoding and checking, hostile replies, and properties."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_modeleval.graders.calls import (
    Call,
    Language,
    NoCallsFound,
    Wanted,
    check_calls,
    decode_text,
    decode_tool_calls,
    grade_text_calls,
    grade_tool_calls,
    java,
    javascript,
)
from pytest_modeleval.graders.calls.python_text import parse_call
from pytest_modeleval.records import Kind, Response, Sample, ToolCall

FUNCTION: dict[str, Any] = {
    "name": "shop.find",
    "description": "Finds things.",
    "parameters": {
        "type": "dict",
        "properties": {
            "what": {"type": "string"},
            "count": {"type": "integer"},
            "price": {"type": "float"},
            "sizes": {"type": "array", "items": {"type": "float"}},
            "is_new": {"type": "boolean"},
            "filter": {"type": "dict"},
        },
        "required": ["what"],
    },
}
ACCEPTED: dict[str, dict[str, Any]] = {
    "shop.find": {
        "what": ["Tea, green", "green tea"],
        "count": [2, ""],
        "price": [1.0, ""],
        "sizes": [[1.0, 2.5], ""],
        "is_new": [True, ""],
        "filter": [{"brand": ["Any Co.", ""]}, ""],
    }
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def sample(wanted: Wanted = Wanted.ONE, language: Language = Language.PYTHON) -> Sample:
    """A question that wants one call of shop.find."""
    return Sample(target=[ACCEPTED], data={"functions": [FUNCTION], "wanted": wanted, "language": language})


def called(arguments: Any, name: str = "shop_find") -> Response:
    """A reply with one tool call."""
    return Response(
        "", tool_calls=(ToolCall(name, arguments if isinstance(arguments, str) else json.dumps(arguments)),)
    )


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"what": "green tea"}, ""),
        ({"what": "GREEN-tea."}, ""),
        ({"what": "green tea", "count": 2, "price": 1, "sizes": [1.0, 2.5], "is_new": True, "filter": {}}, ""),
        ({"what": "green tea", "filter": {"brand": "any co"}}, ""),
        ({}, "missing_required"),
        ({"what": "black tea"}, "wrong_value_text"),
        ({"what": 5}, "wrong_type"),
        ({"what": "green tea", "colour": "x"}, "unexpected_argument"),
        ({"what": "green tea", "count": 3}, "wrong_value_other"),
        ({"what": "green tea", "count": "2"}, "wrong_type"),
        ({"what": "green tea", "count": 2.0}, "wrong_type"),
        ({"what": "green tea", "count": True}, "wrong_type"),
        ({"what": "green tea", "price": None}, "wrong_type"),
        ({"what": "green tea", "sizes": [1, 2.5]}, ""),
        ({"what": "green tea", "sizes": [2.5, 1.0]}, "wrong_value_list"),
        ({"what": "green tea", "filter": {"maker": "x"}}, "wrong_dict_key"),
        ({"what": "green tea", "filter": {"brand": "x"}}, "wrong_value_in_dict"),
    ],
)
def test_every_loss_has_a_cause_of_its_own(arguments: Any, cause: str) -> None:
    """The rules of the official AST check, one case each; the cause says which rule was broken."""
    grade = grade_tool_calls(sample(), called(arguments))
    assert grade.cause == cause
    assert bool(grade) is (cause == "")


@pytest.mark.parametrize(
    ("response", "kind", "cause"),
    [
        (called('{"what": '), Kind.WRONG, "malformed_arguments"),
        (called(""), Kind.WRONG, "malformed_arguments"),
        (called("[1]"), Kind.WRONG, "arguments_no_object"),
        (called("[" * 100_000), Kind.WRONG, "arguments_too_deep"),
        (called('{"what": ' + "[" * 80 + "]" * 80 + "}"), Kind.WRONG, "arguments_too_deep"),
        (called('{"what": "' + "x" * 10_000_000 + '"}'), Kind.WRONG, "arguments_too_large"),
        (called({"what": "green tea"}, "lambda: __import__('os').system('x')"), Kind.WRONG, "illegal_name"),
        (called({"what": "green tea"}, "import os"), Kind.WRONG, "illegal_name"),
        (called({"what": "green tea"}, "__class__"), Kind.WRONG, "dunder_name"),
        (called({"what": "green tea"}, "other"), Kind.WRONG, "unknown_function"),
        (Response("I would call shop_find."), Kind.NO_ANSWER, "text_instead_of_call"),
        (Response('<tool_call>{"name": "shop_find"}</tool_call>'), Kind.NO_ANSWER, "call_in_text"),
        (Response(""), Kind.NO_ANSWER, "empty"),
        (Response("", reasoning="hm", is_thinking_open=True), Kind.NO_ANSWER, "unclosed_thinking"),
        (Response("", tool_calls=called({"what": "green tea"}).tool_calls * 2), Kind.WRONG, "wrong_count"),
    ],
)
def test_each_kind_of_wrong_reply_has_its_own_cause(response: Response, kind: Kind, cause: str) -> None:
    """Malformed, oversized, hostile and missing calls each have their own kind and cause; nothing is executed."""
    grade = grade_tool_calls(sample(), response)
    assert (grade.kind, grade.cause) == (kind, cause)
    assert len(grade.explanation) < 1000


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[shop.find(what='green tea')]", ""),
        ("shop.find(what='green tea')", ""),
        ('```\n[shop.find(what="green tea", count=2)]\n```', ""),
        ("[shop.find(what='green tea', price=-(-1.0))]", "python_expression"),
        ("[shop.find(what='green tea', count=4 // 2)]", ""),
        ("[shop.find(what=__import__('os').getcwd() + 'x')]", "python_expression"),
        ("[shop.find(what=9**9**9)]", "python_expression"),
        ("[shop.find(what=lambda: 1)]", "python_expression"),
        ("[shop.find(what=[x for x in y])]", "python_expression"),
        ("[shop.find(what=f'{x}')]", "python_expression"),
        ("import os", "import_statement"),
        ("from os import system", "import_statement"),
        ("[(lambda: 0)(what=1)]", "illegal_name"),
        ("[__import__(what='os')]", "dunder_name"),
        ("[" + "(" * 50_000, "text_instead_of_call"),
        ("[" + "-" * 100_000 + "1]", "text_instead_of_call"),
        ("x" * 300_000, "text_too_large"),
        ("[f(a=" + "[" * 100 + "]" * 100 + ")]", "arguments_too_deep"),
        ("I cannot help.", "text_instead_of_call"),
        ("[]", "no_call"),
        ("[shop.find(**{'what': 'green tea'})]", "missing_required"),
        ("[shop.find('green tea')]", "missing_required"),
        ("[shop.find(what='\\d green')]", "wrong_value_text"),
        ("[shop.find(what='\x00')]", "text_instead_of_call"),
    ],
)
def test_python_text_is_read_and_never_run(text: str, cause: str) -> None:
    """Calls as Python text: right ones pass; expressions, statements and bombs are refused, each with its cause."""
    grade = grade_text_calls(sample(), Response(text))
    assert grade.cause == cause


FORMS = {
    "json": '[{"function": "f", "parameters": {"a": [1, {"b": 2}], "c": "x"}}]',
    "verbose_xml": '<functions><function name="f"><params><param name="a" value="[1, {\'b\': 2}]" type="array"/>'
    '<param name="c" value="x" type="string"/></params></function></functions>',
    "concise_xml": '<functions><function name="f"><param name="a" type="array">[1, {\'b\': 2}]</param>'
    '<param name="c" type="string">x</param></function></functions>',
}


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("wrapping", ["{}", "Sure:\n{}\n", "<TOOLCALL>{}</TOOLCALL>"])
def test_every_text_form_gives_the_same_call(form: str, wrapping: str) -> None:
    """JSON and both XML dialects, bare, after prose, and between tags."""
    found = decode_text(wrapping.format(FORMS[form]), form, is_tagged="TOOLCALL" in wrapping)
    assert found == (Call("f", {"a": [1, {"b": 2}], "c": "x"}),)


def test_xml_cannot_declare_entities() -> None:
    """Reading starts at <functions>, so a document type (and with it an entity bomb) is outside or an error."""
    call = '<functions><function name="f"><param name="a">&a;</param></function></functions>'
    bomb = f'<!DOCTYPE x [<!ENTITY a "aaaa">]>{call}'
    with pytest.raises(NoCallsFound) as refused:
        decode_text(bomb, "concise_xml")
    assert refused.value.cause == "malformed_call"


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('[p.run(a=5L, b="x, y", c=new HashMap<>() {{ put("k", 1); }})]',
         {"a": "5L", "b": "x, y", "c": 'new HashMap<>() {{ put("k", 1); }}'}),
        ("p.run(a=[1, 2], b={k: 'v'});", {"a": "[1, 2]", "b": "{k: 'v'}"}),
        ("p.run()", {}),
    ],
)  # fmt: skip
def test_java_and_javascript_calls_keep_values_as_source(text: str, arguments: dict[str, str]) -> None:
    """Arguments are split at top-level commas only; strings lose their quotes."""
    assert decode_text(text, "java") == (Call("p.run", arguments),)


@pytest.mark.parametrize(
    ("language", "text", "described", "element", "value"),
    [
        ("java", "5L", "long", None, 5),
        ("java", "5", "long", None, "5"),
        ("java", "1.5f", "float", None, 1.5),
        ("java", "new ArrayList<String>(Arrays.asList(\"a\", \"b\"))", "ArrayList", "String", ["a", "b"]),
        ("java", "new String[]{\"a\", b}", "Array", "String", ['"a"', "b"]),
        ("java", "new HashMap<String, Integer>() {{ put(\"a\", 1); }}", "HashMap", None, {"a": 1}),
        ("javascript", "7n", "Bigint", None, 7),
        ("javascript", "[1, 2]", "array", "integer", [1, 2]),
        ("javascript", "[[1, 'a'], [true]]", "array", None, [[1, "a"], [True]]),
        ("javascript", "{a: 1, b: [2, 3]}", "dict", None, {"a": 1, "b": [2, 3]}),
        ("javascript", "maybe", "Boolean", None, "maybe"),
    ],
)  # fmt: skip
def test_literals_are_read_as_upstream_does(
    language: str, text: str, described: str, element: str | None, value: Any
) -> None:
    """One case of each kind of literal; ci/conformance_bfcl compares 20,000 with the official converters."""
    read = java.read if language == "java" else javascript.read
    assert read(text, described, element) == value


@given(st.text(max_size=400), st.sampled_from(sorted(java.TYPES)), st.sampled_from(sorted(javascript.TYPES)))
@example("[[" + "],[" * 1300, "Array", "array")
@example("new ArrayList<>(Arrays.asList(" * 130, "ArrayList", "array")
@example("{" + "a:" * 2000, "HashMap", "dict")
@example("9" * 4090, "integer", "integer")
def test_literals_of_any_text_are_read_without_error(text: str, java_type: str, javascript_type: str) -> None:
    """Converters are total, and quick on text that makes the official patterns explode."""
    for value in (java.read(text, java_type, "String"), javascript.read(text, javascript_type, "String")):
        assert isinstance(value, str | int | float | bool | list | dict)


@given(JSON, st.sampled_from(sorted(FUNCTION["parameters"]["properties"])))
@example([1, {"": None}], "filter")
@example({"brand": [[]]}, "filter")
@example(10**400, "price")
def test_checking_is_total_and_accepts_only_accepted_values(value: Any, parameter: str) -> None:
    """Any JSON value gets a verdict; it is right only if comparison with an accepted value says so."""
    calls = [Call("shop_find", {"what": "green tea", parameter: value})]
    mismatch = check_calls(calls, functions=[FUNCTION], accepted=[ACCEPTED], wanted=Wanted.ONE)
    if mismatch is None and parameter in ("count", "is_new", "price"):
        assert value in ACCEPTED["shop.find"][parameter]


@given(st.text(max_size=300) | st.text("[](){}=,.'\"f1 \\-*", max_size=80))
@settings(max_examples=300)
@example("'''")
@example("[f(x=1if y else 2)]")
def test_text_of_any_kind_gets_a_verdict(text: str) -> None:
    """No text makes a decoder raise anything but NoCallsFound."""
    for form in ("python", "json", "verbose_xml", "java"):
        try:
            decode_text(text, form)
        except NoCallsFound as refused:
            assert refused.cause  # noqa: PT017 - either outcome is right; a refusal must say why


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), JSON, max_size=4))
def test_tool_arguments_survive_decoding(arguments: dict[str, Any]) -> None:
    """What a server sends as JSON is what the checker sees."""
    (call,) = decode_tool_calls([ToolCall("f", json.dumps(arguments))])
    assert json.dumps(call.arguments) == json.dumps(arguments)


@given(st.permutations([0, 1, 2]))
def test_parallel_calls_may_come_in_any_order(order: list[int]) -> None:
    """Three different wanted calls are matched whatever their order; a fourth or a missing one is a wrong count."""
    accepted = [{"shop.find": {"what": [f"tea {number}"]}} for number in range(3)]
    calls = [Call("shop_find", {"what": f"tea {number}"}) for number in order]

    def check(made: list[Call]) -> str:
        found = check_calls(made, functions=[FUNCTION], accepted=accepted, wanted=Wanted.SEVERAL)
        return found.cause if found else ""

    assert check(calls) == ""
    assert check(calls[:2]) == check([*calls, calls[0]]) == "wrong_count"
    assert check([calls[0], calls[0], calls[1]]) == "unmatched_call"


def test_whole_numbers_are_no_floats_inside_a_list() -> None:
    """Known oddity: [1, 2.5] is no array of floats, unless the list may be left out, which skips the type check."""
    places = {"functions": [FUNCTION], "wanted": Wanted.ONE}
    call = [Call("shop_find", {"what": "a", "sizes": [1, 2.5]})]
    strict = [{"shop.find": {"what": ["a"], "sizes": [[1.0, 2.5]]}}]
    lax = [{"shop.find": {"what": ["a"], "sizes": [[1.0, 2.5], ""]}}]
    refused = check_calls(call, accepted=strict, **places)  # type: ignore[arg-type]
    assert refused is not None
    assert refused.cause == "wrong_type_inside"
    assert check_calls(call, accepted=lax, **places) is None  # type: ignore[arg-type]


def test_parallel_matching_is_greedy_as_upstream() -> None:
    """Known oddity, kept for equal verdicts: accepted {1 or 2} then {1} refuses (1), (2) and passes (2), (1)."""
    accepted = [{"shop.find": {"what": ["a", "b"]}}, {"shop.find": {"what": ["a"]}}]
    a, b = Call("shop_find", {"what": "a"}), Call("shop_find", {"what": "b"})
    places = {"functions": [FUNCTION], "accepted": accepted, "wanted": Wanted.SEVERAL}
    assert check_calls([a, b], **places) is not None  # type: ignore[arg-type]
    assert check_calls([b, a], **places) is None  # type: ignore[arg-type]


def test_no_call_is_wanted_and_none_came() -> None:
    """Irrelevance: text, an empty list of calls and unreadable calls pass; a call that can be read fails."""
    asked = sample(Wanted.NONE)
    assert grade_tool_calls(asked, Response("No function fits."))
    assert grade_tool_calls(asked, called("{broken"))
    assert grade_text_calls(asked, Response("[]"))
    assert grade_tool_calls(asked, called({"what": "x"})).cause == "call_not_wanted"


def test_true_calls_are_parsed_with_positional_arguments() -> None:
    """The ground truth of multi-turn questions passes some arguments by position."""
    assert parse_call("sort('a.txt', n=-2, m=[1, {'k': True}])") == (
        "sort",
        ["a.txt"],
        {"n": -2, "m": [1, {"k": True}]},
    )
