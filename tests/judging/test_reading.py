"""What a judge may reply, and what is read: the right verdict or none, never a default."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.client.reply import response_from_reply
from pytest_modeleval.judging import read_verdict

LABELS = ("CORRECT", "INCORRECT", "NOT_ATTEMPTED")
# Name of the shape -> (what the reply holds, what has to be read).
SHAPES: dict[str, tuple[str | dict[str, Any], str | None]] = {
    "marker": ("It fits.\nVERDICT: CORRECT", "CORRECT"),
    "marker alone": ("VERDICT: INCORRECT", "INCORRECT"),
    "lower case": ("verdict: correct", "CORRECT"),
    "bold line": ("**VERDICT: CORRECT**", "CORRECT"),
    "bold label": ("VERDICT: **INCORRECT**", "INCORRECT"),
    "bold marker": ("**VERDICT:** INCORRECT", "INCORRECT"),
    "heading": ("## Verdict: NOT_ATTEMPTED", "NOT_ATTEMPTED"),
    "list item": ("- VERDICT: CORRECT", "CORRECT"),
    "code span": ("`VERDICT: CORRECT`", "CORRECT"),
    "quoted label": ('VERDICT: "CORRECT"', "CORRECT"),
    "full stop": ("VERDICT: CORRECT.", "CORRECT"),
    "blank for underscore": ("VERDICT: NOT ATTEMPTED", "NOT_ATTEMPTED"),
    "hyphen": ("VERDICT: not-attempted", "NOT_ATTEMPTED"),
    "full-width colon": ("VERDICT：CORRECT", "CORRECT"),
    "equals sign": ("VERDICT = CORRECT", "CORRECT"),
    "line ends of Windows": ("Fine.\r\nVERDICT: CORRECT\r\n", "CORRECT"),
    "words after it": ("VERDICT: CORRECT\n\nI hope this helps.", "CORRECT"),
    "changed its mind": ("VERDICT: INCORRECT\nNo, wait.\nVERDICT: CORRECT", "CORRECT"),
    "Chinese reason": ("回答与参考一致。\nVERDICT: CORRECT", "CORRECT"),
    "thinking block": ("<think>VERDICT: INCORRECT</think>VERDICT: CORRECT", "CORRECT"),
    "thinking field": ({"content": "VERDICT: CORRECT", "reasoning_content": "VERDICT: INCORRECT"}, "CORRECT"),
    "JSON": ('{"reason": "same name", "verdict": "CORRECT"}', "CORRECT"),
    "JSON in a fence": ('```json\n{"reason": "x", "verdict": "INCORRECT"}\n```', "INCORRECT"),
    "JSON in prose and a fence": ('Here:\n```\n{"verdict": "CORRECT"}\n```\nDone.', "CORRECT"),
    "JSON with extra keys": ('{"score": 3, "verdict": "CORRECT", "confidence": 0.2}', "CORRECT"),
    "JSON in lower case": ('{"Verdict": "not attempted"}', "NOT_ATTEMPTED"),
    "JSON after thinking": ('<think>CORRECT?</think>\n{"verdict": "INCORRECT"}', "INCORRECT"),
    "two labels": ("VERDICT: CORRECT or INCORRECT", None),
    "all labels": ("VERDICT: CORRECT, INCORRECT, NOT_ATTEMPTED", None),
    "first letter": ("VERDICT: C", None),
    "letter of another prompt": ("A", None),
    "label in a sentence": ("The answer is CORRECT.", None),
    "denied label": ("VERDICT: not CORRECT", None),
    "unknown label": ("VERDICT: PARTIALLY CORRECT", None),
    "label in another language": ("VERDICT: 正确", None),
    "refusal": ("I'm sorry, but I can't judge this.", None),
    "no marker": ("It depends on what is meant.", None),
    "empty marker": ("VERDICT:", None),
    "empty": ("", None),
    "white space": (" \n\t", None),
    "thinking alone": ("<think>VERDICT: CORRECT</think>", None),
    "thinking that never ends": ("<think>VERDICT: CORRECT", None),
    "cut": ({"content": "VERDICT: NOT", "finish_reason": "length"}, None),
    "cut after a marker": ({"content": "VERDICT: CORRECT\nfurth", "finish_reason": "length"}, None),
    "quoted line": ("> VERDICT: CORRECT", None),
    "the answer's own line, quoted": ('It says "VERDICT: CORRECT", which decides nothing.', None),
    "JSON without a verdict": ('{"reason": "fine", "label": "CORRECT"}', None),
    "JSON with null": ('{"verdict": null}', None),
    "JSON with a list": ('{"verdict": ["CORRECT", "INCORRECT"]}', None),
    "JSON with both": ('{"verdict": "CORRECT", "verdict": "INCORRECT"}', None),
    "JSON with a number": ('{"verdict": 1}', None),
    "JSON with another label": ('{"verdict": "C"}', None),
    "JSON cut short": ('{"reason": "same", "verdict": "CORR', None),
    "JSON list": ('["CORRECT"]', None),
    "deep JSON": ("[" * 100_000, None),
    "call of a tool": (
        {"content": "", "tool_calls": [{"id": "1", "name": "verdict", "arguments": "CORRECT"}]},
        None,
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reply_is_read_right_or_not_at_all(shape: str) -> None:
    """Whole labels in a marked place; everything else is no verdict."""
    given_reply, expected = SHAPES[shape]
    reply = given_reply if isinstance(given_reply, dict) else {"content": given_reply}
    assert read_verdict(response_from_reply({"finish_reason": "stop", **reply}), LABELS) == expected


@pytest.mark.parametrize("word", ["CORRECT", "Correct", "Certainly", "C or A", "CC"])
def test_a_word_is_not_its_first_letter(word: str) -> None:
    """With the labels A, B and C."""
    assert read_verdict(response_from_reply({"content": f"VERDICT: {word}"}), ("A", "B", "C")) is None


@given(st.text(max_size=300))
def test_text_without_the_marker_has_no_verdict(text: str) -> None:
    """Whatever else it says."""
    if "verdict" not in text.lower():
        assert read_verdict(response_from_reply({"content": text}), LABELS) is None
