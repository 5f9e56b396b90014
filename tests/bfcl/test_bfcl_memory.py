"""BFCL's memory questions: filled once, shared, graded by the last reply."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bfcl import CallFormat, Solution, evalscope_figures, grade, solver
from benchmarks.bfcl.conversation import Conversation
from benchmarks.bfcl.memory import SEED
from benchmarks.bfcl.simulation import Simulations
from benchmarks.bfcl.wheel import DEFAULT_VERSION, earlier_conversations
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.graders.calls import Call
from pytest_modeleval.records import Kind, Request, Response, Sample, ToolCall
from tests.support.bfcl_gold import ScriptedModel, letters, turn_samples

ADD = {"memory_kv": "core_memory_add", "memory_rec_sum": "memory_append", "memory_vector": "core_memory_add"}


def is_question(request: Request) -> bool:
    """A question has no seed of its own; the conversations that fill a memory have."""
    return "seed" not in request.params


def run(samples: list[Sample], model: ScriptedModel) -> list[Solution | BaseException]:
    """Ask all questions at once."""

    async def ask() -> list[Solution | BaseException]:
        solve = solver()
        found = await asyncio.gather(*(solve(sample, model) for sample in samples), return_exceptions=True)
        model.close()
        return list(found)

    return asyncio.run(ask())


@pytest.mark.parametrize("subset", sorted(ADD))
def test_memories_are_filled_once_in_order_and_shown_to_every_question(subset: str, tmp_path: Path) -> None:
    """Each earlier conversation is held once, sees what the one before kept, and so does every question."""
    asked = turn_samples(subset, 4, tmp_path)
    earlier = earlier_conversations(asked[0].data["scenario"], DEFAULT_VERSION)

    def answer(request: Request) -> Response:
        if is_question(request) or [m["role"] for m in request.messages] != ["system", "user"]:
            return Response("{'answer': 'Michael'}", content="ok")
        text = str(request.messages[-1]["content"])
        place = next(place for place, talk in enumerate(earlier) if talk["question"][0][-1]["content"] == text)
        arguments = {"key": f"fact_{place}", "value": "kept"} if subset == "memory_kv" else {"text": f"fact_{place} "}
        return Response("", tool_calls=(ToolCall(ADD[subset], json.dumps(arguments), "id0"),))

    model = ScriptedModel(answer)
    solved = run(asked, model)
    first = [m for m in model.asked if [part["role"] for part in m.messages] == ["system", "user"]]
    filling = [str(request.messages[0]["content"]) for request in first if not is_question(request)]
    questions = [str(request.messages[0]["content"]) for request in first if is_question(request)]
    kept = min(len(earlier), 99 if subset == "memory_rec_sum" else 7)
    assert len(filling) == len(earlier)
    assert ["fact_0" in text for text in filling] == [False] + [True] * (len(earlier) - 1)
    assert len(questions) == len(asked)
    assert all(f"fact_{place}" in text for text in questions for place in range(kept))
    assert {request.params["seed"] for request in model.asked if not is_question(request)} == {SEED}
    assert all(isinstance(one, Solution) for one in solved)


def test_a_memory_that_cannot_be_filled_leaves_every_question_ungraded(tmp_path: Path) -> None:
    """Never a silent zero: the failure of an earlier conversation reaches all questions of its scenario."""

    def answer(_request: Request) -> Response:
        raise Ungraded("the server is gone", kind=Kind.SERVER_ERROR, cause="connection_lost")

    found = run(turn_samples("memory_kv", 3, tmp_path), ScriptedModel(answer))
    assert [type(one) for one in found] == [Ungraded] * 3


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [
        ("{'answer': 'Michael', 'context': 'you said so'}", Kind.RIGHT, ""),
        ("You are MICHAEL.", Kind.RIGHT, ""),
        ("You are Michaela.", Kind.WRONG, "answer_not_found"),
        ("I do not know", Kind.WRONG, "answer_not_found"),
        ("  ", Kind.NO_ANSWER, "empty"),
    ],
)
def test_answers_are_whole_words_of_the_last_reply(text: str, kind: Kind, cause: str) -> None:
    """Any mention as whole words counts, without case; an empty last reply is no answer."""
    sample = Sample(target=["Michael"], data={"category": "memory_kv"})
    found = grade(sample, Solution(CallFormat.TOOLS, None, Conversation(((),), Response(text))))
    assert (found.kind, found.cause) == (kind, cause)


def test_only_the_last_reply_counts() -> None:
    """A conversation that ends in calls has no last reply."""
    sample = Sample(target=["Michael"], data={"category": "memory_kv"})
    found = grade(sample, Solution(CallFormat.TOOLS, None, Conversation(((),), None, is_stopped=True)))
    assert found.cause == "too_many_rounds"
    assert grade(sample, Solution(CallFormat.TOOLS, None, Conversation(((),), None))).cause == "no_final_reply"


def test_the_vector_memory_finds_what_is_alike(tmp_path: Path) -> None:
    """The best first, with scores; removed and changed texts are found no more; a restored memory finds the same."""
    turn_samples("memory_vector", 1, tmp_path)
    texts = ["aaaa", "bbbb", "aabb", "zzzz"]
    calls = [Call("archival_memory_add", {"text": text}) for text in texts]
    change = Call("archival_memory_update", {"vec_id": 3, "new_text": "abbb"})
    changes = [Call("archival_memory_remove", {"vec_id": 1}), change]
    search = Call("archival_memory_retrieve", {"query": "bbbbb", "top_k": 2})

    async def embed(asked: Sequence[str]) -> list[list[float]]:
        return [letters(text) for text in asked]

    async def ask() -> list[str]:
        apis = Simulations(DEFAULT_VERSION)
        async with apis.session(["MemoryAPI_vector"], {}, embed=embed) as session:
            found = await session.call([*calls, search, *changes, search])
            _, state = await session.memory()
        async with apis.session(["MemoryAPI_vector"], {"MemoryAPI_vector": state}, embed=embed) as session:
            found += await session.call([search])
        apis.close()
        return found

    first, _, _, second, restored = [json.loads(text) for text in asyncio.run(ask())[4:]]
    assert [entry["text"] for entry in first["result"]] == ["bbbb", "aabb"]
    wanted = sum(a * b for a, b in zip(letters("bbbbb"), letters("bbbb"), strict=True))
    assert first["result"][0]["similarity_score"] == pytest.approx(wanted)
    assert [entry["text"] for entry in second["result"]] == ["abbb", "aabb"]
    assert restored == second


def test_without_vectors_there_is_no_verdict(tmp_path: Path) -> None:
    """A model of embeddings that fails leaves the questions ungraded: the model is not to blame."""
    asked = turn_samples("memory_vector", 2, tmp_path)

    class Silent(ScriptedModel):
        async def use_tool(self, *_: Any, **__: Any) -> Any:
            raise Ungraded("no embeddings", kind=Kind.SERVER_ERROR, cause="embedding_failed")

    add = ToolCall("core_memory_add", json.dumps({"text": "fact"}), "id0")
    found = run(asked, Silent(lambda _request: Response("", tool_calls=(add,))))
    assert [getattr(one, "cause", "") for one in found] == ["embedding_failed"] * 2


def test_key_search_ranks_as_bm25_plus(tmp_path: Path) -> None:
    """Our stand-in for the package that upstream searches keys with: scores computed by hand for a small case."""
    sample = turn_samples("memory_kv", 1, tmp_path)[0]
    keys = ["home_town", "first_name", "last_name"]
    calls = [Call("core_memory_add", {"key": key, "value": "x"}) for key in keys]

    async def ask() -> list[str]:
        apis = Simulations(DEFAULT_VERSION)
        async with apis.session(["MemoryAPI_kv"], {}) as session:
            found = await session.call([*calls, Call("core_memory_key_search", {"query": "first name", "k": 2})])
        apis.close()
        return found

    # idf = ln(4 / 1) for "first" and ln(4 / 2) for "name"; every key is of average length, so each word found once
    # weighs idf * (1 + 2.5 / 2.5), each word not found idf * 1.
    ranked = json.loads(asyncio.run(ask())[-1])["ranked_results"]
    assert [key for _, key in ranked] == ["first_name", "last_name"]
    assert ranked[0][0] == pytest.approx(2 * 1.3862943611 + 2 * 0.6931471806)
    assert ranked[1][0] == pytest.approx(1.3862943611 + 2 * 0.6931471806)
    assert sample.target == ["Michael"]


SIX: dict[str, float] = {
    "simple_python": 1.0, "multiple": 1.0, "parallel_multiple": 2 / 3, "simple_java": 1 / 3, "simple_javascript": 1 / 3,
    "parallel": 1.0,
}  # fmt: skip


def test_evalscopes_rounded_figures_can_be_reproduced() -> None:
    """The user's table: NON_LIVE 0.8055 and OVERALL 0.0806, which rounding at every level makes of 29/36."""
    figures = evalscope_figures(SIX, dict.fromkeys(SIX, 3))
    assert figures == {"NON_LIVE": 0.8055, "OVERALL": 0.0806}


def test_evalscope_counts_a_missing_group_as_zero() -> None:
    """Half of AGENTIC missing halves it; the weight of a missing group is never given to the others."""
    full: dict[str, Any] = dict.fromkeys(("memory_kv", "memory_vector", "memory_rec_sum"), 1.0)
    assert evalscope_figures(full, dict.fromkeys(full, 155)) == {"AGENTIC": 0.5, "OVERALL": 0.2}
    assert evalscope_figures({}, {}) == {"OVERALL": 0.0}


def test_samples_of_both_backends_differ_only_in_id_and_category(tmp_path: Path) -> None:
    """One file serves both; ids are the official ones of each."""
    kv, rec_sum = (turn_samples(subset, 1, tmp_path)[0] for subset in ("memory_kv", "memory_rec_sum"))
    assert (kv.id, rec_sum.id) == ("memory_kv_0-customer-0", "memory_rec_sum_0-customer-0")
    assert replace(kv, id="", subset="", data={}) == replace(rec_sum, id="", subset="", data={})
