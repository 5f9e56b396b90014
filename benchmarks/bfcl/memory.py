"""BFCL's memory questions: conversations fill a memory first, then each question starts from what was kept.

Per backend and scenario the earlier conversations are held once, in order, each from the memory that the one before
left; all questions of the scenario share the result (bfcl-eval 2025.10.27.1). The words to the model are ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Request, Response, Sample

from .answer_grading import ANSWER_FORM
from .conversation import Conversation, converse
from .dialect import Dialect
from .embedding import Embedder
from .simulation import Embedding, Session, Simulations
from .text_prompts import with_system
from .tool_schemas import simulated_functions
from .wheel import earlier_conversations

# The same request whichever question comes first, so that a resumed run finds the conversations in its journal.
SEED = 20251027
_ROLES = {
    "student": "You help a college student with studies and with what surrounds them.",
    "customer": "You are the customer support of an online shop and serve the same customer again and again.",
    "finance": "You are the assistant of a senior person in finance, for work and private matters alike.",
    "healthcare": "You accompany a patient from one appointment to the next.",
    "notetaker": "You keep somebody's notes: tasks, dates, preferences.",
}
_KEEPING = (
    "You have a memory that outlasts conversations: later you will talk to this user again, with nothing but that "
    "memory. Keep in it what may matter, keep it up to date, and use it."
)
_TWO_PARTS = (
    "It has two parts. The core memory is small and always in view. The archival memory is large and out of view until "
    "you look into it. The core memory now holds:\n{content}"
)
_ONE_PART = "It now holds:\n{content}"


class Memories:
    """The filled memories of one run: each is made once, by whichever question needs it first."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[str, ...], asyncio.Task[dict[str, Any]]] = {}

    async def get(self, key: tuple[str, ...], filling: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        """The content of a memory. If filling it failed, every question that needs it gets the same exception."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(filling)
        else:
            filling.close()
        # Shielded: an item that is cancelled must not take the memory away from the others.
        return await asyncio.shield(task)


async def ask_memory(
    sample: Sample, model: Model, dialect: Dialect, *, apis: Simulations, memories: Memories, version: str
) -> Conversation:
    """The conversation about one question. Raises Ungraded where the memory could not be filled."""
    backend = sample.data["category"].removeprefix("memory_")
    name, scenario = f"MemoryAPI_{backend}", sample.data["scenario"]
    filling = _fill(model, dialect, name, scenario, apis=apis, version=version)
    state = await memories.get((model.name, type(dialect).__name__, version, name, scenario), filling)
    async with apis.session([name], {name: state}, embed=_embedding(model, name)) as session:
        first = with_system(sample.data["messages"][0], ANSWER_FORM)
        turns = [first, *sample.data["messages"][1:]]
        return await _talk(model, dialect, session, turns, name=name, scenario=scenario, version=version)


async def _fill(
    model: Model, dialect: Dialect, name: str, scenario: str, *, apis: Simulations, version: str
) -> dict[str, Any]:
    """What the memory holds after the earlier conversations."""
    state: dict[str, Any] = {}
    for earlier in await asyncio.to_thread(earlier_conversations, scenario, version):
        async with apis.session([name], {name: state}, embed=_embedding(model, name)) as session:
            turns = earlier["question"]
            await _talk(_Seeded(model), dialect, session, turns, name=name, scenario=scenario, version=version)
            _, state = await session.memory()
    return state


def _embedding(model: Model, name: str) -> Embedding | None:
    """What the vector memory asks for vectors; the other backends never do."""
    if name != "MemoryAPI_vector":
        return None
    return lambda texts: model.shared(Embedder).vectors(texts, model)


async def _talk(
    model: Model,
    dialect: Dialect,
    session: Session,
    turns: Sequence[Sequence[Mapping[str, Any]]],
    *,
    name: str,
    scenario: str,
    version: str,
) -> Conversation:
    content, _ = await session.memory()
    parts = _ONE_PART if name.endswith("rec_sum") else _TWO_PARTS
    system = f"{_ROLES.get(scenario, '')}\n\n{_KEEPING}\n\n{parts.replace('{content}', content)}"
    functions = await asyncio.to_thread(simulated_functions, name, version)
    return await converse(model, dialect, [with_system(turns[0], system), *turns[1:]], functions, session.call)


class _Seeded:
    """The model, asked with one seed for all."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name = model.name
        self.context_tokens = model.context_tokens
        self.prompt_tokens = model.prompt_tokens
        self.tool_calls = model.tool_calls
        self.shared = model.shared
        self.likelihood = model.likelihood
        self.label_scores = model.label_scores
        self.decide = model.decide
        self.count_tokens = model.count_tokens
        self.role = model.role
        self.embed = model.embed
        self.embed_corpus = model.embed_corpus
        self.rerank = model.rerank
        self.vector_marks = model.vector_marks

    async def ask(self, request: Request) -> Response:
        return await self._model.ask(replace(request, params={**request.params, "seed": SEED}))

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        return await self._model.use_tool(name, arguments, run, is_of_run=is_of_run)
