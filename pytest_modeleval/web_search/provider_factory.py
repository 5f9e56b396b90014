"""The provider that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import Kind
from pytest_modeleval.web_search.config import SERPAPI_KEY, WebConfig
from pytest_modeleval.web_search.corpus import Corpus
from pytest_modeleval.web_search.engines import SearXng, SerpApi
from pytest_modeleval.web_search.live_search import LiveSearch, SearchEngine
from pytest_modeleval.web_search.provider import Hit, Page, Provider, provider_error
from pytest_modeleval.web_search.recordings import Record, Replay


class NotConfigured:
    """The provider of a run that sets none, such as rescoring, which searches nothing."""

    name = "none"
    is_live = False

    def refusal(self) -> Ungraded | None:
        """No reason to end the run: no search is expected."""
        return None

    async def search(self, keywords: str, region: str) -> tuple[Hit, ...]:
        """Raises Ungraded."""
        raise provider_error("no provider is set", cause="no_provider", kind=Kind.GRADER_ERROR)

    async def page(self, url: str) -> Page:
        """Raises Ungraded."""
        raise provider_error("no provider is set", cause="no_provider", kind=Kind.GRADER_ERROR)


def open_provider(config: WebConfig, environ: Mapping[str, str]) -> Provider:
    """The provider that is set, recording where that is set. The key is read here and kept nowhere else."""
    if config.kind == "replay" and config.folder is not None:
        return Replay(config.folder)
    if config.missing:
        return NotConfigured()
    engine: SearchEngine = SerpApi(environ.get(SERPAPI_KEY, "").strip()) if config.kind == "serpapi" else SearXng()
    live = LiveSearch(engine, config.url, allow_private=config.allow_private)
    return Record(config.record, live) if config.record is not None else live


def open_corpus(config: WebConfig) -> Provider:
    """The provider over the documents that are set."""
    return Corpus(config.corpus) if config.corpus is not None else NotConfigured()
