"""What `model.rag` gives: the contexts and the answer of the user's own RAG pipeline. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """One passage that a pipeline retrieved."""

    text: str
    id: str = ""
    """The id of its document, as relevance labels name it; "" where the pipeline gives none."""


@dataclass(frozen=True, slots=True)
class RagAnswer:
    """What a pipeline made of one question."""

    contexts: tuple[Context, ...] = ()
    """The passages, the best first."""

    answer: str = ""
