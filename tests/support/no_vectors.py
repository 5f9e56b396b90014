"""The part of a scripted model or role that gives no vectors and no relevance."""

from __future__ import annotations

from typing import Any


class NoVectors:
    """Base of scripted models whose benchmarks ask for neither."""

    async def embed(self, texts: Any, *, kind: str = "document", prefix: str | None = None) -> Any:
        """Not scripted."""
        raise NotImplementedError

    async def embed_corpus(self, name: str, texts: Any, count: int, *, prefix: str | None = None) -> Any:
        """Not scripted."""
        raise NotImplementedError

    def vector_marks(self) -> tuple[str, ...]:
        """None were asked for."""
        return ()

    async def rerank(self, query: str, documents: Any) -> list[float]:
        """Not scripted."""
        raise NotImplementedError
