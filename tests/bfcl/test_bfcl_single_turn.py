"""BFCL's single-turn questions: asking, grading, ceilings, aggregates."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bfcl import AGGREGATES, CATEGORIES, CallFormat, Style, grade, sample_id, solver, to_sample
from benchmarks.bfcl.text_prompts import all_forms, describe, system_text
from benchmarks.bfcl.tool_schemas import add_hints, tools
from pytest_modeleval.datasets import Row
from pytest_modeleval.errors import DataError
from pytest_modeleval.graders.calls import Language
from pytest_modeleval.metrics import combine, score_subset
from pytest_modeleval.records import ItemKey, Kind, Outcome, Request, Response, Sample
from tests.support.bfcl_gold import ScriptedModel, gold_calls
from tests.support.bfcl_gold import bfcl_samples as samples

SINGLE = [name for name, category in CATEGORIES.items() if category.style is Style.SINGLE]
# What a model that follows the schemas reaches; the rest nobody can pass (Java arrays of mixed types, parameters
# that are required but not accepted).
CEILINGS = {
    "simple_python": 400,
    "simple_java": 98,
    "simple_javascript": 50,
    "multiple": 200,
    "parallel": 200,
    "parallel_multiple": 200,
    "live_simple": 256,
    "live_parallel": 16,
    "live_parallel_multiple": 24,
}


def solved(sample: Sample, response: Response, asking: CallFormat = CallFormat.TOOLS) -> Any:
    """What the benchmark's `solve` makes of a reply."""
    return asyncio.run(solver(asking)(sample, ScriptedModel(lambda _request: response)))


@pytest.mark.parametrize("subset", sorted(CEILINGS))
def test_a_model_that_follows_the_schemas_reaches_the_known_ceiling(subset: str, tmp_path: Path) -> None:
    """Right tool calls are graded right in every question but those that nobody can pass."""
    asked = samples(subset, tmp_path)
    right = [bool(grade(one, solved(one, Response("", tool_calls=gold_calls(one))))) for one in asked]
    assert sum(right) == CEILINGS[subset]
    assert len(right) == CATEGORIES[subset].size


@pytest.mark.parametrize("subset", ["irrelevance", "live_irrelevance", "live_relevance"])
def test_relevance_is_judged_by_whether_a_call_was_made(subset: str, tmp_path: Path) -> None:
    """Text is right and a call wrong where no function fits; the other way round where one does."""
    one = next(sample for sample in samples(subset, tmp_path) if sample.data["functions"])
    name = one.data["functions"][0]["name"].replace(".", "_")
    text = grade(one, solved(one, Response("I cannot do that.")))
    call = grade(one, solved(one, Response("", tool_calls=(_call(name),))))
    assert bool(text) is (subset != "live_relevance")
    assert bool(call) is (subset == "live_relevance")
    assert {text.cause, call.cause} <= {"", "call_not_wanted", "text_instead_of_call"}


def _call(name: str) -> Any:
    from pytest_modeleval.records import ToolCall

    return ToolCall(name, "{}")


def test_a_reply_cut_before_it_said_anything_does_not_prove_irrelevance(tmp_path: Path) -> None:
    """Where no call is wanted, an empty reply that was cut gets no credit; an empty whole one does, as upstream."""
    one = samples("irrelevance", tmp_path)[0]
    cut = grade(one, solved(one, Response("", reasoning="hm", finish_reason="length", is_thinking_open=True)))
    assert (cut.kind, cut.cause) == (Kind.NO_ANSWER, "unclosed_thinking")
    assert grade(one, solved(one, Response("", finish_reason="stop")))


def test_requests_carry_tools_whose_java_values_are_strings(tmp_path: Path) -> None:
    """Tool names have no dots, every Java parameter is a string, and the graded descriptions stay as they were."""
    one = samples("simple_java", tmp_path)[1]
    before = json.dumps(one.data["functions"])
    model = ScriptedModel(lambda _request: Response("no"))
    asyncio.run(solver()(one, model))
    (request,) = model.asked
    (tool,) = request.tools
    assert "." not in tool["function"]["name"]
    assert {schema["type"] for schema in tool["function"]["parameters"]["properties"].values()} == {"string"}
    assert tool["function"]["parameters"]["type"] == "object"
    assert json.dumps(one.data["functions"]) == before


def test_questions_without_functions_are_asked_without_tools(tmp_path: Path) -> None:
    """Servers refuse an empty list of tools; some questions offer no function."""
    bare = [one for one in samples("live_irrelevance", tmp_path) if not one.data["functions"]]
    model = ScriptedModel(lambda _request: Response("no"))
    asyncio.run(solver()(bare[0], model))
    assert len(bare) == 4
    assert model.asked[0].tools == []


def test_every_function_of_the_data_becomes_a_legal_tool(tmp_path: Path) -> None:
    """Names fit the API's alphabet and length, and no type of the data's own remains."""
    legal = {"string", "integer", "number", "boolean", "array", "object"}
    for subset in SINGLE:
        for one in samples(subset, tmp_path):
            for tool in tools(add_hints(one.data["functions"], Language(one.data["language"]))):
                function = tool["function"]
                assert function["name"].replace("_", "").replace("-", "").isalnum()
                assert len(function["name"]) <= 64
                assert {schema["type"] for schema in function["parameters"]["properties"].values()} <= legal


def test_text_asking_describes_every_function_and_keeps_a_system_message(tmp_path: Path) -> None:
    """The system message names the functions with their dots and the form of calls; one that is there follows."""
    with_own = next(one for one in samples("live_simple", tmp_path) if one.data["messages"][0][0]["role"] == "system")
    model = ScriptedModel(lambda _request: Response("no"))
    asyncio.run(solver(CallFormat.TEXT)(with_own, model))
    (request,) = model.asked
    first = request.messages[0]
    assert not request.tools
    assert first["role"] == "system"
    assert with_own.data["functions"][0]["name"] in first["content"]
    assert first["content"].endswith(with_own.data["messages"][0][0]["content"])
    assert [message["role"] for message in request.messages].count("system") == 1


def test_calls_as_text_are_graded_like_tool_calls(tmp_path: Path) -> None:
    """The right calls written in the asked form pass, with dots in their names; prose is no answer."""
    for one in samples("parallel", tmp_path)[:40]:
        written = ", ".join(
            f"{next(iter(call))}({', '.join(f'{k}={v!r}' for k, v in json.loads(gold.arguments).items())})"
            for call, gold in zip(one.target, gold_calls(one), strict=True)
        )
        assert grade(one, solved(one, Response(f"[{written}]"), CallFormat.TEXT))
        assert grade(one, solved(one, Response("Let me think."), CallFormat.TEXT)).kind is Kind.NO_ANSWER


def test_there_are_26_text_forms_and_each_describes_the_functions(tmp_path: Path) -> None:
    """The configurations of format sensitivity have 26 different names and 26 different system messages."""
    functions = samples("multiple", tmp_path)[0].data["functions"]
    forms = all_forms()
    assert len({form.name for form in forms}) == 26
    assert len({system_text(functions, form) for form in forms}) == 26
    assert all(functions[-1]["name"] in describe(functions, form) for form in ("json", "python", "xml"))


def _scores(right: dict[str, int], num: int) -> list[Any]:
    found = []
    for subset, count in right.items():
        kinds = [Kind.RIGHT if place < count else Kind.WRONG for place in range(num)]
        outcomes = [
            Outcome(ItemKey("bfcl_v4", subset, f"{subset}_{place}"), kind, float(kind is Kind.RIGHT))
            for place, kind in enumerate(kinds)
        ]
        found.append(score_subset(subset, outcomes, num, metric="acc"))
    return found


SEED = {
    "simple_python": 3, "multiple": 3, "parallel_multiple": 2, "simple_java": 1, "simple_javascript": 1, "parallel": 3,
}  # fmt: skip


def test_the_users_six_subsets_combine_exactly_and_say_what_is_missing() -> None:
    """The user's table: NON_LIVE 29/36, OVERALL partial with a ceiling of 0.10 instead of a lone 0.0806."""
    found = {part.name: part for part in combine(AGGREGATES, _scores(SEED, 3), list(SEED))}
    assert found["NON_LIVE"].score == pytest.approx(29 / 36)
    assert f"{found['NON_LIVE'].score:.4f}" == "0.8056"
    overall = found["OVERALL"]
    assert overall.score is None
    assert overall.is_partial
    assert overall.at_least == pytest.approx(0.1 * 29 / 36)
    assert "at most 0.10" in overall.note
    assert set(overall.missing) == {"AGENTIC", "MULTI_TURN", "LIVE", "HALLUCINATION"}


def test_the_official_formula_weighs_whole_groups() -> None:
    """With every category run, OVERALL is 40 % agentic, 30 % multi-turn and 10 % of each of the other three."""
    right = dict.fromkeys(CATEGORIES, 0) | dict.fromkeys(("multi_turn_base", "multi_turn_miss_func"), 4)
    right |= {"memory_kv": 4, "live_relevance": 4, "irrelevance": 2}
    found = {part.name: part.score for part in combine(AGGREGATES, _scores(right, 4), list(right))}
    assert found["MULTI_TURN"] == pytest.approx(0.5)
    assert found["AGENTIC"] == pytest.approx(1 / 6)
    assert found["HALLUCINATION"] == pytest.approx(0.25)
    assert found["OVERALL"] == pytest.approx(0.4 / 6 + 0.3 * 0.5 + 0.1 * 0.25)


def test_a_row_of_the_wrong_form_is_named() -> None:
    """A question that is no list of turns is a data error with file and line."""
    row = Row({"id": "multiple_0", "question": "hi"}, subset="multiple", index=0, file="x.jsonl", line=7)
    with pytest.raises(DataError, match=r"x\.jsonl, line 7"):
        to_sample(row)


def test_ids_of_shared_files_carry_the_subset() -> None:
    """Memory and web-search questions serve several subsets; each has the official id of its own."""
    row = Row({"id": "memory_3-customer-3"}, subset="memory_kv", index=0, file="x", line=1)
    assert sample_id(row) == "memory_kv_3-customer-3"


def test_solving_asks_once_and_sends_the_messages_of_the_data(tmp_path: Path) -> None:
    """A single-turn question is one request with the data's own messages and no added system message."""
    one = samples("simple_python", tmp_path)[0]
    model = ScriptedModel(lambda _request: Response("", tool_calls=gold_calls(one)))
    asyncio.run(solver()(one, model))
    assert [request.messages for request in model.asked] == [one.data["messages"][0]]
    assert isinstance(model.asked[0], Request)
