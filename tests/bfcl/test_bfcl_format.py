"""Format sensitivity: rows, ids, and that every form is read back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from benchmarks.bfcl import CallFormat, grade, solver
from benchmarks.bfcl.format_rows import SUBSET, format_rows, format_sample
from benchmarks.bfcl.text_prompts import TextForm
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.records import Response, Sample
from tests.support.bfcl_gold import ScriptedModel, gold_calls


@pytest.fixture(scope="module")
def rows() -> Any:
    """All rows; skips where the wheel cannot be had."""
    try:
        return format_rows()[SUBSET]
    except DataError as missing:
        pytest.skip(f"needs the bfcl-eval wheel: {str(missing)[:100]}")


def sample_at(rows: Any, place: int) -> Sample:
    """One row's sample."""
    return format_sample(Row(rows[place], subset=SUBSET, index=place, file="x", line=place + 1))


def test_there_are_5200_rows_with_the_official_ids(rows: Any) -> None:
    """200 questions times 26 configurations, numbered through, the configuration and the question in the id."""
    assert len(rows) == len({row["id"] for row in rows}) == 5200
    assert len({row["origin"] for row in rows}) == 200
    first = "ret_fmt=python&tool_call_tag=True&func_doc_fmt=python&prompt_fmt=plaintext&style=classic"
    assert rows[0]["id"] == f"format_sensitivity_0:{first}:{rows[0]['origin']}"
    assert rows[26]["id"].startswith(f"format_sensitivity_26:{first}:")


def written(sample: Sample) -> str:
    """The right calls in the asked form."""
    form: TextForm = sample.data["text_form"]
    names = [next(iter(call)) for call in sample.target]
    calls = [(name, json.loads(gold.arguments)) for name, gold in zip(names, gold_calls(sample), strict=True)]
    text = _WRITERS[form.reply](calls)
    return f"<TOOLCALL>{text}</TOOLCALL>" if form.is_tagged else text


def _python(calls: list[tuple[str, dict[str, Any]]]) -> str:
    return "[" + ", ".join(f"{name}({', '.join(f'{k}={v!r}' for k, v in args.items())})" for name, args in calls) + "]"


def _json(calls: list[tuple[str, dict[str, Any]]]) -> str:
    return json.dumps([{"function": name, "parameters": args} for name, args in calls])


def _xml(calls: list[tuple[str, dict[str, Any]]], *, is_verbose: bool) -> str:
    from xml.sax.saxutils import escape, quoteattr

    kinds = {str: "string", bool: "boolean", int: "integer", float: "float", list: "array", dict: "dict"}
    out = "<functions>"
    for name, args in calls:
        out += f"<function name={quoteattr(name)}>" + ("<params>" if is_verbose else "")
        for key, value in args.items():
            text, kind = value if isinstance(value, str) else repr(value), kinds[type(value)]
            if is_verbose:
                out += f'<param name={quoteattr(key)} value={quoteattr(text)} type="{kind}"/>'
            else:
                out += f'<param name={quoteattr(key)} type="{kind}">{escape(text)}</param>'
        out += ("</params>" if is_verbose else "") + "</function>"
    return out + "</functions>"


_WRITERS: dict[str, Any] = {
    "python": _python,
    "json": _json,
    "verbose_xml": lambda calls: _xml(calls, is_verbose=True),
    "concise_xml": lambda calls: _xml(calls, is_verbose=False),
}


def test_right_calls_in_every_form_are_read_and_graded_right(rows: Any) -> None:
    """The system message differs by form, and the right calls written in that form pass: every question, every form."""
    solve = solver(CallFormat.TEXT)
    samples = [sample_at(rows, place) for place in range(len(rows))]

    async def lost_ones() -> list[str]:
        lost = []
        for sample in samples:
            reply = Response(written(sample))
            solved = await solve(sample, ScriptedModel(lambda _request, reply=reply: reply))  # type: ignore[misc]
            lost += [] if grade(sample, solved) else [sample.cluster]
        return lost

    lost = asyncio.run(lost_ones())
    # Questions that require a parameter which their accepted values leave out cannot be passed in any form.
    assert all(lost.count(origin) == 26 for origin in lost)
    assert len(set(lost)) <= 1


def test_forms_of_one_question_are_one_cluster(rows: Any) -> None:
    """All forms of a question share a cluster; another question has another."""
    assert len({sample_at(rows, place).cluster for place in range(26)}) == 1
    assert sample_at(rows, 0).cluster != sample_at(rows, 26).cluster
    assert isinstance(sample_at(rows, 0).data["text_form"], TextForm)
