"""One question of web search, asked: a conversation with two tools, whose last reply is graded."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pytest_modeleval.model_protocol import Model
from pytest_modeleval.records import Request, Response, Sample
from pytest_modeleval.web_search.config import WebConfig
from pytest_modeleval.web_search.provider import Provider, provider_error
from pytest_modeleval.web_search.provider_factory import open_corpus, open_provider
from pytest_modeleval.web_search.tools import MOST_CHARACTERS, WebTools

from .answer_grading import ANSWER_FORM
from .categories import WEB_CORPUS
from .conversation import MAX_ROUNDS, Conversation, converse
from .dialect import Dialect
from .text_prompts import with_system

# Text of web pages has 3 to 4 characters a token; HTML has fewer.
CHARACTERS_PER_TOKEN = 2.5
ROUND_TOKENS = 150


class Web:
    """What the web questions of one run share: the providers, and whether any page could be reached so far."""

    def __init__(self, config: WebConfig, environ: Mapping[str, str]) -> None:
        self._live = open_provider(config, environ)
        self._corpus = open_corpus(config)
        self.has_reached = False

    def provider(self, category: str) -> Provider:
        """The provider for the questions of a category."""
        return self._corpus if category == WEB_CORPUS else self._live


async def ask_web(
    sample: Sample, model: Model, dialect: Dialect, *, web: Web, functions: Sequence[Mapping[str, Any]]
) -> Conversation:
    """The conversation about one question. Raises Ungraded where the provider fails, or no page can be reached at all.

    An unreachable page is an answer to the model; but as long as no page was ever reached in the run, it may
    as well be our network, and then there is no verdict.
    """
    category = sample.data["category"]
    provider = web.provider(category)
    refusal = provider.refusal()
    if refusal is not None:
        raise refusal
    measured = _Measured(model)
    tools = WebTools(provider, measured, has_snippets="no_snippet" not in category, room=measured.room)
    turns = [with_system(sample.data["messages"][0], ANSWER_FORM), *sample.data["messages"][1:]]
    said = await converse(measured, dialect, turns, functions, tools.answer)
    web.has_reached = web.has_reached or tools.has_reached
    if tools.is_unproven and not web.has_reached:
        raise provider_error(
            "no page could be reached in this run so far; is there a way to the internet from here (HTTPS_PROXY)?",
            cause="no_network",
        )
    return said


class _Measured:
    """The model, with an eye on how full its context is."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._used = 0
        self._asked = 0
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

    def room(self) -> int:
        """Characters that results may still have before the next prompt grows too long."""
        if self.prompt_tokens is None:
            return 2 * MOST_CHARACTERS
        # Left for what is not counted, and for calls and short errors of the rounds that may follow.
        spared = self.prompt_tokens // 20 + ROUND_TOKENS * max(0, MAX_ROUNDS - self._asked)
        spared = min(spared, self.prompt_tokens // 3)
        return max(0, int((self.prompt_tokens - spared - self._used) * CHARACTERS_PER_TOKEN))

    async def ask(self, request: Request) -> Response:
        response = await self._model.ask(request)
        self._asked += 1
        usage = response.usage
        if usage.prompt_tokens:
            self._used = usage.prompt_tokens + (usage.completion_tokens or 0)
        else:
            sent = sum(len(json.dumps(message, default=str)) for message in request.messages)
            self._used = int((sent + len(response.content)) / CHARACTERS_PER_TOKEN)
        return response

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        return await self._model.use_tool(name, arguments, run, is_of_run=is_of_run)
