"""Replies of many servers, by the number of the fault that they belong to: a table of bodies and what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_modeleval.errors import AttemptFailed
from tests.support.chat_replies import ask

CASES = [json.loads(line) for line in Path(__file__).with_name("reply_cases.jsonl").read_text("utf-8").splitlines()]
FAILURE = "FAIL"


def read(case: dict[str, Any]) -> str:
    """The answer, or its calls after "calls:", then "|" and the reasoning; "length:" before what was cut."""
    body = bytes.fromhex(case["hex"]) if "hex" in case else case["body"].encode()
    headers = {"content-type": case["type"]} if case["type"] else {}
    try:
        response, _ = ask(httpx.Response(200, headers=headers, content=body))
    except AttemptFailed:
        return FAILURE
    text = response.text
    if response.tool_calls:
        text = "calls:" + " ".join(call.name + call.arguments for call in response.tool_calls)
    if response.reasoning:
        text += "|" + response.reasoning
    return f"length:{text}" if response.is_truncated else text


@pytest.mark.parametrize("case", CASES, ids=[f"{case['fault']}-{number}" for number, case in enumerate(CASES, 1)])
def test_reply(case: dict[str, Any]) -> None:
    """What was said is read, and a failure of the server is one (the number in the id is the line of the file)."""
    assert read(case) == case["want"], case["name"]


def test_every_fault_has_cases() -> None:
    """The table covers F22 to F35."""
    assert {case["fault"] for case in CASES} == {f"F{number}" for number in range(22, 36)}
