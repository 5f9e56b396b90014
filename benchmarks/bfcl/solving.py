"""One question of BFCL, asked and graded: `solver(call_format)` makes the `solve` of a benchmark, `grade` grades it."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pytest_modeleval.graders.calls import Call, Language, grade_text_calls, grade_tool_calls
from pytest_modeleval.graders.calls.python_text import parse_call
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Grade, Request, Response, Sample
from pytest_modeleval.web_search.config import read_web_config

from .answer_grading import grade_answer
from .categories import CATEGORIES, Style
from .conversation import MAX_ROUNDS, Conversation, converse
from .dialect import TextDialect, ToolDialect
from .memory import Memories, ask_memory
from .simulation import CpuLimitExceeded, Session, Simulations, TrueCall
from .text_prompts import system_text, with_system
from .tool_schemas import add_hints, simulated_functions, tools
from .web_questions import Web, ask_web
from .wheel import DEFAULT_VERSION


class CallFormat(StrEnum):
    """Ways of call_format for calls: as native tools, or as text. Their scores are not comparable."""

    TOOLS = "tools"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Solution:
    """What came of one question. call_format: how it was asked; response: of a single request; else conversation.

    cause, explanation: what the check of the conversation found; "" if all is well.
    """

    call_format: CallFormat
    response: Response | None = None
    conversation: Conversation | None = None
    cause: str = ""
    explanation: str = ""


def solver(
    always: CallFormat | None = None, *, version: str = DEFAULT_VERSION
) -> Callable[[Sample, Model], Coroutine[Any, Any, Solution]]:
    """The `solve` of a benchmark over the given bfcl-eval version.

    always: the format of calls; None for the one that suits the model.
    """

    async def solve(sample: Sample, model: Model) -> Solution:
        call_format = always or (CallFormat.TEXT if model.tool_calls == "text" else CallFormat.TOOLS)
        style = CATEGORIES[sample.data["category"]].style
        if style is Style.SINGLE:
            return Solution(call_format, response=await model.ask(single_request(sample, call_format)))
        if style is Style.MEMORY:
            return await _from_memory(sample, model, call_format, version)
        if style is Style.WEB:
            functions = await asyncio.to_thread(simulated_functions, "WebSearchAPI", version)
            said = await ask_web(
                sample, model, _dialect(call_format), web=model.shared(SharedState).searched(), functions=functions
            )
            return Solution(call_format, conversation=said)
        return await _in_turns(sample, model, call_format, version)

    return solve


def single_request(sample: Sample, call_format: CallFormat) -> Request:
    """The request of a single-turn question: the messages as they are in the data, functions with language hints."""
    data = sample.data
    functions = add_hints(data["functions"], Language(data["language"]))
    messages = data["messages"][0]
    if call_format is CallFormat.TEXT:
        return Request(with_system(messages, system_text(functions, data.get("text_form"))))
    return Request(messages, tools=tools(functions))


def grade(sample: Sample, solution: Solution) -> Grade:
    """The grade of a question, from what `solve` returned."""
    if solution.response is not None:
        grader = grade_text_calls if solution.call_format is CallFormat.TEXT else grade_tool_calls
        return grader(sample, solution.response)
    if solution.cause == "simulation_exhausted":
        return Grade.wrong(None, cause=solution.cause, explanation=solution.explanation)
    if solution.conversation is None:
        raise ValueError("solve returned neither a response nor a conversation")
    if CATEGORIES[sample.data["category"]].style in (Style.MEMORY, Style.WEB):
        return grade_answer(sample, solution.conversation)
    return grade_turns(solution.conversation, solution.cause, solution.explanation)


def grade_turns(conversation: Conversation, cause: str, explanation: str) -> Grade:
    """The grade of a conversation in turns, given the verdict of the state and response checks."""
    made = "; ".join(f"{place + 1}: {_written(rounds)}" for place, rounds in enumerate(conversation.turns))
    if not cause:
        return Grade.right(made, "every turn left the expected state and gave the expected results")
    if conversation.is_silent:
        silent = "call_in_text" if conversation.has_unparsed_calls else next(iter(conversation.unread), "no_call")
        return Grade.no_answer(cause=silent, explanation=f"no call was made in {len(conversation.turns)} turns")
    if conversation.is_cut:
        explanation += " (a reply was cut at its token limit)"
    return Grade.wrong(made, cause=cause, explanation=explanation)


def _written(rounds: Sequence[Sequence[Call]]) -> str:
    return ", ".join(call.name for calls in rounds for call in calls) or "-"


async def _in_turns(sample: Sample, model: Model, call_format: CallFormat, version: str) -> Solution:
    data = sample.data
    shared = model.shared(SharedState)
    await shared.read(data["classes"], version)
    functions, held_back = _offered(data, version)
    dialect = _dialect(call_format)
    has_long_context = "long_context" in data["category"]
    apis = shared.of(version)
    session = apis.session(data["classes"], data["config"], has_long_context=has_long_context)
    async with session:
        try:
            said = await converse(model, dialect, data["messages"], functions, session.call, held_back=held_back)
            cause, explanation = await _checked(session, said, sample.target)
        except CpuLimitExceeded as limit:
            said, cause, explanation = Conversation(()), "simulation_exhausted", str(limit)
    return Solution(call_format, conversation=said, cause=cause, explanation=explanation)


async def _from_memory(sample: Sample, model: Model, call_format: CallFormat, version: str) -> Solution:
    shared = model.shared(SharedState)
    try:
        said = await ask_memory(
            sample, model, _dialect(call_format), apis=shared.of(version), memories=shared.memories, version=version
        )
    except CpuLimitExceeded as limit:
        return Solution(call_format, None, Conversation(()), "simulation_exhausted", str(limit))
    return Solution(call_format, conversation=said)


def _dialect(call_format: CallFormat) -> TextDialect | ToolDialect:
    return TextDialect() if call_format is CallFormat.TEXT else ToolDialect()


async def _checked(session: Session, said: Conversation, truth: Sequence[Sequence[str]]) -> tuple[str, str]:
    # A conversation that was stopped in its last turn has all its turns, and they are checked as any others.
    if said.is_stopped and len(said.turns) < len(truth):
        return "too_many_rounds", f"turn {len(said.turns)} went on after {MAX_ROUNDS} rounds of calls"
    return await session.check(said.turns, [[_true_call(text) for text in turn] for turn in truth])


@functools.lru_cache(maxsize=8192)
def _true_call(text: str) -> TrueCall:
    # The subsets in turns ask for the same calls, and so do repeats. Not to be changed by callers.
    return parse_call(text)


def _offered(
    data: Mapping[str, Any], version: str
) -> tuple[list[Mapping[str, Any]], dict[int, list[Mapping[str, Any]]]]:
    """The functions of the first turn, and those that come later."""
    every = [function for name in data["classes"] for function in simulated_functions(name, version)]
    missing = {name for names in data["held_back"].values() for name in names}
    later = {
        turn: [function for name in names for function in every if function["name"] == name]
        for turn, names in data["held_back"].items()
    }
    return [function for function in every if function["name"] not in missing], later


@dataclass(slots=True)
class SharedState:
    """What the questions of one run share: `model.shared(SharedState)`.

    described: APIs of a version whose descriptions are in memory.
    """

    simulations: dict[str, Simulations] = field(default_factory=dict)
    memories: Memories = field(default_factory=Memories)
    web: Web | None = None
    described: set[tuple[str, str]] = field(default_factory=set)

    async def read(self, classes: Sequence[str], version: str) -> None:
        """Have the descriptions of the APIs read, outside of the loop, which happens once for each."""
        for name in classes:
            if (name, version) not in self.described:
                await asyncio.to_thread(simulated_functions, name, version)
                self.described.add((name, version))

    def searched(self) -> Web:
        """Who searches, as the environment says."""
        if self.web is None:
            self.web = Web(read_web_config(), os.environ)
        return self.web

    def of(self, version: str) -> Simulations:
        """The simulated APIs of one bfcl-eval version."""
        if version not in self.simulations:
            self.simulations[version] = Simulations(version)
        return self.simulations[version]

    def close(self) -> None:
        """End all processes."""
        for simulations in self.simulations.values():
            simulations.close()
