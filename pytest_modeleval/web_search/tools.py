"""The two tools of BFCL's web search, as the model sees them: names, arguments, results and errors of upstream.

Source: bfcl-eval 2025.10.27.1, web_search.py and the executor of multi_turn_utils.py. Calls are made by name and
arguments. Departures: a hit without snippet has an empty one (upstream fails), results are cut to what the
conversation has room for (upstream sends what the server then refuses), and there is an end to uses of the tools.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pytest_modeleval.graders.calls import Call
from pytest_modeleval.model_protocol import Model
from pytest_modeleval.web_search.html_text import MODES, text_of_html
from pytest_modeleval.web_search.provider import Hit, Page, Provider, sanitise

# Characters of one page, whatever room there is: about 50,000 tokens.
MOST_CHARACTERS = 200_000
# Uses of the tools in one conversation: searches cost money, and a reply may hold a thousand calls.
MOST_USES = 100
# As much of a search and of an address as is read; servers refuse longer addresses.
MOST_KEYWORDS = 2000
MOST_ADDRESS = 8000
# Fewer are not worth showing: the result states that there is no room.
LEAST_CHARACTERS = 500
# What upstream answers to a search without results.
NOTHING_FOUND = "Failed to retrieve the search results from server. Please try again later."


class WebTools:
    """The tools of one conversation. provider: who searches. model: keeps what was found in the journal.

    has_snippets: hits are shown with their snippets. room(): characters that the conversation still has room for.
    is_unproven: a page could not be reached, and none was reached in this conversation.
    """

    def __init__(self, provider: Provider, model: Model, *, has_snippets: bool, room: Callable[[], int]) -> None:
        self._provider = provider
        self._model = model
        self._has_snippets = has_snippets
        self._room = room
        self._left = 0
        self._uses = 0
        self._has_failed_to_reach = False
        self.has_reached = False

    @property
    def is_unproven(self) -> bool:
        return self._has_failed_to_reach and not self.has_reached

    async def answer(self, calls: Sequence[Call]) -> list[str]:
        """The results of calls, in order, as text; a call that fails gives an error text. Raises Ungraded."""
        results: list[str] = []
        self._left = self._room()
        for call in calls:
            result = await self._one(call.name, dict(call.arguments))
            results.append(result)
            self._left = max(0, self._left - len(result))
        return results

    async def _one(self, name: str, arguments: dict[str, Any]) -> str:
        tools: dict[str, Callable[..., Awaitable[str]]] = {
            "search_engine_query": self._search,
            "fetch_url_content": self._fetch,
        }
        tool = tools.get(name)
        self._uses += 1
        if self._uses > MOST_USES:
            return json.dumps({"error": f"More than {MOST_USES} uses of the tools; give your answer now."})
        try:
            if tool is None:
                raise NameError(f"name {name!r} is not defined")
            return await tool(**{str(key): value for key, value in arguments.items()})
        except (NameError, TypeError, ValueError) as error:
            return f"Error during execution: {_as_upstream(str(error))[:500]}"

    async def _search(self, keywords: Any, max_results: Any = 10, region: Any = "wt-wt") -> str:
        asked = {"keywords": sanitise(str(keywords)[:MOST_KEYWORDS]), "region": sanitise(str(region)[:40])}

        async def run() -> list[list[str]]:
            hits = await self._provider.search(asked["keywords"], asked["region"])
            return [[hit.title, hit.url, hit.snippet] for hit in hits]

        found = [Hit(*entry) for entry in await self._use("search_engine_query", asked, run)]
        if not found:
            return json.dumps({"error": NOTHING_FOUND})
        shown = [self._shown(hit) for hit in found[:max_results]]
        while shown and len(str(shown)) > self._left:
            shown.pop()
            if not shown:
                return json.dumps({"error": "There is no room left in this conversation for results of a search."})
        return str(shown)

    def _shown(self, hit: Hit) -> dict[str, str]:
        shown = {"title": hit.title, "href": hit.url}
        return {**shown, "body": hit.snippet} if self._has_snippets else shown

    async def _fetch(self, url: Any, mode: Any = "raw") -> str:
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise ValueError(f"Invalid URL: {url}")
        if len(url) > MOST_ADDRESS:
            return _error(url, "the address is too long")
        url = sanitise(url)
        if mode not in MODES:
            return _error(url, f"Unsupported mode: {mode}")

        async def run() -> dict[str, Any]:
            page = await self._provider.page(url)
            text, error = await _in_mode(page, mode)
            return {
                "text": sanitise(text),
                "error": sanitise(error),
                "is_unreached": page.is_unreached and self._provider.is_live,
            }

        found = await self._use("fetch_url_content", {"url": url, "mode": mode}, run)
        if found["is_unreached"]:
            self._has_failed_to_reach = True
        else:
            self.has_reached = True
        if found["error"]:
            return _error(url, found["error"])
        return _fitting(url, found["text"], self._left)

    async def _use(self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await self._model.use_tool(name, arguments, run)
        except (NameError, TypeError, ValueError) as error:
            # A fault of ours, which must not look like an error of the tool.
            raise RuntimeError(f"{name} failed: {type(error).__name__}: {error}") from error


async def _in_mode(page: Page, mode: str) -> tuple[str, str]:
    if page.error or not page.is_html:
        return page.text[:MOST_CHARACTERS], page.error
    text = await text_of_html(page.text, mode)
    return ("", "the page is too large to be read") if text is None else (text[:MOST_CHARACTERS], "")


def _fitting(url: str, text: str, left: int) -> str:
    """The result with as much of the text as there is room for."""
    whole = json.dumps({"content": text})
    if len(whole) <= left:
        return whole
    # Escapes make the result longer than the text, so that it is cut in proportion.
    kept = int(len(text) * max(0, left - 100) / len(whole))
    if kept < LEAST_CHARACTERS:
        return _error(url, "there is no room left in this conversation for another page")
    return json.dumps({"content": f"{text[:kept]}\n[cut here: {kept} of {len(text)} characters]"})


def _as_upstream(error: str) -> str:
    """What Python says of wrong arguments, with the names that the model knows."""
    for ours, theirs in (("_search", "search_engine_query"), ("_fetch", "fetch_url_content")):
        error = error.replace(f"WebTools.{ours}()", f"WebSearchAPI.{theirs}()")
    return error


def _error(url: str, why: str) -> str:
    return json.dumps({"error": f"An error occurred while fetching {url[:2000]}: {why}"})
