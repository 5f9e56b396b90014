"""BFCL's conversations in turns: the loop, the simulated APIs in their processes, state and response checks."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bfcl import CallFormat, Solution, grade, solver
from benchmarks.bfcl.simulation import Simulations
from benchmarks.bfcl.solving import SharedState
from benchmarks.bfcl.wheel import DEFAULT_VERSION
from pytest_modeleval.errors import Ungraded
from pytest_modeleval.graders.calls import Call
from pytest_modeleval.records import Kind, Request, Response, Sample, ToolCall
from tests.support.bfcl_gold import ScriptedModel, replayed, true_calls, turn_of, turn_samples

SUBSETS = ["multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context"]
Replying = Callable[[Sequence[Mapping[str, Any]]], tuple[tuple[str, str], ...]]


def hold(sample: Sample, replying: Replying) -> tuple[Solution, list[Request]]:
    """Hold a conversation with a model that answers as `replying` says; what came of it, and what was asked."""

    def answer(request: Request) -> Response:
        calls = replying(request.messages)
        made = tuple(ToolCall(name, arguments, f"id{place}") for place, (name, arguments) in enumerate(calls))
        return Response("" if made else "Done.", content="" if made else "Done.", tool_calls=made)

    model = ScriptedModel(answer)

    async def run() -> Solution:
        try:
            return await solver()(sample, model)
        finally:
            model.close()

    return asyncio.run(run()), model.asked


@pytest.mark.parametrize("subset", SUBSETS)
def test_true_calls_are_right_and_a_dropped_one_is_not(subset: str, tmp_path: Path) -> None:
    """The ground truth, played by a model, is right; without the last needed call it is wrong, with a cause."""
    for sample in turn_samples(subset, 3, tmp_path):
        turns = true_calls(sample)
        solved, _ = hold(sample, lambda messages, turns=turns: replayed(turns, messages))  # type: ignore[misc]
        assert grade(sample, solved), solved.explanation
        last = max(place for place, turn in enumerate(turns) if turn)
        fewer = [turn[:-1] if place == last else turn for place, turn in enumerate(turns)]
        solved, _ = hold(sample, lambda messages, turns=fewer: replayed(turns, messages))  # type: ignore[misc]
        assert grade(sample, solved).cause in ("wrong_state", "wrong_response", "empty_turn")


def test_grading_twice_gives_the_same_verdict(tmp_path: Path) -> None:
    """No state leaks from a wrong attempt into a right one, which upstream's module globals allow."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]
    turns = true_calls(sample)

    async def verdicts() -> list[tuple[str, str]]:
        apis = Simulations(DEFAULT_VERSION)
        wrong = [[[Call("mkdir", {"dir_name": "stray"})]], *([] for _ in turns[1:])]
        right = [[[Call(name, keywords) for name, keywords in turn]] for turn in turns]
        truth = [[(name, (), keywords) for name, keywords in turn] for turn in turns]
        found = []
        for answer in (wrong, right, wrong, right):
            async with apis.session(sample.data["classes"], sample.data["config"]) as session:
                found.append(await session.check(answer, truth))
        apis.close()
        return found

    causes = [cause for cause, _ in asyncio.run(verdicts())]
    assert causes == ["wrong_state", "", "wrong_state", ""]


def test_held_back_functions_appear_in_their_turn(tmp_path: Path) -> None:
    """Until its turn a held-back function is not offered; then it is, and a user message says so."""
    sample = next(one for one in turn_samples("multi_turn_miss_func", 20, tmp_path) if one.data["held_back"])
    ((turn, names),) = sample.data["held_back"].items()
    turns = true_calls(sample)
    _, asked = hold(sample, lambda messages: replayed(turns, messages))
    for request in asked:
        offered = {tool["function"]["name"] for tool in request.tools}
        assert offered.issuperset(names) is (turn_of(request.messages) >= turn)


def test_histories_pair_every_call_with_its_result(tmp_path: Path) -> None:
    """Each tool call sent back is followed by a result with its id; reasoning is sent back only if it was given."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]
    turns = true_calls(sample)
    _, asked = hold(sample, lambda messages: replayed(turns, messages))
    history = asked[-1].messages
    wanted = [call["id"] for message in history for call in message.get("tool_calls", ())]
    assert wanted == [message["tool_call_id"] for message in history if message["role"] == "tool"]
    assert not any("reasoning_content" in message for message in history)
    assert all(isinstance(message["content"], str) for message in history)


def test_a_model_that_never_stops_calling_is_stopped(tmp_path: Path) -> None:
    """More than 20 rounds of calls in a turn end the conversation; that is wrong, with a cause of its own."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]
    solved, asked = hold(sample, lambda _messages: (("ls", "{}"),))
    assert grade(sample, solved).cause == "too_many_rounds"
    assert len(asked) == 21


@pytest.mark.parametrize(
    ("turn", "rounds", "cause"), [(-1, 20, ""), (-1, 21, ""), (-1, 30, ""), (0, 21, "too_many_rounds")]
)
def test_the_limit_of_rounds_counts_after_the_round(turn: int, rounds: int, cause: str, tmp_path: Path) -> None:
    """A last turn that does all that is needed in 21 rounds is right, as officially; an earlier one ends too soon."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]
    turns = true_calls(sample)
    long = turn % len(turns)

    def reply(messages: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
        place = turn_of(messages)
        if place != long:
            return replayed(turns, messages)
        last_user = max(n for n, message in enumerate(messages) if message["role"] == "user")
        done = sum(message["role"] == "assistant" for message in messages[last_user:])
        wanted = [(name, json.dumps(keywords)) for name, keywords in turns[place]]
        return () if done >= rounds else (wanted[done],) if done < len(wanted) else (("pwd", "{}"),)

    solution, asked = hold(sample, reply)
    assert grade(sample, solution).cause == cause, solution.explanation
    assert not cause or len(asked) == 21


def test_a_model_that_never_calls_gave_no_answer(tmp_path: Path) -> None:
    """Not one call in a whole conversation is no answer rather than a wrong one, so that a lost parser shows."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]
    solved, _ = hold(sample, lambda _messages: ())
    assert (grade(sample, solved).kind, grade(sample, solved).cause) == (Kind.NO_ANSWER, "no_call")


def test_the_first_question_waits_for_no_process(tmp_path: Path) -> None:
    """The simulated APIs start while the model answers: here they cannot before it was asked, and all is well."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]
    turns = true_calls(sample)

    async def run() -> Solution:
        is_asked = asyncio.Event()

        class Held(Simulations):
            async def connect(self, *, is_alone: bool) -> socket.socket:
                await is_asked.wait()
                return await super().connect(is_alone=is_alone)

        def answer(request: Request) -> Response:
            is_asked.set()
            calls = replayed(turns, request.messages)
            made = tuple(ToolCall(name, text, f"id{place}") for place, (name, text) in enumerate(calls))
            return Response("" if made else "Done.", tool_calls=made)

        model = ScriptedModel(answer)
        model.shared(SharedState).simulations[DEFAULT_VERSION] = Held(DEFAULT_VERSION)
        try:
            async with asyncio.timeout(60):
                return await solver()(sample, model)
        finally:
            model.close()

    assert grade(sample, asyncio.run(run()))


HOSTILE = ["__class__", "_load_scenario", "__import__('os').system", "lambda: 0", "exit", "no_such", ""]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_reach_nothing_but_public_methods(name: str, tmp_path: Path) -> None:
    """A call of anything else is answered with an error text; nothing runs, and the simulation lives on."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]

    async def ask() -> list[str]:
        apis = Simulations(DEFAULT_VERSION)
        async with apis.session(sample.data["classes"], sample.data["config"]) as session:
            found = await session.call([Call(name, {"x": 1}), Call("ls", {})])
        apis.close()
        return found

    refused, listed = asyncio.run(ask())
    assert refused.startswith("Error during execution: ")
    assert "current_directory_content" in listed


def test_results_are_texts_and_wrong_arguments_are_answered(tmp_path: Path) -> None:
    """Dicts come as JSON; unknown parameters give the API's own error, as upstream."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]

    async def ask() -> list[str]:
        apis = Simulations(DEFAULT_VERSION)
        async with apis.session(["MathAPI", *sample.data["classes"]], sample.data["config"]) as session:
            found = await session.call([Call("add", {"a": 1, "b": 2}), Call("add", {"a": 1, "c": 2}), Call("pwd", {})])
        apis.close()
        return found

    added, refused, place = asyncio.run(ask())
    assert json.loads(added) == {"result": 3}
    assert "unexpected keyword argument" in refused
    assert "current_working_directory" in json.loads(place)


def test_a_process_that_dies_leaves_the_sample_ungraded(tmp_path: Path) -> None:
    """A simulation that the system kills is a fault of the harness, never a wrong answer."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]

    async def ask() -> None:
        apis = Simulations(DEFAULT_VERSION)
        try:
            async with apis.session(["NoSuchAPI"], sample.data["config"]) as session:
                await session.call([])
        finally:
            apis.close()

    with pytest.raises(Ungraded) as lost:
        asyncio.run(ask())
    assert (lost.value.kind, lost.value.cause) == (Kind.GRADER_ERROR, "simulation_died")


def test_many_conversations_at_once_do_not_mix(tmp_path: Path) -> None:
    """Sixty conversations over twenty questions at once: every replay of the truth is right."""
    asked = turn_samples("multi_turn_base", 20, tmp_path) * 3
    turns = {sample.id: true_calls(sample) for sample in asked}
    store: dict[Any, Any] = {}

    async def one(sample: Sample) -> Solution:
        def answer(request: Request) -> Response:
            calls = replayed(turns[sample.id], request.messages)
            made = tuple(ToolCall(name, text, f"id{place}") for place, (name, text) in enumerate(calls))
            return Response("" if made else "Done.", tool_calls=made)

        return await solver()(sample, ScriptedModel(answer, store=store))

    async def run() -> list[Solution]:
        found = await asyncio.gather(*(one(sample) for sample in asked))
        ScriptedModel(lambda _request: Response(""), store=store).close()
        return found

    found = asyncio.run(run())
    assert [bool(grade(sample, solved)) for sample, solved in zip(asked, found, strict=True)] == [True] * 60


def test_conversations_as_text_work_too(tmp_path: Path) -> None:
    """Without tools the same question is held in text: functions in the system message, results in user messages."""
    sample = turn_samples("multi_turn_base", 1, tmp_path)[0]
    turns = true_calls(sample)
    place = iter([text for turn in turns for text in (_text(turn), "Done with this turn.")])
    model = ScriptedModel(lambda _request: _said(next(place)))

    async def run() -> Solution:
        try:
            return await solver(CallFormat.TEXT)(replace(sample, id="x"), model)
        finally:
            model.close()

    solved = asyncio.run(run())
    assert grade(sample, solved), solved.explanation
    assert not any(request.tools for request in model.asked)
    assert {message["role"] for message in model.asked[-1].messages} == {"system", "user", "assistant"}


def _text(turn: list[tuple[str, dict[str, Any]]]) -> str:
    calls = [f"{name}({', '.join(f'{key}={value!r}' for key, value in keywords.items())})" for name, keywords in turn]
    return f"[{', '.join(calls)}]"


def _said(text: str) -> Response:
    return Response(text, content=text)
