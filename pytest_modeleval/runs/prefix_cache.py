"""Empties the prefix caches of the servers of a run."""

from __future__ import annotations

from collections.abc import Callable

from pytest_modeleval.server_facts import ModelFacts
from pytest_modeleval.settings import Settings


def cache_flusher(model: ModelFacts, settings: Settings, *, may_flush: bool) -> Callable[[], str] | None:
    """A function that empties the caches of all replicas: "" or why one could not be emptied.

    may_flush: the servers are ours, or the user asked for it; None without.
    """
    if not may_flush:
        return None

    def flush() -> str:
        from pytest_modeleval.server.control import flush_cache  # noqa: PLC0415 - few runs need it

        return next(filter(None, (flush_cache(url, model.kind, key=settings.key) for url in model.urls)), "")

    return flush
