"""Answers to BFCL questions made from the accepted values: right ones, and wrong ones of many kinds. Seeded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Answer = list[dict[str, dict[Any, Any]]]
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    2.5,
    10**30,
    "",
    " ",
    "x",
    "true",
    "1",
    [],
    [""],
    [1, 2],
    [1.0],
    ["a", "b"],
    {},
    {"a": 1},
    [{}],
    [{"a": "b"}],
    [[1, 2], [3]],
    (1, 2),
    (),
    {"a": {"b": [1]}},
    ["A ", "B."],
    float("inf"),
    b"x",
)


def answers(entry: dict[str, Any], accepted: list[dict[str, Any]], language: str) -> Iterator[tuple[str, Answer]]:
    """Pairs of a kind and an answer: about 40 per question. Names are as in the data, dots and all."""
    source = random.Random(entry["id"])
    right = _calls(accepted, language, _first, with_optional=False)
    full = _calls(accepted, language, _first, with_optional=True)
    yield "right", right
    yield "right, optionals given", full
    yield "right, last values", _calls(accepted, language, _last, with_optional=True)
    yield "right, random values", _calls(accepted, language, source.choice, with_optional=True)
    yield "calls reordered", right[::-1]
    yield (
        "arguments reordered",
        [{name: dict(reversed(list(args.items())))} for call in full for name, args in call.items()],
    )
    yield "no call", []
    yield "extra call", [*right, right[0]]
    yield "call dropped", right[:-1]
    yield "wrong name", [{name + "_x": args} for call in right for name, args in call.items()]
    yield "other function", [{entry["function"][-1]["name"]: args} for call in right for args in call.values()]
    yield "argument dropped", [{name: dict(list(args.items())[1:])} for call in full for name, args in call.items()]
    yield (
        "last argument dropped",
        [{name: dict(list(args.items())[:-1])} for call in full for name, args in call.items()],
    )
    yield "extra argument", [{name: {**args, "surplus": 1}} for call in right for name, args in call.items()]
    described = [set(function["parameters"]["properties"]) for function in entry["function"]]
    for other in sorted(set().union(*described))[:3]:
        undue = {other: "x"}
        yield "undue argument", [{name: {**args, **undue} for name, args in call.items()} for call in right]
    for label, change in _CHANGES.items():
        yield (
            label,
            [
                {name: {key: change(value) for key, value in args.items()}}
                for call in full
                for name, args in call.items()
            ],
        )
        if full and any(full[0].values()):
            yield f"{label}, one argument", _change_one(full, change, source)
    for _ in range(12):
        yield "odd value", _change_one(full, lambda _value: source.choice(ODD_VALUES), source)
    if language != "python":
        for _ in range(10):
            yield "literal mangled", _change_one(full, lambda value: _mangle(str(value), source), source)


def _first(values: list[Any]) -> Any:
    return values[0]


def _last(values: list[Any]) -> Any:
    return values[-1]


def _calls(
    accepted: list[dict[str, Any]], language: str, pick: Callable[[list[Any]], Any], *, with_optional: bool
) -> Answer:
    found: Answer = []
    for call in accepted:
        for name, parameters in call.items():
            args = {}
            for key, values in parameters.items():
                given = [value for value in values if value != ""]
                if not given or ("" in values and not with_optional):
                    continue
                value = _plain(pick(given), pick)
                args[key] = value if language == "python" else literal(value, language)
            found.append({name: args})
    return found


def _plain(value: Any, pick: Callable[[list[Any]], Any]) -> Any:
    """An accepted value -> a value: dicts list the accepted values of each key."""
    if isinstance(value, dict):
        made = {}
        for key, values in value.items():
            known = [part for part in values if part != ""] if isinstance(values, list) else [values]
            if known:
                made[key] = _plain(pick(known), pick)
        return made
    if isinstance(value, list):
        return [_plain(part, pick) for part in value]
    return value


def literal(value: Any, language: str) -> str:
    """Source text of a value in Java or JavaScript."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if language == "javascript":
        return json.dumps(value)
    if isinstance(value, dict):
        puts = " ".join(f'put("{key}", {json.dumps(part)});' for key, part in value.items())
        return f"new HashMap<String, Object>() {{{{ {puts} }}}}"
    if isinstance(value, list):
        return f"new ArrayList<Object>(Arrays.asList({', '.join(json.dumps(part) for part in value)}))"
    return str(value)


def _change_one(calls: Answer, change: Callable[[Any], Any], source: random.Random) -> Answer:
    changed = [{name: dict(args) for name, args in call.items()} for call in calls]
    places = [(args, key) for call in changed for args in call.values() for key in args]
    if places:
        args, key = source.choice(places)
        args[key] = change(args[key])
    return changed


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "q"
    if isinstance(value, list):
        return [*value[:-1], _other(value[-1])] if value else [1]
    if isinstance(value, dict):
        return {key: _other(part) for key, part in value.items()} or {"q": 1}
    return 0


def _other_type(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return float(value)
    if isinstance(value, float):
        return int(value)
    if isinstance(value, str):
        return [value]
    return value[0] if isinstance(value, list) and value else str(value)


def _fuzz(value: Any) -> Any:
    """Changes that the comparison overlooks."""
    if isinstance(value, str):
        return " " + value.upper().replace(" ", "_") + "."
    if isinstance(value, list):
        return [_fuzz(part) for part in value]
    return {key: _fuzz(part) for key, part in value.items()} if isinstance(value, dict) else value


_CHANGES: dict[str, Callable[[Any], Any]] = {
    "value changed": _other,
    "type changed": _other_type,
    "text fuzzed": _fuzz,
    "stringified": lambda value: value if isinstance(value, str) else json.dumps(value, default=str),
    "quoted": lambda value: json.dumps(value, default=str),
    "null": lambda _value: None,
    "wrapped in a list": lambda value: [value],
    "lists reversed": lambda value: value[::-1] if isinstance(value, list) else value,
    "tuples": lambda value: tuple(value) if isinstance(value, list) else value,
    "whole floats": lambda value: (
        [int(part) if isinstance(part, float) else part for part in value] if isinstance(value, list) else value
    ),
    "dict key dropped": lambda value: dict(list(value.items())[1:]) if isinstance(value, dict) else value,
    "dict key added": lambda value: {**value, "q": 1} if isinstance(value, dict) else value,
    "list doubled": lambda value: value * 2 if isinstance(value, list) else value,
}

_SNIPPETS = (
    '"',
    "'",
    ",",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    " ",
    "\n",
    "L",
    "f",
    "n",
    "1",
    "-",
    ".",
    "e5",
    "true",
    "false",
    ":",
    ";",
    "new ArrayList<String>(Arrays.asList(",
    "))",
    "new ArrayList<Integer>() {{ add(",
    "); }}",
    "new int[]{",
    "new String[] {",
    'new HashMap<String, Integer>() {{ put("a", ',
    "); }}",
    "new ArrayList<>()",
    "new HashMap<>()",
    "new Array(",
    "[[1, 2], [3]]",
    "[1, 'a', true]",
    "{'a': 1, 'b': [1, 2]}",
    "},",
    "],",
    ", [",
    "\\",
    "a",
    "x: ",
    "null",
    "12",
    "1.5",
    "é",
)


def _mangle(text: str, source: random.Random) -> str:
    place = source.randrange(len(text) + 1)
    cut = source.randrange(3)
    return text[:place] + source.choice(_SNIPPETS) + text[place + cut :]


_FRAMES = (
    ("new ArrayList<Integer>(Arrays.asList(", "))"),
    ("new ArrayList<String>() {{ add(", "); }}"),
    ("new int[] {", "}"),
    ('new HashMap<String, Integer>() {{ put("a", ', "); }}"),
    ("[", "]"),
    ("new Array(", ")"),
    ("[[", "]]"),
    ("{a: ", "}"),
    ("{'a': ", "}"),
    ("", ""),
    ("-", ""),
    ("", "L"),
    ("", "n"),
    ("", "f"),
    ('"', '"'),
    ("'", "'"),
    ("new Array([", "])"),
)
_JOINTS = (", ", ",", "], [", "); add(", '); put("b", ', ", b: ", ", 'b': ", "\n", "]", "")
_ATOMS = (
    "1",
    "2L",
    "2.5",
    "3.5f",
    "1e5",
    "7n",
    "true",
    "false",
    '"x"',
    "'y'",
    "z",
    '"a, b"',
    "null",
    "[1, 2]",
    "{c: 1}",
    "",
)


def random_literal(source: random.Random) -> str:
    """Source text near the literals of both languages, half of it damaged."""
    opener, closer = source.choice(_FRAMES)
    joint = source.choice(_JOINTS)
    text = opener + joint.join(source.choice(_ATOMS) for _ in range(source.randrange(1, 5))) + closer
    for _ in range(source.choice((0, 0, 1, 2))):
        text = _mangle(text, source)
    return text
