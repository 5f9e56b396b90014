"""Rules of tables: what is accepted, and that each problem says where, expected, found and what was probably meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support import schema
from pytest_modeleval._support.schema import Rule, validate

DOCUMENT = schema.table(
    {
        "port": schema.whole_number(1, 65_535),
        "share": schema.number(0, 1, is_share=True),
        "alpha": schema.number(0, 0.5, is_open=True),
        "wait_s": schema.number(0.1, 60, " of seconds"),
        "test": schema.choice("confident", "point"),
        "name": schema.required(schema.TEXT),
        "tags": schema.TEXTS,
        "gate": schema.list_of(schema.table({"kind": schema.required(schema.TEXT)}), "a list of gates"),
        "free": schema.table(entries=schema.BOOLEAN),
        "note": schema.optional(schema.TEXT),
        "id": schema.matching(r"[0-9a-f]{4}", "four hex digits"),
    }
)


def sentences(value: Any, rule: Rule = DOCUMENT) -> list[str]:
    """All problems as sentences."""
    return [problem.sentence for problem in validate(value, rule)]


def test_a_right_document_has_no_problem() -> None:
    """Values at their bounds, free tables and nulls where they may be."""
    document = {"port": 1, "share": 1, "alpha": 0.1, "wait_s": 60, "test": "point", "name": "n", "tags": []}
    assert not sentences({**document, "gate": [{"kind": "x"}], "free": {"a": True}, "note": None, "id": "00ff"})


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"port": 0}, "port: expected a whole number from 1 to 65,535, found 0"),
        ({"port": True}, "port: expected a whole number from 1 to 65,535, found True"),
        ({"share": 5}, "share: expected a number from 0 to 1, found 5; 5 per cent is 0.05"),
        ({"share": float("nan")}, "share: expected a number from 0 to 1, found nan"),
        ({"alpha": 0.5}, "alpha: expected a number strictly between 0 and 0.5, found 0.5"),
        ({"wait_s": "1"}, "wait_s: expected a number of seconds from 0.1 to 60, found '1'"),
        ({"test": "poin"}, """test: expected "confident" or "point", found 'poin'; did you mean 'point'?"""),
        ({"tags": "a"}, "tags: expected a list of texts, found 'a'"),
        ({"gate": {}}, "gate: expected a list of gates, found {}"),
        ({"gate": [{"kind": "a"}, {}]}, "gate[1].kind: expected a text, found none"),
        ({"gate": [{"kind": "a", "kinds": 1}]}, "gate[0].kinds: unknown key; did you mean 'kind'?"),
        ({"free": {"a": 1}}, "free.a: expected true or false, found 1"),
        ({"note": 1}, "note: expected a text or null, found 1"),
        ({"id": "00fg"}, "id: expected four hex digits, found '00fg'"),
        ({"prot": 1}, "prot: unknown key; did you mean 'port'?"),
    ],
)
def test_every_problem_is_one_sentence(entry: dict[str, Any], sentence: str) -> None:
    """Where, expected, found, and a suggestion."""
    assert sentences({"name": "n", **entry}) == [sentence]


def test_all_problems_are_found_at_once() -> None:
    """A missing key, an unknown one and a wrong value, in one pass."""
    assert len(sentences({"zzz": 1, "port": -1})) == 3
    assert "found none" in sentences({})[0]
    assert sentences([]) == ["expected a table, found []"]


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=20))
def test_any_value_is_shown_on_one_short_line(value: Any) -> None:
    """No value makes a message long or breaks its line."""
    text = schema.shown(value)
    assert len(text) <= 80
    assert "\n" not in text
